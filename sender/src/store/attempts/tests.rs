use std::os::unix::fs::PermissionsExt as _;

use hooklab_shared::delivery::{Attempt, AttemptOutcome};
use hooklab_shared::id::Timestamp;
use uuid::Uuid;

use super::*;

/// An attempt that can be told from others.
pub(in crate::store) fn attempt(n: u32, url: &str) -> Attempt {
    interrupted(n, false, Timestamp::from_micros(7), url.to_owned())
}

impl Attempts {
    /// Begins this segment.
    pub(in crate::store) fn begin(&self, number: u32) -> Result<(), StoreError> {
        self.roll(&mut self.lock(), number)
    }

    /// The oldest segment.
    pub(in crate::store) fn first(&self) -> u32 {
        self.lock().kept.first_key_value().map_or(0, |(&number, _)| number)
    }
}

/// Its line.
pub(in crate::store) fn line(
    row: i64,
    before: Option<Spot>,
    attempt: &Attempt,
) -> NewLine<'_, Attempt> {
    let (delivery, webhook, test, next) = (Uuid::nil(), None, false, None);
    NewLine { delivery, row, webhook, test, before, attempt, next }
}

fn add(attempts: &Attempts, row: i64, n: u32, before: Option<Spot>) -> Result<Spot, StoreError> {
    let mut lines = attempts.lines();
    let spot = lines.add(&line(row, before, &attempt(n, "http://localhost/")))?;
    attempts.append(&lines)?;
    Ok(spot)
}

/// Adds so many of a delivery, in between those of another, and tells where they are.
fn chain(attempts: &Attempts, row: i64, count: u32) -> Vec<Spot> {
    let mut spots = Vec::new();
    for n in 1..=count {
        spots.push(add(attempts, row, n, spots.last().copied()).unwrap());
        add(attempts, row + 1, n, None).unwrap();
    }
    spots
}

fn newest(row: i64, n: u32, spot: Spot) -> Newest {
    Newest { row, n, spot: Some(spot), created_at: Timestamp::from_micros(3) }
}

/// Each by its number, and whether it is lost.
fn told(attempts: &Attempts, newest: Newest) -> Vec<(u32, bool)> {
    let (told, _) = attempts.of(newest);
    told.iter().map(|one| (one.n, one.outcome == AttemptOutcome::Lost)).collect()
}

#[test]
fn a_deliverys_attempts_are_found_in_memory_and_on_disk() {
    let home = tempfile::tempdir().unwrap();
    for attempts in [Attempts::in_memory(), Attempts::open(home.path()).unwrap()] {
        let spots = chain(&attempts, 5, 3);
        let (told, bytes) = attempts.of(newest(5, 3, spots[2]));
        assert_eq!(told, (1..=3).map(|n| attempt(n, "http://localhost/")).collect::<Vec<_>>());
        assert_eq!(bytes as u64, spots.iter().map(|spot| spot.bytes).sum::<u64>());
        let none = Newest { n: 0, spot: None, ..newest(5, 0, spots[0]) };
        assert_eq!(attempts.of(none), (Vec::new(), 0));
    }
    let path = home.path().join("attempts-000001.ndjson");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 6);
}

#[test]
fn a_torn_last_line_is_cut_off_and_what_follows_stands_on_its_own() {
    let home = tempfile::tempdir().unwrap();
    let spots = chain(&Attempts::open(home.path()).unwrap(), 5, 2);
    let path = home.path().join("attempts-000001.ndjson");
    let whole = std::fs::read(&path).unwrap();
    // Longer than what is looked at in one go.
    let torn = [&whole[..], &whole[..40], &vec![b' '; 200_000][..]].concat();
    std::fs::write(&path, torn).unwrap();
    let attempts = Attempts::open(home.path()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    let third = add(&attempts, 5, 3, Some(spots[1])).unwrap();
    assert_eq!(third.offset, whole.len() as u64);
    assert_eq!(told(&attempts, newest(5, 3, third)), [(1, false), (2, false), (3, false)]);
}

#[test]
fn what_is_damaged_is_told_as_lost_with_what_is_before_it() {
    let home = tempfile::tempdir().unwrap();
    let attempts = Attempts::open(home.path()).unwrap();
    let spots = chain(&attempts, 5, 3);
    let path = home.path().join("attempts-000001.ndjson");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(spots[1].offset).unwrap()] = b'!';
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(told(&attempts, newest(5, 3, spots[2])), [(1, true), (2, true), (3, false)]);
    // Another's line, or another number, is not its own.
    assert_eq!(told(&attempts, newest(6, 1, spots[0])), [(1, true)]);
    assert_eq!(told(&attempts, newest(5, 2, spots[0])), [(1, true), (2, true)]);
    for far in [Spot { offset: 1 << 60, ..spots[2] }, Spot { bytes: u64::MAX, ..spots[2] }] {
        assert_eq!(told(&attempts, newest(5, 1, far)), [(1, true)]);
    }
    let circle = add(&attempts, 8, 2, Some(Spot { segment: 1, offset: 1 << 40, bytes: 9 }));
    assert_eq!(told(&attempts, newest(8, 2, circle.unwrap())), [(1, true), (2, false)]);
}

