//! HOT PATH. What hyper lets through and we do not: requests that two servers could read in two
//! ways (RFC 9112, sections 2.2, 3.2 and 6.1), and heads above the limit.

use hooklab_shared::headers::{Head, trimmed};
use hooklab_shared::problem::Problem;
use hooklab_shared::stray::StrayReason;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request, Version};
use memchr::memchr_iter;

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// hyper and the tap disagree on what came.
    Disagreement,
    /// The head is longer than the limit, in bytes.
    HeadTooLong(usize),
    /// No Host field where there must be one.
    NoHost,
    /// More than one Host field, or another `:authority`.
    ManyHosts,
    /// A line that ends without a carriage return.
    BareLineFeed,
    /// Another transfer coding than `chunked`, or it twice, or in HTTP/1.0.
    TransferCoding,
    /// Both a length and chunks.
    LengthAndChunks,
    /// More than one length.
    ManyLengths,
}

impl Refusal {
    /// The same as a stray's reason.
    pub(crate) fn reason(self) -> StrayReason {
        match self {
            Self::Disagreement => StrayReason::Disagreement,
            Self::HeadTooLong(_) => StrayReason::HeadTooLong,
            Self::NoHost => StrayReason::NoHost,
            Self::ManyHosts => StrayReason::ManyHosts,
            Self::BareLineFeed => StrayReason::BareLineFeed,
            Self::TransferCoding => StrayReason::TransferCoding,
            Self::LengthAndChunks => StrayReason::LengthAndChunks,
            Self::ManyLengths => StrayReason::ManyLengths,
        }
    }

    /// As it is told.
    pub(crate) fn problem(self) -> Problem {
        let detail = match self {
            Self::Disagreement => "its header lines can be read in more than one way",
            Self::HeadTooLong(max) => {
                let detail = format!("the head is over {max} bytes: send fewer or shorter headers");
                return Problem::new(431, "head-too-long", detail);
            }
            Self::NoHost => "it has no Host header, which HTTP/1.1 asks for",
            Self::ManyHosts => "it names more than one host: send one",
            Self::BareLineFeed => "a line ends in LF alone: end lines in CRLF",
            Self::TransferCoding => "its Transfer-Encoding is not exactly `chunked`",
            Self::LengthAndChunks => {
                "it has both Content-Length and Transfer-Encoding: send one of them"
            }
            Self::ManyLengths => "it has more than one Content-Length header: send one",
        };
        Problem::new(400, "ambiguous", format!("the request was not kept: {detail}"))
    }
}

/// Checks a head against the limit, and against what hyper made of it.
pub(crate) fn vet(
    head: &Head,
    request: &Request<Incoming>,
    head_bytes_max: usize,
) -> Result<(), Refusal> {
    let is_plain = head.len() <= head_bytes_max
        && request.version() == Version::HTTP_11
        && is_plain(head.as_bytes(), request.method(), request.headers());
    if is_plain { Ok(()) } else { vet_closely(head, request, head_bytes_max) }
}

/// Checks that a request of HTTP/2 is to one host (RFC 9113, section 8.3.1).
pub(crate) fn vet_hosts<B>(request: &Request<B>) -> Result<(), Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let authority = request.uri().authority();
    let differs = authority.zip(first).is_some_and(|(authority, host)| !is_same(authority, host));
    if differs || second.is_some() { Err(Refusal::ManyHosts) } else { Ok(()) }
}

/// Whether an `:authority` and a Host field say the same.
pub(crate) fn is_same(authority: &Authority, host: &HeaderValue) -> bool {
    authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes())
}

