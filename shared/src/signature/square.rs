//! Square: the notification URL and the body, nothing between them, in base64.

use super::Request;
use super::shape::{PLAIN, Shape, Signed};

pub(super) const SHAPE: Shape = Shape { header: "x-square-hmacsha256-signature", ..PLAIN };

pub(super) fn signed<'a>(request: &Request<'a>) -> Signed<'a> {
    Signed::new("", [("url", request.url), ("body", request.body)])
}
