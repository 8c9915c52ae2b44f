//! A delivery, told truthfully: what came back, or where it ended and why.

mod live;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, Delivery, DeliveryState, Phase};
use hooklab_shared::headers::Octets;

use super::paint::Ink;
use super::table::{Cell, Table};
use super::{Report, capture, micros, shown, shown_bytes};
use crate::exit::{Code, Failure};
pub(crate) use live::told;

/// How one gets an attempt's bodies whole.
const ALL: &str = "--json has them";

/// How a process ends that waited for this delivery.
pub(crate) fn code(delivery: &Delivery) -> Code {
    code_of(delivery.attempts.last().map(|attempt| &attempt.outcome))
}

/// How a process ends whose last attempt ended so.
pub(crate) fn code_of(outcome: Option<&AttemptOutcome>) -> Code {
    match outcome {
        Some(AttemptOutcome::Delivered) => Code::Done,
        Some(AttemptOutcome::Failed { phase, .. }) if before_sending(*phase) => Code::NotConnected,
        _ => Code::NotDelivered,
    }
}

/// How a process ends that waited for all of these.
pub(crate) fn code_of_all(deliveries: &[Delivery]) -> Code {
    code_of_many(&deliveries.iter().map(code).collect::<Vec<_>>())
}

/// How a process ends whose deliveries alone would have ended it so.
pub(crate) fn code_of_many(codes: &[Code]) -> Code {
    let failed: Vec<Code> = codes.iter().copied().filter(|&code| code != Code::Done).collect();
    match failed.as_slice() {
        [] => Code::Done,
        some if some.len() < codes.len() => Code::SomeFailed,
        all if all.iter().all(|&code| code == Code::NotConnected) => Code::NotConnected,
        _ => Code::NotDelivered,
    }
}

/// The state, and what the last attempt came to, in a few words.
pub(crate) fn result(delivery: &Delivery) -> String {
    let attempt = delivery.attempts.last();
    attempt.map_or_else(|| delivery.state.as_str().to_owned(), result_of)
}

/// What an attempt came to, in a few words.
pub(crate) fn result_of(attempt: &Attempt) -> String {
    match &attempt.outcome {
        AttemptOutcome::Delivered => match &attempt.response {
            Some(response) => format!("delivered, {}", response.status),
            None => "delivered".to_owned(),
        },
        AttemptOutcome::Refused { status, .. } => format!("refused, {status}"),
        AttemptOutcome::Failed { phase, cause, .. } => {
            format!("failed at {}, {}", phase.as_str(), shown(cause))
        }
        AttemptOutcome::Interrupted => "interrupted".to_owned(),
        AttemptOutcome::Lost => "lost".to_owned(),
    }
}

/// Where a delivery stands, and until when it waits.
fn state(delivery: &Delivery) -> String {
    let state = delivery.state.as_str();
    match delivery.due_at {
        Some(due_at) => format!("{state} until {due_at}"),
        None => state.to_owned(),
    }
}

/// The green or red of a state.
pub(crate) fn ink(state: DeliveryState) -> Ink {
    match state {
        DeliveryState::Pending => Ink::Yellow,
        DeliveryState::Delivered => Ink::Green,
        DeliveryState::Exhausted => Ink::Red,
        DeliveryState::Cancelled => Ink::Dim,
    }
}

/// The confirmation of one delivery: result, latency, signature, answer; or what to try.
pub(crate) fn confirm(
    report: &mut Report,
    delivery: &Delivery,
    margin: &str,
) -> Result<(), Failure> {
    let told = report.ink(ink(delivery.state), result(delivery));
    report.line(format_args!("{margin}{told}  {}", shown(&delivery.target)))?;
    let Some(attempt) = delivery.attempts.last() else { return Ok(()) };
    rows(report, attempt, margin)?;
    let row = |name: &str, value: &str| format!("{margin}  {name:<10} {value}");
    if let Some(due_at) = delivery.due_at {
        report.line(row("again at", &due_at.to_string()))?;
    }
    if let Some(because) = &delivery.because {
        report.line(row("ended", &shown(because)))?;
    }
    report.line(row("delivery", &delivery.id.to_string()))
}

