//! Connections: kept where that is safe, told apart, and never trusted blindly.

use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::delivery::AttemptOutcome;
use hooklab_shared::limits::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::target::{Answer, Target};
use crate::attempt::{Called, Caller};
use crate::egress::Egress;
use crate::outgoing::{Fields, Manner, Outgoing, host};

const KEPT: Answer = Answer::Keep(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

fn caller(limits: Limits) -> Caller {
    Caller::new(Egress::new(vec![]), limits, "hooklab".into())
}

fn outgoing(url: &str, body: &'static [u8]) -> Outgoing {
    let target = Url::parse(url).unwrap();
    let mut fields = Fields::default();
    fields.push("HOST", host(&target));
    fields.push("x-twice", "a");
    fields.push("X-TWICE", "b");
    fields.push("Content-Length", body.len().to_string());
    Outgoing {
        method: "PATCH".into(),
        target,
        fields,
        body: Bytes::from_static(body),
        timeout: Duration::from_secs(5),
        manner: Manner::default(),
    }
}

fn delivered(called: &Called) -> bool {
    called.outcome == AttemptOutcome::Delivered
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let target = Target::new(KEPT).await;
    let caller = caller(Limits::default());
    let outgoing = outgoing(&target.url(), b"{\"a\":1}");
    for n in 0..5 {
        let called = caller.call(&outgoing).await;
        assert!(delivered(&called), "{called:?}");
        assert_eq!(called.phases.reused, n > 0);
        assert_eq!(called.phases.connect_us.is_none(), n > 0);
        assert!(called.phases.first_byte_us.is_some() && called.phases.body_us.is_some());
    }
    assert_eq!(target.connections(), 1);
    let want = format!(
        "PATCH /orders?x=1 HTTP/1.1\r\nHOST: 127.0.0.1:{}\r\nx-twice: a\r\nX-TWICE: b\r\n\
         Content-Length: 7\r\n\r\n{{\"a\":1}}",
        target.port
    );
    assert_eq!(target.requests(), vec![want; 5]);
}

#[tokio::test]
async fn a_connection_is_kept_only_where_its_answer_has_a_clear_end() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"[..],
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX: smuggled\r\n\r\n",
    ] {
        let target = Target::new(Answer::Keep(answer)).await;
        let caller = caller(Limits::default());
        for _ in 0..2 {
            let called = caller.call(&outgoing(&target.url(), b"{}")).await;
            assert!(delivered(&called) && !called.phases.reused, "{called:?}");
        }
        assert_eq!(target.connections(), 2);
    }
    let target = Target::new(KEPT).await;
    let caller = caller(Limits::default());
    for _ in 0..2 {
        let mut closing = outgoing(&target.url(), b"{}");
        closing.fields.push("Connection", "close");
        assert!(!caller.call(&closing).await.phases.reused);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let target = Target::new(super::target::OK).await;
    let caller = caller(Limits::default());
    for _ in 0..3 {
        let called = caller.call(&outgoing(&target.url(), b"{}")).await;
        assert!(delivered(&called), "{called:?}");
    }
    assert_eq!((target.connections(), target.requests().len()), (3, 3));
}

#[tokio::test]
async fn idle_connections_are_bounded_and_closed_in_time() {
    let limits = Limits {
        idle_connections_of_target_max: 2,
        idle_connection_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let caller = caller(limits);
    let outgoing = outgoing(&url, b"{}");
    let calls = async {
        tokio::join!(caller.call(&outgoing), caller.call(&outgoing), caller.call(&outgoing))
    };
    let answers = async {
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(listener.accept().await.unwrap().0);
        }
        for stream in &mut streams {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
        streams
    };
    let (called, mut streams) = tokio::join!(calls, answers);
    assert!(delivered(&called.0) && delivered(&called.1) && delivered(&called.2));
    // The third is closed at once, the two that were kept when their time is over.
    for stream in &mut streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.starts_with(b"PATCH / "));
    }
}

#[tokio::test]
async fn an_early_answer_counts_and_the_rest_is_sent() {
    const LONG: &[u8] = &[b'x'; 4 * 1024 * 1024];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let target = async {
        let mut stream = listener.accept().await.unwrap().0;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        let mut seen = vec![0; outgoing(&url, LONG).head().len() + LONG.len()];
        stream.read_exact(&mut seen).await.unwrap();
        seen
    };
    let (caller, outgoing) = (caller(Limits::default()), outgoing(&url, LONG));
    let (called, seen) = tokio::join!(caller.call(&outgoing), target);
    assert!(delivered(&called), "{called:?}");
    assert!(seen.ends_with(LONG));
}

#[tokio::test]
async fn a_whole_answer_counts_though_the_request_is_not_taken() {
    const HUGE: &[u8] = &[b'x'; 32 * 1024 * 1024];
    for (answer, status) in [
        (&b"HTTP/1.1 413 Big\r\nContent-Length: 3\r\n\r\nbig"[..], Some(413)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut outgoing = outgoing(&format!("http://{}/", listener.local_addr().unwrap()), HUGE);
        outgoing.timeout = Duration::from_secs(3);
        let target = async {
            let mut stream = listener.accept().await.unwrap().0;
            stream.write_all(answer).await.unwrap();
            stream
        };
        let caller = caller(Limits::default());
        let (called, _open) = tokio::join!(caller.call(&outgoing), target);
        match called.outcome {
            AttemptOutcome::Refused { status: told, .. } => assert_eq!(Some(told), status),
            AttemptOutcome::Delivered => assert_eq!(status, None),
            outcome => panic!("{outcome:?}"),
        }
        assert!(called.phases.first_byte_us.is_some(), "{called:?}");
        assert!(!called.answer.unwrap().into_told().truncated);
    }
}
