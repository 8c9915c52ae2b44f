use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Room;
use crate::limits::ViewLimits;

/// Comparisons of two lines that one difference may cost: half a second.
const COMPARISONS_MAX: usize = 40_000_000;

/// How the lines of two texts differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lines {
    /// The places where they do, in order.
    pub hunks: Vec<Hunk>,
    /// Whether these are the fewest lines that explain it; not where more than 1,000 differ.
    pub shortest: bool,
}

/// One place where lines were removed, added or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hunk {
    /// The line of the first text, from 1, at which it begins.
    pub from_line: u64,
    /// The lines removed, their ends included.
    pub from: Vec<String>,
    /// The line of the second text, from 1, at which it begins.
    pub to_line: u64,
    /// The lines added, their ends included.
    pub to: Vec<String>,
}

/// Content that can be compared line by line: UTF-8 without NUL, of not too many lines.
pub(super) fn text<'a>(bytes: &'a [u8], limits: &ViewLimits) -> Option<&'a str> {
    let lines = memchr::memchr_iter(b'\n', bytes).count();
    let text = (lines < limits.diff_lines_max).then(|| std::str::from_utf8(bytes).ok()).flatten();
    text.filter(|text| !text.contains('\0'))
}

/// Compares two texts line by line. Line ends count, so that CRLF against LF is seen.
pub(super) fn between(from: &str, to: &str, limits: &ViewLimits, room: &mut Room) -> Lines {
    let from: Vec<&str> = from.split_inclusive('\n').collect();
    let to: Vec<&str> = to.split_inclusive('\n').collect();
    let start = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let (a, b) = (&from[start..], &to[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    let kept = kept_lines(a, b, limits.diff_edits_max);
    let shortest = kept.is_some();
    let mut lines = Lines { hunks: Vec::new(), shortest };
    let mut at = (0, 0);
    for next in kept.unwrap_or_default().into_iter().chain([(a.len(), b.len())]) {
        if let Some(hunk) = hunk(start, &a[at.0..next.0], &b[at.1..next.1], at, room) {
            lines.hunks.push(hunk);
        }
        at = (next.0 + 1, next.1 + 1);
    }
    lines
}

fn hunk(
    start: usize,
    removed: &[&str],
    added: &[&str],
    at: (usize, usize),
    room: &mut Room,
) -> Option<Hunk> {
    let mut keep = |lines: &[&str]| -> Vec<String> {
        lines.iter().take_while(|_| room.take()).map(|&line| line.to_owned()).collect()
    };
    let (from, to) = (keep(removed), keep(added));
    let line = |n: usize| (start + n + 1) as u64;
    (!from.is_empty() || !to.is_empty()).then(|| Hunk {
        from_line: line(at.0),
        from,
        to_line: line(at.1),
        to,
    })
}

/// The pairs of lines that both keep, along the shortest way from one to the other, found
/// greedily by the number of edits (E. Myers, "An O(ND) Difference Algorithm", 1986); `None` where
/// more edits than these are needed.
fn kept_lines(a: &[&str], b: &[&str], edits_max: usize) -> Option<Vec<(usize, usize)>> {
    let lines = a.len() + b.len();
    let most = lines.min(edits_max).min(COMPARISONS_MAX / lines.max(1));
    // reach[d][k] is how far into `a` d edits lead on the diagonal k - d (which is x - y).
    let mut reach: Vec<Vec<usize>> = Vec::new();
    for d in 0..=most {
        let mut row = vec![0; 2 * d + 1];
        for k in (0..=2 * d).step_by(2) {
            let x = match reach.last() {
                Some(before) => step(before, d, k).1,
                None => 0,
            };
            let Some(y) = (x + d).checked_sub(k) else { continue };
            let [a_left, b_left] = [a.get(x..), b.get(y..)].map(Option::unwrap_or_default);
            let run = a_left.iter().zip(b_left).take_while(|(a, b)| a == b).count();
            row[k] = x + run;
            if x + run >= a.len() && y + run >= b.len() {
                reach.push(row);
                return Some(trace(&reach, k));
            }
        }
        reach.push(row);
    }
    None
}

/// The better way onto diagonal `k` of round `d`: its place in the round before, and how far into
/// `a` it leads before any lines that are kept.
fn step(before: &[usize], d: usize, k: usize) -> (usize, usize) {
    let removal = k.checked_sub(2).and_then(|k| before.get(k).map(|x| (k, x + 1)));
    let addition = before.get(k).map(|&x| (k, x));
    match (removal, addition) {
        (Some(removal), Some(addition)) if removal.1 > addition.1 => removal,
        (_, Some(addition)) => addition,
        (Some(removal), None) => removal,
        (None, None) => (0, d),
    }
}

/// Back from the last round to the first, collecting the lines kept at the end of each.
fn trace(reach: &[Vec<usize>], mut k: usize) -> Vec<(usize, usize)> {
    let mut kept = Vec::new();
    for d in (0..reach.len()).rev() {
        let x_end = reach[d][k];
        let (k_before, x_start) = match d.checked_sub(1) {
            Some(before) => step(&reach[before], d, k),
            None => (0, 0),
        };
        kept.extend((x_start..x_end).rev().map(|x| (x, x + d - k)));
        k = k_before;
    }
    kept.reverse();
    kept
}
