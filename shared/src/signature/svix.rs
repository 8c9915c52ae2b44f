//! Svix's own names for what became Standard Webhooks. Ids and signatures of the two never mix.

use super::shape::Shape;
use super::standard_webhooks;

pub(super) const SHAPE: Shape = Shape {
    header: "svix-signature",
    id: Some("svix-id"),
    timestamp: Some("svix-timestamp"),
    ..standard_webhooks::SHAPE
};
