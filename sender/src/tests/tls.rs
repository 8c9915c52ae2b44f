//! https targets: trusted, and every way in which a certificate is not.

use std::sync::Arc;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, Phase};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::webhook::Profile;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::attempt::Caller;
use crate::egress::Egress;
use crate::profile::Event;
use crate::store::Due;
use crate::target::Target;

/// An authority of these tests, and a way to make targets whose certificates it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A target with such a certificate; its port.
    async fn target(&self, params: CertificateParams) -> u16 {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        target(&certificate, &key).await
    }
}

/// A target that answers 200 over TLS; its port.
async fn target(certificate: &Certificate, key: &KeyPair) -> u16 {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                let _ = stream.write_all(answer).await;
            }
        }
    });
    port
}

fn localhost() -> CertificateParams {
    CertificateParams::new(vec!["localhost".to_owned()]).unwrap()
}

fn caller(roots: RootCertStore) -> Caller {
    let mut caller = Caller::new(Egress::new(vec![]), Limits::default(), "hooklab".into());
    caller.trust(roots);
    caller
}

async fn attempt(caller: &Caller, target: String) -> Attempt {
    let event = Event {
        id: "evt_1".into(),
        kind: "payment_received".into(),
        created_at: Timestamp::from_micros(0),
        payload: "{}".into(),
    };
    let due = Due {
        row: 1,
        id: uuid::Uuid::nil(),
        webhook: 1,
        target: Arc::new(Target::new(target)),
        test: false,
        profile: Profile::StandardWebhooks,
        keys: Arc::default(),
        headers: Arc::default(),
        timeout: None,
        manual: false,
        n: 1,
        event,
    };
    caller.attempt(&due, Timestamp::from_micros(0)).await
}

/// The cause and hint of a failed handshake.
fn refused(attempt: &Attempt) -> (&str, &str) {
    match &attempt.outcome {
        AttemptOutcome::Failed { phase: Phase::Tls, cause, hint } => (cause, hint),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_trusted_certificate_is_taken_and_its_connection_is_kept() {
    let authority = Authority::new();
    let port = authority.target(localhost()).await;
    let caller = caller(authority.roots());
    for n in 0..3 {
        let ok = attempt(&caller, format!("https://localhost:{port}/x")).await;
        assert_eq!(ok.outcome, AttemptOutcome::Delivered);
        assert_eq!((ok.phases.reused, ok.phases.tls_us.is_some()), (n > 0, n == 0));
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_refused_with_its_reason() {
    let authority = Authority::new();
    let mut expired = localhost();
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2020, 2, 1);
    let mut early = localhost();
    early.not_before = date_time_ymd(2500, 1, 1);
    early.not_after = date_time_ymd(2501, 1, 1);
    let other = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    for (params, want) in [
        (expired, "certificate has expired"),
        (early, "certificate is not valid yet"),
        (other, "certificate is for another host"),
    ] {
        let port = authority.target(params).await;
        let url = format!("https://localhost:{port}/x");
        let bad = attempt(&caller(authority.roots()), url).await;
        let (cause, hint) = refused(&bad);
        assert_eq!(cause, want);
        assert!(hint.contains("certificate"), "{hint}");
        assert!(bad.response.is_none() && bad.phases.first_byte_us.is_none());
    }
}

#[tokio::test]
async fn who_is_not_trusted_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let want = "certificate is signed by nobody this machine trusts";
    let port = stranger.target(localhost()).await;
    let bad = attempt(&caller(authority.roots()), format!("https://localhost:{port}/x")).await;
    assert_eq!(refused(&bad).0, want);
    let key = KeyPair::generate().unwrap();
    let port = target(&localhost().self_signed(&key).unwrap(), &key).await;
    let bad = attempt(&caller(authority.roots()), format!("https://localhost:{port}/x")).await;
    assert_eq!(refused(&bad).0, want);
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_an_authoritys_or_a_servers() {
    let mut authoritys = localhost();
    authoritys.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut servers = localhost();
    servers.is_ca = IsCa::ExplicitNoCa;
    let mut seen = Vec::new();
    for params in [authoritys, servers] {
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.der().clone()).unwrap();
        let port = target(&own, &key).await;
        seen.push(attempt(&caller(roots), format!("https://localhost:{port}/x")).await);
    }
    let (cause, hint) = refused(&seen[0]);
    assert_eq!(cause, "certificate is an authority's own (CA:TRUE), and not a server's");
    assert!(hint.contains("CA:FALSE") && hint.contains("SSL_CERT_FILE"), "{hint}");
    assert_eq!(seen[1].outcome, AttemptOutcome::Delivered);
}

#[tokio::test]
async fn a_certificate_of_an_address_is_for_that_address() {
    let authority = Authority::new();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let port = authority.target(params).await;
    let caller = caller(authority.roots());
    let ok = attempt(&caller, format!("https://127.0.0.1:{port}/x")).await;
    assert_eq!(ok.outcome, AttemptOutcome::Delivered);
    let bad = attempt(&caller, format!("https://localhost:{port}/x")).await;
    assert_eq!(refused(&bad).0, "certificate is for another host");
}
