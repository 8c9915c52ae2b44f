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
fn a_large_body_passes_without_a_copy_wherever_it_is_cut() {
    let head = b"POST /a HTTP/1.1\r\nContent-LENGTH:  9000 \r\n\r\n";
    let next = b"POST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\n";
    let all = [&head[..], &[b'x'; 9_000], next, b"y", b"GET"].concat();
    for cut in [head.len(), 5_000, 9_000, head.len() + 9_000, head.len() + 9_010, all.len()] {
        let tapped = Tapped::default();
        feed(&tapped, &all[..cut]);
        assert_eq!(tapped.unclaimed().1, cut);
        // In part, where it came with its head.
        let copied = tapped.unclaimed().0.len();
        assert!(copied == head.len() + cut.saturating_sub(head.len() + 9_000), "{copied} of {cut}");
        assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), head);
        tapped.pass(9_000);
        feed(&tapped, &all[cut..]);
        assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), next, "{cut}");
        tapped.pass(1);
        assert_eq!(tapped.claim_rest(), &b"GET"[..]);
    }
}

#[test]
fn what_does_not_tell_one_length_is_kept() {
    for fields in [
        "Content-Length: 9000\r\nContent-Length: 9000\r\n",
        "Content-Length: 9000\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 9000\r\n",
        "Content-Length: +9000\r\n",
        "Content-Length: 9000, 9000\r\n",
        "Content-Length: \r\n",
        "Transfer-Encoding: chunked\r\n",
        "",
    ] {
        let tapped = Tapped::default();
        let all = [format!("POST /a HTTP/1.1\r\n{fields}\r\n").as_bytes(), &[b'x'; 9_000]].concat();
        feed(&tapped, &all);
        assert_eq!(tapped.unclaimed(), (Bytes::from(all.clone()), all.len()), "{fields}");
    }
}

#[test]
fn a_chunked_body_that_looks_like_a_head_is_kept() {
    let tapped = Tapped::default();
    feed(&tapped, b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(tapped.claim_head().is_some());
    tapped.keep(1 << 20);
    let all = [b"POST /a HTTP/1.1\r\nContent-Length: 9000\r\n\r\n", &[b'x'; 9_000][..]].concat();
    feed(&tapped, &all);
    assert_eq!(tapped.claim_rest(), all);
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
