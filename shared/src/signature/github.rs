//! GitHub: HMAC of the body in hex. There is no timestamp; `X-GitHub-Delivery` tells repeats.

use super::mac::{Encoding, Hash};
use super::shape::{PLAIN, Shape};

pub(super) const SHAPE: Shape =
    Shape { header: "X-Hub-Signature-256", prefix: "sha256=", encoding: Encoding::Hex, ..PLAIN };

pub(super) const SHA1_SHAPE: Shape =
    Shape { header: "X-Hub-Signature", prefix: "sha1=", hash: Hash::Sha1, ..SHAPE };
