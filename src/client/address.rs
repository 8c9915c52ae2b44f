//! Where a server is.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Where a command looks for a server that nobody named.
pub(crate) const DEFAULT: &str = "http://127.0.0.1:4666";

/// A dashboard's address: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
    host: String,
    port: u16,
}

impl Address {
    /// Its host, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, with the path `/`.
    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// The flag that a command needs to talk to it too: none where it is the default, or where
    /// `HOOKLAB_SERVER`, of this text, names it.
    pub(crate) fn flag(&self, variable: Option<&str>) -> String {
        let is = |text: &str| text.parse().is_ok_and(|known: Self| known == *self);
        match is(variable.unwrap_or(DEFAULT)) {
            true => String::new(),
            false => format!(" --server {self}"),
        }
    }

    /// Host and port as they stand in a Host header.
    pub(crate) fn authority(&self) -> &str {
        self.url.authority()
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let try_this = "try http://127.0.0.1:4666";
        let spelled = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&spelled).map_err(|why| format!("{why}; {try_this}"))?;
        match url.scheme() {
            "http" => {}
            "https" => return Err(format!("a dashboard speaks http, not https; {try_this}")),
            other => return Err(format!("`{other}` is not http; {try_this}")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("leave the user out: the token goes into --token".into());
        }
        let path = url.path().trim_end_matches('/');
        if !matches!(path, "" | "/api/v1") || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("give the address alone, without a path; {try_this}"));
        }
        url.set_path("/");
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(format!("it names no host; {try_this}")),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(Self { url, host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Address>().unwrap();
        assert_eq!(read("http://127.0.0.1:4666").to_string(), "http://127.0.0.1:4666");
        assert_eq!(read("localhost:80").authority(), "localhost");
        assert_eq!(read("http://[::1]:4666/").host(), "::1");
        assert_eq!(read("http://[::1]:4666/").authority(), "[::1]:4666");
        assert_eq!(read("http://h:1/api/v1/").to_string(), "http://h:1");
        assert_eq!(read("http://h").port(), 80);
        assert_eq!(read(DEFAULT).flag(None), "");
        assert_eq!(read("http://h:1").flag(None), " --server http://h:1");
        assert_eq!(read("http://h:1").flag(Some("h:1/")), "");
        assert_eq!(read(DEFAULT).flag(Some("h:1")), format!(" --server {DEFAULT}"));
        for bad in ["", "https://h", "ftp://h", "http://u:p@h", "http://h/x", "http://h/?q"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
