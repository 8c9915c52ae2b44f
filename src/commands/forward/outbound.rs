//! How captures go out: the flags that `forward` and `replay` share.

use std::time::Duration;

use clap::Args;
use hooklab_sender::forward::{Form, Header, Plan, Reshape, Retry, Signing};
use hooklab_sender::source::Source;
use hooklab_sender::{AllowTarget, Poster, Settings};
use hooklab_shared::limits::Limits;
use hooklab_shared::query::jq::Jq;
use hooklab_shared::signature::Scheme;
use url::Url;

use crate::args::value;
use crate::exit::Failure;

/// What hooklab calls itself to targets.
const USER_AGENT: &str = concat!("hooklab/", env!("CARGO_PKG_VERSION"));

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
    /// Try again so many times, after 1s, 5s, and then every 30s [default: 3]
    #[arg(long, value_name = "N", value_parser = retries, conflicts_with = "schedule")]
    #[arg(help_heading = "Deliver")]
    retries: Option<Retry>,
    /// Try again after these times: 1s,1m,1h
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = value::duration)]
    #[arg(help_heading = "Deliver")]
    schedule: Vec<Duration>,
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
        let (count, most) = (self.to.len(), Limits::FORWARD_TARGETS_MAX);
        if count > most {
            return Err(Failure::usage(format!(
                "deliver to {count} targets: one run takes at most {most}; start another"
            )));
        }
        if self.schedule.len() > Limits::FORWARD_RETRIES_MAX {
            let most = Limits::FORWARD_RETRIES_MAX;
            return Err(Failure::usage(format!("try again so often: at most {most} times")));
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
            user_agent: USER_AGENT.to_owned(),
        };
        Ok(Plan {
            source,
            targets: self.to.clone(),
            form,
            retry: self.retry(),
            poster: Poster::new(Settings {
                allow_targets: self.allow_targets.clone(),
                user_agent: USER_AGENT.to_owned(),
                ..Settings::default()
            }),
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

    fn retry(&self) -> Retry {
        match &self.retries {
            Some(retries) => retries.clone(),
            None if self.schedule.is_empty() => Retry::default(),
            None => self.schedule.clone().into(),
        }
    }

    fn signing(&self) -> Result<Option<Signing>, Failure> {
        let Some(scheme) = self.scheme else { return Ok(None) };
        let given: Result<Vec<String>, Failure> =
            self.secret.iter().map(|given| value::secret(given)).collect();
        let given = given?;
        let signing = Signing::new(scheme, given.iter().map(String::as_str));
        signing.map(Some).map_err(Failure::usage)
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

fn retries(text: &str) -> Result<Retry, String> {
    let times = text.parse().ok().and_then(Retry::times);
    times.ok_or_else(|| format!("takes 0 to {} times", Limits::FORWARD_RETRIES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_so_many_and_no_more() {
        let waits = |text: &str| -> Vec<u64> {
            retries(text).unwrap().waits().iter().map(Duration::as_secs).collect()
        };
        assert_eq!(waits("0"), [0; 0]);
        assert_eq!(waits("3"), [1, 5, 30]);
        assert_eq!(waits("5"), [1, 5, 30, 30, 30]);
        for bad in ["", "-1", "21", "x", "1s"] {
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
