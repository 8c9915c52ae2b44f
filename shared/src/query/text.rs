//! Words looked for in bodies, whatever their ASCII case.

use memchr::memmem::Finder;

/// How much of a body is folded at a time, in bytes: fits the second-level cache.
const CHUNK_BYTES: usize = 64 * 1024;

/// A text to look for. Searching takes time linear in the body and one chunk of memory.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    finder: Finder<'static>,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self { finder: Finder::new(&text.to_ascii_lowercase()).into_owned() }
    }

    /// A chunk is searched with the end of the one before, so that no border hides a match.
    pub(super) fn is_in(&self, haystack: &[u8]) -> bool {
        let overlap = self.finder.needle().len().saturating_sub(1);
        if haystack.len() <= overlap {
            return false;
        }
        let mut folded = Vec::with_capacity(haystack.len().min(CHUNK_BYTES + overlap));
        for chunk in haystack.chunks(CHUNK_BYTES) {
            let kept = folded.len().min(overlap);
            folded.drain(..folded.len() - kept);
            folded.extend(chunk.iter().map(u8::to_ascii_lowercase));
            if self.finder.find(&folded).is_some() {
                return true;
            }
        }
        self.finder.needle().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_borders_hide_nothing() {
        let mut body = vec![b'.'; 3 * CHUNK_BYTES];
        for at in [0, CHUNK_BYTES - 3, CHUNK_BYTES, 2 * CHUNK_BYTES - 1, 3 * CHUNK_BYTES - 6] {
            body[at..at + 6].copy_from_slice(b"NeEdLe");
            assert!(Needle::new("nEEDLE").is_in(&body), "{at}");
            body[at..at + 6].fill(b'.');
        }
        assert!(!Needle::new("needle").is_in(&body));
        assert!(!Needle::new("needle").is_in(b"needl"));
        assert!(Needle::new("\u{e9}").is_in("caf\u{e9}".as_bytes()));
    }

    #[test]
    fn a_needle_made_to_be_slow_is_not() {
        let body = vec![b'a'; 8 << 20];
        assert!(!Needle::new(&format!("{}b", "a".repeat(4_000))).is_in(&body));
    }
}
