//! The live channel against RFC 6455, in the categories of the well-known conformance suite: 1
//! framing, 2 pings, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 10 many
//! fragments. A watcher has nothing to say, so what it says is read over, within its limit.
//! scripts/autobahn runs that suite itself, against an echo.

pub(crate) mod frames;

use crate::harness::server::Server;
use frames::{BINARY, CLOSE, Channel, PING, PONG, TEXT, close, frame, whole};

const BIN: &str = "watched";

/// Codes that an endpoint may send, and those that it must not (RFC 6455, section 7.4).
const CODES: [u16; 13] =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const NO_CODES: [u16; 14] =
    [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535, 1, 100, 500];

fn server() -> Server {
    Server::start_with(&["--bin", BIN])
}

/// That these frames leave the channel open, and captures still come through it.
fn goes_on(server: &Server, name: &str, frames: &[Vec<u8>]) {
    let mut channel = Channel::open(server, BIN);
    for frame in frames {
        channel.send(frame);
    }
    println!("{name}");
    channel.lives();
    server.post(&format!("/{BIN}"), b"{}");
    let told = channel.next().unwrap();
    assert_eq!(told.opcode, TEXT, "{name}");
    assert!(told.payload.starts_with(b"{\"type\":\"capture\""), "{name}: {told:?}");
}

/// That these frames fail the connection (section 7.1.7), for one of these reasons if one is given.
fn fails(server: &Server, name: &str, frames: &[Vec<u8>], codes: &[u16]) {
    let mut channel = Channel::open(server, BIN);
    for frame in frames {
        channel.send(frame);
    }
    println!("{name}");
    let code = channel.ending();
    assert!(code.is_none_or(|code| codes.contains(&code)), "{name}: closed with {code:?}");
}

#[test]
fn category_1_frames_of_every_length_are_read() {
    let server = server();
    for length in [0, 1, 125, 126, 127, 128, 1_000, 4_000] {
        for opcode in [TEXT, BINARY] {
            let name = format!("1: {length} bytes, opcode {opcode}");
            goes_on(&server, &name, &[whole(opcode, &vec![b'*'; length])]);
        }
    }
    // Section 5.2: the shortest way need not be taken by who reads, and the mask must be there.
    let unmasked = vec![0x81, 0x01, b'a'];
    fails(&server, "1: a frame without its mask", &[unmasked], &[1002]);
}

#[test]
fn category_2_pings_are_answered_in_order() {
    let server = server();
    let mut channel = Channel::open(&server, BIN);
    for payload in [&b""[..], b"Hello", &[0, 255, 254, 253], &[b'x'; 125]] {
        channel.send(&whole(PING, payload));
        let pong = channel.next().unwrap();
        assert_eq!((pong.opcode, &pong.payload[..]), (PONG, payload));
    }
    // One byte at a time, as a slow link brings it.
    for byte in whole(PING, b"slow") {
        channel.send(&[byte]);
    }
    assert_eq!(channel.next().unwrap().payload, b"slow");
    // Section 5.5.3: who is pinged often may answer the last one alone.
    let many: Vec<u8> = (0..10u8).flat_map(|n| whole(PING, &[n])).collect();
    channel.send(&many);
    let mut last = None;
    while last != Some(9) {
        let pong = channel.next().unwrap();
        assert_eq!(pong.opcode, PONG);
        assert!(Some(pong.payload[0]) > last, "out of order");
        last = Some(pong.payload[0]);
    }
    goes_on(&server, "2: pongs that nobody asked for", &[whole(PONG, b""), whole(PONG, b"x")]);
    fails(&server, "2: a ping of 126 bytes", &[whole(PING, &[b'x'; 126])], &[1002]);
}

