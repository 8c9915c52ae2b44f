//! Replays from the server itself.

use serde_json::{Value, json};

use super::{bodies, url};
use crate::harness::server::Server;

#[test]
fn a_replay_over_the_api_reads_a_server_that_the_request_names() {
    let (receiver, sender) = (Server::start(), Server::start());
    for n in 0..3 {
        receiver.post("/from", format!("{{\"n\":{n}}}").as_bytes());
    }
    let dashboard = format!("http://{}", receiver.dashboard);
    let new = json!({"server": dashboard, "bin": "from", "seqs": [3, 1], "jq": ".body.json.n",
                     "to": [url(&sender, "to"), "http://127.0.0.1:1/"]});
    let told = sender.api("POST", "/replays", Some(&new));
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!(
        (&told["tally"]["delivered"], &told["tally"]["unreachable"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(told["complete"], true);
    assert_eq!(bodies(&sender, "to"), ["2", "0"]);
    // The server itself may be the one that is read.
    let own = json!({"server": format!("http://{}", sender.dashboard), "bin": "to",
                     "query": "after:1", "to": [url(&sender, "again")]});
    assert_eq!(sender.api("POST", "/replays", Some(&own)).json()["tally"]["delivered"], 1);
    assert_eq!(bodies(&sender, "again"), ["0"]);

    let refused = |changes: Value, status: u16, words: &str| {
        let mut new = new.clone();
        new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let answer = sender.api("POST", "/replays", Some(&new));
        assert_eq!(answer.status, status, "{changes}: {}", answer.text());
        assert!(answer.text().contains(words), "{changes}: {}", answer.text());
    };
    refused(json!({"server": "http://127.0.0.1:1"}), 422, "connection refused");
    refused(json!({"server": "http://192.0.2.1"}), 422, "not loopback");
    let capture = format!("http://{}", receiver.capture);
    refused(json!({"server": capture}), 422, "capture listener");
    refused(json!({"bin": "nosuch"}), 404, "nosuch");
    refused(json!({"query": "method:POST"}), 422, "seqs");
    refused(json!({"to": []}), 422, "targets");
    refused(json!({"to": ["ftp://h"]}), 422, "http");
    refused(json!({"jq": ".a |"}), 422, "filter");
    refused(json!({"scheme": "stripe"}), 422, "secret");
    refused(json!({"headers": [["Host", "x"]]}), 422, "Host");
    refused(json!({"seqs": vec![1; 501]}), 422, "500");
    refused(json!({"speed": 1}), 422, "speed");
}
