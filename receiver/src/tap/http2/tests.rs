use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn nothing_behind_a_head_is_shown_before_it_was_looked_at() {
    let head = frame(HEADERS, 4, 1, b"head");
    let data = frame(DATA, 1, 1, b"data");
    let all = [&head[..], &data].concat();
    for cut in 1..all.len() {
        let mut http2 = Http2::new();
        let mut shown = http2.read(&all[..cut]);
        assert_eq!(shown, cut.min(head.len()));
        if cut < head.len() {
            assert!(!http2.waits(), "{cut}");
            continue;
        }
        assert!(http2.waits());
        http2.served();
        assert!(!http2.waits());
        let mut room = [0; 64];
        let mut buf = ReadBuf::new(&mut room);
        assert_eq!(http2.show_held(&mut buf), cut > head.len());
        shown += buf.filled().len() + http2.read(&all[cut..]);
        assert_eq!(shown, all.len());
        assert!(!http2.waits(), "what follows opens no stream");
        assert_eq!(http2.ended(false), None);
    }
}

#[test]
fn a_head_nobody_was_called_for_is_refused_by_what_was_said_of_it() {
    let reset = |code: u8| frame(RST_STREAM, 0, 1, &[0, 0, 0, code]);
    let too_long = [frame(HEADERS, 5, 1, b"431"), reset(1)].concat();
    let refused = [
        (reset(1), StrayReason::MalformedHttp2, 0),
        (reset(7), StrayReason::TooManyStreams, 0),
        (too_long, StrayReason::HeadTooLong, 431),
    ];
    for (said, reason, status) in refused {
        let mut http2 = Http2::new();
        let head = [frame(HEADERS, 0, 1, b"he"), frame(CONTINUATION, 4, 1, b"ad")].concat();
        assert_eq!(http2.read(&head), head.len());
        assert!(http2.waits());
        said.chunks(2).for_each(|piece| http2.wrote(piece));
        assert!(http2.waits());
        let bytes = head.len() as u64;
        let head = BytesMut::from(&head[..]);
        assert_eq!(http2.take_unserved(), Some(Unserved { reason, status, head, bytes }));
        assert!(!http2.waits());
        assert_eq!(http2.ended(false), None);
    }
}

#[test]
fn a_stream_behind_the_last_one_is_the_clients_to_send_again() {
    let mut http2 = Http2::new();
    http2.wrote(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    http2.read(&frame(HEADERS, 5, 3, b"head"));
    assert!(http2.waits());
    assert!(!http2.waits());
    assert_eq!(http2.ended(false), None);
}

#[test]
fn an_end_leaves_behind_what_nobody_served() {
    let end = |came: &[u8], error: u8, timed_out: bool| {
        let mut http2 = Http2::new();
        http2.read(came);
        http2.wrote(&frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, error]));
        http2.ended(timed_out).map(|unserved| (unserved.reason, unserved.bytes))
    };
    let settings = frame(4, 0, 0, b"");
    assert_eq!(end(&settings, 0, true), None);
    assert_eq!(end(&settings, 0, false), None);
    assert_eq!(end(&settings, 1, false), Some((StrayReason::MalformedHttp2, 9)));
    let begun = [&settings[..], &frame(HEADERS, 0, 1, b"head")].concat();
    assert_eq!(end(&begun, 0, true), Some((StrayReason::HeadTimedOut, 13)));
    assert_eq!(end(&begun, 0, false), Some((StrayReason::HeadCutOff, 13)));
    assert_eq!(end(&begun, 11, false), Some((StrayReason::HeadTooLong, 13)));
    assert_eq!(end(&begun[..12], 0, true), Some((StrayReason::HeadTimedOut, 3)));
    assert_eq!(end(&begun[..20], 0, false), Some((StrayReason::HeadCutOff, 11)));
    let idle = frame(DATA, 1, 5, b"data");
    assert_eq!(end(&idle, 1, false), Some((StrayReason::MalformedHttp2, 13)));
    // Of a capture, which tells by itself that it broke off.
    let served = [frame(HEADERS, 4, 1, b"head"), frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\0")].concat();
    let mut http2 = Http2::new();
    assert_eq!(http2.read(&served), 13);
    assert!(http2.waits());
    http2.served();
    http2.show_held(&mut ReadBuf::new(&mut [0; 64]));
    http2.wrote(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 1]));
    assert_eq!(http2.ended(false), None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut http2 = Http2::new();
    let head = [frame(HEADERS, 0, 1, &[b'x'; 16_384]), frame(CONTINUATION, 0, 1, &[b'x'; 16_384])];
    http2.read(&head.concat());
    let unserved = http2.ended(true).unwrap();
    assert_eq!((unserved.head.len(), unserved.bytes), (HEAD_BYTES_MAX, 2 * (16_384 + 9)));
}
