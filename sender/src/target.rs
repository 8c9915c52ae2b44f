//! Where deliveries go.

use url::{ParseError, Url};

/// A webhook's URL, read once for all the deliveries of a turn that go there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    text: String,
    url: Result<Url, ParseError>,
}

impl Target {
    pub(crate) fn new(text: String) -> Self {
        let url = Url::parse(&text);
        Self { text, url }
    }

    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// # Errors
    /// It is no URL.
    pub(crate) fn url(&self) -> Result<&Url, ParseError> {
        self.url.as_ref().map_err(|why| *why)
    }
}
