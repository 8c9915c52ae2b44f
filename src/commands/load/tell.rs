//! A run of load, told.

use std::time::Duration;

use hooklab_sender::load::{Accounted, Latency, LoadReport, Progress};
use hooklab_shared::span::Span;

use crate::exit::Failure;
use crate::report::paint::Ink;
use crate::report::{Report, micros, shown};

/// How far a run is, on one line.
pub(super) fn progress(progress: &Progress) -> String {
    let Progress { delivered, failed, p99_us } = *progress;
    format!("{delivered} delivered, {failed} failed, p99 {}", micros(p99_us))
}

/// What it came to.
pub(super) fn whole(
    report: &mut Report,
    ended: &LoadReport,
    late: Duration,
) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(ended);
    }
    let how = match ended.rate {
        Some(rate) => format!("{rate}/s (open loop), at most {} connections", ended.connections),
        None => format!("{} connections (closed loop)", ended.connections),
    };
    let target = report.ink(Ink::Cyan, shown(&ended.target));
    report.line(format_args!("{target}  {how}\n"))?;
    let took =
        format!("{} in {}, {:.1}/s", ended.ended, micros(ended.elapsed_us), ended.per_second);
    row(report, "ended", &took)?;
    count(report, "delivered", ended.delivered, Ink::Green, "")?;
    count(report, "failed", ended.failed, Ink::Red, &reasons(ended))?;
    for (name, number, told) in [
        ("retries", ended.retries, ""),
        ("not begun", ended.not_begun, "  no connection was free in time"),
    ] {
        if number > 0 {
            count(report, name, number, Ink::Yellow, told)?;
        }
    }
    row(report, "latency", &latency(&ended.latency))?;
    row(report, "service", &latency(&ended.service))?;
    report.note("latency counts from when a delivery should have begun, service from when it did");
    match &ended.account {
        Some(account) => accounted(report, account, late),
        None => Ok(()),
    }
}

fn accounted(report: &mut Report, account: &Accounted, late: Duration) -> Result<(), Failure> {
    report.line(format_args!("\nin the bin {}", account.bin))?;
    count(report, "delivered", account.delivered, Ink::Green, "")?;
    let lost = named(&account.lost_first);
    count(report, "lost", account.lost, Ink::Red, &lost)?;
    count(report, "doubled", account.doubled, Ink::Yellow, &named(&account.doubled_first))?;
    let late = format!("  after {}", Span::from(late));
    count(report, "late", account.late, Ink::Yellow, &late)?;
    count(report, "disordered", account.out_of_order, Ink::Yellow, "")?;
    for (name, number, told) in [
        ("failed", account.failed, ""),
        ("unheard", account.unacknowledged, "  accepted, and the answer never came"),
        ("refused", account.refused, "  captures of attempts that were not answered with 2xx"),
        ("others", account.others, "  captures that are not of this run"),
    ] {
        if number > 0 {
            count(report, name, number, Ink::Yellow, told)?;
        }
    }
    if !account.complete {
        report.note(format_args!(
            "retention dropped {} captures meanwhile, so nothing can be called lost: let the bin \
             keep more",
            account.dropped
        ));
    }
    Ok(())
}

fn count(
    report: &mut Report,
    name: &str,
    number: u64,
    ink: Ink,
    told: &str,
) -> Result<(), Failure> {
    let number = if number > 0 { report.ink(ink, number) } else { number.to_string() };
    row(report, name, &format!("{number}{told}"))
}

fn row(report: &mut Report, name: &str, told: &str) -> Result<(), Failure> {
    report.line(format_args!("{name:<12}{told}"))
}

fn latency(latency: &Latency) -> String {
    let told = [
        ("p50", latency.p50_us),
        ("p90", latency.p90_us),
        ("p99", latency.p99_us),
        ("p99.9", latency.p99_9_us),
        ("max", latency.max_us),
    ];
    told.map(|(name, us)| format!("{name} {}", micros(us))).join("  ")
}

fn reasons(ended: &LoadReport) -> String {
    let statuses = ended.statuses.iter().map(|(status, count)| format!("{status} × {count}"));
    let failures = ended.failures.iter().map(|(why, count)| format!("{} × {count}", shown(why)));
    statuses.chain(failures).map(|reason| format!("  {reason}")).collect()
}

fn named(numbers: &[u64]) -> String {
    numbers.iter().map(|number| format!("  #{number}")).collect()
}
