//! The capture as a filter sees it.

use std::rc::Rc;

use super::JQ_BODY_BYTES_MAX;
use super::json;
use super::value::Val;
use crate::capture::Document;

/// The document, and the content's own JSON where it is some, at `.body.json`.
pub(super) fn of(document: &Document) -> Val {
    let too_long = document.body.size > JQ_BODY_BYTES_MAX as u64;
    let mut told = document.clone();
    if too_long {
        (told.body.text, told.body.base64) = (None, None);
    }
    let text = serde_json::to_string(&told).unwrap_or_default();
    let parsed = json::parse(&text).unwrap_or_default();
    let Some(content) = told.body.text.as_deref().and_then(json::parse) else { return parsed };
    let Val::Obj(mut object) = parsed else { return parsed };
    let fields = Rc::make_mut(&mut object);
    if let Some(Val::Obj(mut body)) = fields.take("body") {
        Rc::make_mut(&mut body).set("json".into(), content);
        fields.set("body".into(), Val::Obj(body));
    }
    Val::Obj(object)
}
