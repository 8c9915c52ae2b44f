use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::signature::{Request, Secret, Verdict, verify};
use uuid::Uuid;

use super::*;

/// A capture of this head and body, as its receiver tells it.
pub(crate) fn document(head: &str, body: &[u8]) -> Document {
    Capture {
        bin: "a".parse().unwrap(),
        seq: 7,
        id: Uuid::from_u128(0x0199),
        received_at: Timestamp::from_micros(1_790_000_000_000_000),
        peer: "127.0.0.1:5000".parse().unwrap(),
        client: None,
        protocol: Protocol::Http11,
        outcome: Outcome::Complete,
        timing: Timing::default(),
        reply: Replied { status: 200, ..Replied::default() },
        head: Head::from(Bytes::from(head.to_owned())),
        body: Body { wire: Bytes::copy_from_slice(body), framing: Framing::Length },
        content_bytes: body.len() as u64,
    }
    .document()
}

fn form() -> Form {
    let (timeout, user_agent) = (Duration::from_secs(1), "hooklab/0".to_owned());
    Form { timeout, user_agent, ..Form::default() }
}

fn reshaping(jq: &str, raw: bool) -> Form {
    Form { reshape: Some(Reshape { jq: Jq::compile(jq).unwrap(), raw }), ..form() }
}

fn target() -> Url {
    Url::parse("http://127.0.0.1:9/list?k=1").unwrap()
}

fn sent(form: &Form, document: &Document) -> Vec<Outgoing> {
    let contents = form.contents(document, &target(), None).unwrap();
    let at = Timestamp::from_micros(1_790_000_005_000_000);
    contents.iter().map(|content| form.outgoing(content, at).unwrap()).collect()
}

fn bodies(form: &Form, document: &Document) -> Vec<String> {
    let sent = sent(form, document);
    sent.iter().map(|one| String::from_utf8(one.body.to_vec()).unwrap()).collect()
}

const HEAD: &str = "PUT /a/b?x=1 HTTP/1.1\r\nHost: h\r\nX-Twice: a\r\nx-twice: b\r\nTE: x\r\n\
                    Connection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\
                    webhook-id: msg_1\r\n\r\n";

#[test]
fn as_captured_is_every_byte_that_was_meant_for_the_target() {
    let all: Vec<u8> = (0..=255).collect();
    let sent = &sent(&form(), &document(HEAD, &all))[0];
    let want = "PUT /list/b?k=1&x=1 HTTP/1.1\r\nHost: 127.0.0.1:9\r\nX-Twice: a\r\nx-twice: b\r\n\
                webhook-id: msg_1\r\nContent-Length: 256\r\n\r\n";
    assert_eq!(String::from_utf8(sent.head()).unwrap(), want);
    assert_eq!(&*sent.body, &*all);
    let get = document("GET /a HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n", b"");
    let contents = form().contents(&get, &target(), Some("a~1")).unwrap();
    let head = form().outgoing(&contents[0], Timestamp::default()).unwrap().head();
    let want = "GET /list?k=1 HTTP/1.1\r\nHost: 127.0.0.1:9\r\nAccept: */*\r\n\
                Hooklab-Forwarded: a~1\r\n\r\n";
    assert_eq!(String::from_utf8(head).unwrap(), want);
}

#[test]
fn what_did_not_come_whole_does_not_go_on() {
    let mut torn = document(HEAD, b"abc");
    torn.outcome = Outcome::Aborted;
    let unfit = form().contents(&torn, &target(), None).unwrap_err();
    assert!(
        unfit.because() == Because::Failure && unfit.to_string().contains("aborted"),
        "{unfit}"
    );
}

