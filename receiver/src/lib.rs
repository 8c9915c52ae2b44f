//! tmp
mod reply;