/// An attempt's latency, signature and answer, or what to try, a line each.
pub(crate) fn rows(report: &mut Report, attempt: &Attempt, margin: &str) -> Result<(), Failure> {
    let row = |name: &str, value: &str| format!("{margin}  {name:<10} {value}");
    report.line(row("latency", &latency(attempt)))?;
    report.line(row("signature", &signature(attempt)))?;
    if let Some(response) = &attempt.response {
        let cut = if response.truncated { " (cut)" } else { "" };
        let body = response.body.text.as_deref().map_or_else(|| "not text".into(), brief);
        report.line(row("answer", &format!("{} {body}{cut}", response.status)))?;
    }
    if let AttemptOutcome::Refused { hint, .. } | AttemptOutcome::Failed { hint, .. } =
        &attempt.outcome
    {
        report.line(row("try", &shown(hint)))?;
    }
    Ok(())
}

/// A table of deliveries.
pub(crate) fn table(deliveries: &[Delivery]) -> Table {
    let headings = ["ID", "EVENT", "WEBHOOK", "STATE", "ATTEMPTS", "RESULT", "LATENCY", "AT"];
    let mut table = Table::new(&headings);
    for delivery in deliveries {
        let test = if delivery.test { " (test)" } else { "" };
        let took = delivery.attempts.last().map_or(0, |attempt| attempt.phases.total_us);
        table.row([
            delivery.id.to_string().into(),
            format!("{}{test}", delivery.event).into(),
            Cell::number(delivery.webhook),
            Cell::from(state(delivery)).ink(ink(delivery.state)),
            Cell::number(delivery.attempts.len()),
            delivery.attempts.last().map_or_else(|| "-".to_owned(), result_of).into(),
            Cell::number(micros(took)),
            delivery.created_at.to_string().into(),
        ]);
    }
    table
}

/// One delivery with every attempt, request and answer whole.
pub(crate) fn whole(report: &mut Report, delivery: &Delivery) -> Result<(), Failure> {
    let test = if delivery.test { " · test" } else { "" };
    let about = format!(
        "{} · {} {} · webhook {} · {}{test} · {}",
        delivery.id,
        shown(&delivery.event),
        shown(&delivery.event_id),
        delivery.webhook,
        delivery.created_at,
        delivery.state.as_str()
    );
    let about = report.ink(Ink::Dim, about);
    report.line(about)?;
    confirm(report, delivery, "")?;
    for attempt in &delivery.attempts {
        exchange(report, attempt)?;
    }
    Ok(())
}

fn exchange(report: &mut Report, attempt: &Attempt) -> Result<(), Failure> {
    let manual = if attempt.manual { " by hand" } else { "" };
    let title = report.ink(Ink::Bold, format_args!("attempt {}{manual}", attempt.n));
    report.line(format_args!("\n{title} · {} · {}", attempt.at, latency(attempt)))?;
    let request = &attempt.request;
    report.line(format_args!("> {} {}", shown(&request.method), shown(&request.url)))?;
    headers(report, &request.headers, "> ")?;
    capture::body(report, &request.body, "> ", ALL)?;
    let Some(response) = &attempt.response else { return Ok(()) };
    report.line(format_args!("< {}", response.status))?;
    headers(report, &response.headers, "< ")?;
    capture::body(report, &response.body, "< ", ALL)
}

fn headers(report: &mut Report, headers: &[(String, Octets)], margin: &str) -> Result<(), Failure> {
    for (name, value) in headers {
        let name = report.ink(Ink::Cyan, shown(name));
        report.line(format_args!("{margin}{name}: {}", shown_bytes(value.as_bytes())))?;
    }
    Ok(())
}

/// The whole time, and the phases that were reached.
fn latency(attempt: &Attempt) -> String {
    let phases = &attempt.phases;
    let named = [
        ("dns", phases.dns_us),
        ("connect", phases.connect_us),
        ("tls", phases.tls_us),
        ("first byte", phases.first_byte_us),
        ("body", phases.body_us),
    ];
    let parts: Vec<String> = named
        .iter()
        .filter_map(|(name, us)| us.map(|us| format!("{name} {}", micros(us))))
        .collect();
    let total = micros(phases.total_us);
    if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
}

