use hooklab_shared::capture::BodyDocument;
use hooklab_shared::delivery::{Phase, Phases, SentRequest};
use hooklab_shared::headers::Octets;

use super::*;

const NOW: i64 = 1_790_000_000_000_000;

fn attempt(outcome: AttemptOutcome, retry_after: Option<&str>) -> Attempt {
    let field = retry_after.map(|value| ("retry-after".to_owned(), Octets::Text(value.into())));
    let body = BodyDocument::of(b"");
    let request = SentRequest {
        method: "POST".into(),
        url: "http://127.0.0.1:1/".into(),
        headers: Vec::new(),
        body: body.clone(),
    };
    let status = match outcome {
        AttemptOutcome::Refused { status, .. } => Some(status),
        _ => None,
    };
    Attempt {
        n: 1,
        manual: false,
        at: Timestamp::from_micros(NOW),
        request,
        response: status.map(|status| GotResponse {
            status,
            headers: field.into_iter().collect(),
            body,
            truncated: false,
        }),
        phases: Phases::default(),
        outcome,
    }
}

fn refused(status: u16, retry_after: Option<&str>) -> Attempt {
    attempt(AttemptOutcome::Refused { status, hint: String::new() }, retry_after)
}

fn judged(attempt: &Attempt, step: usize) -> Verdict {
    let schedule = of(Profile::StandardWebhooks, None);
    judge(attempt, &schedule, step, Timestamp::from_micros(NOW), 0.0)
}

fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn the_schedule_is_the_specifications_and_ends() {
    let schedule = of(Profile::StandardWebhooks, None);
    let waits: Vec<u64> = schedule.iter().map(Duration::as_secs).collect();
    assert_eq!(waits, [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    for step in 0..9 {
        let verdict = judged(&refused(500, None), step);
        assert_eq!((verdict.state, verdict.wait), (DeliveryState::Pending, secs(waits[step + 1])));
    }
    let last = judged(&refused(500, None), 9);
    assert_eq!((last.state, last.wait), (DeliveryState::Exhausted, None));
    assert_eq!(of(Profile::UltimateMultisite, None).len(), 1);
    let own: [Span; 2] = [Duration::ZERO.into(), Duration::from_secs(9).into()];
    assert_eq!(*of(Profile::UltimateMultisite, Some(&own)), [Duration::ZERO, secs(9).unwrap()]);
}

#[test]
fn jitter_only_delays_and_at_most_by_a_fifth() {
    let schedule = of(Profile::StandardWebhooks, None);
    assert_eq!(delay(&schedule, 0, 1.0), Some(Duration::ZERO));
    assert_eq!(delay(&schedule, 1, 0.0), secs(5));
    assert_eq!(delay(&schedule, 1, 1.0), secs(6));
    assert_eq!(delay(&schedule, 1, 99.0), secs(6));
    assert_eq!(delay(&schedule, 10, 0.5), None);
}

#[test]
fn retry_after_is_honoured_within_the_schedule() {
    // At 14:13:20 UTC on 21 September 2026.
    for (value, step, wait) in [
        ("7", 0, 7),
        ("3", 0, 5),
        ("0", 0, 5),
        ("3", 1, 300),
        ("1000000000", 0, 86_400),
        ("99999999999999999999999999", 0, 86_400),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 0, 60),
        ("Mon, 21 Sep 2026 14:12:20 GMT", 0, 5),
        ("Monday, 21-Sep-26 14:14:20 GMT", 0, 60),
        ("Mon Sep 21 14:14:20 2026", 0, 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 0, 86_400),
        (" 7 ", 0, 7),
        ("-7", 0, 5),
        ("7.5", 0, 5),
        ("soon", 0, 5),
        ("", 0, 5),
    ] {
        for status in [429, 503, 500, 302] {
            let verdict = judged(&refused(status, Some(value)), step);
            assert_eq!(verdict.wait, secs(wait), "{status} {value:?}");
        }
    }
    assert_eq!(judged(&refused(429, Some("7")), 9).state, DeliveryState::Exhausted);
}

#[test]
fn what_has_too_much_to_do_is_left_alone_as_a_whole() {
    for status in [429, 502, 503, 504] {
        assert_eq!(judged(&refused(status, None), 0).hold, Some(HOLD), "{status}");
        assert_eq!(judged(&refused(status, Some("60")), 0).hold, secs(60), "{status}");
        assert_eq!(judged(&refused(status, Some("60")), 9).hold, secs(60), "{status}");
    }
    for status in [400, 404, 500, 501, 505] {
        assert_eq!(judged(&refused(status, Some("60")), 0).hold, None, "{status}");
    }
}

#[test]
fn success_gone_and_silence_are_told_apart() {
    let delivered = judged(&attempt(AttemptOutcome::Delivered, None), 0);
    assert_eq!((delivered.state, delivered.wait), (DeliveryState::Delivered, None));
    let gone = judged(&refused(410, Some("7")), 0);
    assert_eq!((gone.state, gone.gone, gone.wait), (DeliveryState::Exhausted, true, None));
    let failed =
        AttemptOutcome::Failed { phase: Phase::Connect, cause: String::new(), hint: String::new() };
    let failed = judged(&attempt(failed, None), 0);
    assert_eq!((failed.state, failed.wait, failed.hold), (DeliveryState::Pending, secs(5), None));
}

#[test]
fn a_webhook_that_only_fails_is_tried_more_slowly() {
    let gaps = [0, 9, 10, 11, 15, 16, 80, u32::MAX].map(gap);
    let gaps: Vec<u64> = gaps.iter().map(Duration::as_secs).collect();
    assert_eq!(gaps, [0, 0, 1, 2, 32, 60, 60, 60]);
    let at_once = [0, 1, 4, 5, 100].map(|failures| attempts_at_once(failures, 16));
    assert_eq!(at_once, [16, 4, 4, 1, 1]);
    assert_eq!(attempts_at_once(0, 0), 0);
    let longest: Duration = of(Profile::StandardWebhooks, None).iter().sum();
    assert!(FAILING_MAX > longest.mul_f64(1.0 + JITTER));
}

#[test]
fn it_takes_both_time_and_failures_to_give_up() {
    let at = Timestamp::from_micros;
    assert!(is_hopeless(10, at(5), at(5)));
    assert!(!is_hopeless(9, at(5), at(5)), "too few");
    assert!(!is_hopeless(99, at(6), at(5)), "too soon");
    let longest = STANDARD_SECS.into_iter().max().unwrap();
    assert!(SILENCE_MAX > Duration::from_secs(longest).mul_f64(1.0 + JITTER));
}
