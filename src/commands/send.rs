//! `send`: one delivery, or many, to any URL; no server is needed.

mod told;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use hooklab_sender::{AllowTarget, Plan, PlanError, Poster, Settings, Terms};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::send::NewSend;
use hooklab_shared::signature::Scheme;
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::catalogue;
use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;

/// What hooklab calls itself to targets.
const USER_AGENT: &str = concat!("hooklab/", env!("CARGO_PKG_VERSION"));

/// The wait before the first retry; each further one is twice as long.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// What to send, where to, and how.
#[derive(Args)]
pub(crate) struct SendArgs {
    /// An event type, such as payment_received, or your own at --server; any name with --data
    #[arg(value_name = "EVENT")]
    event: Option<String>,
    /// A field of the payload to set: customer.id=7; JSON if it is JSON, else text
    #[arg(value_name = "FIELD=VALUE", value_parser = field)]
    fields: Vec<(String, Value)>,
    /// Where to; may be given more than once, and each delivery goes to all
    #[arg(long, value_name = "URL", required = true)]
    to: Vec<String>,

    /// The body as it is, or with EVENT its payload: text, @file, or - (standard input)
    #[arg(long, value_name = "DATA", allow_hyphen_values = true, help_heading = "What")]
    data: Option<String>,
    /// A body or payload a line: @file, or - (standard input)
    #[arg(long, value_name = "@FILE", allow_hyphen_values = true, help_heading = "What")]
    #[arg(conflicts_with = "data")]
    ndjson: Option<String>,
    /// Make the payload just invalid: one field is missing, null, or of another type
    #[arg(long, help_heading = "What")]
    invalid: bool,
    /// Another event a time, each with a payload and an id of its own
    #[arg(long, value_name = "N", help_heading = "What")]
    repeat: Option<u32>,
    /// What payloads, ids and faults grow from: the same seed, the same bytes
    #[arg(long, value_name = "N", help_heading = "What")]
    seed: Option<u64>,

    /// How it is put on the wire
    #[arg(long, value_parser = value::profile(), default_value = "standard-webhooks")]
    #[arg(help_heading = "How")]
    profile: Profile,
    /// How it is signed, in the place of the profile's own way
    #[arg(long, help_heading = "How")]
    scheme: Option<Scheme>,
    /// What signs it: env:NAME, file:PATH, - (standard input), or the secret itself
    #[arg(long, allow_hyphen_values = true, help_heading = "How")]
    secret: Option<String>,
    /// A header field; it takes the place of one of the same name, without a value it takes it away
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = value::header)]
    #[arg(help_heading = "How")]
    headers: Vec<(String, String)>,
    /// The method [default: POST]
    #[arg(long, short = 'X', help_heading = "How")]
    method: Option<String>,
    /// What the content is [default: the profile's]
    #[arg(long, value_name = "TYPE", help_heading = "How")]
    content_type: Option<String>,
    /// The event's id [default: made from the seed]
    #[arg(long, help_heading = "How")]
    id: Option<String>,
    /// The time that is signed, such as 2026-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", help_heading = "How")]
    at: Option<Timestamp>,
    /// A planned fault, such as duplicate, stale=10m or wrong-signature; any number of them
    #[arg(long = "fault", value_name = "FAULT", help_heading = "How")]
    faults: Vec<String>,

    /// Deliveries a second, begun whether or not earlier ones have ended
    #[arg(long, value_name = "R", help_heading = "Pace")]
    rate: Option<f64>,
    /// Deliveries in flight at once [default: 1; with --rate as many as it takes]
    #[arg(long, value_name = "N", help_heading = "Pace")]
    concurrency: Option<usize>,
    /// Try again so many times, after 1s, 2s, 4s and so on
    #[arg(long, value_name = "N", help_heading = "Pace", conflicts_with = "schedule")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=9))]
    retries: Option<u32>,
    /// Try again after these times: 1s,30s,5m
    #[arg(long, value_name = "TIMES", value_delimiter = ',', help_heading = "Pace")]
    schedule: Vec<Span>,
    /// How long an attempt may take [default: the profile's time]
    #[arg(long, value_name = "TIME", help_heading = "Pace")]
    timeout: Option<Span>,
    /// A target that it may go to besides this machine: CIDR, host or *; any number of them
    #[arg(long = "allow-target", env = "HOOKLAB_ALLOW_TARGET", value_name = "TARGET")]
    #[arg(value_delimiter = ',', help_heading = "Pace")]
    allow_targets: Vec<AllowTarget>,

    /// Send nothing: print the exact bytes that would go out
    #[arg(long, conflicts_with = "curl", help_heading = "Instead")]
    dry_run: bool,
    /// Send nothing: print curl commands that send the same
    #[arg(long, conflicts_with = "json", help_heading = "Instead")]
    curl: bool,
}