/// The newest signature, whichever scheme it is of.
fn signature(attempt: &Attempt) -> String {
    let is_signature = |name: &str| {
        let name = name.to_ascii_lowercase();
        (name.contains("signature") || name.contains("hmac"))
            && !name.ends_with("-input")
            && !name.ends_with("-timestamp")
    };
    let mut signatures = attempt.request.headers.iter().filter(|(name, _)| is_signature(name));
    match signatures.next_back() {
        Some((_, value)) => shown_bytes(value.as_bytes()),
        None => "none: nothing signs it".to_owned(),
    }
}

/// The beginning of an answer on one line.
fn brief(text: &str) -> String {
    let line: String = shown(text.trim()).chars().take(160).collect();
    if line.is_empty() { "(empty)".to_owned() } else { line }
}

fn before_sending(phase: Phase) -> bool {
    match phase {
        Phase::Policy | Phase::Dns | Phase::Connect | Phase::Tls => true,
        Phase::Send | Phase::FirstByte | Phase::Body => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::paint::{ColorWhen, Paint};
    use hooklab_shared::capture::BodyDocument;
    use hooklab_shared::delivery::{Phases, SentRequest};
    use hooklab_shared::id::Timestamp;

    fn delivery(outcome: AttemptOutcome) -> Delivery {
        let request = SentRequest {
            method: "POST".into(),
            url: "http://127.0.0.1:1/".into(),
            headers: Vec::new(),
            body: BodyDocument::of(b"{}"),
        };
        let attempt = Attempt {
            n: 1,
            manual: false,
            at: Timestamp::default(),
            request,
            response: None,
            phases: Phases { total_us: 1500, connect_us: Some(900), ..Phases::default() },
            outcome,
        };
        Delivery {
            id: uuid::Uuid::nil(),
            event_id: "evt_1".into(),
            event: "payment_received".into(),
            webhook: 1,
            target: "http://127.0.0.1:1/".into(),
            test: false,
            state: DeliveryState::Exhausted,
            created_at: Timestamp::default(),
            due_at: None,
            because: None,
            attempts: vec![attempt],
        }
    }

    fn failed(phase: Phase) -> Delivery {
        let (cause, hint) = ("connection \x1brefused".into(), "start it".into());
        delivery(AttemptOutcome::Failed { phase, cause, hint })
    }

    #[test]
    fn codes_tell_refused_from_unreachable_and_some_from_all() {
        let done = delivery(AttemptOutcome::Delivered);
        let refused = delivery(AttemptOutcome::Refused { status: 500, hint: String::new() });
        let gone = failed(Phase::Connect);
        assert_eq!(code(&done), Code::Done);
        assert_eq!(code(&refused), Code::NotDelivered);
        assert_eq!(code(&gone), Code::NotConnected);
        assert_eq!(code(&failed(Phase::FirstByte)), Code::NotDelivered);
        assert_eq!(code_of_all(&[]), Code::Done);
        assert_eq!(code_of_all(&[done.clone(), done.clone()]), Code::Done);
        assert_eq!(code_of_all(&[done, gone.clone()]), Code::SomeFailed);
        assert_eq!(code_of_all(&[gone.clone(), gone.clone()]), Code::NotConnected);
        assert_eq!(code_of_all(&[gone, refused]), Code::NotDelivered);
    }

    #[test]
    fn the_log_tells_where_a_delivery_stands() {
        let failed = || failed(Phase::Connect);
        let told =
            |delivery: Delivery| table(&[delivery]).render(Paint::new(ColorWhen::Never, false));
        let due_at = Some(Timestamp::default());
        let pending = Delivery { state: DeliveryState::Pending, due_at, ..failed() };
        let text = told(pending);
        assert!(text.contains("pending until 1970-01-01T00:00:00") && text.contains("  1  failed"));
        assert!(told(failed()).contains("exhausted  "));
        let state = DeliveryState::Cancelled;
        let none = Delivery { state, attempts: Vec::new(), ..failed() };
        assert!(told(none).contains("cancelled         0  -"));
    }

    #[test]
    fn a_failure_names_phase_cause_and_what_to_try() {
        let (mut report, page) = crate::report::tests::on_page(false, false);
        confirm(&mut report, &failed(Phase::Connect), "").unwrap();
        let text = page.text();
        assert!(text.contains("failed at connect, connection \\u{1b}refused"), "{text}");
        assert!(text.contains("1.5 ms (connect 0.9 ms)") && text.contains("start it"), "{text}");
    }
}
