//! Signatures: how each scheme signs, and how it verifies.

pub mod standard_webhooks;
