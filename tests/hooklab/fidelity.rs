//! What a socket wrote is what `/raw` gives back, byte for byte.

mod write;

use std::io;

use crate::harness::http::Wire;
use crate::harness::random::{Random, seed};
use crate::harness::server::Server;
use write::{Request, Writer};

const REQUESTS: usize = 256;

#[test]
fn every_request_comes_back_as_it_was_written() {
    let mut random = Random::new(seed("fidelity"));
    let server = Server::start();
    let mut writer = Writer::new(&server.capture, &mut random);
    let requests: Vec<Request> = (0..REQUESTS).map(|n| writer.request(n)).collect();
    let mut waiting = requests.as_slice();
    while !waiting.is_empty() {
        let plain = waiting.get(1).is_some_and(|next| !next.is_forbidden);
        let pair = random.once_in(3) && !waiting[0].is_old && plain;
        let together = (1 + usize::from(pair)).min(waiting.len());
        let (now, later) = waiting.split_at(together);
        for (request, (bin, seq)) in now.iter().zip(exchange(&server, now, &mut random)) {
            check(&server, request, &bin, seq);
        }
        waiting = later;
    }
    let kept = server.get(&format!("/bins/{}", write::BIN)).json();
    assert_eq!(kept["captures"], REQUESTS as u64);
}

#[test]
fn a_body_of_nine_mebibytes_comes_back_both_ways_of_framing() {
    let mut random = Random::new(seed("fidelity"));
    let server = Server::start();
    let mut writer = Writer::new(&server.capture, &mut random);
    for chunked in [false, true] {
        let request = writer.large(9 * 1024 * 1024, chunked);
        let mut wire = server.wire();
        wire.send(&request.wire).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (bin, seq) = answer.captured();
        check(&server, &request, &bin, seq);
    }
}

#[test]
fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let server = Server::start();
    let head = format!(
        "POST /patient HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        server.capture
    );
    let mut wire = server.wire();
    wire.send(head.as_bytes()).unwrap();
    assert!(wire.is_told_to_continue().unwrap());
    wire.send(b"ok").unwrap();
    let (bin, seq) = wire.answer().unwrap().captured();
    assert_eq!(server.raw(&bin, seq), [head.as_bytes(), b"ok"].concat());
}

/// Sends these on one connection, pipelined where there are two; where each was captured.
fn exchange(server: &Server, requests: &[Request], random: &mut Random) -> Vec<(String, u64)> {
    let wire: Vec<u8> = requests.iter().flat_map(|request| request.wire.clone()).collect();
    let mut connection = server.wire();
    write_in_pieces(&mut connection, &wire, random).unwrap();
    let answers = requests.iter().map(|request| {
        let answer = connection.answer_to(&request.method).unwrap_or_else(|why| {
            panic!("{why}, sending {:?}", String::from_utf8_lossy(&request.wire))
        });
        let shown = String::from_utf8_lossy(&request.wire);
        assert_eq!(answer.status, 200, "{} to {shown:?}", answer.text());
        assert!(request.method == "HEAD" || !answer.body.is_empty(), "an empty 2xx");
        answer.captured()
    });
    answers.collect()
}

/// At once, byte by byte, or cut at random: a server may not depend on where packets end.
fn write_in_pieces(connection: &mut Wire, bytes: &[u8], random: &mut Random) -> io::Result<()> {
    match random.below(4) {
        0 if bytes.len() < 4096 => bytes.iter().try_for_each(|&byte| connection.send(&[byte])),
        1 => {
            let cut = random.below(bytes.len());
            connection.send(&bytes[..cut])?;
            connection.send(&bytes[cut..])
        }
        _ => connection.send(bytes),
    }
}

fn check(server: &Server, request: &Request, bin: &str, seq: u64) {
    assert_eq!(bin, write::BIN);
    let raw = server.raw(bin, seq);
    if raw != request.wire {
        let at = raw.iter().zip(&request.wire).take_while(|(got, sent)| got == sent).count();
        let shown = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)])
                .into_owned()
        };
        let (got, sent) = (shown(&raw), shown(&request.wire));
        panic!("seq {seq} differs from byte {at} on:\n got {got:?}\nsent {sent:?}");
    }
    let body = server.get(&format!("/bins/{bin}/captures/{seq}/body"));
    assert_eq!(body.status, 200);
    assert!(body.body == request.content, "the content of seq {seq} differs");
    assert_eq!(body.header("content-type"), Some("application/octet-stream"));
    assert!(body.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(body.header("x-content-type-options"), Some("nosniff"));
    let document = server.get(&format!("/bins/{bin}/captures/{seq}")).json();
    assert_eq!(document["method"], request.method.as_str());
    assert_eq!(document["outcome"], "complete");
    assert_eq!(document["body"]["size"], request.content.len() as u64);
    assert_eq!(document["headers"].as_array().unwrap().len(), request.fields);
    assert_eq!(document["trailers"].as_array().unwrap().len(), request.trailers);
}
