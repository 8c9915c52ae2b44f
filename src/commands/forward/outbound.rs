//! How captures go out: the flags that `forward` and `replay` share.

use std::time::Duration;

use clap::Args;
use hooklab_sender::AllowTarget;
use hooklab_sender::forward::{Form, Header, Plan, Reshape, Retry, Signing};
use hooklab_sender::source::Source;
use hooklab_shared::limits::Limits;
use hooklab_shared::query::jq::Jq;
use hooklab_shared::signature::{Keys, Scheme, Secret};
use url::Url;

use crate::args::value;
use crate::exit::Failure;

/// Targets of one run: each takes a lane, a connection and a copy of what goes out.
const TARGETS_MAX: usize = 16;

/// Where to, and as what.
#[derive(Args)]
pub(crate) struct Outbound {
    /// Where to; may be given more than once. What is below the bin's name is put below its path
    #[arg(long, value_name = "URL", required = true, value_parser = target)]
    to: Vec<Url>,
    /// Send what this jq filter gives of each capture, such as '{email: .body.json.email}'; several
    /// values are several deliveries, nothing or null is none
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, help_heading = "Reshape")]
    jq: Option<String>,
    /// Send a string that the filter gives as its text, not as JSON
    #[arg(long, requires = "jq", help_heading = "Reshape")]
    raw: bool,
    /// A header of your own, 'Name: value', in the place of a captured one; the value may be
    /// env:NAME or file:PATH; may be given more than once
    #[arg(long = "header", value_name = "HEADER", help_heading = "Reshape")]
    headers: Vec<String>,
    /// Sign what goes out anew, as standard-webhooks, github, stripe, slack, … do
    #[arg(long, value_name = "SCHEME", requires = "secret", help_heading = "Sign")]
    scheme: Option<Scheme>,
    /// What to sign with: env:NAME, file:PATH or - (standard input); may be given more than once
    #[arg(long, value_name = "SECRET", requires = "scheme", help_heading = "Sign")]
    secret: Vec<String>,
    /// How often to try again, or the wait before each time: 3, 0 or 1s,5s,30s
    #[arg(long, value_name = "TIMES", value_parser = retries, help_heading = "Deliver")]
    #[arg(default_value = "3")]
    retries: Retry,
    /// How long an attempt may take
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "15s")]
    #[arg(help_heading = "Deliver")]
    timeout: Duration,
    /// A target that may be dialled besides this machine: CIDR, host or *; may be given more than
    /// once
    #[arg(long = "allow-target", env = "HOOKLAB_ALLOW_TARGET", value_name = "TARGET")]
    #[arg(value_delimiter = ',', help_heading = "Deliver")]
    allow_targets: Vec<AllowTarget>,
}

impl Outbound {
    /// What is to be done, checked.
    pub(crate) fn plan(&self, source: Source) -> Result<Plan, Failure> {
        if self.to.len() > TARGETS_MAX {
            let count = self.to.len();
            return Err(Failure::usage(format!(
                "deliver to {count} targets: one run takes at most {TARGETS_MAX}; start another"
            )));
        }
        let reshape = self.jq.as_deref().map(|jq| {
            let jq = Jq::compile(jq).map_err(|error| Failure::usage(format!("{error}")))?;
            Ok::<_, Failure>(Reshape { jq, raw: self.raw })
        });
        let headers: Result<Vec<Header>, Failure> =
            self.headers.iter().map(|text| header(text)).collect();
        let form = Form {
            reshape: reshape.transpose()?,
            signing: self.signing()?,
            headers: headers?,
            timeout: self.timeout,
            user_agent: concat!("hooklab/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Ok(Plan {
            source,
            targets: self.to.clone(),
            form,
            retry: self.retries.clone(),
            allow_targets: self.allow_targets.clone(),
            limits: Limits::default(),
        })
    }

    /// The targets as they were given.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.to.iter().map(Url::as_str)
    }

    /// Whether nothing but targets is given.
    pub(crate) fn is_plain(&self) -> bool {
        self.jq.is_none()
            && self.headers.is_empty()
            && self.scheme.is_none()
            && self.allow_targets.is_empty()
    }

    fn signing(&self) -> Result<Option<Signing>, Failure> {
        let Some(scheme) = self.scheme else { return Ok(None) };
        let secrets: Result<Vec<Secret>, Failure> =
            self.secret.iter().map(|given| secret(scheme, given)).collect();
        Ok(Some(Signing { scheme, keys: Keys { secrets: secrets?, ..Keys::default() } }))
    }
}

fn secret(scheme: Scheme, given: &str) -> Result<Secret, Failure> {
    let text = value::secret(given)?;
    match scheme {
        Scheme::StandardWebhooks | Scheme::Svix => Secret::parse(&text).map_err(Failure::usage),
        _ => Ok(Secret::from_text(&text)),
    }
}

/// A header whose value may be kept elsewhere.
pub(crate) fn header(text: &str) -> Result<Header, Failure> {
    let usage = |error| Failure::usage(format!("{error}"));
    match text.split_once(':') {
        Some((name, given)) if ["env:", "file:"].iter().any(|p| given.trim().starts_with(p)) => {
            Header::new(name, &value::secret(given.trim())?).map_err(usage)
        }
        _ => text.parse().map_err(usage),
    }
}

/// A target: `http` or `https`, without a user, its fragment left out.
pub(crate) fn target(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|why| format!("{why}; try http://127.0.0.1:3000/x"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave the user out: give it as --header 'Authorization: env:NAME'".into());
    }
    url.set_fragment(None);
    Ok(url)
}

/// How often to try again, or the wait before each time.
fn retries(text: &str) -> Result<Retry, String> {
    if let Ok(count) = text.parse::<usize>() {
        return Retry::times(count).ok_or_else(|| "is too many: try again at most 20 times".into());
    }
    let waits: Result<Vec<Duration>, String> = text.split(',').map(value::duration).collect();
    match waits? {
        waits if waits.len() > 20 => Err("has too many waits: try again at most 20 times".into()),
        waits => Ok(waits.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_number_or_their_waits() {
        let waits = |text: &str| -> Vec<u64> {
            retries(text).unwrap().waits().iter().map(Duration::as_secs).collect()
        };
        assert_eq!(waits("0"), [0; 0]);
        assert_eq!(waits("3"), [1, 5, 30]);
        assert_eq!(waits("5"), [1, 5, 30, 30, 30]);
        assert_eq!(waits("1s,2m"), [1, 120]);
        for bad in ["", "-1", "21", "1s,", "x", "1s,2x"] {
            assert!(retries(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_and_headers_are_checked_when_they_are_typed() {
        assert_eq!(target("http://h/a?b#c").unwrap().as_str(), "http://h/a?b");
        for bad in ["h", "ftp://h", "http://u:p@h/", ""] {
            assert!(target(bad).is_err(), "{bad}");
        }
        assert!(header("Authorization: env:HOOKLAB_NO_SUCH").unwrap_err().told.contains("not set"));
        assert!(header("Host: x").is_err() && header("x").is_err());
        assert!(header("X-A: env is here").is_ok());
    }
}
