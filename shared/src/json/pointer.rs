/// Bytes of a pointer that is told: keys can be as long as the content, and be told often.
const TOLD_BYTES_MAX: usize = 1_024;

/// Where a value stands, as a JSON Pointer (RFC 6901).
#[derive(Debug, Default)]
pub(crate) struct Pointer(String);

impl Pointer {
    /// Runs this with the pointer one step further in.
    pub(crate) fn within<T>(&mut self, step: &str, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.0.len();
        self.0.push('/');
        for c in step.chars() {
            match c {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                c => self.0.push(c),
            }
        }
        let result = run(self);
        self.0.truncate(before);
        result
    }

    /// As it is told; a very long one ends in `…`.
    pub(crate) fn told(&self) -> String {
        if self.0.len() <= TOLD_BYTES_MAX {
            return self.0.clone();
        }
        let fits = |end: &usize| self.0.is_char_boundary(*end);
        let end = (0..=TOLD_BYTES_MAX).rev().find(fits).unwrap_or_default();
        format!("{}…", &self.0[..end])
    }
}
