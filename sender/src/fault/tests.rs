//! Faults as they are written, planned and acted.

use super::*;

#[test]
fn faults_are_read_and_told() {
    for (text, told) in [
        ("duplicate", "duplicate=1"),
        ("duplicate=3", "duplicate=3"),
        ("reorder", "reorder"),
        ("delay=2s", "delay=2s"),
        ("wrong-signature", "wrong-signature"),
        ("missing-signature", "missing-signature"),
        ("stale", "stale=10m"),
        ("future=1h 5m", "future=1h5m"),
        ("truncated", "truncated"),
        ("truncated=lying", "truncated=lying"),
        ("altered", "altered"),
        ("id-reused", "id-reused"),
        ("huge", "huge=10485760"),
        ("huge=2k", "huge=2048"),
        ("chunked", "chunked"),
        ("slow=100ms", "slow=100ms"),
    ] {
        let fault: Fault = text.parse().unwrap();
        assert_eq!(fault.to_string(), told);
        assert_eq!(told.parse(), Ok(fault));
        let ToldFault { fault, bent, must } = fault.told();
        assert!(fault == told && !bent.is_empty() && !must.is_empty());
    }
    for bad in
        ["", "dup", "duplicate=0", "duplicate=101", "delay", "delay=2h", "reorder=1", "huge=65m"]
    {
        assert!(bad.parse::<Fault>().is_err(), "{bad}");
    }
    assert!("x".parse::<Fault>().unwrap_err().to_string().contains("wrong-signature"));
}

fn draw() -> Draw {
    Draw::new(7, 0)
}

#[test]
fn a_plan_says_what_comes_in_which_order() {
    let events = |steps: &[Step]| steps.iter().map(|step| step.event).collect::<Vec<_>>();
    assert_eq!(events(&plan(3, &[], &mut draw())), [0, 1, 2]);
    assert_eq!(events(&plan(2, &[Fault::Duplicate(2)], &mut draw())), [0, 0, 0, 1, 1, 1]);
    let reused = plan(2, &[Fault::IdReused], &mut draw());
    assert_eq!(events(&reused), [0, 0, 1, 1]);
    assert_eq!(
        reused.iter().map(|step| step.is_other).collect::<Vec<_>>(),
        [false, true, false, true]
    );
    let shuffled = plan(5, &[Fault::Reorder], &mut draw());
    assert_eq!(shuffled, plan(5, &[Fault::Reorder], &mut draw()));
    let mut sorted = events(&shuffled);
    assert_ne!(sorted, [0, 1, 2, 3, 4]);
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3, 4]);
    for seed in 0..20 {
        let two = plan(2, &[Fault::Reorder], &mut Draw::new(seed, 0));
        assert_eq!(events(&two), [1, 0]);
    }
}

#[test]
fn one_bit_is_altered() {
    for seed in 0..50 {
        let bent = altered(b"{\"a\":1}", &mut Draw::new(seed, 0));
        let bits: u32 = bent.iter().zip(b"{\"a\":1}").map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((bent.len(), bits), (7, 1));
    }
    assert_eq!(altered(b"", &mut draw()), b"\n");
}

#[test]
fn bodies_grow_and_stay_what_they_are() {
    for body in [&b"{\"a\":1}"[..], b"{}", b"{ }\n"] {
        let huge = huge(body, 100);
        assert_eq!(huge.len(), 100);
        assert!(serde_json::from_slice::<serde_json::Value>(&huge).is_ok(), "{huge:?}");
        let other = other(body);
        let value: serde_json::Value = serde_json::from_slice(&other).unwrap();
        assert_eq!(value["hooklab_id_reused"], true);
    }
    assert_eq!(huge(b"[1]", 5), b"[1]  ");
    assert_eq!(huge(b"too long", 5), b"too long");
    assert_eq!(other(b"a=b"), b"a=b\n");
}

#[test]
fn a_body_drips_in_pieces() {
    assert_eq!(drips(100, Duration::from_secs(5)), (10, Duration::from_millis(500)));
    assert_eq!(drips(3, Duration::from_secs(3)), (1, Duration::from_secs(1)));
    assert_eq!(drips(0, Duration::from_secs(3)), (1, Duration::from_secs(3)));
}

#[test]
fn faults_that_cannot_both_be_true_contradict_each_other() {
    let fault = |text: &str| text.parse::<Fault>().unwrap();
    for (one, other) in [
        ("stale", "future=1h"),
        ("stale", "stale=1h"),
        ("duplicate", "duplicate=3"),
        ("truncated", "truncated=lying"),
        ("truncated=lying", "chunked"),
        ("wrong-signature", "missing-signature"),
        ("missing-signature", "altered"),
        ("missing-signature", "stale"),
    ] {
        let (one, other) = (fault(one), fault(other));
        assert!(one.contradicts(other).is_some(), "{one} {other}");
        assert_eq!(one.contradicts(other), other.contradicts(one));
    }
    let others = ["duplicate", "reorder", "altered", "chunked", "huge=9k", "slow", "stale"];
    for (place, one) in others.iter().enumerate() {
        for other in &others[..place] {
            assert_eq!(fault(one).contradicts(fault(other)), None, "{one} {other}");
        }
    }
}
