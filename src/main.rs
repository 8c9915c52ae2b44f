//! hooklab: webhooks offline, both sides of the wire.

fn main() {}
