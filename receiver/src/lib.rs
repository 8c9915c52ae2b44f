//! hooklab's receiver: bins that capture whatever is sent to them, keep it, and stream it live.

pub mod export;
