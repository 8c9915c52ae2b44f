//! Sends: what they refuse, the bytes they make, what they do to a target, and what they report.

use std::collections::HashSet;
use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use hooklab_shared::send::{NewSend, SentDelivery};
use hooklab_shared::signature::{Keys, Request, Scheme, Secret, Verdict, verify};
use hooklab_shared::webhook::Profile;
use serde_json::{Map, Value, json};

use super::{Plan, PlanError, Poster, Terms};
use crate::sender::Settings;
use crate::tests::target::{Answer, OK, Target};

const NOW: i64 = 1_790_000_000;
const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn terms() -> Terms {
    Terms { seed: 7, now: Timestamp::from_micros(NOW * 1_000_000), deliveries_max: 100 }
}

fn event(to: &str) -> NewSend {
    NewSend {
        to: vec![to.to_owned()],
        kind: Some("payment_received".to_owned()),
        secret: Some(SECRET.to_owned()),
        ..NewSend::default()
    }
}

fn plan(send: NewSend) -> Plan {
    Plan::new(send, &terms(), "hooklab/0.1.0").unwrap()
}

fn with(send: NewSend, faults: &[&str]) -> NewSend {
    NewSend { faults: faults.iter().map(|fault| (*fault).to_owned()).collect(), ..send }
}

