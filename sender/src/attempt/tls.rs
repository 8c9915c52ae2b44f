//! TLS to https targets, by the roots that the user's machine trusts.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::cause::{self, Cause};

/// The connector; the roots are read when the first https target needs them.
#[derive(Default)]
pub(super) struct Tls(OnceCell<TlsConnector>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// With these roots instead of the machine's.
    #[cfg(test)]
    pub(super) fn with_roots(roots: RootCertStore) -> Self {
        Self(OnceCell::new_with(trusting(roots).ok()))
    }

    pub(super) async fn handshake(
        &self,
        target: &Url,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Cause> {
        let connector = self.0.get_or_try_init(connector).await?;
        let name = match target.host() {
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name).to_owned();
                ServerName::try_from(name).map_err(|why| Cause::Unusable(why.to_string()))?
            }
            Some(Host::Ipv4(ip)) => ServerName::from(std::net::IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => ServerName::from(std::net::IpAddr::V6(ip)),
            None => return Err(Cause::Unusable("the target names no host".to_owned())),
        };
        connector.connect(name, stream).await.map_err(|error| cause::of_io(&error))
    }
}

async fn connector() -> Result<TlsConnector, Cause> {
    let roots = tokio::task::spawn_blocking(roots).await.map_err(|_| Cause::Closed)?;
    if roots.is_empty() { Err(Cause::NoRoots) } else { trusting(roots) }
}

fn trusting(roots: RootCertStore) -> Result<TlsConnector, Cause> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| Cause::Tls(why.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A root that cannot be read is skipped: the others still serve.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
