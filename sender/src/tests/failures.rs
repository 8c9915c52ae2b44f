//! What the log says of targets that misbehave.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState, Phase};
use hooklab_shared::limits::Limits;
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::rustls::RootCertStore;
use url::Url;

use super::target::{Answer, Target};
use super::{sender, test_event};
use crate::attempt::Caller;
use crate::egress::Egress;
use crate::outgoing::{Fields, Manner, Outgoing};

async fn attempt_to(url: &str, limits: Limits) -> Attempt {
    let sender = sender(limits);
    let mut delivery = test_event(&sender.api(), url).await;
    let attempt = delivery.attempts.remove(0);
    let delivered = attempt.outcome == AttemptOutcome::Delivered;
    assert_eq!(delivery.state == DeliveryState::Delivered, delivered);
    sender.close().await;
    attempt
}

async fn attempt(answer: Answer) -> Attempt {
    attempt_to(&Target::new(answer).await.url(), Limits::default()).await
}

/// Phase, cause and hint of a failure.
fn failed(attempt: &Attempt) -> (Phase, &str, &str) {
    match &attempt.outcome {
        AttemptOutcome::Failed { phase, cause, hint } => (*phase, cause, hint),
        other => panic!("{other:?}"),
    }
}

fn refused(attempt: &Attempt) -> (u16, &str) {
    match &attempt.outcome {
        AttemptOutcome::Refused { status, hint } => (*status, hint),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_listening_is_connection_refused() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let attempt = attempt_to(&format!("http://{free}/"), Limits::default()).await;
    let (phase, cause, hint) = failed(&attempt);
    assert_eq!((phase, cause), (Phase::Connect, "connection refused"));
    assert!(hint.contains("hooklab serve"), "{hint}");
    assert!(attempt.response.is_none());
}

#[tokio::test]
async fn forbidden_and_unresolvable_targets_are_not_dialled() {
    let attempt = attempt_to("http://10.0.0.1/", Limits::default()).await;
    let (phase, cause, hint) = failed(&attempt);
    assert_eq!(phase, Phase::Policy);
    assert!(cause.contains("10.0.0.1") && hint.contains("--allow-target"), "{cause} {hint}");
    let attempt = attempt_to("http://no-such-host.invalid/", Limits::default()).await;
    let (phase, cause, _) = failed(&attempt);
    assert_eq!(phase, Phase::Dns);
    assert!(cause.contains("no-such-host.invalid"), "{cause}");
}

#[tokio::test]
async fn resets_and_early_ends_are_told_apart() {
    let attempt = attempt(Answer::Reset(b"")).await;
    assert_eq!(failed(&attempt).1, "connection reset");
    assert_eq!(failed(&attempt).0, Phase::FirstByte);
    for answer in [&b""[..], b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-"] {
        let attempt = self::attempt(Answer::Bytes(answer)).await;
        let (phase, cause, _) = failed(&attempt);
        assert_eq!(
            (phase, cause),
            (Phase::FirstByte, "connection closed before the answer was whole")
        );
    }
    let short = Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    let attempt = self::attempt(short).await;
    assert_eq!(failed(&attempt).0, Phase::Body);
    let response = attempt.response.unwrap();
    assert_eq!((response.status, response.body.text.as_deref()), (200, Some("abc")));
    assert!(response.truncated);
    // Where the end of the connection is the end of the answer, its status counts, however it ends.
    for (answer, delivered) in
        [(&b"HTTP/1.0 200 OK\r\n\r\nabc"[..], true), (b"HTTP/1.0 500 Oops\r\n\r\nabc", false)]
    {
        let attempt = self::attempt(Answer::Reset(answer)).await;
        assert_eq!(attempt.outcome == AttemptOutcome::Delivered, delivered, "{attempt:?}");
        assert!(attempt.response.unwrap().truncated);
    }
    let reset = Answer::Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    let attempt = self::attempt(reset).await;
    assert_eq!((failed(&attempt).0, failed(&attempt).1), (Phase::Body, "connection reset"));
}

#[tokio::test]
async fn garbage_is_named_as_such() {
    for garbage in
        [&b"SSH-2.0-OpenSSH_9\r\n\r\n"[..], b"\x16\x03\x01\x00\x05hello", b"<html>\r\n\r\n"]
    {
        let attempt = attempt(Answer::Bytes(garbage)).await;
        let (phase, cause, hint) = failed(&attempt);
        assert_eq!(phase, Phase::FirstByte, "{garbage:?}");
        assert!(cause.starts_with("the answer is not HTTP/1.1"), "{cause}");
        assert!(hint.contains("HTTP server"), "{hint}");
    }
    let flood = Answer::Flood(b"HTTP/1.1 200 OK\r\nX: ");
    let attempt = attempt(flood).await;
    assert_eq!(failed(&attempt).1, "the answer's head is too large");
}

#[tokio::test]
async fn hanging_ends_with_the_timeout_and_says_where() {
    let limits = Limits { attempt_timeout: Duration::from_millis(300), ..Limits::default() };
    let cases: [(&[u8], Phase, &str); 3] = [
        (b"", Phase::FirstByte, "no answer within 0.3 s"),
        (b"HTTP/1.1 200 OK\r\nX", Phase::FirstByte, "no answer within 0.3 s"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
            Phase::Body,
            "the answer was not whole within 0.3 s",
        ),
    ];
    for (answer, phase, cause) in cases {
        let target = Target::new(Answer::Hang(answer)).await;
        let began = Instant::now();
        let attempt = attempt_to(&target.url(), limits).await;
        assert_eq!((failed(&attempt).0, failed(&attempt).1), (phase, cause));
        assert!(began.elapsed() < Duration::from_secs(3));
        assert!(attempt.phases.total_us >= 300_000);
        assert_eq!(attempt.phases.first_byte_us.is_some(), !answer.is_empty());
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_and_its_status_counts() {
    for (head, delivered) in
        [(&b"HTTP/1.1 200 OK\r\n\r\n"[..], true), (b"HTTP/1.1 500 Oops\r\n\r\n", false)]
    {
        let attempt = attempt(Answer::Flood(head)).await;
        assert_eq!(attempt.outcome == AttemptOutcome::Delivered, delivered);
        let response = attempt.response.unwrap();
        assert!(response.truncated);
        assert_eq!(response.body.size, 64 * 1024);
    }
}

#[tokio::test]
async fn redirects_are_refused_with_where_they_point_and_never_followed() {
    let sentinel = Target::new(super::target::OK).await;
    let head =
        format!("HTTP/1.1 308 X\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", sentinel.url());
    let attempt = attempt(Answer::Bytes(head.leak().as_bytes())).await;
    let (status, hint) = refused(&attempt);
    assert_eq!(status, 308);
    assert!(hint.contains("never followed") && hint.contains(&sentinel.url()), "{hint}");
    assert!(sentinel.requests().is_empty());
}

#[tokio::test]
async fn two_hundreds_alone_are_success() {
    for (answer, status) in [
        (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], 204),
        (b"HTTP/1.1 299 X\r\nContent-Length: 0\r\n\r\n", 299),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201),
        (b"HTTP/1.0 200 OK\r\n\r\nbody until the end", 200),
    ] {
        let attempt = attempt(Answer::Bytes(answer)).await;
        assert_eq!(attempt.outcome, AttemptOutcome::Delivered, "{status}");
        assert_eq!(attempt.response.unwrap().status, status);
    }
    for (answer, status) in [
        (&b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"[..], 500),
        (b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", 404),
        (b"HTTP/1.1 304 X\r\n\r\n", 304),
        (b"HTTP/1.1 410 X\r\nContent-Length: 0\r\n\r\n", 410),
        (b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", 600),
    ] {
        let attempt = attempt(Answer::Bytes(answer)).await;
        assert_eq!(refused(&attempt).0, status);
        assert!(!refused(&attempt).1.is_empty());
    }
}

#[tokio::test]
async fn https_to_a_plain_server_says_so() {
    let target = Target::new(Answer::AtOnce(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let url = format!("https://127.0.0.1:{}/", target.port);
    // A machine without roots does not get as far as the handshake.
    let attempt = attempt_to(&url, Limits::default()).await;
    let (phase, cause, _) = failed(&attempt);
    assert_eq!(phase, Phase::Tls);
    assert!(cause.contains("does not speak TLS") || cause.contains("no root"), "{cause}");
}

#[tokio::test]
async fn a_handshake_that_hangs_or_is_cut_is_told_as_tls() {
    let mut roots = RootCertStore::empty();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
    let mut caller = Caller::new(Egress::new(vec![]), Limits::default(), "hooklab".into());
    caller.trust(roots);
    // A connection stands once it is in a listener's queue, and nobody shakes hands there.
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cutting = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cut = cutting.local_addr().unwrap();
    tokio::spawn(async move { while cutting.accept().await.is_ok() {} });
    for (address, cause) in
        [(hanging.local_addr().unwrap(), "no TLS handshake within 0.3 s"), (cut, "connection ")]
    {
        let target = Url::parse(&format!("https://{address}/")).unwrap();
        let outgoing = Outgoing {
            method: "POST".into(),
            target,
            fields: Fields::default(),
            body: Bytes::new(),
            timeout: Duration::from_millis(300),
            manner: Manner::default(),
        };
        let outcome = caller.call(&outgoing).await.outcome;
        assert!(
            matches!(&outcome, AttemptOutcome::Failed { phase: Phase::Tls, cause: told, .. }
                if told.starts_with(cause)),
            "{outcome:?}"
        );
    }
}
