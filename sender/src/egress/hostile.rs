//! Targets that must not be dialled, in every spelling that has got past a check somewhere.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, Phase};
use hooklab_shared::limits::Limits;
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::attempt::Caller;
use crate::outgoing::{Fields, Manner, Outgoing, host};

/// Ways to write one IPv4 address as a host.
fn spellings(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets();
    let (whole, low24, low16) = (ip.to_bits(), ip.to_bits() & 0xff_ffff, ip.to_bits() & 0xffff);
    let (high, low) = (whole >> 16, whole & 0xffff);
    let flipped = !whole;
    let wide = |text: String, dot: &str| {
        let digit = |c: char| char::from_u32(c as u32 - 0x30 + 0xff10).unwrap();
        text.chars().map(|c| if c == '.' { dot.into() } else { digit(c).to_string() }).collect()
    };
    let percent = format!("%{:02x}", b'0' + a / 100);
    let mut hosts: Vec<String> = vec![
        ip.to_string(),
        format!("{ip}."),
        format!("{whole}"),
        format!("{whole}."),
        format!("{whole:#x}"),
        format!("0X{whole:X}"),
        format!("0x00000000{whole:x}"),
        format!("0{whole:o}"),
        format!("000{whole:o}"),
        format!("{a}.{low24}"),
        format!("{a}.{b}.{low16}"),
        format!("{a:#x}.{low24:#x}"),
        format!("0{a:o}.0{low24:o}"),
        format!("{a}.{b}.{low16:#x}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0000{a:o}.{b}.{c:#x}.{d}"),
        format!("{a:#x}.0{b:o}.{c}.{d:#x}"),
        format!("{a}%2e{b}%2E{c}.{d}"),
        format!("{a}\u{3002}{b}\u{3002}{c}\u{3002}{d}"),
        format!("{a}\u{ff0e}{b}\u{ff61}{c}.{d}"),
        wide(ip.to_string(), "."),
        wide(ip.to_string(), "\u{3002}"),
        format!("[::ffff:{ip}]"),
        format!("[::FFFF:{high:X}:{low:X}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::{ip}]"),
        format!("[::{high:x}:{low:x}]"),
        format!("[::ffff:0:{high:x}:{low:x}]"),
        format!("[64:ff9b::{ip}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::]"),
        format!("[2001:0:4136:e378:8000:63bf:{:x}:{:x}]", flipped >> 16, flipped & 0xffff),
        format!("[fe80::5efe:{high:x}:{low:x}]"),
    ];
    let rest = &ip.to_string()[1..];
    if a >= 100 {
        hosts.push(format!("{percent}{rest}"));
    }
    for user in ["127.0.0.1@", "ok@", "localhost:80@", "127.0.0.1%2f@"] {
        hosts.push(format!("{user}{ip}"));
    }
    hosts
}

/// What these hosts are part of, and tricks that need a whole URL.
fn urls(ip: Ipv4Addr) -> Vec<String> {
    let mut urls: Vec<String> =
        spellings(ip).into_iter().map(|host| format!("http://{host}/")).collect();
    urls.extend([
        format!("http:{ip}/"),
        format!("http:/{ip}/"),
        format!("http:////{ip}/"),
        format!("http:\\\\{ip}\\"),
        format!("\thttp://{ip}/\n"),
        format!("ht\ntp://{}/", ip.to_string().replace('.', ".\t")),
        format!("http://127.0.0.1:80\\@{ip}/@127.0.0.1"),
        format!("http://{ip}:80#@127.0.0.1/"),
        format!("http://{ip}?@127.0.0.1/"),
        format!("HTTPS://{ip}:443/"),
    ]);
    urls
}

const FORBIDDEN: [Ipv4Addr; 8] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(172, 31, 255, 254),
    Ipv4Addr::new(192, 168, 1, 1),
    Ipv4Addr::new(100, 64, 0, 1),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(198, 18, 0, 1),
    Ipv4Addr::new(8, 8, 8, 8),
];

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_dialled() {
    let egress = Egress::new(vec![]);
    let mut judged = 0;
    for ip in FORBIDDEN {
        for text in urls(ip) {
            let Ok(url) = Url::parse(&text) else { continue };
            // This one names loopback, whatever its path looks like.
            if url.host_str() == Some("127.0.0.1") {
                assert!(text.contains("127.0.0.1:80\\"), "{text}");
                continue;
            }
            let got = egress.resolve(&url).await;
            assert!(matches!(got, Err(ResolveError::Forbidden(_))), "{text:?}: {got:?}");
            judged += 1;
        }
    }
    assert!(judged >= 300, "{judged}");
}

