//! hooklab's sender: webhooks, events, signatures, deliveries and their log.
//!
//! An event that is fired is committed together with one delivery for each active webhook; a
//! worker then attempts what is due and logs how each attempt went. Outbound connections are
//! opened in `egress` and nowhere else.

mod api;
mod attempt;
mod catalogue;
mod clock;
mod delivery;
mod egress;
mod event;
mod fault;
pub mod forward;
mod live;
pub mod load;
mod metrics;
mod outgoing;
mod own_types;
mod plugin;
mod profile;
mod registry;
pub mod replay;
mod resend;
mod schedule;
mod send;
mod sender;
pub mod source;
mod store;
mod target;
#[cfg(test)]
mod tests;

pub use catalogue::Catalogue;
pub use egress::{AllowTarget, BadAllowTarget};
pub use fault::{BadFault, Fault};
pub use plugin::{BadCredentials, Credentials};
pub use send::{Draft, Plan, PlanError, Poster, Terms};
pub use sender::{Keep, OpenError, Place, Sender, Settings};
pub use store::StoreError;
