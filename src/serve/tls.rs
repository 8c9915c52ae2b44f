//! `--tls`: what the capture listener proves itself with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::bind::Host;
use crate::exit::{Code, Failure};

/// What is offered by ALPN (RFC 7301), the best first; old clients ask for HTTP/1.0 by name.
const PROTOCOLS: [&[u8]; 3] = [b"h2", b"http/1.1", b"http/1.0"];

/// Where certificate and key come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Made at start, for this run alone; nobody trusts it unless told to.
    SelfSigned,
    /// PEM files.
    Files {
        /// The chain, the server's own certificate first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

impl FromStr for Tls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(',') {
            _ if text == "self-signed" => Ok(Self::SelfSigned),
            Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
                Ok(Self::Files { certificate: certificate.into(), key: key.into() })
            }
            _ => Err("give self-signed, or two PEM files as CERT,KEY".into()),
        }
    }
}

impl Tls {
    /// What rustls serves with: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(crate) fn config(&self, host: &Host) -> Result<Arc<ServerConfig>, Failure> {
        let (chain, key) = match self {
            Self::SelfSigned => self_signed(host)?,
            Self::Files { certificate, key } => (chain(certificate)?, private_key(key)?),
        };
        let told = |error: rustls::Error| {
            Failure::usage(format!("serve by TLS with {}: {error}", self.told()))
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(told)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(told)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }

    fn told(&self) -> String {
        match self {
            Self::SelfSigned => "a self-signed certificate".to_owned(),
            Self::Files { certificate, key } => {
                format!("{} and {}", certificate.display(), key.display())
            }
        }
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn self_signed(host: &Host) -> Result<Identity, Failure> {
    let told =
        |error: rcgen::Error| Failure::new(Code::Bug, format!("make a certificate: {error}"));
    let mut params = CertificateParams::new(names(host)).map_err(told)?;
    params.distinguished_name.push(DnType::CommonName, "hooklab, self-signed");
    let key = KeyPair::generate().map_err(told)?;
    let certificate = params.self_signed(&key).map_err(told)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate.der().clone()], key.into()))
}

/// By what clients may call this listener: its name, its addresses, and this machine's own.
fn names(host: &Host) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), host.name().to_owned()];
    let own = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let addresses = host.addresses().iter().chain(&own).filter(|ip| !ip.is_unspecified());
    names.extend(addresses.map(IpAddr::to_string));
    names.sort();
    names.dedup();
    names
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let told = |why: String| {
        Failure::usage(format!("read the certificate {}: {why}; it must be PEM", path.display()))
    };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| told(error.to_string()))?;
    let chain: Result<Vec<_>, _> = found.collect();
    let chain = chain.map_err(|error| told(error.to_string()))?;
    match chain.is_empty() {
        true => Err(told("it holds no certificate".into())),
        false => Ok(chain),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        Failure::usage(format!("read the key {}: {error}; it must be PEM", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_for_every_name() {
        for host in ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::"] {
            let host = Host::resolve(host).unwrap();
            let config = Tls::SelfSigned.config(&host).unwrap();
            assert_eq!(config.alpn_protocols, PROTOCOLS.map(<[u8]>::to_vec));
            let names = names(&host);
            assert!(names.contains(&"127.0.0.1".into()) && names.contains(&"::1".into()));
        }
    }

    #[test]
    fn files_are_read_or_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let localhost = Host::localhost();
        let made = rcgen::generate_simple_self_signed(names(&localhost)).unwrap();
        let pem = |kind: &str, der: &[u8]| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
        };
        let files = [
            ("cert.pem", pem("CERTIFICATE", made.cert.der())),
            ("key.pem", pem("PRIVATE KEY", &made.signing_key.serialize_der())),
            ("other.pem", pem("PRIVATE KEY", &KeyPair::generate().unwrap().serialize_der())),
            ("empty.pem", String::new()),
        ];
        for (name, text) in &files {
            std::fs::write(home.path().join(name), text).unwrap();
        }
        let config = |certificate: &str, key: &str| {
            let path = |name: &str| home.path().join(name).display().to_string();
            let given: Tls = format!("{},{}", path(certificate), path(key)).parse().unwrap();
            given.config(&localhost).map_err(|failure| failure.told)
        };
        assert!(config("cert.pem", "key.pem").is_ok());
        assert!(config("cert.pem", "other.pem").unwrap_err().contains("other.pem"));
        assert!(config("empty.pem", "key.pem").unwrap_err().contains("no certificate"));
        assert!(config("cert.pem", "cert.pem").unwrap_err().contains("cert.pem"));
        assert!(config("none.pem", "key.pem").unwrap_err().contains("none.pem"));
        for bad in ["", "selfsigned", "a.pem", "a.pem,", ",b.pem"] {
            assert!(bad.parse::<Tls>().is_err(), "{bad}");
        }
    }
}
