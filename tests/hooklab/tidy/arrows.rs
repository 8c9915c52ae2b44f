//! Who may import whom, and who may touch the world.

use super::source::{Source, read};
use super::{Found, hold};

/// What a pure room must not mention: the world has to come in as a value.
const WORLD: [&str; 17] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "fs::read",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "tokio::",
    "SystemTime::now",
    "Instant::now",
    "now_utc",
    "rand::",
    "getrandom",
    "Uuid::now_v7",
    "Uuid::new_v4",
];

/// Ways to open an outbound connection.
const DIALS: [&str; 6] = [
    "TcpStream::connect",
    "TcpSocket",
    "UdpSocket",
    "UnixStream::connect",
    "connect_async",
    "client_async",
];

/// Ways to resolve a name, which a library leaves to the door.
const RESOLVES: [&str; 3] = ["lookup_host", "to_socket_addrs", "ToSocketAddrs"];

/// I4: neither half knows the other, and the vocabulary knows neither.
#[test]
fn arrows_point_down() {
    let hidden: [(&str, &[&str]); 3] = [
        ("receiver", &["hooklab_sender", "hooklab::"]),
        ("sender", &["hooklab_receiver", "hooklab::"]),
        ("shared", &["hooklab_sender", "hooklab_receiver", "hooklab::"]),
    ];
    let rule = |source: &Source| -> Found {
        let words = hidden.iter().filter(|(room, _)| source.is_in(room));
        words.flat_map(|(_, words)| words.iter().flat_map(|w| source.mentions(w))).collect()
    };
    hold("I4", rule, "sender/src/a.rs", "use hooklab_receiver::store;", "use hooklab_shared::id;");
    for (package, forbidden) in
        [("receiver", "hooklab-sender"), ("sender", "hooklab-receiver"), ("shared", "hooklab-re")]
    {
        let manifest = read(&format!("{package}/Cargo.toml"));
        let needs = manifest.lines().filter(|line| line.starts_with(forbidden)).count();
        assert_eq!(needs, 0, "I4: {package}/Cargo.toml asks for {forbidden}");
    }
}

/// I5: the vocabulary is pure, but for the listener kit and the locked directory.
#[test]
fn the_vocabulary_is_pure() {
    let rule = |source: &Source| -> Found {
        let is_kit = ["shared/src/listen", "shared/src/directory"]
            .iter()
            .any(|kit| source.path.starts_with(kit));
        if !source.is_in("shared") || is_kit {
            return Vec::new();
        }
        // Only a thread's stack can be measured and its work be ended: what bounds a filter.
        let is_free =
            |word: &str| word == "std::thread" && source.path.starts_with("shared/src/query/jq");
        let words = WORLD.iter().filter(|word| !is_free(word));
        words.flat_map(|word| source.mentions(word)).collect()
    };
    let good = "use std::time::SystemTime; // SystemTime::now\n#[cfg(test)]\nmod t { tokio::x }";
    hold("I5", rule, "shared/src/id.rs", "let now = SystemTime::now();", good);
}

/// I6: one door out of the sender, none out of the receiver, and the commands' own client.
#[test]
fn there_is_one_door_out() {
    let rule = |source: &Source| -> Found {
        let is_door = ["sender/src/egress", "src/client", "tests"]
            .iter()
            .any(|door| source.path.starts_with(door));
        if is_door {
            return Vec::new();
        }
        DIALS.iter().flat_map(|word| source.mentions(word)).collect()
    };
    let good = "TcpListener::bind(address)";
    hold("I6", rule, "sender/src/attempt.rs", "TcpStream::connect(address)", good);
    let clients = |source: &Source| -> Found {
        let words = ["hyper::client", "hyper_util::client", "connect_async"];
        let words = words.iter().filter(|_| source.is_in("receiver") || source.is_in("shared"));
        words.flat_map(|word| source.mentions(word)).collect()
    };
    let resolves = |source: &Source| -> Found {
        let is_free = ["sender/src/egress", "src/"].iter().any(|p| source.path.starts_with(p));
        let words = RESOLVES.iter().filter(|_| !is_free);
        words.flat_map(|word| source.mentions(word)).collect()
    };
    let good = "// lookup_host(name)";
    hold("I6", resolves, "sender/src/attempt.rs", "lookup_host(name)", good);
    hold("I6", clients, "receiver/src/a.rs", "use hyper::client::conn;", "use hyper::server;");
}

/// I7: only the two locked directories and the command line know where files are.
#[test]
fn environment_is_read_by_the_program_alone() {
    let rule = |source: &Source| -> Found {
        let halves = ["receiver", "sender", "shared"].iter().any(|room| source.is_in(room));
        let words = ["std::env", "env::var", "process::exit"].iter().filter(|_| halves);
        words.flat_map(|word| source.mentions(word)).collect()
    };
    hold("I7", rule, "sender/src/a.rs", "std::env::var(\"HTTP_PROXY\")", "settings.proxy");
}
