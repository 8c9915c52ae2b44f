use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

/// Bytes of a string that is looked at for a format: URLs are the longest that have one.
const TEXT_BYTES_MAX: usize = 2_048;

/// A form that every string at one place may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    DateTime,
    Date,
    Uuid,
    Email,
    Uri,
    /// An integer in a string, as PHP sends them.
    Integer,
    /// A decimal number in a string, as amounts of money are sent.
    Decimal,
}

/// The formats that all strings so far have, the most telling first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formats(Vec<Format>);

impl Default for Formats {
    fn default() -> Self {
        use Format::{Date, DateTime, Decimal, Email, Integer, Uri, Uuid};
        Self(vec![DateTime, Date, Uuid, Email, Uri, Integer, Decimal])
    }
}

impl Formats {
    /// Keeps those that this string has, too.
    pub(super) fn narrow(&mut self, text: &str) {
        self.0.retain(|format| format.holds(text));
    }

    /// There was a string that has none.
    pub(super) fn none(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn holds_any(&self, value: &str) -> bool {
        self.0.iter().any(|format| format.keyword().1 == value)
    }

    /// The most telling one.
    pub(super) fn first(&self) -> Option<Format> {
        self.0.first().copied()
    }
}

impl Format {
    /// The keyword and value that ask for it in a schema.
    pub(super) fn keyword(self) -> (&'static str, &'static str) {
        match self {
            Self::DateTime => ("format", "date-time"),
            Self::Date => ("format", "date"),
            Self::Uuid => ("format", "uuid"),
            Self::Email => ("format", "email"),
            Self::Uri => ("format", "uri"),
            Self::Integer => ("pattern", "^-?[0-9]+$"),
            Self::Decimal => ("pattern", "^-?[0-9]+(\\.[0-9]+)?$"),
        }
    }

    fn holds(self, text: &str) -> bool {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
            return false;
        }
        match self {
            Self::DateTime => is_date_time(text),
            Self::Date => text.len() == 10 && is_date_time(&format!("{text}T00:00:00Z")),
            Self::Uuid => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
            Self::Integer => is_digits(text.strip_prefix('-').unwrap_or(text)),
            Self::Decimal => {
                let text = text.strip_prefix('-').unwrap_or(text);
                let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
                is_digits(whole) && is_digits(fraction)
            }
        }
    }
}

fn is_date_time(text: &str) -> bool {
    matches!(text.as_bytes().get(10), Some(b'T' | b't'))
        && OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The addresses that are in use: a dot-atom at a name with a dot (RFC 5321, section 4.1.2).
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |atom: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        !atom.is_empty() && atom.bytes().all(fits)
    };
    let is_label = |label: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    local.len() <= 64
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// A URL parser forgives what a schema's `uri` does not, so that is looked for first.
fn is_uri(text: &str) -> bool {
    let is_foreign = |b: u8| b <= b' ' || b == 127 || b"\"<>\\^`{|}[]".contains(&b);
    text.contains("://") && !text.bytes().any(is_foreign) && Url::parse(text).is_ok()
}
