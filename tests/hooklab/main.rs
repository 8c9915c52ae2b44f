//! hooklab from outside: the binary, its listeners and its words, one module a behaviour.
#![cfg(test)]

#[cfg(not(feature = "broken-ack-before-write"))]
mod bad_input;
#[cfg(not(feature = "broken-ack-before-write"))]
mod cli;
#[cfg(not(feature = "broken-ack-before-write"))]
mod corpus;
#[cfg(not(feature = "broken-ack-before-write"))]
mod delivery;
#[cfg(not(feature = "broken-ack-before-write"))]
mod docs;
mod durability;
#[cfg(not(feature = "broken-ack-before-write"))]
mod fidelity;
#[cfg(not(feature = "broken-ack-before-write"))]
mod finding;
#[cfg(not(feature = "broken-ack-before-write"))]
mod following;
#[cfg(not(feature = "broken-ack-before-write"))]
mod forwarding;
mod full_disk;
#[cfg_attr(feature = "broken-ack-before-write", expect(dead_code, reason = "one test is left"))]
mod harness;
#[cfg(not(feature = "broken-ack-before-write"))]
mod http2;
#[cfg(not(feature = "broken-ack-before-write"))]
mod importing;
#[cfg(not(feature = "broken-ack-before-write"))]
mod live;
#[cfg(not(feature = "broken-ack-before-write"))]
mod load;
#[cfg(not(feature = "broken-ack-before-write"))]
mod operations;
#[cfg(not(feature = "broken-ack-before-write"))]
mod php;
#[cfg(not(feature = "broken-ack-before-write"))]
mod plugin;
#[cfg(not(feature = "broken-ack-before-write"))]
mod protocols;
#[cfg(not(feature = "broken-ack-before-write"))]
mod proxies;
#[cfg(not(feature = "broken-ack-before-write"))]
mod registration;
#[cfg(not(feature = "broken-ack-before-write"))]
mod replies;
#[cfg(not(feature = "broken-ack-before-write"))]
mod retention;
#[cfg(not(feature = "broken-ack-before-write"))]
mod sending;
#[cfg(not(feature = "broken-ack-before-write"))]
mod taking;
#[cfg(not(feature = "broken-ack-before-write"))]
mod tidy;
#[cfg(not(feature = "broken-ack-before-write"))]
mod walkthrough;
#[cfg(not(feature = "broken-ack-before-write"))]
mod walls;
#[cfg(not(feature = "broken-ack-before-write"))]
mod websocket;
