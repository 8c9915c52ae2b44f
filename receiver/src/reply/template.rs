//! Templates of reply programs: rendered with fuel and a bound on what comes out.

use std::io::{self, Write};

use hooklab_shared::capture::query_pairs;
use hooklab_shared::limits::Limits;
use hooklab_shared::matching::Asked;
use minijinja::value::{Serde, ValueKind};
use minijinja::{
    Environment, Error, Output, State, UndefinedBehavior, Value, context, escape_formatter,
};

/// Instructions of one rendering: a page with loops over hundreds of items, not an endless one.
const FUEL: u64 = 100_000;

/// What a rendering may write, in bytes.
const OUTPUT_BYTES_MAX: usize = Limits::TEMPLATE_BYTES_MAX;

/// Why a template does not render.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// It is not a template.
    #[error("read the template: {0}")]
    Syntax(String),
    /// It went wrong while it ran.
    #[error("render the template: {0}")]
    Render(String),
}

/// What a template knows beside the request itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) bin: &'a str,
    pub(crate) seq: u64,
    pub(crate) id: &'a str,
}

/// Whether a text is a template, told when the program is set rather than when somebody waits.
pub(crate) fn check(template: &str) -> Result<(), TemplateError> {
    environment()
        .template_from_str(template)
        .map(drop)
        .map_err(|error| TemplateError::Syntax(told(&error)))
}

/// Renders a template for a request.
pub(crate) fn render(
    template: &str,
    asked: &Asked<'_>,
    known: Known<'_>,
) -> Result<Vec<u8>, TemplateError> {
    let environment = environment();
    let seen = seen(template, asked, known);
    let template = environment
        .template_from_str(template)
        .map_err(|error| TemplateError::Syntax(told(&error)))?;
    let mut output = Bounded(Vec::new());
    template
        .render_captured_to(seen, &mut output)
        .map_err(|error| TemplateError::Render(told(&error)))?;
    Ok(output.0)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_formatter(print);
    environment
}

/// What is no text and no number is printed as JSON, which most answers are, not as Python would.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Map | ValueKind::Seq | ValueKind::Bool | ValueKind::None => {
            let json = state.apply_filter("tojson", std::slice::from_ref(value))?;
            escape_formatter(out, state, &json)
        }
        _ => escape_formatter(out, state, value),
    }
}

/// What a template sees. The content is neither parsed nor copied for one that does not even hold
/// the word, and a variable cannot be named in any other way.
fn seen(template: &str, asked: &Asked<'_>, known: Known<'_>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (path, query) = asked.path_and_query();
    let headers =
        asked.head.fields().map(|(name, value)| (text(name).to_ascii_lowercase(), text(value)));
    let pairs = query_pairs(query)
        .into_iter()
        .map(|(name, value)| (text(name.as_bytes()), text(value.as_bytes())));
    let json = template.contains("json").then(|| asked.json()).flatten();
    let body = (template.contains("body"))
        .then(|| asked.content(Limits::TEMPLATE_BYTES_MAX))
        .flatten()
        .map(|content| text(&content));
    context! {
        method => text(asked.head.method()),
        path => text(path),
        query => Value::from_pairs(pairs),
        headers => Value::from_pairs(headers),
        json => Value::from(Serde(json)),
        body => body,
        bin => known.bin,
        seq => known.seq,
        id => known.id,
    }
}

/// The error with its line, on one line.
fn told(error: &Error) -> String {
    let detail = error.detail().map_or(String::new(), |detail| format!(": {detail}"));
    let line = error.line().map_or(String::new(), |line| format!(" in line {line}"));
    format!("{}{line}{detail}", error.kind())
}

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.0.len() + piece.len() > OUTPUT_BYTES_MAX {
            return Err(io::Error::other(format!("more than {OUTPUT_BYTES_MAX} bytes came out")));
        }
        self.0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hooklab_shared::body::Body;
    use hooklab_shared::headers::Head;

    fn rendered(template: &str) -> Result<String, TemplateError> {
        let head = Head::from(
            &b"POST /orders/a?x=1&x=2 HTTP/1.1\r\nX-Name: <b>\r\nX-Odd: \xff\r\n\r\n"[..],
        );
        let body = Body { wire: r#"{"order":{"id":42}}"#.into(), ..Body::default() };
        let known = Known { bin: "orders", seq: 7, id: "i" };
        let asked = Asked::new(&head, &body);
        render(template, &asked, known).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_template_sees_the_request() {
        let template = "{{ method }} {{ path }} {{ query.x }} {{ headers['x-name'] }} \
                        {{ json.order.id + 1 }} {{ bin }}/{{ seq }} {{ nothing.at.all }}";
        assert!(rendered("{{ nothing.at.all }}").is_err());
        let template = template.replace("{{ nothing.at.all }}", "{{ nothing }}");
        assert_eq!(rendered(&template).unwrap(), "POST /a 2 <b> 43 orders/7 ");
    }

    #[test]
    fn what_is_no_text_prints_as_json() {
        let template = "{{ json }} {{ json.order.id > 1 }} {{ none }} {{ path }} \
                        {{ [1, 'a<b', true] }} {{ json | tojson }}";
        let told = r#"{"order": {"id": 42}} true null /a [1, "a\u003cb", true]"#;
        let told = format!(r#"{told} {{"order": {{"id": 42}}}}"#);
        assert_eq!(rendered(template).unwrap(), told);
    }

    #[test]
    fn hostile_templates_end_and_say_why() {
        for (template, word) in [
            (
                "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
                "fuel",
            ),
            ("{% for i in range(90000000) %}x{% endfor %}", ""),
            ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ""),
            ("{{ 'x' * 100000000000 }}", ""),
            ("{{ body | replace('', body) }}", ""),
            ("{% include '/etc/passwd' %}", ""),
            ("{{ range(90000000) }}", ""),
            ("{{ ['x'] * 100000000000 }}", ""),
        ] {
            match rendered(template) {
                Err(error) => assert!(error.to_string().contains(word), "{template}: {error}"),
                Ok(text) => {
                    assert!(text.len() <= OUTPUT_BYTES_MAX && word.is_empty(), "{template}")
                }
            }
        }
        assert!(check("{% if %}").is_err());
        assert!(check("{{ seq }}").is_ok());
    }
}
