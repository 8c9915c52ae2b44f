//! `load`: deliveries at a rate, or as fast as they go, and what became of them.

mod tell;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hooklab_sender::AllowTarget;
use hooklab_sender::forward::Header;
use hooklab_sender::load::{Content, Load, LoadError, LoadReport, Mode, Payload, Running};
use hooklab_sender::source::Source;
use hooklab_shared::id::BinName;
use hooklab_shared::limits::Limits;
use hooklab_shared::signature::Scheme;
use hooklab_shared::webhook::Profile;
use tokio::time::interval;
use url::Url;

use super::catalogue;
use super::forward::outbound::{header, target};
use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;
use crate::serve::Wish;

/// Between two looks at how far it is.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Connections where none are asked for: at a rate, room for a target that stalls; else what keeps
/// a fast one busy.
const CONNECTIONS_OPEN: usize = 64;
const CONNECTIONS_CLOSED: usize = 16;

/// How long a run takes that has no other end.
const DURATION: Duration = Duration::from_secs(10);

/// What to send, where to, and how fast.
#[derive(Args)]
pub(crate) struct LoadArgs {
    /// The event type to send, built in or your own at --server [default: payment_received]
    #[arg(conflicts_with = "data")]
    event: Option<String>,
    /// Where to; a bin's own URL, where only --bin is given
    #[arg(long, value_name = "URL", value_parser = target, required_unless_present = "bin")]
    to: Option<Url>,
    /// The bin that the target is: what arrives there is accounted for
    #[arg(long, value_name = "BIN")]
    bin: Option<BinName>,
    /// So many a second, whatever the target does (an open loop)
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = "How fast")]
    rate: Option<f64>,
    /// Connections: all of them busy all the time (a closed loop), or at most so many with --rate
    /// [default: 16, with --rate 64]
    #[arg(long, value_name = "N", value_parser = connections, help_heading = "How fast")]
    concurrency: Option<usize>,
    /// For how long [default: 10s, with --count until it is reached]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "How fast")]
    duration: Option<Duration>,
    /// How many at most
    #[arg(long, value_name = "N", help_heading = "How fast")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=Limits::LOAD_DELIVERIES_MAX))]
    count: Option<u64>,
    /// A body of your own: text, @file, or - (standard input)
    #[arg(long, value_name = "TEXT", help_heading = "What")]
    data: Option<String>,
    /// Its media type [default: JSON, where it is some]
    #[arg(long, value_name = "TYPE", requires = "data", help_heading = "What")]
    content_type: Option<String>,
    /// Generate the event's payload from this number
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "What")]
    seed: u64,
    /// How it is put on the wire [default: standard-webhooks; with --data plain]
    #[arg(long, value_parser = value::profile(), help_heading = "What")]
    profile: Option<Profile>,
    /// How it is signed, in the place of the profile's own way
    #[arg(long, value_name = "SCHEME", requires = "secret", help_heading = "What")]
    scheme: Option<Scheme>,
    /// What to sign with: env:NAME, file:PATH or - (standard input)
    #[arg(long, value_name = "SECRET", help_heading = "What")]
    secret: Option<String>,
    /// A header of your own, 'Name: value'; may be given more than once
    #[arg(long = "header", value_name = "HEADER", help_heading = "What")]
    headers: Vec<String>,
    /// How often one is tried again at once that was not answered with 2xx
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Deliver")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(Limits::LOAD_RETRIES_MAX)))]
    retries: u32,
    /// How long an attempt may take
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "15s")]
    #[arg(help_heading = "Deliver")]
    timeout: Duration,
    /// What arrives in the bin later than this after it was due is late
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "1s")]
    #[arg(help_heading = "Deliver")]
    late: Duration,
    /// A target that may be dialled besides this machine: CIDR, host or *; may be given more than
    /// once
    #[arg(long = "allow-target", env = "HOOKLAB_ALLOW_TARGET", value_name = "TARGET")]
    #[arg(value_delimiter = ',', help_heading = "Deliver")]
    allow_targets: Vec<AllowTarget>,
}

/// Runs it to its end, or until Ctrl-C.
pub(crate) async fn run(
    args: &LoadArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let mut wish = Wish::listen(false)?;
    let (target, bin) = args.place(client).await?;
    let load = args.load(target, bin, client).await?;
    let mut running = load.start().await?;
    let Some(ended) = to_the_end(&mut running, &mut wish, report).await? else {
        return Ok(Code::Forced);
    };
    tell::whole(report, &ended, args.late)?;
    Ok(code(&ended))
}

/// Shows how far it is until it is over; nothing after a second Ctrl-C.
async fn to_the_end(
    running: &mut Running,
    wish: &mut Wish,
    report: &mut Report,
) -> Result<Option<LoadReport>, Failure> {
    let mut look = interval(PROGRESS_EVERY);
    let mut stopping = false;
    loop {
        let wished = async {
            match stopping {
                true => wish.made_again().await,
                false => wish.made().await,
            }
        };
        tokio::select! {
            ended = running.end() => {
                report.progress("");
                return Ok(Some(ended?));
            }
            _ = look.tick(), if report.shows_progress() => {
                let progress = running.progress();
                report.progress(tell::progress(&progress));
            }
            () = wished => {
                if stopping {
                    return Ok(None);
                }
                running.stop();
                stopping = true;
            }
        }
    }
}