#[test]
fn category_3_reserved_bits_fail_the_connection() {
    let server = server();
    for reserved in 1..8 {
        for (opcode, payload) in [(TEXT, &b"a"[..]), (BINARY, b""), (PING, b"a"), (CLOSE, b"")] {
            let name = format!("3: reserved bits {reserved:03b}, opcode {opcode}");
            fails(&server, &name, &[frame(true, reserved, opcode, payload)], &[1002]);
        }
    }
}

#[test]
fn category_4_unknown_opcodes_fail_the_connection() {
    let server = server();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"x"] {
            let name = format!("4: opcode {opcode} of {} bytes", payload.len());
            fails(&server, &name, &[frame(true, 0, opcode, payload)], &[1002]);
        }
        let after = [whole(TEXT, b"fine"), frame(true, 0, opcode, b""), whole(PING, b"")];
        fails(&server, &format!("4: opcode {opcode} after a message"), &after, &[1002]);
    }
}

#[test]
fn category_5_fragments_make_one_message_and_control_frames_come_between() {
    let server = server();
    let part = |is_last, opcode, text: &str| frame(is_last, 0, opcode, text.as_bytes());
    let mut channel = Channel::open(&server, BIN);
    channel.send(&part(false, TEXT, "one"));
    channel.send(&part(false, 0, "two"));
    channel.send(&whole(PING, b"between"));
    let pong = channel.next().unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (PONG, &b"between"[..]));
    channel.send(&part(true, 0, "three"));
    channel.lives();
    goes_on(
        &server,
        "5: empty fragments",
        &[part(false, TEXT, ""), part(false, 0, ""), part(true, 0, "")],
    );
    goes_on(
        &server,
        "5: two in a row",
        &[part(false, BINARY, "a"), part(true, 0, "b"), part(false, TEXT, "c"), part(true, 0, "d")],
    );
    let broken: [(&str, Vec<Vec<u8>>); 8] = [
        ("a ping in pieces", vec![part(false, PING, "a"), part(true, 0, "b")]),
        ("a pong in pieces", vec![part(false, PONG, "a"), part(true, 0, "b")]),
        ("a close in pieces", vec![frame(false, 0, CLOSE, &1000u16.to_be_bytes())]),
        ("a continuation of nothing", vec![part(true, 0, "a")]),
        ("one that goes on, of nothing", vec![part(false, 0, "a"), part(true, 0, "b")]),
        ("a message within another", vec![part(false, TEXT, "a"), part(true, TEXT, "b")]),
        ("bytes within text", vec![part(false, TEXT, "a"), part(false, BINARY, "b")]),
        (
            "a continuation too many",
            vec![part(false, TEXT, "a"), part(true, 0, ""), part(true, 0, "")],
        ),
    ];
    for (name, frames) in broken {
        fails(&server, &format!("5: {name}"), &frames, &[1002]);
    }
}

#[test]
fn category_6_text_is_utf_8() {
    let server = server();
    let good = [
        "Hello-\u{b5}@\u{df}\u{f6}",
        "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}",
        "\u{10ffff}",
        "\u{ffff}",
        "\u{0}",
        "\u{d7ff}\u{e000}",
    ];
    for text in good {
        goes_on(&server, &format!("6: {text:?}"), &[whole(TEXT, text.as_bytes())]);
        let bytes: Vec<Vec<u8>> = (0..text.len())
            .map(|n| {
                let opcode = if n == 0 { TEXT } else { 0 };
                frame(n + 1 == text.len(), 0, opcode, &text.as_bytes()[n..=n])
            })
            .collect();
        goes_on(&server, &format!("6: {text:?}, a byte a fragment"), &bytes);
    }
    let bad: [&[u8]; 14] = [
        b"\xce\xba\xed\xa0\x80edited",
        b"\xff",
        b"\xfe",
        b"\x80",
        b"\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xce",
        b"\xe2\x98",
    ];
    for bytes in bad {
        let name = format!("6: {}", bytes.escape_ascii());
        fails(&server, &name, &[whole(TEXT, bytes)], &[1007]);
        goes_on(&server, &format!("{name} as bytes"), &[whole(BINARY, bytes)]);
        let halves = [frame(false, 0, TEXT, &bytes[..1]), frame(true, 0, 0, &bytes[1..])];
        fails(&server, &format!("{name} in halves"), &halves, &[1007]);
    }
}

