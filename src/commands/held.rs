//! `held` and `answer`: requests that wait for an answer by hand, and the answer.

use clap::Args;
use hooklab_shared::bin::Page;
use hooklab_shared::capture::Summary;
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::reply::{Content, Rule};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};
use crate::report::{Report, shown_bytes};

/// Of which bin.
#[derive(Args)]
pub(crate) struct HeldArgs {
    /// The bin
    bin: BinName,
}

/// Which request, and what it gets.
#[derive(Args)]
pub(crate) struct AnswerArgs {
    /// The bin
    bin: BinName,
    /// The request's id, as `held` lists it
    id: String,
    /// The status
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(200..=999))]
    status: Option<u16>,
    /// A header field; may be given more than once
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body: text, @FILE, or - for standard input
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// The whole answer as a rule in JSON, faults included; @FILE or - for JSON from there
    #[arg(long, value_name = "RULE", conflicts_with_all = ["status", "headers", "body"])]
    reply: Option<String>,
}

/// A request that waits.
#[derive(Serialize, Deserialize)]
struct Held {
    /// A number or text: it is given back as it came.
    id: Value,
    seq: Option<Seq>,
    since: String,
    until: String,
    summary: Summary,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sender_ended: bool,
}

impl Held {
    fn id(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Lists those of a bin that wait.
pub(crate) async fn list(
    args: &HeldArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let url = client.url(["bins", args.bin.as_str(), "held"]);
    let items: Vec<Held> = client.get_all(&url).await?;
    if report.is_json() {
        report.json(&Page { items, next: None })?;
        return Ok(Code::Done);
    }
    if items.is_empty() {
        report.note(format_args!("no request of {} waits for an answer by hand", args.bin));
        return Ok(Code::Done);
    }
    let mut table = Table::new(&["ID", "SEQ", "SINCE", "UNTIL", "REQUEST"]);
    for held in &items {
        let (method, target) = (&held.summary.method, &held.summary.target);
        let mut request =
            format!("{} {}", shown_bytes(method.as_bytes()), shown_bytes(target.as_bytes()));
        if held.sender_ended {
            request += " (its sender has ended its side: it may have gone)";
        }
        table.row([
            Cell::from(held.id()).ink(Ink::Cyan),
            Cell::number(held.seq.unwrap_or(held.summary.seq)),
            Cell::from(&held.since),
            Cell::from(&held.until),
            request.into(),
        ]);
    }
    report.table(&table)?;
    let answer = report.command(format_args!("answer {} ID --status 200", args.bin));
    report.note(format_args!("answer one: {answer}"));
    Ok(Code::Done)
}

/// Answers one.
pub(crate) async fn answer(
    args: &AnswerArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let rule = args.rule()?;
    let url = client.url(["bins", args.bin.as_str(), "held", &args.id]);
    client.post_only(&url, &rule).await?;
    let silent = rule.fault.filter(|fault| !fault.bends_body());
    let status = if silent.is_some() { 0 } else { rule.status };
    if report.is_json() {
        let mut told = serde_json::json!({ "answered": args.id, "status": status });
        if let Some(fault) = rule.fault {
            told["fault"] = fault.as_str().into();
        }
        report.json(&told)?;
        return Ok(Code::Done);
    }
    let what = match (silent, rule.fault) {
        (Some(fault), _) => format!("the fault {}", fault.as_str()),
        (None, Some(fault)) => format!("{status} and the fault {}", fault.as_str()),
        (None, None) => status.to_string(),
    };
    report.line(format_args!("{} is given {what}: whether it arrives is not known", args.id))?;
    Ok(Code::Done)
}

impl AnswerArgs {
    fn rule(&self) -> Result<Rule, Failure> {
        if let Some(reply) = &self.reply {
            return serde_json::from_str(&value::text(reply)?)
                .map_err(|error| Failure::usage(format!("read the answer as a rule: {error}")));
        }
        let body = self.body.as_deref().map(value::text).transpose()?;
        Ok(Rule {
            status: self.status.unwrap_or(200),
            headers: self.headers.clone(),
            content: body.map_or(Content::Captured, Content::Text),
            ..Rule::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        answer: AnswerArgs,
    }

    fn rule(words: &[&str]) -> Result<String, Failure> {
        let line = Line::try_parse_from([&["x", "orders", "7"], words].concat()).unwrap();
        line.answer.rule().map(|rule| serde_json::to_string(&rule).unwrap())
    }

    #[test]
    fn an_answer_is_a_rule() {
        assert_eq!(rule(&[]).unwrap(), r#"{"status":200}"#);
        let words = ["--status", "429", "-H", "Retry-After: 5", "--body", "later"];
        let want = r#"{"status":429,"headers":[["Retry-After","5"]],"body":"later"}"#;
        assert_eq!(rule(&words).unwrap(), want);
        assert_eq!(
            rule(&["--reply", r#"{"fault":"reset"}"#]).unwrap(),
            r#"{"status":200,"fault":"reset"}"#
        );
        assert!(rule(&["--reply", r#"{"staus":1}"#]).unwrap_err().told.contains("staus"));
    }
}
