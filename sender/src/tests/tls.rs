//! https targets: trusted, untrusted, and for another host.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hooklab_shared::delivery::{Attempt, AttemptOutcome, Phase};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::webhook::Profile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::attempt::Caller;
use crate::egress::Egress;
use crate::profile::Event;
use crate::store::Due;

/// Made for these tests alone: signed by itself, for `localhost`.
const CERTIFICATE: &str = "\
    MIIBkTCCATigAwIBAgIUEN6gSYvxN+bp2IN5aZbfIP4pVf4wCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxo \
    b3N0MCAXDTI2MTEyNDA0MTM0OFoYDzIxMjYxMDMxMDQxMzQ4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcq \
    hkjOPQIBBggqhkjOPQMBBwNCAAS3WVOLtk8OCgxYdGVEfrBZI5wm7lGny4svdo4Ynr3tysJr27eWFwllI2uPfl8+ \
    R3WgtUb7oqUe5BSy4VCl7zmJo2YwZDAdBgNVHQ4EFgQU7ftuuZtwMITYpZXf5oAtJT4r2ZkwHwYDVR0jBBgwFoAU \
    7ftuuZtwMITYpZXf5oAtJT4r2ZkwFAYDVR0RBA0wC4IJbG9jYWxob3N0MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0E \
    AwIDRwAwRAIgMq4hbHCJFiIdvMZkFb+RLFdivIGNj0C4zUnTLn5wIh4CIBm3wwn8wWx+1Yu5BSKONO5p69bm9Xdh \
    4lVkLG0rUs1h";
const KEY: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEwIA6JNGNWtBGHxOTeL6q8/uuMZk1uz9obWCaSoj \
    52yhRANCAAS3WVOLtk8OCgxYdGVEfrBZI5wm7lGny4svdo4Ynr3tysJr27eWFwllI2uPfl8+R3WgtUb7oqUe5BSy \
    4VCl7zmJ";

fn der(text: &str) -> Vec<u8> {
    BASE64.decode(text.replace(' ', "")).unwrap()
}

/// A target that answers 200 over TLS; its port.
async fn target() -> u16 {
    let certificate = CertificateDer::from(der(CERTIFICATE));
    let key = PrivatePkcs8KeyDer::from(der(KEY)).into();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

async fn attempt(target: String, roots: RootCertStore) -> Attempt {
    let mut caller = Caller::new(Egress::default(), Limits::default(), "hooklab".into());
    caller.trust(roots);
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
        target,
        test: false,
        profile: Profile::StandardWebhooks,
        keys: hooklab_shared::signature::Keys::default(),
        headers: Vec::new(),
        timeout: None,
        manual: false,
        n: 1,
        event,
    };
    caller.attempt(&due, Timestamp::from_micros(0)).await
}

fn certificate_error(attempt: &Attempt) -> &str {
    match &attempt.outcome {
        AttemptOutcome::Failed { phase: Phase::Tls, cause, .. } => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_for_the_host() {
    let port = target().await;
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from(der(CERTIFICATE))).unwrap();

    let ok = attempt(format!("https://localhost:{port}/x"), trusted.clone()).await;
    assert_eq!(ok.outcome, AttemptOutcome::Delivered);
    assert!(ok.phases.tls_us.is_some());

    let other = attempt(format!("https://127.0.0.1:{port}/x"), trusted).await;
    assert_eq!(certificate_error(&other), "certificate is for another host");
    let nobody = attempt(format!("https://localhost:{port}/x"), RootCertStore::empty()).await;
    assert_eq!(certificate_error(&nobody), "certificate is signed by nobody this machine trusts");
}
