//! What the operating system says of this process.

use std::fmt::Write as _;
use std::fs;

/// Memory, descriptors and the release, in Prometheus' text format; what the system does not tell
/// is left out.
pub(super) fn metrics() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = String::new();
    gauge(&mut text, "hooklab_build_info", "The release.", "{version=\"", version, "\"} 1");
    if let Some(bytes) = resident_bytes() {
        let bytes = bytes.to_string();
        let help = "Resident memory in bytes.";
        gauge(&mut text, "process_resident_memory_bytes", help, " ", &bytes, "");
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The listing itself holds one.
        let open = open.count().saturating_sub(1).to_string();
        gauge(&mut text, "process_open_fds", "Open descriptors.", " ", &open, "");
    }
    text
}

fn gauge(text: &mut String, name: &str, help: &str, before: &str, value: &str, after: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    let _ = writeln!(text, "{name}{before}{value}{after}");
}

/// Linux tells it in KiB, whatever a page is.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
