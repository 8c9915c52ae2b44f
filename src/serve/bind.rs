//! Sockets to listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use tokio::net::TcpListener;

use crate::exit::Failure;

/// How often another free port is tried, where the one found on IPv4 is taken on IPv6.
const FREE_PORT_TRIES: usize = 16;

/// Where to listen: a name and what it means here.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    name: String,
    addresses: Vec<IpAddr>,
}

/// Listeners on one port.
pub(crate) struct Bound {
    /// One for each address.
    pub(crate) listeners: Vec<TcpListener>,
    /// Their port.
    pub(crate) port: u16,
}

impl Host {
    /// This machine, by both protocols: many clients try ::1 first and give up.
    pub(crate) fn localhost() -> Self {
        let addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Self { name: "localhost".to_owned(), addresses }
    }

    /// What a host's name or address means here.
    pub(crate) fn resolve(name: &str) -> Result<Self, Failure> {
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if bare.eq_ignore_ascii_case("localhost") {
            return Ok(Self::localhost());
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self { name: bare.to_owned(), addresses: vec![address] });
        }
        let told = |why: String| {
            Failure::usage(format!("listen on `{name}`: {why}; try localhost or an IP address"))
        };
        let found = (name, 0).to_socket_addrs().map_err(|error| told(error.to_string()))?;
        let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(told("it names no address".into()));
        }
        Ok(Self { name: name.to_owned(), addresses })
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.addresses.iter().all(IpAddr::is_loopback)
    }

    /// Its name, as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its addresses.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The URL of this port, without a slash at its end, for clients on this machine.
    pub(crate) fn url(&self, scheme: &str, port: u16) -> String {
        match self.addresses.first() {
            _ if self.name == "localhost" => format!("{scheme}://127.0.0.1:{port}"),
            Some(IpAddr::V4(address)) if address.is_unspecified() => {
                format!("{scheme}://127.0.0.1:{port}")
            }
            Some(IpAddr::V6(address)) if address.is_unspecified() => {
                format!("{scheme}://[::1]:{port}")
            }
            Some(IpAddr::V6(address)) if self.name == address.to_string() => {
                format!("{scheme}://[{address}]:{port}")
            }
            _ => format!("{scheme}://{}:{port}", self.name),
        }
    }

    /// Listens on this port of every address; 0 takes one that is free on all of them.
    pub(crate) async fn bind(&self, port: u16, flag: &str) -> Result<Bound, Failure> {
        let mut tries = if port == 0 { FREE_PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match self.bind_once(port).await {
                Ok(bound) => return Ok(bound),
                Err((_, error)) if is_taken(&error) && tries > 0 => {}
                Err((address, error)) => return Err(told(address, &error, flag)),
            }
        }
    }

    async fn bind_once(&self, port: u16) -> Result<Bound, (SocketAddr, io::Error)> {
        let mut bound = Bound { listeners: Vec::new(), port };
        for &address in &self.addresses {
            let address = SocketAddr::new(address, bound.port);
            let listener = match TcpListener::bind(address).await {
                Ok(listener) => listener,
                // A machine without IPv6 still has its localhost.
                Err(error) if !bound.listeners.is_empty() && !is_taken(&error) => continue,
                Err(error) => return Err((address, error)),
            };
            bound.port = listener.local_addr().map_err(|error| (address, error))?.port();
            bound.listeners.push(listener);
        }
        Ok(bound)
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn told(address: SocketAddr, error: &io::Error, flag: &str) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the port is taken, perhaps by another hooklab; stop that one, or try {flag} 0 for a \
             free one"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{error}; ports below 1024 need privileges: try {flag} 0 for a free one")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{error}; this machine does not have that address: try --host localhost")
        }
        _ => format!("{error}; try another --host or {flag}"),
    };
    Failure::usage(format!("bind {address}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_one_port_on_every_protocol_there_is() {
        let bound = Host::localhost().bind(0, "--port").await.unwrap();
        assert_ne!(bound.port, 0);
        for listener in &bound.listeners {
            assert_eq!(listener.local_addr().unwrap().port(), bound.port);
        }
        let error = Host::localhost().bind(bound.port, "--port").await.err().unwrap();
        assert!(error.told.contains("the port is taken"), "{}", error.told);
        assert!(error.told.contains("try --port 0"), "{}", error.told);
    }

    #[test]
    fn urls_can_be_dialled() {
        let url = |name: &str| Host::resolve(name).unwrap().url("http", 80);
        assert_eq!(url("localhost"), "http://127.0.0.1:80");
        assert_eq!(url("127.0.0.2"), "http://127.0.0.2:80");
        assert_eq!(url("0.0.0.0"), "http://127.0.0.1:80");
        assert_eq!(url("::"), "http://[::1]:80");
        assert_eq!(url("[::1]"), "http://[::1]:80");
        assert!(Host::resolve("no such host").is_err());
        assert!(!Host::resolve("0.0.0.0").unwrap().is_loopback());
    }
}
