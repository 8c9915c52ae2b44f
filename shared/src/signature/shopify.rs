//! Shopify: the body in base64. There is no timestamp; `X-Shopify-Webhook-Id` tells repeats.

use super::shape::{PLAIN, Shape};

pub(super) const SHAPE: Shape = Shape { header: "X-Shopify-Hmac-Sha256", ..PLAIN };
