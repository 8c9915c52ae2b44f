/// Parameters of one field that are read: none has more in earnest.
const PARAMETERS_MAX: usize = 64;

/// What a media type says content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Form,
    Multipart,
    Html,
    Xml,
    Plain,
    /// Nothing that is shown as text, or nothing at all: the content itself decides.
    Other,
}

/// The kind that a `Content-Type` tells of.
pub(crate) fn kind(content_type: Option<&[u8]>) -> Kind {
    let essence = content_type.map(|value| Parameters::of(value).head).unwrap_or_default();
    let essence = essence.as_str();
    match essence {
        "application/x-www-form-urlencoded" => Kind::Form,
        "application/json" | "text/json" | "application/csp-report" => Kind::Json,
        "text/html" | "application/xhtml+xml" => Kind::Html,
        "text/xml" | "application/xml" => Kind::Xml,
        "application/javascript" | "application/x-ndjson" | "application/yaml" => Kind::Plain,
        _ if essence.ends_with("+json") => Kind::Json,
        _ if essence.ends_with("+xml") => Kind::Xml,
        _ if essence.starts_with("multipart/") => Kind::Multipart,
        _ if essence.starts_with("text/") => Kind::Plain,
        _ => Kind::Other,
    }
}

/// A field value of the form `head; name=value; name="value"`.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// What comes first, in lowercase.
    pub(super) head: String,
    list: Vec<(String, Vec<u8>)>,
}

impl Parameters {
    pub(super) fn of(value: &[u8]) -> Self {
        let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
        let mut read = Self { head: lower(&value[..end]), list: Vec::new() };
        let mut rest = &value[end..];
        while let Some(after) = rest.strip_prefix(b";")
            && read.list.len() < PARAMETERS_MAX
        {
            let end = after.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(after.len());
            let name = lower(&after[..end]);
            rest = &after[end..];
            if let Some(value) = rest.strip_prefix(b"=") {
                let (value, left) = parameter_value(value.trim_ascii_start());
                read.list.push((name, value));
                rest = left;
            }
        }
        read
    }

    /// The first parameter of this name.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.list.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }
}

/// A token or quoted string, and what follows from the next `;` on. A backslash escapes only a
/// quote or itself, as browsers write Windows paths with single ones.
fn parameter_value(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let semicolon = |from: &[u8]| from.iter().position(|&b| b == b';').unwrap_or(from.len());
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let end = semicolon(bytes);
        return (bytes[..end].trim_ascii_end().to_vec(), &bytes[end..]);
    };
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(&byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => break,
            (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                value.push(next);
                at += 1;
            }
            _ => value.push(byte),
        }
        at += 1;
    }
    let rest = quoted.get(at + 1..).unwrap_or_default();
    (value, &rest[semicolon(rest)..])
}

fn lower(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).to_ascii_lowercase()
}
