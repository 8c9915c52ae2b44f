//! The only door through which the sender connects to anything: resolve once, vet every address,
//! dial what was vetted.

mod allow;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

pub use allow::{AllowTarget, BadAllowTarget};

/// How long an address has for itself before the next one is tried beside it: what RFC 8305
/// recommends.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// What may be dialled: loopback, and what the user allows.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    allowed: Vec<AllowTarget>,
    resolver: Resolver,
}

/// Who is asked for the addresses of a name.
#[derive(Clone, Debug, Default)]
enum Resolver {
    #[default]
    System,
    /// Answers in their order, the last one again and again.
    #[cfg(test)]
    Scripted(std::sync::Arc<std::sync::Mutex<Vec<Vec<IpAddr>>>>),
}

/// Addresses of a target that may be dialled; made by [`Egress::resolve`] alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Vetted(Vec<SocketAddr>);

/// Why a target is not dialled.
#[derive(Debug, Error)]
pub(crate) enum ResolveError {
    /// An address of it is neither loopback nor allowed.
    #[error("{0} is not loopback, and not allowed")]
    Forbidden(IpAddr),
    /// Its URL names no host and port.
    #[error("the target names no host")]
    NoHost,
    /// Its name does not resolve.
    #[error("the name {0} does not resolve")]
    Unresolved(String),
}

/// Why no address could be connected to.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// The network said no; of several addresses the error that tells most.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No address answered in time.
    #[error("no connection within {} s", .0.as_secs_f32())]
    Timeout(Duration),
}

impl Egress {
    /// Loopback, and what these rules allow.
    pub(crate) fn new(mut allowed: Vec<AllowTarget>) -> Self {
        allowed.extend(AllowTarget::LOOPBACK);
        Self { allowed, resolver: Resolver::System }
    }

    /// What these rules allow and nothing else, so that a part of loopback can stand for what is
    /// forbidden; names have these answers, one lookup after the other.
    #[cfg(test)]
    pub(crate) fn only(rules: &[&str], answers: Vec<Vec<IpAddr>>) -> Self {
        let allowed = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let answers = std::sync::Arc::new(std::sync::Mutex::new(answers));
        Self { allowed, resolver: Resolver::Scripted(answers) }
    }

    /// Resolves a target once and vets each address: one that is forbidden rejects them all, so
    /// that a name cannot smuggle one in beside another.
    pub(crate) async fn resolve(&self, target: &Url) -> Result<Vetted, ResolveError> {
        let host = target.host().ok_or(ResolveError::NoHost)?;
        let port = target.port_or_known_default().ok_or(ResolveError::NoHost)?;
        let found = match host {
            Host::Ipv4(ip) => vec![IpAddr::V4(ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(ip)],
            Host::Domain(name) if is_localhost(name) => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            Host::Domain(name) => self.resolver.lookup(name, port).await?,
        };
        self.vet(target.host_str().unwrap_or_default(), &found, port)
    }

    /// Connects to whichever vetted address takes the connection first, within `limit` in all.
    pub(crate) async fn connect(
        &self,
        vetted: &Vetted,
        limit: Duration,
    ) -> Result<TcpStream, ConnectError> {
        let dialled = timeout(limit, dial(&vetted.0)).await;
        let stream = dialled.map_err(|_| ConnectError::Timeout(limit))??;
        // Small requests must not wait for the peer's delayed acknowledgement.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn vet(&self, host: &str, found: &[IpAddr], port: u16) -> Result<Vetted, ResolveError> {
        let mut vetted = Vec::with_capacity(found.len());
        for &ip in found {
            let ip = unmapped(ip);
            if !self.allowed.iter().any(|rule| rule.allows(host, ip)) {
                return Err(ResolveError::Forbidden(ip));
            }
            vetted.push(SocketAddr::new(ip, port));
        }
        Ok(Vetted(vetted))
    }
}

/// Dials one address after the other, the next one as soon as one has failed, or has not answered
/// for a moment: one that is dead must not take the others' time (RFC 8305, section 5).
async fn dial(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    if let [only] = addresses {
        return TcpStream::connect(only).await;
    }
    let (mut left, mut dialling) = (addresses.iter(), JoinSet::new());
    let mut told = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(&address) = left.next() {
            dialling.spawn(TcpStream::connect(address));
        }
        let wait = if left.len() > 0 { NEXT_ADDRESS_AFTER } else { Duration::MAX };
        let Ok(ended) = timeout(wait, dialling.join_next()).await else { continue };
        let error = match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => io::Error::other(error),
            None => return Err(told),
        };
        if telling(&error) > telling(&told) {
            told = error;
        }
    }
}

/// How much an error tells of the target: a refusal is the target's own, while a family of
/// addresses that this machine does not have says nothing about it.
fn telling(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => 0,
        io::ErrorKind::NetworkUnreachable => 1,
        io::ErrorKind::ConnectionRefused => 3,
        _ => 2,
    }
}

