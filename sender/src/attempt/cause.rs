//! Why an attempt failed, in plain words, and what to try.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, Phase};
use tokio_rustls::rustls::{self, CertificateError};

use crate::egress::ResolveError;

/// Why there was no whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Forbidden(IpAddr),
    Unusable(String),
    Unsigned(String),
    Unresolved(String),
    Refused,
    Unreachable(String),
    Reset,
    Closed,
    Timeout(Duration),
    Certificate(String),
    /// The server's own certificate is one of an authority, as `openssl req -x509` makes them.
    Authority,
    NotTls,
    Tls(String),
    NoRoots,
    NotHttp(String),
    HeadTooLarge,
    Other(String),
}

impl From<ResolveError> for Cause {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Unresolved(name) => Self::Unresolved(name),
            ResolveError::Forbidden(ip) => Self::Forbidden(ip),
            why @ ResolveError::NoHost => Self::Unusable(why.to_string()),
        }
    }
}

impl Cause {
    /// The outcome of an attempt that ended in this phase for this cause.
    pub(super) fn failed(&self, phase: Phase) -> AttemptOutcome {
        AttemptOutcome::Failed { phase, cause: self.told(phase), hint: self.hint(phase) }
    }

    fn told(&self, phase: Phase) -> String {
        match self {
            Self::Forbidden(ip) => format!("{ip} is not loopback, and is not allowed"),
            Self::Unusable(why) => format!("the target cannot be used: {why}"),
            Self::Unsigned(why) => format!("the delivery cannot be signed: failed to {why}"),
            Self::Unresolved(name) => format!("the name {name} does not resolve"),
            Self::Refused => "connection refused".to_owned(),
            Self::Unreachable(why) | Self::Other(why) => why.clone(),
            Self::Reset => "connection reset".to_owned(),
            Self::Closed => "connection closed before the answer was whole".to_owned(),
            Self::Timeout(limit) => {
                let what = match phase {
                    Phase::Policy | Phase::Dns => "the name was not resolved",
                    Phase::Connect => "no connection",
                    Phase::Tls => "no TLS handshake",
                    Phase::Send | Phase::FirstByte => "no answer",
                    Phase::Body => "the answer was not whole",
                };
                format!("{what} within {} s", limit.as_secs_f32())
            }
            Self::Certificate(why) => format!("certificate {why}"),
            Self::Authority => {
                "certificate is an authority's own (CA:TRUE), and not a server's".to_owned()
            }
            Self::NotTls => "the target does not speak TLS".to_owned(),
            Self::Tls(why) => format!("TLS failed: {why}"),
            Self::NoRoots => "this machine has no root certificates".to_owned(),
            Self::NotHttp(why) => format!("the answer is not HTTP/1.1: {why}"),
            Self::HeadTooLarge => "the answer's head is too large".to_owned(),
        }
    }

    fn hint(&self, phase: Phase) -> String {
        let hint = match self {
            Self::Forbidden(ip) => {
                return format!(
                    "only loopback is dialled unless you allow more: if {ip} is yours, start \
                     hooklab with `--allow-target {ip}`"
                );
            }
            Self::Unusable(_) => {
                "edit the webhook: give a URL such as http://127.0.0.1:4665/orders"
            }
            Self::Unsigned(_) => "give the webhook a secret of its profile's form",
            Self::Unresolved(_) => "check the spelling of the host; is the network up?",
            Self::Refused => "is something listening there? `hooklab serve` prints the capture URL",
            Self::Unreachable(_) => "is that address reachable from this machine?",
            Self::Reset => "the target cut the connection: look at its own log",
            Self::Closed => "the target closed without a whole answer: look at its own log",
            Self::Timeout(_) => match phase {
                Phase::Connect => "is a firewall in between? is the port right?",
                Phase::Body => "the target must end its answer: answer first, then work",
                _ => "the target must answer in time: answer first, then work",
            },
            Self::Certificate(_) => {
                "use a certificate for that host from a root that this machine trusts \
                 (SSL_CERT_FILE names more roots)"
            }
            Self::Authority => {
                "make it one of a server, and trusted: `openssl req -x509` with \
                 `-addext basicConstraints=critical,CA:FALSE` and \
                 `-addext subjectAltName=DNS:localhost,IP:127.0.0.1`, then name it in SSL_CERT_FILE"
            }
            Self::NotTls => "is it plain HTTP? then register the URL with http://",
            Self::Tls(_) => "does the target speak TLS 1.2 or 1.3?",
            Self::NoRoots => "install ca-certificates, or set SSL_CERT_FILE",
            Self::NotHttp(_) => "is it an HTTP server? https targets need https:// in the URL",
            Self::HeadTooLarge => "the target must send fewer or shorter header fields",
            Self::Other(_) => "look at the target's own log",
        };
        hint.to_owned()
    }
}

