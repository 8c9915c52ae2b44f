//! Patterns in which `*` stands for any text, and nothing else is special.

use memchr::memmem;

/// A pattern. Without a `*` it is equality. Matching takes time linear in the text.
///
/// ```
/// use hooklab_shared::query::glob::Glob;
/// let glob = Glob::new("/hooks/*/paid");
/// assert!(glob.matches(b"/hooks/a/b/paid"));
/// assert!(!glob.matches(b"/hooks/paid"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// The literal text between the stars: one piece is equality, `n` pieces have `n - 1` stars.
    pieces: Vec<Vec<u8>>,
    folded: bool,
}

impl Glob {
    /// Reads a pattern in which every `*` is a star.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self::of_pieces(pattern.split('*'))
    }

    /// A pattern of the literal pieces between the stars.
    pub(crate) fn of_pieces<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> Self {
        let pieces = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect();
        Self { pieces, folded: false }
    }

    /// The same, without regard to ASCII case.
    #[must_use]
    pub fn ignoring_case(mut self) -> Self {
        self.pieces.iter_mut().for_each(|piece| piece.make_ascii_lowercase());
        self.folded = true;
        self
    }

    /// Whether this has no star, and so is equality.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.pieces.len() <= 1
    }

    /// Whether the whole of the text fits.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.folded {
            fits(&self.pieces, &text.to_ascii_lowercase())
        } else {
            fits(&self.pieces, text)
        }
    }
}

/// Taking each piece at its leftmost place is never wrong, because all that lies between is a star.
fn fits(pieces: &[Vec<u8>], text: &[u8]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_none_or(|only| only == text);
    };
    let Some(text) = text.strip_prefix(&first[..]) else { return false };
    let Some(mut text) = text.strip_suffix(&last[..]) else { return false };
    for piece in middle {
        let Some(at) = memmem::find(text, piece) else { return false };
        text = &text[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text_and_only_stars_do() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "anything", true),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*b*", "abc", true),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "abb", false),
            ("a?c", "abc", false),
            ("[ab]", "a", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2c3", false),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(Glob::new(pattern).matches(text.as_bytes()), want, "{pattern} {text}");
        }
        assert!(Glob::new("PO*").ignoring_case().matches(b"post"));
        assert!(Glob::new("\u{e9}*").matches("\u{e9}t\u{e9}".as_bytes()));
    }

    #[test]
    fn what_ruins_backtracking_matchers_is_linear_here() {
        let text = vec![b'a'; 1 << 20];
        assert!(!Glob::new(&"a*".repeat(2_000)).matches(&[&text[..], b"b"].concat()[..1000]));
        assert!(!Glob::new(&format!("{}b", "a*".repeat(2_000))).matches(&text));
    }
}