/// Runs it; no `server` is asked but for an event type that is not built in.
pub(crate) async fn run(
    args: &SendArgs,
    server: impl FnOnce() -> Result<Client, Failure>,
    report: &mut Report,
) -> Result<Code, Failure> {
    let terms = Terms {
        // 53 bits, so that every JSON reader gives the same number back.
        seed: u64::try_from(Uuid::new_v4().as_u128() >> 75).unwrap_or_default(),
        now: SystemTime::now().into(),
        deliveries_max: Limits::SEND_DELIVERIES_MAX,
    };
    let send = asked(args)?;
    let is_given = args.data.is_some() || args.ndjson.is_some();
    let catalogue = match &send.kind {
        Some(kind) if !is_given => catalogue::knowing(kind, server).await?,
        _ => catalogue::built_in()?,
    };
    let plan = Plan::of(send, &terms, catalogue, USER_AGENT).map_err(refused)?;
    if plan.lacks_secret() {
        report.note("it is not signed: give --secret to sign it");
    }
    if args.dry_run || args.curl {
        return dry(args, &plan, report);
    }
    let poster = Poster::new(Settings {
        allow_targets: args.allow_targets.clone(),
        user_agent: USER_AGENT.to_owned(),
        ..Settings::default()
    });
    let mut tally = told::Tally::new(plan.deliveries());
    let mut failed = None;
    let hear = |delivery| {
        let told = tally.add(report, &delivery);
        failed = failed.take().or(told.err());
    };
    plan.run(&poster, hear).await;
    if let Some(failure) = failed {
        return Err(failure);
    }
    tally.end(report, plan.seed());
    Ok(tally.code())
}

fn refused(error: PlanError) -> Failure {
    match error {
        PlanError::Invalid(_) => Failure::usage(error),
        PlanError::Catalogue(_) => Failure::new(Code::Bug, error),
    }
}

fn dry(args: &SendArgs, plan: &Plan, report: &mut Report) -> Result<Code, Failure> {
    for draft in plan.dry() {
        let draft = draft.map_err(refused)?;
        if args.curl {
            report.bytes(&draft.curl())?;
        } else if report.is_json() {
            report.json(&draft.told())?;
        } else {
            report.bytes(&draft.raw())?;
        }
    }
    Ok(Code::Done)
}

/// The same, as the API takes it.
fn asked(args: &SendArgs) -> Result<NewSend, Failure> {
    let mut send = NewSend {
        to: args.to.clone(),
        kind: args.event.clone(),
        set: Map::from_iter(args.fields.iter().cloned()),
        invalid: args.invalid,
        profile: args.profile,
        scheme: args.scheme,
        secret: args.secret.as_deref().map(value::secret).transpose()?,
        method: args.method.clone(),
        content_type: args.content_type.clone(),
        headers: args.headers.clone(),
        id: args.id.clone(),
        at: args.at,
        repeat: args.repeat,
        rate: args.rate,
        concurrency: args.concurrency,
        retries: retries(args),
        timeout: args.timeout,
        seed: args.seed,
        faults: args.faults.clone(),
        ..NewSend::default()
    };
    if let Some(data) = &args.data {
        content(value::content(data)?, &mut send)?;
    }
    if let Some(lines) = &args.ndjson {
        if lines == "-" && args.secret.as_deref() == Some("-") {
            return Err(Failure::usage(
                "read both the lines and the secret from standard input: give --secret env:NAME",
            ));
        }
        let text = String::from_utf8(value::content(lines)?);
        let text = text.map_err(|_| Failure::usage("read the lines: they are not UTF-8"))?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        send.lines = lines.map(str::to_owned).collect();
        if send.lines.is_empty() {
            return Err(Failure::usage("read the lines: there is none"));
        }
    }
    Ok(send)
}

fn content(bytes: Vec<u8>, send: &mut NewSend) -> Result<(), Failure> {
    if send.kind.is_none() {
        match String::from_utf8(bytes) {
            Ok(text) => send.data = Some(text),
            Err(binary) => send.data_base64 = Some(BASE64.encode(binary.as_bytes())),
        }
        return Ok(());
    }
    let payload = String::from_utf8(bytes).ok().map(RawValue::from_string);
    match payload {
        Some(Ok(payload)) => send.payload = Some(payload),
        Some(Err(why)) => {
            return Err(Failure::usage(format!(
                "read the payload as JSON: {why}; without EVENT, --data is the body as it is"
            )));
        }
        None => return Err(Failure::usage("read the event's payload: it is not UTF-8")),
    }
    Ok(())
}

fn retries(args: &SendArgs) -> Vec<Span> {
    let count = args.retries.unwrap_or_default();
    let doubling = (0..count).map(|n| Span::from(RETRY_WAIT * 2_u32.saturating_pow(n)));
    args.schedule.iter().copied().chain(doubling).collect()
}

pub(super) fn field(text: &str) -> Result<(String, Value), &'static str> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok((path.to_owned(), value))
        }
        _ => Err("a field to set is PATH=VALUE, such as customer.id=7"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_read() {
        for (text, path, value) in [
            ("a=1", "a", json!(1)),
            ("a.b=x y", "a.b", json!("x y")),
            ("a=\"1\"", "a", json!("1")),
            ("a=null", "a", json!(null)),
            ("a=[1]", "a", json!([1])),
            ("a=", "a", json!("")),
            ("a=b=c", "a", json!("b=c")),
        ] {
            assert_eq!(field(text), Ok((path.to_owned(), value)));
        }
        assert!(field("a").is_err() && field("=1").is_err());
    }
}
