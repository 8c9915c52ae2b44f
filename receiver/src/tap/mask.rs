//! HOT PATH. What of a head hyper is not shown as it came.

use memchr::{memchr, memrchr};

/// Masks, in what was just read of a head, bytes that HTTP forbids and senders send all the same:
/// in the target what is no URL's, in fields the controls. hyper sees `_` in their places, one for
/// one, so that nothing moves; the tap has them as they came.
///
/// `whole` is all of the head so far; `read` are its last bytes, which begin at `begin`, and no
/// byte from `end` on belongs to it.
pub(super) fn mask(whole: &[u8], read: &mut [u8], begin: usize, end: usize) {
    let line_end = memchr(b'\n', whole).map_or(end, |lf| lf.min(end));
    let line = &whole[..line_end];
    let start = memchr(b' ', line).unwrap_or(line.len());
    let version = memrchr(b' ', line).filter(|&space| line[space..].starts_with(b" HTTP/"));
    let target_end = version.unwrap_or(line.len());
    let mut part = |from: usize, to: usize, masked: &[bool; 256]| {
        let range = from.max(begin) - begin..to.max(from).max(begin) - begin;
        let part = read.get_mut(range).unwrap_or_default();
        part.iter_mut().filter(|byte| masked[usize::from(**byte)]).for_each(|byte| *byte = b'_');
    };
    part(start, target_end, &NOT_OF_URLS);
    // Controls are rare, and looking for any of them at once is many times as quick.
    if has_control(whole.get(line_end.max(begin)..end.max(begin)).unwrap_or_default()) {
        part(line_end, end, &CONTROLS);
    }
}

/// What a target may not hold: neither a URL's byte nor what tells its parts apart (RFC 3986).
const NOT_OF_URLS: [bool; 256] = {
    let mut masked = [true; 256];
    let allowed =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -._~!$&'()*+,;=:@/?%[]#\r";
    let mut at = 0;
    while at < allowed.len() {
        masked[allowed[at] as usize] = false;
        at += 1;
    }
    masked
};

/// What a field may not hold (RFC 9110, section 5.5), tabs and line ends aside.
const CONTROLS: [bool; 256] = {
    let mut masked = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        masked[byte] = is_control(byte as u8);
        byte += 1;
    }
    masked
};

const fn is_control(byte: u8) -> bool {
    (byte < 32) & (byte != b'\t') & (byte != b'\r') & (byte != b'\n') | (byte == 127)
}

/// Without a way out in the middle, so that the compiler looks at many bytes at a time.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, &byte| found | is_control(byte))
}
