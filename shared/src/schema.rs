//! A JSON Schema inferred from captures: what a sender seems to promise.

mod format;
mod observe;
mod tell;

use std::borrow::Borrow;

use serde_json::{Value, json};

use crate::capture::Capture;
use crate::json;
use crate::limits::ViewLimits;
use crate::view;

use observe::{Observer, Seen};

/// The dialect of what is inferred.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Infers a JSON Schema (2020-12) from the JSON contents of these captures, at most 10,000.
///
/// It accepts each of them. What every object had is required; few distinct short strings over at
/// least 20 samples are an enumeration; a format or pattern is told where every string has it.
/// Contents that are not JSON are left out and counted in `$comment`; what is deeper or wider than
/// the limits is left open. Examples are captured values as they are.
///
/// ```
/// use hooklab_shared::{capture::Capture, schema};
/// let schema = schema::infer(std::iter::empty::<&Capture>());
/// assert_eq!(schema["$comment"], "inferred from 0 captures");
/// ```
#[must_use]
pub fn infer(captures: impl IntoIterator<Item: Borrow<Capture>>) -> Value {
    within(captures, &ViewLimits::default())
}

fn within(captures: impl IntoIterator<Item: Borrow<Capture>>, limits: &ViewLimits) -> Value {
    let mut seen = Seen::default();
    let mut observer = Observer::new(limits);
    let (mut samples, mut others) = (0_u64, 0_u64);
    for capture in captures.into_iter().take(limits.schema_samples_max) {
        let content = view::content(capture.borrow(), limits);
        match json::parse(&content.bytes, limits) {
            Ok(node) => {
                observer.observe(&node, &mut seen);
                samples += 1;
            }
            Err(_) => others += 1,
        }
    }
    let told = match others {
        0 => format!("inferred from {samples} captures"),
        _ => format!("inferred from {samples} captures; {others} more hold no JSON"),
    };
    let mut schema = json!({ "$schema": DIALECT, "$comment": told });
    if let (Value::Object(whole), Value::Object(root)) = (&mut schema, tell::schema(&seen)) {
        whole.extend(root);
    }
    schema
}

#[cfg(test)]
mod tests;
