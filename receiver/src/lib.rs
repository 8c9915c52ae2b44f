//! hooklab's receiver: bins that capture whatever is sent to them, keep it, and stream it live.

mod api;
mod capture;
mod connection;
pub mod export;
mod held;
mod metrics;
mod policy;
mod receiver;
mod reply;
pub mod store;
mod tap;
mod verdict;

pub use held::Held;
pub use receiver::{Receiver, Settings};
