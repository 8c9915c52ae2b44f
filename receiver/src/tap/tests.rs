use super::*;

fn feed(tapped: &Tapped, bytes: &[u8]) -> Vec<u8> {
    let mut read = bytes.to_vec();
    tapped.feed(&mut read);
    read
}

#[test]
fn requests_are_told_apart_wherever_the_bytes_are_cut() {
    let first = b"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
    let second = b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = b"3\r\nabc\r\n0\r\n\r\n";
    let all = [&first[..], b"body", second, chunked, b"GET"].concat();
    for cut in first.len()..first.len() + 4 {
        let tapped = Tapped::default();
        feed(&tapped, &all[..cut]);
        assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), first);
        tapped.pass(4);
        feed(&tapped, &all[cut..]);
        assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), second);
        assert_eq!(tapped.claim_chunked(3).unwrap(), &chunked[..]);
        assert_eq!(tapped.claim_rest(), &b"GET"[..]);
    }
}

#[test]
fn framing_is_kept_up_to_its_limit() {
    let tapped = Tapped::default();
    feed(&tapped, b"POST /a HTTP/1.1\r\n\r\n");
    assert!(tapped.claim_head().is_some());
    tapped.keep(16);
    feed(&tapped, &[b'0'; 16]);
    assert!(!tapped.is_over());
    feed(&tapped, b"0");
    assert!(tapped.is_over());
    assert_eq!(tapped.claim_rest().len(), 16);
    feed(&tapped, b"more");
    assert!(tapped.claim_rest().is_empty());
}

#[test]
fn what_is_not_whole_is_not_claimed() {
    let tapped = Tapped::default();
    feed(&tapped, b"POST /a HTTP/1.1\r\n");
    assert!(tapped.claim_head().is_none());
    feed(&tapped, b"\r\n5\r\nab");
    assert!(tapped.claim_head().is_some());
    assert!(tapped.claim_chunked(2).is_none());
    assert_eq!(tapped.claim_rest(), &b"5\r\nab"[..]);
}

#[test]
fn what_hyper_would_stumble_over_is_masked_for_it_and_kept() {
    let head = b"POST /a<\xff>\"?b`\x01 HTTP/1.1\r\nA<>: x\x1b\x00\xff\ty\r\n\r\nb\x01dy<";
    let masked = b"POST /a____?b__ HTTP/1.1\r\nA<>: x__\xff\ty\r\n\r\nb\x01dy<";
    for piece in 1..head.len() {
        let tapped = Tapped::default();
        let shown: Vec<u8> = head.chunks(piece).flat_map(|read| feed(&tapped, read)).collect();
        assert_eq!(shown.len(), masked.len());
        let (claimed, ..) = tapped.claim_head().unwrap();
        assert_eq!(claimed.as_bytes(), &head[..head.len() - 5]);
        assert_eq!(&*tapped.claim_rest(), b"b\x01dy<", "{piece}");
        if piece > 20 {
            assert_eq!(shown, masked, "{piece}");
        }
    }
}