#[test]
fn category_7_a_close_is_answered_and_ends_it() {
    let server = server();
    let ending = |frames: &[Vec<u8>]| {
        let mut channel = Channel::open(&server, BIN);
        frames.iter().for_each(|frame| channel.send(frame));
        channel.ending()
    };
    for code in CODES {
        assert_eq!(ending(&[close(code, b"bye")]), Some(code), "7: {code}");
    }
    assert_eq!(ending(&[close(1000, b"")]), Some(1000));
    assert_eq!(ending(&[close(1000, &[b'x'; 123])]), Some(1000));
    let empty = ending(&[whole(CLOSE, b"")]);
    assert!([Some(1005), Some(1000)].contains(&empty), "7: an empty close: {empty:?}");
    for after in [whole(PING, b"x"), whole(TEXT, b"x"), close(1001, b""), b"\xff\xff".to_vec()] {
        assert_eq!(ending(&[close(1000, b""), after]), Some(1000), "7: more after the close");
    }
    for code in NO_CODES {
        fails(&server, &format!("7: the code {code}"), &[close(code, b"")], &[1002]);
    }
    fails(&server, "7: half a code", &[whole(CLOSE, b"\x03")], &[1002]);
    fails(&server, "7: a long reason", &[close(1000, &[b'x'; 124])], &[1002]);
    fails(&server, "7: a reason that is no text", &[close(1000, b"\xce\xed\xa0")], &[1002, 1007]);
    fails(
        &server,
        "7: a close within a message",
        &[frame(false, 0, TEXT, b"a"), close(1000, b"")],
        &[1000],
    );
}

#[test]
fn category_10_many_fragments_are_one_message_within_the_limit() {
    let server = server();
    let cut = |bytes: usize, piece: usize| -> Vec<Vec<u8>> {
        let text = vec![b'*'; bytes];
        let pieces: Vec<&[u8]> = text.chunks(piece).collect();
        let last = pieces.len() - 1;
        let opcode = |n| if n == 0 { TEXT } else { 0 };
        pieces.iter().enumerate().map(|(n, p)| frame(n == last, 0, opcode(n), p)).collect()
    };
    for piece in [1, 10, 100, 1_000] {
        goes_on(&server, &format!("10: 4,000 bytes by {piece}"), &cut(4_000, piece));
    }
    // A watcher that sends much is cut off rather than kept in memory.
    fails(&server, "10: a frame of 64 KiB", &[whole(TEXT, &[b'*'; 65_536])], &[1009]);
    fails(&server, "10: 64 KiB by 1,000", &cut(65_536, 1_000), &[1009]);
    let lies =
        [vec![0x81, 0xff], (u64::MAX >> 1).to_be_bytes().to_vec(), vec![1, 2, 3, 4]].concat();
    fails(&server, "10: a frame of 8 EiB", &[lies], &[1009, 1002]);
}

#[test]
fn an_upgrade_that_is_none_is_refused_with_a_word_why() {
    let server = server();
    let good = frames::upgrade(&server.dashboard, &format!("/bins/{BIN}/live"));
    for (from, to, status) in [
        ("Version: 13", "Version: 12", 426),
        ("Version: 13", "Version: x", 426),
        ("Upgrade: websocket\r\n", "", 426),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n", 426),
        ("Connection: Upgrade\r\n", "", 426),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("GET ", "POST ", 405),
    ] {
        let mut wire = crate::harness::http::Wire::connect(&server.dashboard).unwrap();
        wire.send(good.replacen(from, to, 1).as_bytes()).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!(answer.status, status, "{to}: {}", answer.text());
        answer.assert_problem(status, &[]);
    }
}