/// Whether there is no doubt at all about a head; nearly every one is like that, and is then not
/// gone through line by line.
fn is_plain(head: &[u8], method: &Method, parsed: &HeaderMap) -> bool {
    let lines = memchr_iter(b'\n', head).count();
    head.strip_prefix(method.as_str().as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
        // The first line, and the empty one at the end.
        && lines == parsed.len() + 2
        && !has_bare_line_feed(head)
        // No field comes twice, neither Host nor Content-Length.
        && parsed.keys_len() == parsed.len()
        && parsed.contains_key(HOST)
        && !parsed.contains_key(TRANSFER_ENCODING)
}

/// Without a way out in the middle, so that the compiler looks at many bytes at a time.
fn has_bare_line_feed(head: &[u8]) -> bool {
    let pairs = head.iter().zip(head.get(1..).unwrap_or_default());
    pairs.fold(head.first() == Some(&b'\n'), |found, (&before, &byte)| {
        found | ((byte == b'\n') & (before != b'\r'))
    })
}

fn vet_closely(
    head: &Head,
    request: &Request<Incoming>,
    head_bytes_max: usize,
) -> Result<(), Refusal> {
    let fields = look(head, request.version() == Version::HTTP_10, head_bytes_max)?;
    let same =
        head.method() == request.method().as_str().as_bytes() && fields == request.headers().len();
    if same { Ok(()) } else { Err(Refusal::Disagreement) }
}

/// One pass over the head; how many fields it has.
pub(crate) fn look(head: &Head, is_http10: bool, head_bytes_max: usize) -> Result<usize, Refusal> {
    let bytes = head.as_bytes();
    if bytes.len() > head_bytes_max {
        return Err(Refusal::HeadTooLong(head_bytes_max));
    }
    let (mut lines, mut hosts, mut codings, mut lengths) = (0_usize, 0, 0, 0);
    let (mut start, mut is_other_coding) = (0, false);
    for lf in memchr_iter(b'\n', bytes) {
        let Some(line) = bytes[start..lf].strip_suffix(b"\r") else {
            return Err(Refusal::BareLineFeed);
        };
        start = lf + 1;
        // Empty are the lines before the first, and the one behind the last.
        let Some(first) = line.first() else { continue };
        lines += 1;
        match first | 0x20 {
            b'h' if value(line, b"host").is_some() => hosts += 1,
            b'c' if value(line, b"content-length").is_some() => lengths += 1,
            b't' => {
                if let Some(coding) = value(line, b"transfer-encoding") {
                    codings += 1;
                    is_other_coding |= !trimmed(coding).eq_ignore_ascii_case(b"chunked");
                }
            }
            _ => {}
        }
    }
    if is_other_coding {
        return Err(Refusal::TransferCoding);
    }
    // The first line is no field.
    let fields = lines.saturating_sub(1);
    match (hosts, codings, lengths) {
        (0, ..) if !is_http10 => Err(Refusal::NoHost),
        (2.., ..) => Err(Refusal::ManyHosts),
        (_, 2.., _) => Err(Refusal::TransferCoding),
        (_, 1, _) if is_http10 => Err(Refusal::TransferCoding),
        (_, 1, 1..) => Err(Refusal::LengthAndChunks),
        (_, _, 2..) => Err(Refusal::ManyLengths),
        _ => Ok(fields),
    }
}

/// What follows the colon, where a line is the field of this name.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (field, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    field.eq_ignore_ascii_case(name).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::header::HeaderName;

    fn looked(fields: &str, is_http10: bool) -> Result<usize, Refusal> {
        let head = format!("POST /a HTTP/1.1\r\n{fields}\r\n");
        look(&Head::from(Bytes::from(head)), is_http10, 1024)
    }

    #[test]
    fn a_plain_head_is_one_that_nothing_could_be_said_against() {
        let plain = |head: &[u8]| {
            let mut parsed = HeaderMap::new();
            let text = std::str::from_utf8(head).unwrap();
            for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
                let Some((name, value)) = line.split_once(':') else { continue };
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                parsed.append(name, HeaderValue::from_str(value.trim()).unwrap());
            }
            let is_plain = is_plain(head, &Method::POST, &parsed);
            let looked = look(&Head::from(Bytes::copy_from_slice(head)), false, 1024);
            assert!(!is_plain || looked == Ok(parsed.len()), "{text:?}: {looked:?}");
            is_plain
        };
        assert!(plain(b"POST /a HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(plain(b"POST /a HTTP/1.1\r\nhOST:a\r\nContent-Length: 3\r\nX:\r\n\r\n"));
        for doubtful in [
            "PUT /a HTTP/1.1\r\nHost: a\r\n\r\n",
            "POSTS /a HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nPOST /a HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /a HTTP/1.1\r\nX: a\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "POST /a HTTP/1.1\nHost: a\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: a\n\r\n",
            "POST /a HTTP/1.1\r\nHost: a\r\n\n",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        ] {
            assert!(!plain(doubtful.as_bytes()), "{doubtful:?}");
        }
    }

    #[test]
    fn http_2_names_one_host_too() {
        let vetted = |uri: &str, hosts: &[&str]| {
            let request = Request::builder().uri(uri);
            let named = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
            vet_hosts(&named.body(()).unwrap())
        };
        assert_eq!(vetted("http://a/x", &[]), Ok(()));
        assert_eq!(vetted("http://a:80/x", &["A:80"]), Ok(()));
        assert_eq!(vetted("/x", &["b"]), Ok(()));
        assert_eq!(vetted("http://a/x", &["b"]), Err(Refusal::ManyHosts));
        assert_eq!(vetted("/x", &["b", "b"]), Err(Refusal::ManyHosts));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        assert_eq!(looked("Host: a\r\nX: \r\n", false), Ok(2));
        assert_eq!(looked("", true), Ok(0));
        assert_eq!(looked("", false), Err(Refusal::NoHost));
        assert_eq!(looked("Host: a\r\nhOST: a\r\n", true), Err(Refusal::ManyHosts));
        assert_eq!(looked("Host: a\nX: b\r\n", false), Err(Refusal::BareLineFeed));
        for coding in ["gzip, chunked", "identity", "chunked, chunked", "xchunked", "chunked\x0c"] {
            let fields = format!("Host: a\r\nTransfer-Encoding: {coding}\r\n");
            assert_eq!(looked(&fields, false), Err(Refusal::TransferCoding), "{coding}");
        }
        let chunked = "Host: a\r\ntransfer-encoding: Chunked\r\n";
        assert_eq!(looked(chunked, false), Ok(2));
        assert_eq!(looked(chunked, true), Err(Refusal::TransferCoding));
        assert_eq!(looked(&format!("{chunked}{chunked}"), false), Err(Refusal::ManyHosts));
        let both = format!("{chunked}Content-Length: 3\r\n");
        assert_eq!(looked(&both, false), Err(Refusal::LengthAndChunks));
        let twice = "Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n";
        assert_eq!(looked(twice, false), Err(Refusal::ManyLengths));
        let long = format!("Host: a\r\nX: {}\r\n", "x".repeat(1024));
        assert_eq!(looked(&long, false), Err(Refusal::HeadTooLong(1024)));
    }
}
