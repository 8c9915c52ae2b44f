//! A disk without a free byte: what can be done is done, what cannot says why, and it goes on by
//! itself once there is room.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::http::{Answer, Wire};
use crate::harness::server::{Server, request};
use crate::harness::until;

/// A disk of its own of a few MiB; gone with its test.
struct Disk(TempDir);

impl Disk {
    /// None where one cannot be mounted, as by who is not root; the log says so.
    fn mount(mebibytes: u32) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        let mounted = mount.arg(home.path()).output().is_ok_and(|done| done.status.success());
        // Whoever can mount one has to.
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        assert!(mounted || !is_root, "no tmpfs can be mounted");
        if !mounted {
            println!("no disk can be mounted here: only root can");
        }
        mounted.then(|| Self(home))
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn filling(&self) -> PathBuf {
        self.0.path().join("filling")
    }

    /// Takes the last byte.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filling()).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    /// What the receiver's segments take, in bytes.
    fn segments(&self) -> u64 {
        let files = fs::read_dir(self.store().join("captures")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let segments = files.filter(|path| path.extension().is_some_and(|is| is == "seg"));
        // One that goes just now is gone.
        segments.filter_map(|path| fs::metadata(path).ok()).map(|found| found.len()).sum()
    }

    fn free(&self) {
        fs::remove_file(self.filling()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// What `/readyz` says, and with what status.
fn readiness(server: &Server) -> (u16, String) {
    let mut wire = Wire::connect(&server.dashboard).unwrap();
    wire.send(&request(&server.dashboard, "GET", "/readyz", None)).unwrap();
    let answer = wire.answer_to("GET").unwrap();
    (answer.status, answer.text())
}

fn add_webhook(server: &Server, url: &str) -> u64 {
    let webhook = json!({"name": "one", "url": url, "event": "payment_received"});
    let added = server.api("POST", "/webhooks", Some(&webhook));
    assert_eq!(added.status, 201, "{}", added.text());
    added.json()["id"].as_u64().unwrap()
}

fn assert_full(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("No space left"), "{}", answer.text());
}

#[test]
fn a_server_starts_reads_refuses_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount(4) else { return };
    let mut server = Server::on(&disk.store(), &[]);
    assert_eq!(server.post("/a", b"before").status, 200);
    let webhook = add_webhook(&server, &format!("http://{}/target", server.capture));
    assert_eq!(server.terminate().0, Some(0));
    disk.fill();
    let server = Server::on(&disk.store(), &["--bin", "a"]);
    assert_eq!(server.summaries("a").len(), 1);
    assert_eq!(server.get(&format!("/webhooks/{webhook}")).status, 200);
    let (status, why) = readiness(&server);
    assert!(status == 503 && why.contains("No space left"), "{why}");
    assert_full(&server.post("/a", &[b'x'; 10_000]));
    disk.free();
    // Nobody sends anything to find out.
    until("it is ready", || (readiness(&server).0 == 200).then_some(()));
    let answer = server.post("/a", b"after");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(server.summaries("a").len(), 2);
}

#[test]
fn what_a_crash_cut_off_waits_for_room() {
    let Some(disk) = Disk::mount(4) else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = Server::on(&disk.store(), &[]);
    add_webhook(&server, &format!("http://{}/", nobody.local_addr().unwrap()));
    let fired = server.api("POST", "/events", Some(&json!({"type": "payment_received"})));
    assert_eq!(fired.status, 202, "{}", fired.text());
    // Its attempt is under way.
    let _held = nobody.accept().unwrap();
    server.kill9();
    disk.fill();
    let mut server = Server::on(&disk.store(), &[]);
    let (status, why) = readiness(&server);
    assert!(status == 503 && why.contains("sender's store"), "{why}\n{}", server.log());
    disk.free();
    until("it is ready", || (readiness(&server).0 == 200).then_some(()));
    let id = fired.json()["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let delivery = server.get(&format!("/deliveries/{id}")).json();
    assert_eq!(delivery["attempts"][0]["outcome"]["kind"], "interrupted", "{delivery}");
    let _again = nobody.accept().unwrap();
}

#[test]
fn a_store_that_cannot_be_made_names_the_place_and_what_to_try() {
    let Some(disk) = Disk::mount(1) else { return };
    disk.fill();
    let Err(said) = Server::try_on(&disk.store(), &[]) else { panic!("there is no room for it") };
    let place = disk.store().display().to_string();
    for part in [&*place, "No space left", "the space on the disk", "--store"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_clear_gives_room_on_a_disk_smaller_than_a_segment() {
    let Some(disk) = Disk::mount(6) else { return };
    let mut server = Server::on(&disk.store(), &[]);
    let body = [b'x'; 100_000];
    let fills = |server: &Server| (0..100).find(|_| server.post("/a", &body).status != 200);
    let held = fills(&server).expect("it is full");
    disk.fill();
    for round in 0..3 {
        assert_full(&server.post("/a", &body));
        assert_eq!(server.api("DELETE", "/bins/a/captures", None).status, 200, "round {round}");
        until("its space comes back", || (disk.segments() < body.len() as u64).then_some(()));
        let again = fills(&server).unwrap_or(100);
        assert!(again * 3 > held * 2, "round {round}: {again} of {held}");
        let newest = server.get("/bins/a").json()["newest_seq"].as_u64().unwrap();
        let seqs = server.summaries("a").iter().map(|one| one["seq"].clone()).collect::<Vec<_>>();
        server.kill9();
        server = Server::on(&disk.store(), &[]);
        let told = server.summaries("a").iter().map(|one| one["seq"].clone()).collect::<Vec<_>>();
        assert_eq!(told, seqs, "round {round}");
        assert_eq!(server.get("/bins/a").json()["newest_seq"].as_u64(), Some(newest));
    }
}

/// A log of attempts that takes nothing, as on a full disk; what else is written finds room.
#[test]
fn who_waits_for_what_cannot_be_logged_is_told_soon_and_why() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    assert_eq!(Server::on(&store, &[]).terminate().0, Some(0));
    let log = store.join("sender/attempts-000001.ndjson");
    let _ = fs::remove_file(&log);
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let server = Server::on(&store, &[]);
    let webhook = add_webhook(&server, &format!("http://{}/target", server.capture)).to_string();
    let commands: [&[&str]; 2] = [&["fire", "payment_received"], &["webhook", "test", &webhook]];
    for command in commands {
        let begun = Instant::now();
        let ran = server.run(command);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}: {ran:?}", begun.elapsed());
        assert_eq!(ran.code, Some(4), "{ran:?}");
        for part in ["was accepted", "attempts-000001.ndjson", "goes by itself"] {
            assert!(ran.stderr.contains(part), "{part}: {ran:?}");
        }
    }
    let nowait = server.run(&["fire", "payment_received", "--no-wait"]);
    assert_eq!(nowait.code, Some(0), "{nowait:?}");
    let pending: Value = server.get("/deliveries?status=pending").json();
    assert_eq!(pending["items"].as_array().unwrap().len(), 3, "{pending}");
}
