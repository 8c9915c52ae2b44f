use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::media::Parameters;
use super::{Content, Markup};

/// Bytes of XML in which its declaration is looked for.
const DECLARATION_BYTES_MAX: usize = 128;

/// Reads text in its charset: a byte order mark decides, then the type, then an XML declaration;
/// what names none is UTF-8, or if it is not, windows-1252, as browsers read it.
pub(super) fn text(
    bytes: &[u8],
    content_type: Option<&[u8]>,
    markup: Markup,
    bytes_max: usize,
) -> Content {
    let (encoding, mut error) = charset(bytes, content_type, markup);
    let shown = &bytes[..bytes.len().min(bytes_max)];
    let (decoded, encoding, replaced) = encoding.decode(shown);
    let mut text = decoded.into_owned();
    if replaced && shown.len() == bytes.len() {
        let why = || format!("read as {}: it holds bytes that are none of it", encoding.name());
        error.get_or_insert_with(why);
    }
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=text.len().min(bytes_max)).rev().find(fits).unwrap_or_default();
    let truncated = shown.len() < bytes.len() || end < text.len();
    text.truncate(end);
    Content::Text { markup, charset: encoding.name().to_owned(), text, truncated, error }
}

fn charset(
    bytes: &[u8],
    content_type: Option<&[u8]>,
    markup: Markup,
) -> (&'static Encoding, Option<String>) {
    let fallback = if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 };
    let parameters = content_type.map(Parameters::of).unwrap_or_default();
    let declared = match (parameters.get("charset"), markup) {
        (Some(label), _) => Some(label),
        (None, Markup::Xml) => xml_declared(bytes),
        (None, _) => None,
    };
    let Some(label) = declared else { return (utf_16(bytes).unwrap_or(fallback), None) };
    if let Some(encoding) = Encoding::for_label(label) {
        return (encoding, None);
    }
    let label = label.get(..80).unwrap_or(label).escape_ascii();
    let error = format!("read as `{label}`: this charset is not known; {} is", fallback.name());
    (fallback, Some(error))
}

/// XML in UTF-16 need not have a byte order mark; its first character is `<` (XML 1.0, appendix F).
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, b'<', 0, _, ..] => Some(UTF_16BE),
        [b'<', 0, _, 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

fn xml_declared(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.get(..bytes.len().min(DECLARATION_BYTES_MAX))?;
    let end = memchr::memmem::find(start.strip_prefix(b"<?xml")?, b"?>")?;
    let declaration = &start[5..5 + end];
    let name = memchr::memmem::find(declaration, b"encoding")?;
    let value = declaration[name + 8..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (&quote, value) = value.split_first()?;
    let end = value.iter().position(|&b| b == quote)?;
    matches!(quote, b'"' | b'\'').then(|| &value[..end])
}