/// The fields that are refused.
fn refused(send: NewSend) -> Vec<String> {
    match Plan::new(send, &terms(), "h") {
        Err(PlanError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

async fn sent(send: NewSend) -> Vec<SentDelivery> {
    let mut sent = Vec::new();
    let poster = Poster::new(Settings::default());
    plan(send).run(&poster, |delivery| sent.push(delivery)).await;
    sent
}

/// The content of a raw request, and the verdict on its signature at `NOW`.
fn read(raw: &[u8]) -> (Vec<u8>, Verdict) {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(raw[..end].to_vec()).unwrap();
    let headers: Vec<(&[u8], &[u8])> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let body = raw[end + 4..].to_vec();
    let request = Request { method: b"POST", url: b"", headers: &headers, body: &body };
    let keys = Keys::from(Secret::parse(SECRET).unwrap());
    let verdict = verify(Scheme::StandardWebhooks, &keys, &request, NOW, 300);
    (body, verdict)
}

const URL: &str = "http://127.0.0.1:9/x";

#[test]
fn every_field_that_does_not_hold_is_named() {
    assert_eq!(refused(NewSend::default()), ["to", "type"]);
    let bad = NewSend {
        to: vec!["ftp://h/".into(), "http://u:p@h/".into(), "x".into()],
        kind: Some("payment_recieved".into()),
        secret: Some("hush".into()),
        method: Some("GET /".into()),
        headers: vec![("a b".into(), "c".into())],
        repeat: Some(0),
        rate: Some(0.0),
        concurrency: Some(0),
        timeout: Some(Duration::ZERO.into()),
        retries: vec![Duration::ZERO.into(); 10],
        faults: vec!["nope".into()],
        ..NewSend::default()
    };
    let want = [
        "to[0]",
        "to[1]",
        "to[2]",
        "type",
        "secret",
        "faults[0]",
        "method",
        "headers[0]",
        "repeat",
        "rate",
        "concurrency",
        "retries",
        "timeout",
    ];
    assert_eq!(refused(bad), want);
    let several = NewSend { data: Some("x".into()), lines: vec!["y".into()], ..event(URL) };
    assert_eq!(refused(several), ["data"]);
    let many = NewSend { repeat: Some(101), ..event(URL) };
    assert_eq!(refused(many), ["repeat"]);
    let plain = NewSend { profile: Profile::Plain, ..event(URL) };
    assert_eq!(refused(plain), ["secret"]);
    let set = Map::from_iter([("payment_id.x".to_owned(), json!(1))]);
    assert_eq!(refused(NewSend { set, ..event(URL) }), ["set"]);
}

#[test]
fn faults_that_nobody_could_notice_are_refused() {
    for fault in ["stale", "future", "truncated", "altered"] {
        let unsigned = NewSend { secret: None, ..event(URL) };
        assert_eq!(refused(with(unsigned, &[fault])), ["faults[0]"], "{fault}");
    }
    let github = NewSend { profile: Profile::Github, ..event(URL) };
    assert_eq!(refused(with(github, &["stale"])), ["faults[0]"]);
    let stripe = NewSend { profile: Profile::Stripe, ..event(URL) };
    assert_eq!(refused(with(stripe, &["future"])), ["faults[0]"]);
    assert_eq!(refused(with(event(URL), &["reorder"])), ["faults"]);
    assert_eq!(refused(with(event(URL), &["stale", "altered", "future"])), ["faults[2]"]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let faults = ["duplicate", "reorder", "altered", "chunked", "huge=9k"];
    let raw = |seed| {
        let send = NewSend { seed: Some(seed), repeat: Some(5), ..event(URL) };
        plan(with(send, &faults)).dry().map(|draft| draft.unwrap().raw()).collect::<Vec<_>>()
    };
    assert_eq!(raw(1), raw(1));
    assert_eq!(raw(1).len(), 10);
    assert_ne!(raw(1), raw(2));
}

#[test]
fn every_event_has_a_payload_and_an_id_of_its_own() {
    let drafts: Vec<_> =
        plan(NewSend { repeat: Some(20), ..event(URL) }).dry().map(Result::unwrap).collect();
    let ids: HashSet<_> = drafts.iter().map(|draft| draft.told().id).collect();
    let bodies: HashSet<_> = drafts.iter().map(|draft| read(&draft.raw()).0).collect();
    assert_eq!((ids.len(), bodies.len()), (20, 20));
    for draft in drafts {
        assert_eq!(read(&draft.raw()).1, Verdict::Valid);
    }
}

#[test]
fn what_is_given_is_what_is_sent() {
    let body = |send: NewSend| read(&plan(send).dry().next().unwrap().unwrap().raw()).0;
    let raw = NewSend { kind: None, data: Some("a=b\r\n\u{e9}".into()), ..event(URL) };
    assert_eq!(body(raw), "a=b\r\n\u{e9}".as_bytes());
    let binary = NewSend { kind: None, data_base64: Some("/wAK".into()), ..event(URL) };
    assert_eq!(body(binary), b"\xff\0\n");
    let payload = serde_json::value::RawValue::from_string(r#"{"x":1.10}"#.into()).unwrap();
    let own = NewSend { payload: Some(payload), kind: Some("own.kind".into()), ..event(URL) };
    assert!(body(own).ends_with(br#""data":{"x":1.10}}"#));
    let set =
        Map::from_iter([("customer_name".into(), json!("Ada")), ("new.deep".into(), json!(1))]);
    let told: Value = serde_json::from_slice(&body(NewSend { set, ..event(URL) })).unwrap();
    assert_eq!(
        (&told["data"]["customer_name"], &told["data"]["new"]["deep"]),
        (&json!("Ada"), &json!(1))
    );
    let lines = NewSend { lines: vec!["{\"a\":1}".into(), "{}".into()], kind: None, ..event(URL) };
    let bodies: Vec<_> = plan(lines).dry().map(|draft| read(&draft.unwrap().raw()).0).collect();
    assert_eq!(bodies, [&b"{\"a\":1}"[..], b"{}"]);
}

#[test]
fn own_headers_take_the_place_of_others_or_come_last() {
    let headers = [("USER-AGENT", "me"), ("X-A", "1"), ("x-a", "2"), ("webhook-id", "")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let draft = plan(NewSend { headers, ..event(URL) }).dry().next().unwrap().unwrap();
    let head = String::from_utf8(draft.outgoing().head()).unwrap();
    assert!(head.contains("\r\nuser-agent: me\r\n"), "{head}");
    assert!(head.ends_with("\r\nX-A: 1\r\nx-a: 2\r\n\r\n"), "{head}");
    assert!(!head.contains("webhook-id"), "{head}");
}

#[test]
fn faults_bend_what_they_say() {
    let raw = |faults: &[&str]| plan(with(event(URL), faults)).dry().next().unwrap().unwrap().raw();
    let (good, verdict) = read(&raw(&[]));
    assert_eq!(verdict, Verdict::Valid);
    for fault in ["wrong-signature", "stale", "future", "altered", "truncated"] {
        assert!(matches!(read(&raw(&[fault])).1, Verdict::Invalid(_)), "{fault}");
    }
    assert_eq!(read(&raw(&["missing-signature"])).1, Verdict::Missing);
    assert_eq!(read(&raw(&["truncated"])).0, good[..good.len() / 2]);
    let cut = raw(&["truncated=lying"]);
    assert_eq!(read(&cut).0, good[..good.len() / 2]);
    let length = format!("content-length: {}\r\n", good.len());
    assert!(String::from_utf8_lossy(&cut).contains(&length));
    let (huge, verdict) = read(&raw(&["huge=100k"]));
    assert_eq!((huge.len(), verdict), (100 * 1024, Verdict::Valid));
    let chunked = String::from_utf8(raw(&["chunked"])).unwrap();
    assert!(!chunked.contains("content-length") && chunked.ends_with("\r\n0\r\n\r\n"), "{chunked}");
    let reused: Vec<_> = plan(with(event(URL), &["id-reused"])).dry().map(Result::unwrap).collect();
    assert_eq!(reused[0].told().id, reused[1].told().id);
    assert_ne!(read(&reused[0].raw()).0, read(&reused[1].raw()).0);
    assert_eq!(read(&reused[1].raw()).1, Verdict::Valid);
}

#[test]
fn an_invalid_payload_says_what_is_wrong_and_is_signed_right() {
    let draft = plan(NewSend { invalid: true, ..event(URL) }).dry().next().unwrap().unwrap();
    assert!(draft.told().invalid.unwrap().starts_with("the field `"));
    assert_eq!(read(&draft.raw()).1, Verdict::Valid);
}

#[test]
fn twilio_signs_the_body_by_the_url() {
    let send = NewSend {
        profile: Profile::Plain,
        scheme: Some(Scheme::Twilio),
        secret: Some("hush".into()),
        ..event(URL)
    };
    let raw = String::from_utf8(plan(send).dry().next().unwrap().unwrap().raw()).unwrap();
    assert!(raw.starts_with("POST /x?bodySHA256="), "{raw}");
}

#[test]
fn a_curl_command_tells_what_it_cannot_do() {
    let curl = |faults: &[&str]| {
        let curl = plan(with(event(URL), faults)).dry().next().unwrap().unwrap().curl();
        String::from_utf8(curl).unwrap()
    };
    let plain = curl(&[]);
    assert!(plain.starts_with("# delivery 1\ncurl --globoff"), "{plain}");
    assert!(plain.contains("\n  --header 'webhook-signature: v1,"), "{plain}");
    assert!(plain.ends_with("--url 'http://127.0.0.1:9/x'\n\n"), "{plain}");
    assert!(curl(&["truncated=lying"]).contains("cannot cut it"));
    assert!(curl(&["slow"]).contains("cannot drip it"));
}

#[tokio::test]
async fn a_delivery_is_reported_with_its_attempts() {
    let target = Target::new(OK).await;
    let sent = sent(event(&target.url())).await;
    assert_eq!((sent.len(), sent[0].n, sent[0].state), (1, 1, DeliveryState::Delivered));
    assert_eq!(sent[0].consumer_ok, None);
    assert_eq!(sent[0].attempts[0].request.headers[0].0, "host");
    let (_, verdict) = read(target.requests()[0].as_bytes());
    // The clock stands at the beginning of the plan, and moves on by what has passed.
    assert_eq!(verdict, Verdict::Valid);
}

#[tokio::test]
async fn what_is_refused_is_tried_again_with_the_same_id_and_body() {
    let target = Target::new(Answer::Bytes(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")).await;
    let retries = vec![Duration::from_millis(1).into(); 2];
    let sent = sent(NewSend { retries, ..event(&target.url()) }).await;
    assert_eq!((sent[0].attempts.len(), sent[0].state), (3, DeliveryState::Exhausted));
    let bodies: HashSet<_> = target.requests().iter().map(|raw| read(raw.as_bytes()).0).collect();
    assert_eq!(bodies.len(), 1);
    let gone = Target::new(Answer::Bytes(b"HTTP/1.1 410 X\r\nContent-Length: 0\r\n\r\n")).await;
    let retries = vec![Duration::from_millis(1).into(); 2];
    let sent = self::sent(NewSend { retries, ..event(&gone.url()) }).await;
    assert_eq!(sent[0].attempts.len(), 1);
}

#[tokio::test]
async fn a_consumer_is_judged_by_what_it_must_do() {
    let refusing = Target::new(Answer::Bytes(b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n")).await;
    let taking = Target::new(OK).await;
    for (fault, takes_it, refuses_it) in [
        ("wrong-signature", false, true),
        ("altered", false, true),
        ("duplicate", true, false),
        ("chunked", true, false),
        ("huge=1k", true, true),
    ] {
        for (target, want) in [(&taking, takes_it), (&refusing, refuses_it)] {
            let sent = sent(with(event(&target.url()), &[fault])).await;
            assert_eq!(sent[0].consumer_ok, Some(want), "{fault}");
            assert_eq!(sent[0].faults[0].fault.split('=').next(), fault.split('=').next());
        }
    }
}

#[tokio::test]
async fn a_body_that_drips_arrives_whole_and_one_that_is_cut_does_not() {
    let target = Target::new(OK).await;
    let slow = sent(with(event(&target.url()), &["slow=50ms"])).await;
    assert_eq!(slow[0].state, DeliveryState::Delivered);
    assert_eq!(read(target.requests()[0].as_bytes()).1, Verdict::Valid);
    let cut = sent(with(event(&target.url()), &["truncated=lying"])).await;
    let whole = read(target.requests()[0].as_bytes()).0.len();
    assert_eq!(read(target.requests()[1].as_bytes()).0.len(), whole / 2);
    // This target answers 2xx to half a body: a correct one does not.
    assert_eq!(cut[0].consumer_ok, Some(false));
}

#[tokio::test]
async fn forbidden_targets_are_not_dialled() {
    let sent = sent(event("http://10.0.0.1/")).await;
    assert!(matches!(&sent[0].attempts[0].outcome,
        AttemptOutcome::Failed { cause, .. } if cause.contains("10.0.0.1")));
}

#[tokio::test]
async fn many_go_at_once_and_each_is_told_once() {
    let target = Target::new(OK).await;
    let other = Target::new(OK).await;
    let send = NewSend {
        to: vec![target.url(), other.url()],
        repeat: Some(40),
        concurrency: Some(16),
        rate: Some(5_000.0),
        ..event(URL)
    };
    let sent = sent(send).await;
    let places: HashSet<_> = sent.iter().map(|delivery| delivery.n).collect();
    assert_eq!((sent.len(), places.len()), (80, 80));
    assert_eq!((target.requests().len(), other.requests().len()), (40, 40));
}

#[test]
fn a_plan_that_is_too_large_is_refused_before_it_is_made() {
    let many = NewSend { repeat: Some(u32::MAX), ..event(URL) };
    assert_eq!(refused(with(many, &["duplicate=100", "id-reused"])), ["repeat"]);
    let huge = with(event(URL), &["huge=64m"]);
    assert_eq!(refused(NewSend { concurrency: Some(5), ..huge.clone() }), ["concurrency"]);
    plan(NewSend { concurrency: Some(4), ..huge });
    for rate in [1e-300, 0.0, f64::NAN] {
        let send = NewSend { rate: Some(rate), repeat: Some(2), ..event(URL) };
        assert_eq!(refused(send), ["rate"]);
    }
}

#[test]
fn every_line_is_looked_at_before_the_first_is_sent() {
    let lines = ["{\"n\":1}", "not json", "{\"n\":3}"].map(str::to_owned).to_vec();
    assert_eq!(refused(NewSend { lines, ..event(URL) }), ["lines[1]"]);
}

#[test]
fn nothing_is_taken_from_an_empty_body() {
    let empty = NewSend { data: Some(String::new()), kind: None, ..event(URL) };
    let signed = NewSend { profile: Profile::StandardWebhooks, ..empty };
    assert_eq!(refused(with(signed, &["truncated=lying"])), ["faults"]);
}

#[tokio::test]
async fn nobody_is_judged_who_was_never_spoken_to() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for fault in ["truncated=lying", "missing-signature", "duplicate"] {
        let send = with(event(&format!("http://{closed}/")), &[fault]);
        assert_eq!(sent(send).await[0].consumer_ok, None, "{fault}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_the_bodys_ends_its_connection() {
    let target = Target::new(Answer::Keep(b"HTTP/1.1 204 No Content\r\n\r\n")).await;
    for (length, connections) in [("2", 1), ("1", 3)] {
        let headers = vec![("Content-Length".to_owned(), length.to_owned())];
        let data = Some("{}".to_owned());
        let to = target.url();
        sent(NewSend { data, kind: None, headers, repeat: Some(2), secret: None, ..event(&to) })
            .await;
        assert_eq!(target.connections(), connections, "{length}");
    }
}

#[tokio::test]
async fn a_retry_waits_as_long_as_the_target_asks() {
    let busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let turns: &[&[u8]] = [&busy[..], b"HTTP/1.1 204 No Content\r\n\r\n"].to_vec().leak();
    let target = Target::new(Answer::Turns(turns)).await;
    let retries = vec![Duration::from_millis(1).into()];
    let sent = sent(NewSend { retries, ..event(&target.url()) }).await;
    let [first, second] = &sent[0].attempts[..] else { panic!("{sent:?}") };
    let micros = second.at.as_micros() - first.at.as_micros();
    assert!(micros >= 1_000_000, "{micros}");
    assert_eq!(sent[0].state, DeliveryState::Delivered);
}