#[test]
fn a_filter_gives_one_delivery_for_each_of_its_outputs() {
    let body = br#"{"users":[{"name":"Ann","email":"a@x"},{"name":"Bo","email":"b@x"}],"n":1.0}"#;
    let users = document(HEAD, body);
    let form = reshaping(".body.json.users[] | {email, name}", false);
    let want = [r#"{"email":"a@x","name":"Ann"}"#, r#"{"email":"b@x","name":"Bo"}"#];
    assert_eq!(bodies(&form, &users), want);
    let head = String::from_utf8(sent(&form, &users)[0].head()).unwrap();
    let want = "POST /list?k=1 HTTP/1.1\r\nHost: 127.0.0.1:9\r\nUser-Agent: hooklab/0\r\n\
                Content-Type: application/json\r\nContent-Length: 28\r\n\r\n";
    assert_eq!(head, want);
    assert_eq!(bodies(&reshaping(".body.json.n", false), &users), ["1.0"]);
    let name = ".body.json.users[0].name";
    assert_eq!(bodies(&reshaping(name, false), &users), ["\"Ann\""]);
    assert_eq!(bodies(&reshaping(name, true), &users), ["Ann"]);
}

#[test]
fn a_filter_that_gives_nothing_skips_and_one_that_fails_is_told() {
    let plain = document(HEAD, b"no json");
    for nothing in ["empty", ".body.json.name", "select(.method == \"GET\")"] {
        let unfit = reshaping(nothing, false).contents(&plain, &target(), None).unwrap_err();
        assert!(unfit.because() == Because::Filter, "{nothing}: {unfit}");
    }
    let unfit = reshaping(".method.x", false).contents(&plain, &target(), None).unwrap_err();
    assert!(
        unfit.because() == Because::Failure && unfit.to_string().starts_with("failed to apply"),
        "{unfit}"
    );
}

#[test]
fn every_scheme_signs_what_goes_out_and_not_what_came() {
    let key = Secret::from_key(&[7; 32]).unwrap();
    for scheme in Scheme::ALL {
        let keys = Keys::from(key.clone());
        let signing = Some(Signing { scheme, keys: keys.clone() });
        for form in [
            Form { signing: signing.clone(), ..form() },
            Form { signing: signing.clone(), ..reshaping("{path}", false) },
        ] {
            let captured = document(HEAD, b"{\"a\":1}");
            if scheme == Scheme::Twilio {
                // It signs a body's digest in the URL alone, and the URL is the user's.
                let contents = form.contents(&captured, &target(), None).unwrap();
                let refused = form.outgoing(&contents[0], Timestamp::default()).unwrap_err();
                assert_eq!(refused, Reason::Uncovered("bodySHA256"));
                continue;
            }
            let sent = &sent(&form, &captured)[0];
            let headers: Vec<(&[u8], &[u8])> =
                sent.fields.iter().map(|(name, value)| (name.as_bytes(), value)).collect();
            let (url, method) = (sent.target.as_str().as_bytes(), sent.method.as_bytes());
            let request = Request { method, url, headers: &headers, body: &sent.body };
            let verdict = verify(scheme, &keys, &request, 1_790_000_006, 300);
            assert_eq!(verdict, Verdict::Valid, "{}", scheme.as_str());
        }
    }
}

#[test]
fn ids_stay_where_the_body_does_and_differ_where_there_are_several() {
    let body = document(HEAD, b"[1,2]");
    assert_eq!(id(&body, None), "msg_1");
    let parts: Vec<String> = [1, 2].map(|part| id(&body, Some(part))).into();
    assert_eq!(
        parts,
        ["msg_00000000000000000000000000000199", "msg_00000000000000000000000000000199_2"]
    );
}

#[test]
fn own_headers_take_the_place_of_captured_ones() {
    let own = ["X-Twice: c", "Authorization:Bearer t"].map(|text| text.parse().unwrap()).into();
    let form = Form { headers: own, ..form() };
    let head = String::from_utf8(sent(&form, &document(HEAD, b""))[0].head()).unwrap();
    assert_eq!(head.matches("wice").count(), 1, "{head}");
    assert!(head.contains("X-Twice: c\r\nAuthorization: Bearer t\r\n"), "{head}");
    assert_eq!(format!("{:?}", form.headers[1]), "Authorization: …");
    for bad in ["x", "a b: c", "Host: x", "x: a\nb", "Hooklab-Forwarded: x", ": x"] {
        assert!(bad.parse::<Header>().is_err(), "{bad}");
    }
}
