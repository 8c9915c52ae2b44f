//! A signature's field that came more than once, or whose entries were split or joined on the way.

use crate::limits::Limits;

use super::super::{Keys, Request, Scheme, check, fields};
use super::Cause;

/// Whether one of the lines, or all of them joined as the scheme joins its entries, verifies.
pub(super) fn cause(scheme: Scheme, keys: &Keys, request: &Request<'_>) -> Option<Cause> {
    let shape = scheme.shape();
    for name in [Some(shape.header), shape.id, shape.timestamp].into_iter().flatten() {
        let lines: Vec<_> = fields::all(request, name).take(Limits::WHY_NOT_LINES_MAX).collect();
        let holds = |value: &[u8]| holds_with(scheme, keys, request, name, value);
        if lines.len() > 1 && lines.iter().any(|line| holds(line)) {
            return Some(Cause::Repeated(name));
        }
        let entries = entries(&lines);
        if entries.len() > 1 {
            let joined = [&b" "[..], b","].map(|joint| entries.join(joint));
            let mut split = entries.iter().copied().chain(joined.iter().map(Vec::as_slice));
            if split.any(holds) {
                return Some(Cause::Split(name));
            }
        }
        if lines.len() > 1 {
            return Some(Cause::Repeated(name));
        }
    }
    None
}

/// The lines' entries, whatever a proxy put between them.
fn entries<'a>(lines: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut entries = Vec::new();
    for line in lines {
        let mut start = 0;
        for (at, _) in line.iter().enumerate().filter(|(_, b)| **b == b',') {
            let joint = &line[at..];
            if joint.starts_with(b", ") || joint.starts_with(b",v1") {
                entries.push(line[start..at].trim_ascii());
                start = at + 1;
            }
        }
        entries.push(line[start..].trim_ascii());
    }
    entries.truncate(Limits::WHY_NOT_LINES_MAX);
    entries
}

fn holds_with(
    scheme: Scheme,
    keys: &Keys,
    request: &Request<'_>,
    name: &str,
    value: &[u8],
) -> bool {
    let others = request.headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name.as_bytes()));
    let headers: Vec<_> = others.copied().chain([(name.as_bytes(), value)]).collect();
    check(scheme, keys, &Request { headers: &headers, ..*request }, None) == Ok(true)
}
