//! A bundle comes back whole or not at all.

use std::io::Cursor;

use hooklab_receiver::export::ExportError;
use hooklab_receiver::export::bundle::{self, Bundle};
use hooklab_receiver::export::import::{ImportError, Refusal};
use hooklab_shared::bin::NewBin;
use hooklab_shared::capture::Capture;
use hooklab_shared::limits::Limits;

use super::hostile;

fn orders() -> NewBin {
    let made_from = serde_json::json!({"name": "orders", "labels": {"team": "a \"b\""}});
    serde_json::from_value(made_from).unwrap()
}

fn bundled(count: u64) -> Vec<u8> {
    let mut file = Vec::new();
    bundle::write(&orders(), count, hostile::captures(1, count), &mut file).unwrap();
    file
}

fn refused(file: &[u8]) -> ImportError {
    Bundle::open(Cursor::new(file), Limits::default()).unwrap_err()
}

#[test]
fn a_bin_comes_back_with_its_captures() {
    for count in [0, 1, 200] {
        let bundle = Bundle::open(Cursor::new(bundled(count)), Limits::default()).unwrap();
        assert_eq!((&bundle.bin, bundle.count), (&orders(), count));
        let captures: Vec<_> = bundle.collect::<Result<_, _>>().unwrap();
        let want = hostile::captures(1, count).map(|c| Capture { seq: 0, ..c });
        assert!(captures.into_iter().eq(want));
    }
}

#[test]
fn a_bundle_torn_at_any_byte_is_refused() {
    let file = bundled(3);
    for cut in 0..file.len() - 1 {
        let error = refused(&file[..cut]);
        let torn = matches!(error.why, Refusal::Torn { .. } | Refusal::NotABundle);
        assert!(torn, "{cut}: {error}");
    }
}

#[test]
fn a_bundle_with_a_changed_byte_is_refused() {
    let file = bundled(2);
    for at in 0..file.len() - 1 {
        let mut file = file.clone();
        file[at] ^= 1;
        refused(&file);
    }
}

#[test]
fn lines_may_not_be_missing_repeated_or_behind_the_end() {
    let file = bundled(3);
    let lines: Vec<_> = file.split_inclusive(|&b| b == b'\n').collect();
    let of = |places: &[usize]| places.iter().flat_map(|&at| lines[at]).copied().collect();
    let why = |places: &[usize]| {
        let file: Vec<u8> = of(places);
        refused(&file).to_string()
    };
    assert!(why(&[0, 1, 2, 4]).contains("SHA-256"));
    assert!(why(&[0, 1, 2, 2, 3, 4]).contains("SHA-256"));
    assert!(why(&[0, 2, 1, 3, 4]).contains("SHA-256"));
    assert_eq!(
        why(&[0, 1, 2, 3]),
        "import line 5: the bundle ends after 3 of its 3 captures: it is torn, export it again"
    );
    assert!(why(&[0, 1, 2, 3, 4, 4]).contains("line 6: the bundle goes on after its end"));
    assert!(why(&[1, 2, 3, 4]).contains("line 1: it does not begin a bundle"));
    assert!(why(&[]).contains("line 1: it does not begin a bundle"));
}

#[test]
fn what_another_release_wrote_is_refused() {
    let file = String::from_utf8(bundled(0)).unwrap();
    let newer = refused(file.replace("\"v\":1", "\"v\":2").as_bytes());
    assert!(matches!(newer.why, Refusal::OtherVersion { v: 2 }), "{newer}");
    let strange = refused(file.replace("\"name\"", "\"wings\"").as_bytes());
    assert!(strange.to_string().contains("unknown field `wings`"), "{strange}");
}

#[test]
fn a_bin_that_shrinks_meanwhile_leaves_no_bundle_behind() {
    let mut file = Vec::new();
    let shrank = bundle::write(&orders(), 3, hostile::captures(1, 2), &mut file).unwrap_err();
    assert!(matches!(shrank, ExportError::Shrank { told: 3, given: 2 }));
    assert!(matches!(refused(&file).why, Refusal::Torn { held: 2, told: 3 }));
    let mut grown = Vec::new();
    bundle::write(&orders(), 3, hostile::captures(1, 9), &mut grown).unwrap();
    assert_eq!(grown, bundled(3));
}