#[test]
fn a_place_that_a_power_cut_took_is_never_used_again() {
    let home = tempfile::tempdir().unwrap();
    let spots = chain(&Attempts::open(home.path()).unwrap(), 5, 3);
    let path = home.path().join("attempts-000001.ndjson");
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(spots[1].end().offset + 1).unwrap();
    let attempts = Attempts::open(home.path()).unwrap();
    attempts.go_past(spots[2].end()).unwrap();
    let next = add(&attempts, 5, 4, Some(spots[2])).unwrap();
    assert_eq!((next.segment, next.offset), (2, 0));
    let lost = [(1, true), (2, true), (3, true), (4, false)];
    assert_eq!(told(&attempts, newest(5, 4, next)), lost);
    attempts.go_past(next.end()).unwrap();
    assert_eq!(add(&attempts, 5, 5, Some(next)).unwrap().segment, 2);
}

#[test]
fn a_write_that_fails_leaves_no_half_line() {
    let home = tempfile::tempdir().unwrap();
    let attempts = Attempts::open(home.path()).unwrap();
    let first = add(&attempts, 5, 1, None).unwrap();
    let path = home.path().join("attempts-000001.ndjson");
    let length = path.metadata().unwrap().len();
    let good = attempts.lock().file.replace(File::open(&path).unwrap());
    assert!(matches!(add(&attempts, 5, 2, Some(first)), Err(StoreError::Engine { .. })));
    // As if a part had come to the disk, and cutting it off had failed too.
    std::fs::write(&path, [&std::fs::read(&path).unwrap()[..], b"{\"delive"].concat()).unwrap();
    attempts.lock().file = good;
    let second = add(&attempts, 5, 2, Some(first)).unwrap();
    assert_eq!(second.offset, length);
    assert_eq!(told(&attempts, newest(5, 2, second)), [(1, false), (2, false)]);
}

#[test]
fn segments_that_nobody_needs_go_and_the_newest_stays() {
    let home = tempfile::tempdir().unwrap();
    let small = |attempts| Attempts { segment_bytes: 1_000, ..attempts };
    let place = home.path();
    for attempts in [small(Attempts::in_memory()), small(Attempts::open(place).unwrap())] {
        let spots = chain(&attempts, 5, 9);
        let (first, last) = (spots[0].segment, spots[8].segment);
        assert!(first == 1 && last > 3, "{spots:?}");
        attempts.drop_before(last);
        assert_eq!(told(&attempts, newest(5, 9, spots[8])).last(), Some(&(9, false)));
        assert_eq!(told(&attempts, newest(5, 1, spots[0])), [(1, true)]);
        attempts.drop_before(u32::MAX);
        assert_eq!(attempts.lock().kept.len(), 1);
    }
    assert_eq!(std::fs::read_dir(place).unwrap().count(), 1);
    let again = Attempts::open(place).unwrap();
    let lines = again.lines();
    assert!(lines.begin().0 > 3);
}

#[test]
fn who_looks_for_what_is_needed_does_so_seldom() {
    let attempts = Attempts { segment_bytes: 100, ..Attempts::in_memory() };
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    assert!(!attempts.is_to_be_swept(at(0)));
    chain(&attempts, 5, 3);
    assert!(attempts.is_to_be_swept(at(1)));
    assert!(!attempts.is_to_be_swept(at(2)));
    assert!(attempts.is_to_be_swept(at(61)));
    chain(&attempts, 5, 1);
    assert!(attempts.is_to_be_swept(at(62)));
}
