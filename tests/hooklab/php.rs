//! A real client: PHP's own curl, sending what Ultimate Multisite's plugin sends.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::command::{finish, program, run};
use crate::harness::random::Random;
use crate::harness::server::Server;

#[test]
fn the_plugins_own_call_is_captured_as_it_was_sent() {
    let server = Server::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hooklab/php/plugin.php");
    let url = format!("http://{}/um", server.capture);
    let curl = finish(Command::new("php").args(["-r", "echo function_exists('curl_init');"]), b"");
    assert_eq!(curl.stdout, "1", "php with curl is missing: scripts/test installs it ({curl:?})");
    let ran = finish(Command::new("php").args([script, &url]), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(told["status"], 200);
    assert_ne!(told["answer"], "", "the plugin reports an empty 2xx as an error");
    let capture = server.get("/bins/um/captures/latest").json();
    assert_eq!(capture["event"], json!({"type":"payment_received","by":"keys"}));
    assert_eq!(capture["body"]["text"], told["body"]);
    assert!(told["body"].as_str().unwrap().contains(r"\u00e9"), "{told}");
    assert!(told["body"].as_str().unwrap().contains(r"https:\/\/"), "{told}");
    let sent = format!("{}{}", told["head"].as_str().unwrap(), told["body"].as_str().unwrap());
    let raw = server.raw("um", capture["seq"].as_u64().unwrap());
    assert_eq!(String::from_utf8(raw).unwrap(), sent);
}

/// The payloads that a catalogue of 23 types gives for some seeds, and what is hard on an encoder.
fn payloads(server: &Server) -> Vec<String> {
    let types = server.get("/event-types?limit=100").json();
    let slugs =
        types["items"].as_array().unwrap().iter().map(|kind| kind["slug"].as_str().unwrap());
    let mut payloads = Vec::new();
    for (slug, seed) in slugs.clone().flat_map(|slug| ["1", "2", "3"].map(|seed| (slug, seed))) {
        let args = ["send", slug, "--to", "http://127.0.0.1:9/", "--profile", "plain"];
        let dry = run(&[&args[..], &["--seed", seed, "--dry-run"]].concat());
        payloads.push(dry.stdout.split_once("\r\n\r\n").unwrap().1.to_owned());
    }
    assert_eq!(payloads.len(), 23 * 3);
    payloads.extend(hostile());
    payloads
}

fn hostile() -> Vec<String> {
    let mut random = Random::new(4711);
    // Not `-0`: PHP reads that as an integer, and no integer of PHP's is written so.
    let numbers = [
        "0",
        "0.0",
        "-0.0",
        "1.0",
        "-1.0",
        "100.0",
        "1e2",
        "0.1",
        "0.0001",
        "0.00001",
        "1e-5",
        "123456789012345.0",
        "1234567890123456.0",
        "12345678901234567.0",
        "1e15",
        "1e16",
        "1e17",
        "1e18",
        "1e21",
        "1e22",
        "1e100",
        "1.5e300",
        "5e-324",
        "1.7976931348623157e308",
        "2.2250738585072014e-308",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "29.99",
        "1e-7",
        "4.35",
        "0.1e1",
    ];
    let mut all = vec![format!("{{\"n\":[{}]}}", numbers.join(","))];
    let floats = (0..2_000).map(|_| f64::from_bits(random.number()));
    let floats: Vec<String> =
        floats.filter(|float| float.is_finite()).map(|float| format!("{float:e}")).collect();
    all.push(format!("{{\"n\":[{}]}}", floats.join(",")));
    let cents: Vec<String> = (0..2_000).map(|n| format!("{}", f64::from(n) / 100.0)).collect();
    all.push(format!("{{\"n\":[{}]}}", cents.join(",")));
    let every: String = (1..0x3000).chain(0xfe00..0x10000).filter_map(char::from_u32).collect();
    let html = "<a href='x'>&\"\\</a>";
    let text = json!({"t": every, "\u{1f600}": "\u{10ffff}\u{10000}\0", "a/b": html});
    all.push(text.to_string());
    let nested = r#"{"o":{},"a":[],"l":[[],{},[{}],null,true,false,""],"":1,"0":2,"-1":3}"#;
    all.push(nested.to_owned());
    all.push(r#"{"wu_version":"own","after":1}"#.to_owned());
    all.push("{}".to_owned());
    all
}

/// Every byte of head and body, for all types and for what is hard on an encoder.
#[test]
fn the_profile_is_byte_for_byte_what_php_and_wordpress_send() {
    let server = Server::start();
    let payloads = payloads(&server);
    let input = payloads.join("\n") + "\n";
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hooklab/php/wordpress.php");
    let url = format!("http://{}/um", server.capture);
    let theirs = finish(Command::new("php").args([script, &url]), input.as_bytes());
    assert_eq!(theirs.code, Some(0), "{theirs:?}");
    let home = tempfile::tempdir().unwrap();
    let args = ["send", "own", "--ndjson", "-", "--profile", "ultimate-multisite", "--to", &url];
    let ours = finish(program(home.path()).args(args), input.as_bytes());
    assert_eq!(ours.code, Some(0), "{ours:?}");
    for (n, payload) in (1..).zip(&payloads) {
        let raw = |seq| String::from_utf8(server.raw("um", seq)).unwrap();
        let (theirs, ours) = (raw(n), raw(n + payloads.len() as u64));
        if theirs != ours {
            let same = theirs.bytes().zip(ours.bytes()).take_while(|(a, b)| a == b).count();
            let near = |text: &str| {
                let bytes: Vec<u8> = text.bytes().skip(same.saturating_sub(60)).take(120).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            panic!("{payload:.200}\nphp:  {}\nours: {}", near(&theirs), near(&ours));
        }
    }
}

/// What is generated in this profile is the same payload, encoded so.
#[test]
fn a_generated_payload_goes_the_same_way_as_a_given_one() {
    let dry = |args: &[&str]| {
        let base = ["send", "--profile", "ultimate-multisite", "--to", "http://127.0.0.1:9/"];
        run(&[&base[..], args, &["--dry-run"]].concat()).stdout
    };
    let plain = ["send", "payment_received", "--profile", "plain", "--seed", "9", "--dry-run"];
    let plain = run(&[&plain[..], &["--to", "http://127.0.0.1:9/"]].concat()).stdout;
    let payload = plain.split_once("\r\n\r\n").unwrap().1;
    let generated = dry(&["payment_received", "--seed", "9"]);
    assert_eq!(generated, dry(&["payment_received", "--data", payload]));
    assert!(generated.contains(r"https:\/\/network.example"), "{generated}");
}
