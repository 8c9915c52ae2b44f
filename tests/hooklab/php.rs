//! A real client: PHP's own curl, sending what Ultimate Multisite's plugin sends.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::command::finish;
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
