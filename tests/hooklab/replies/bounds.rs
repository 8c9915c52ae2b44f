//! What answering may cost, whoever sends the request.

use std::iter::repeat_n;

use serde_json::json;

use super::replying;
use crate::harness::server::Server;

/// As many numbers as fit: parsed they take many times what they take on the wire.
fn numbers(bytes: usize) -> Vec<u8> {
    let inner = repeat_n(*b"0,", bytes / 2 - 1).flatten();
    [b'['].into_iter().chain(inner).chain(*b"0]").collect()
}

/// Parsed, 30 MiB of it take a gigabyte.
#[test]
fn neither_a_rule_nor_a_template_parses_a_huge_body() {
    let server = Server::start();
    replying(&server, "ruled", &json!([{"match": {"json": {"a": 1}}, "status": 201}]));
    replying(&server, "drawn", &json!({"template": "{{ seq }} {{ json }} {{ body }}"}));
    replying(&server, "plain", &json!({"template": "ok {{ seq }}"}));
    let huge = numbers(30 << 20);
    for (bin, want) in [("ruled", 200), ("drawn", 200), ("plain", 200)] {
        let answer = server.post(&format!("/{bin}"), &huge);
        assert_eq!(answer.status, want, "{bin}: {}", answer.text());
    }
    assert!(server.peak_kib() < 200 * 1024, "{} KiB", server.peak_kib());
    let small = numbers(64 << 10);
    assert_eq!(server.post("/drawn", &small).body.len(), 3 + (96 << 10) + small.len());
    assert_eq!(server.post("/ruled", b"{\"a\":1}").status, 201);
}