/// `::ffff:127.0.0.1` is dialled as 127.0.0.1, so it is judged as that.
fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Localhost names are loopback without asking a resolver (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

impl Resolver {
    async fn lookup(&self, name: &str, port: u16) -> Result<Vec<IpAddr>, ResolveError> {
        let unresolved = || ResolveError::Unresolved(name.to_owned());
        let found = match self {
            Self::System => lookup_host((name, port)).await.map_err(|_| unresolved())?,
            #[cfg(test)]
            Self::Scripted(answers) => return Ok(next(&mut answers.lock().unwrap())),
        };
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found {
            if !addresses.contains(&address.ip()) {
                addresses.push(address.ip());
            }
        }
        if addresses.is_empty() { Err(unresolved()) } else { Ok(addresses) }
    }
}

#[cfg(test)]
fn next(answers: &mut Vec<Vec<IpAddr>>) -> Vec<IpAddr> {
    if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(rules: &[&str], url: &str) -> Result<Vec<String>, String> {
        let egress = Egress::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
        let vetted = egress.resolve(&Url::parse(url).unwrap()).await;
        vetted
            .map(|vetted| vetted.0.iter().map(ToString::to_string).collect())
            .map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn every_spelling_of_loopback_is_dialled_as_loopback() {
        let spellings = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "１２７.0.0.1",
        ];
        for host in spellings {
            let got = told(&[], &format!("http://{host}:9/x")).await;
            assert_eq!(got, Ok(vec!["127.0.0.1:9".to_owned()]), "{host}");
        }
        assert_eq!(told(&[], "http://127.9.9.9/").await, Ok(vec!["127.9.9.9:80".to_owned()]));
        assert_eq!(told(&[], "https://[::1]/").await, Ok(vec!["[::1]:443".to_owned()]));
        for host in ["localhost", "localhost.", "LOCALHOST", "a.b.localhost", "a.localhost."] {
            let got = told(&[], &format!("http://{host}:9/")).await;
            assert_eq!(got, Ok(vec!["127.0.0.1:9".to_owned(), "[::1]:9".to_owned()]), "{host}");
        }
    }

    #[tokio::test]
    async fn everything_else_is_forbidden_unless_allowed() {
        let hosts = [
            "0.0.0.0",
            "0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "8.8.8.8",
            "128.0.0.1",
            "126.255.255.255",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fc00::1]",
            "[ff02::1]",
            "[2001:db8::1]",
        ];
        for host in hosts {
            let got = told(&[], &format!("http://{host}/")).await;
            assert!(got.as_ref().is_err_and(|e| e.contains("not loopback")), "{host}: {got:?}");
            assert!(told(&["*"], &format!("http://{host}/")).await.is_ok(), "{host}");
        }
    }

    #[tokio::test]
    async fn rules_allow_what_they_name_and_nothing_beside_it() {
        let ok = |got: Result<_, _>| got.is_ok();
        assert!(ok(told(&["10.0.0.0/8"], "http://10.255.0.1/").await));
        assert!(ok(told(&["10.0.0.0/8"], "http://[::ffff:10.0.0.1]/").await));
        assert!(!ok(told(&["10.0.0.0/8"], "http://11.0.0.1/").await));
        assert!(ok(told(&["10.0.0.1"], "http://10.0.0.1/").await));
        assert!(!ok(told(&["10.0.0.1"], "http://10.0.0.2/").await));
        assert!(ok(told(&["fd00::/8"], "http://[fd12::1]/").await));
        assert!(!ok(told(&["0.0.0.0/0"], "http://[fd12::1]/").await));
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
        // Nobody accepts, and once the queue is full nobody is answered.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let dead = socket.listen(1).unwrap().local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) =
            timeout(Duration::from_millis(100), TcpStream::connect(dead)).await
        {
            queued.push(stream);
        }
        let well = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vetted = Vetted(vec![dead, well.local_addr().unwrap()]);
        let limit = Duration::from_secs(5);
        let stream = Egress::new(vec![]).connect(&vetted, limit).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), vetted.0[1]);
    }

    #[tokio::test]
    async fn of_several_addresses_the_refusal_is_told() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = free.local_addr().unwrap();
        drop(free);
        let unreachable: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
        for order in [[refusing, unreachable], [unreachable, refusing]] {
            let error = dial(&order).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{order:?}");
        }
        let kinds = [
            io::ErrorKind::AddrNotAvailable,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::TimedOut,
            io::ErrorKind::ConnectionRefused,
        ];
        assert!(kinds.map(|kind| telling(&kind.into())).is_sorted());
    }

    #[test]
    fn one_forbidden_answer_rejects_all() {
        let egress = Egress::new(vec![]);
        let answers = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 1])];
        assert!(matches!(
            egress.vet("mixed.example", &answers, 80),
            Err(ResolveError::Forbidden(ip)) if ip == answers[1]
        ));
        let by_name = Egress::new(vec!["Mixed.example.".parse().unwrap()]);
        assert!(by_name.vet("mixed.example", &answers, 80).is_ok());
        assert!(by_name.vet("other.example", &answers, 80).is_err());
    }
}