/// What to try after an answer that is not 2xx; `location` is its field of this name.
pub(super) fn status_hint(status: u16, location: Option<Vec<u8>>) -> String {
    let hint = match status {
        300..=399 => {
            let location = location.and_then(|value| String::from_utf8(value).ok());
            let final_url = location.map(|to| format!(" (it points to {to})")).unwrap_or_default();
            return format!("redirects are never followed: register the final URL{final_url}");
        }
        401 | 403 => "the target refuses who sends: does it have this webhook's secret?",
        404 => {
            "nothing is at this path: check the URL; a bin that was deleted answers 404 too where \
             bins are not made by themselves"
        }
        405 => "the target takes no POST at this path: check the URL",
        410 => "the target says that it is gone for good: delete or edit the webhook",
        413 => "the payload is too large for the target",
        400 | 415 | 422 => "the target does not accept this payload: its answer may say why",
        408 | 425 | 429 | 503 => "the target is busy: try again later",
        500..=599 => "the target failed: look at its own log",
        _ => "2xx alone is success: the target must answer with it",
    };
    hint.to_owned()
}

/// The cause behind an error of a socket or of TLS on it.
pub(super) fn of_io(error: &io::Error) -> Cause {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(tls);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Cause::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            Cause::Reset
        }
        ErrorKind::UnexpectedEof => Cause::Closed,
        ErrorKind::HostUnreachable => Cause::Unreachable("no route to the host".to_owned()),
        ErrorKind::NetworkUnreachable => {
            Cause::Unreachable("the network is unreachable".to_owned())
        }
        ErrorKind::AddrNotAvailable => {
            Cause::Unreachable("this machine has no address or free port to dial from".to_owned())
        }
        ErrorKind::TimedOut => Cause::Unreachable("the connection timed out".to_owned()),
        _ => Cause::Other(error.to_string()),
    }
}

fn of_tls(error: &rustls::Error) -> Cause {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => {
            let why = match bad {
                Bad::Expired | Bad::ExpiredContext { .. } => "has expired",
                Bad::NotValidYet | Bad::NotValidYetContext { .. } => "is not valid yet",
                Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "is for another host",
                // An authority that was made anew has the name of the old one, and another key.
                Bad::UnknownIssuer | Bad::BadSignature => "is signed by nobody this machine trusts",
                Bad::Revoked => "is revoked",
                Bad::BadEncoding => "cannot be read: it is damaged",
                Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => {
                    "is not for servers (its extended key usage says so)"
                }
                Bad::UnhandledCriticalExtension => "demands an extension that is not known here",
                other => return of_other_certificate(&other.to_string()),
            };
            Cause::Certificate(why.to_owned())
        }
        rustls::Error::InvalidMessage(_) => Cause::NotTls,
        other => Cause::Tls(other.to_string()),
    }
}

/// What rustls passes on without a kind of its own is named as its verifier's code names it.
fn of_other_certificate(told: &str) -> Cause {
    let why = match told {
        told if told.contains("CaUsedAsEndEntity") => return Cause::Authority,
        told if told.contains("EndEntityUsedAsCa") => {
            "is signed by one that is no authority's (CA:FALSE)"
        }
        told if told.contains("PathLenConstraintViolated") => {
            "has more authorities between it and its root than one of them allows"
        }
        told if told.contains("NameConstraintViolation") => {
            "is for a host that its authority may not sign for"
        }
        told if told.contains("UnsupportedCertVersion") => "is older than X.509 version 3",
        told if told.contains("Unsupported") && told.contains("Algorithm") => {
            "is signed in a way that is not known here, or not safe any more"
        }
        other => return Cause::Certificate(format!("is not acceptable: {other}")),
    };
    Cause::Certificate(why.to_owned())
}
