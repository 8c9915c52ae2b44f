//! hooklab's vocabulary: what a capture, an event and a delivery are, and how each is told.
//!
//! Everything here is pure, with two exceptions: [`listen`], the accept loop that both listeners
//! run on, and [`directory`], the locked directory that both stores live in. No other module reads
//! a clock, draws a random number, opens a file or a socket; time,
//! ids and randomness come in as values.

pub mod bin;
pub mod body;
pub mod capture;
pub mod cidr;
pub mod delivery;
pub mod diff;
pub mod directory;
pub mod escape;
pub mod event;
pub mod extract;
pub mod forwarded;
pub mod headers;
pub mod id;
mod json;
pub mod limits;
pub mod listen;
pub mod live;
pub mod matching;
pub mod openapi;
pub mod problem;
pub mod prometheus;
pub mod query;
pub mod reply;
pub mod schema;
pub mod send;
pub mod shell;
pub mod signature;
pub mod span;
pub mod stray;
pub mod view;
pub mod webhook;