impl LoadArgs {
    /// The target, and the bin that it is, if it is known to be one.
    async fn place(&self, client: &Client) -> Result<(Url, Option<Source>), Failure> {
        match (&self.to, &self.bin) {
            (Some(to), Some(bin)) => Ok((to.clone(), Some(client.source(bin.clone())))),
            (Some(to), None) => Ok((to.clone(), found(to, client).await)),
            (None, Some(bin)) => {
                let source = client.source(bin.clone());
                let url = source.bin().await?.url;
                let url = target(&url).map_err(|why| Failure::new(Code::Bug, why))?;
                Ok((url, Some(source)))
            }
            (None, None) => Err(Failure::usage("send to nowhere: give --to URL or --bin BIN")),
        }
    }

    async fn load(
        &self,
        target: Url,
        bin: Option<Source>,
        client: &Client,
    ) -> Result<Load, Failure> {
        let (mode, connections) = match self.rate {
            Some(rate) => (Mode::Open(rate), CONNECTIONS_OPEN),
            None => (Mode::Closed, CONNECTIONS_CLOSED),
        };
        Ok(Load {
            target,
            content: self.content(client).await?,
            mode,
            connections: self.concurrency.unwrap_or(connections),
            duration: self.duration.unwrap_or(match self.count {
                Some(_) => Limits::LOAD_DURATION_MAX,
                None => DURATION,
            }),
            count: self.count,
            retries: self.retries,
            timeout: self.timeout,
            allow_targets: self.allow_targets.clone(),
            bin,
            late: self.late,
        })
    }

    async fn content(&self, client: &Client) -> Result<Content, Failure> {
        let headers: Result<Vec<Header>, Failure> =
            self.headers.iter().map(|text| header(text)).collect();
        let usual = if self.data.is_some() { Profile::Plain } else { Profile::StandardWebhooks };
        Ok(Content {
            payload: self.payload(client).await?,
            profile: self.profile.unwrap_or(usual),
            scheme: self.scheme,
            secret: self.secret.as_deref().map(value::secret).transpose()?,
            headers: headers?,
            user_agent: concat!("hooklab/", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }

    async fn payload(&self, client: &Client) -> Result<Payload, Failure> {
        let Some(data) = &self.data else {
            let kind = self.event.clone().unwrap_or_else(|| "payment_received".to_owned());
            let catalogue = catalogue::knowing(&kind, || Ok(client.clone())).await?;
            return Ok(Payload::Event { kind, seed: self.seed, catalogue: Arc::new(catalogue) });
        };
        let text = value::text(data)?;
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let usual = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
        let content_type = self.content_type.clone().unwrap_or_else(|| usual.to_owned());
        Ok(Payload::Body { bytes: text.into(), content_type })
    }
}

/// The bin that a target is, if the server at hand has it.
async fn found(to: &Url, client: &Client) -> Option<Source> {
    let name = to.path_segments()?.next()?.parse().ok()?;
    let source = client.source(name);
    let bin = Url::parse(&source.bin().await.ok()?.url).ok()?;
    let is_same = bin.port_or_known_default() == to.port_or_known_default()
        && bin.scheme() == to.scheme()
        && (bin.host_str() == to.host_str() || is_loopback(&bin) && is_loopback(to));
    is_same.then_some(source)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// How the process ends.
fn code(ended: &LoadReport) -> Code {
    let lost = ended.account.as_ref().map_or(0, |account| account.lost);
    match ended.delivered {
        _ if ended.failed + ended.not_begun + lost == 0 => Code::Done,
        0 if ended.unreachable == ended.failed && ended.failed > 0 => Code::NotConnected,
        0 => Code::NotDelivered,
        _ => Code::SomeFailed,
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Source(error) => error.into(),
            other => Self::usage(other),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.trim_end_matches("/s").parse() {
        Ok(rate) if rate > 0.0 && rate <= Limits::LOAD_RATE_MAX => Ok(rate),
        _ => Err(format!(
            "a rate is a number a second, at most {}, such as 500",
            Limits::LOAD_RATE_MAX
        )),
    }
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=Limits::LOAD_CONNECTIONS_MAX).contains(&count) => Ok(count),
        _ => Err(format!("takes 1 to {} connections", Limits::LOAD_CONNECTIONS_MAX)),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match value::duration(text)? {
        Duration::ZERO => Err("0 sends nothing: try 10s".into()),
        long if long > Limits::LOAD_DURATION_MAX => Err("is longer than an hour".into()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_durations_have_bounds() {
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!(rate("100000/s"), Ok(100_000.0));
        for bad in ["0", "-1", "100001", "nan", "inf", "x", ""] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        assert!(connections("1000").is_ok() && connections("0").is_err());
        assert!(duration("1h").is_ok() && duration("61m").is_err() && duration("0s").is_err());
    }

    #[test]
    fn codes_tell_all_from_some_and_count_what_is_lost() {
        let ended = LoadReport { delivered: 3, ..LoadReport::default() };
        assert_eq!(code(&ended), Code::Done);
        assert_eq!(code(&LoadReport { failed: 1, ..ended.clone() }), Code::SomeFailed);
        assert_eq!(code(&LoadReport { not_begun: 1, ..ended.clone() }), Code::SomeFailed);
        let account = Some(hooklab_sender::load::Accounted { lost: 1, ..Default::default() });
        assert_eq!(code(&LoadReport { account, ..ended }), Code::SomeFailed);
        let none = LoadReport { failed: 2, unreachable: 2, ..LoadReport::default() };
        assert_eq!(code(&none), Code::NotConnected);
        assert_eq!(code(&LoadReport { unreachable: 1, ..none }), Code::NotDelivered);
    }
}