#[tokio::test]
async fn other_forbidden_targets_are_not_dialled_either() {
    let egress = Egress::new(vec![]);
    for host in [
        "0",
        "0.0.0.0",
        "0x0",
        "00.0",
        "[::]",
        "[::0.0.0.0]",
        "[::ffff:0.0.0.0]",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "203.0.113.1",
        "168.63.129.16",
        "128.0.0.1",
        "126.255.255.255",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "[fc00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[ff01::1]",
        "[2001:db8::1]",
        "[2606:4700:4700::1111]",
        "[::2]",
        "[::1:0]",
        "[100::1]",
        "[5f00::1]",
    ] {
        let url = Url::parse(&format!("http://{host}/")).unwrap();
        let got = egress.resolve(&url).await;
        assert!(matches!(got, Err(ResolveError::Forbidden(_))), "{host}: {got:?}");
    }
    for bad in
        ["http://[fe80::1%25lo]/", "http://[::1/", "http://1.2.3.4.5/", "http://0x100000000/"]
    {
        assert!(Url::parse(bad).is_err(), "{bad}");
    }
}

fn outgoing(url: Url) -> Outgoing {
    let mut fields = Fields::default();
    fields.push("Host", host(&url));
    fields.push("Content-Length", "0");
    fields.push("Connection", "close");
    Outgoing {
        method: "POST".into(),
        target: url,
        fields,
        body: bytes::Bytes::new(),
        timeout: Duration::from_secs(5),
        manner: Manner::default(),
    }
}

/// A listener that nobody may reach, at this address and port.
async fn sentinel(ip: IpAddr, port: u16) -> TcpListener {
    TcpListener::bind((ip, port)).await.unwrap()
}

/// That nobody has connected: loopback queues a connection before whoever dials hears of it.
fn assert_untouched(sentinel: TcpListener) {
    let touched = sentinel.into_std().unwrap().accept();
    assert!(
        touched.as_ref().is_err_and(|why| why.kind() == io::ErrorKind::WouldBlock),
        "{touched:?}"
    );
}

#[tokio::test]
async fn no_spelling_reaches_a_sentinel() {
    let ip = Ipv4Addr::new(127, 0, 0, 2);
    let sentinel = sentinel(ip.into(), 0).await;
    let port = sentinel.local_addr().unwrap().port();
    let egress = Egress::only(&["127.0.0.1"], vec![vec![ip.into()]]);
    let caller = Caller::new(egress, Limits::default(), "hooklab".into());
    let names = ["localhost", "localhost.", "LOCALHOST", "a.localhost", "sentinel.example"];
    let hosts = spellings(ip).into_iter().chain(names.map(str::to_owned)).chain(["[::1]".into()]);
    let mut tried = 0;
    for spelled in hosts {
        let Ok(url) = Url::parse(&format!("http://{spelled}:{port}/")) else { continue };
        let called = caller.call(&outgoing(url)).await;
        let AttemptOutcome::Failed { phase: Phase::Policy, .. } = called.outcome else {
            panic!("{spelled}: {:?}", called.outcome)
        };
        tried += 1;
    }
    assert!(tried > 40, "{tried}");
    assert_untouched(sentinel);
}

#[tokio::test]
async fn dns_that_changes_its_mind_reaches_what_was_vetted_or_nothing() {
    let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = good.local_addr().unwrap().port();
    let (ok, bad) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
    let sentinel = sentinel(bad, port).await;
    // One lookup a connection: a second one, after the check, would get the forbidden answer.
    let answers = vec![vec![ok], vec![bad], vec![ok, bad], vec![bad, ok], vec![ok]];
    let caller =
        Caller::new(Egress::only(&["127.0.0.1"], answers), Limits::default(), "hooklab".into());
    let outgoing = outgoing(Url::parse(&format!("http://rebinding.example:{port}/")).unwrap());
    for is_vetted in [true, false, false, false, true] {
        let call = caller.call(&outgoing);
        if !is_vetted {
            let outcome = call.await.outcome;
            assert!(
                matches!(&outcome, AttemptOutcome::Failed { phase: Phase::Policy, cause, .. }
                if cause.contains("127.0.0.2")),
                "{outcome:?}"
            );
            continue;
        }
        let answer = async {
            let mut stream = good.accept().await.unwrap().0;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
            stream
        };
        let (called, _stream) = tokio::join!(call, answer);
        assert_eq!(called.outcome, AttemptOutcome::Delivered);
    }
    assert_untouched(sentinel);
}
