use std::collections::HashSet;

use super::kind::Shape;
use super::*;

fn catalogue() -> Catalogue {
    Catalogue::load(Vec::new()).unwrap()
}

fn keys(payload: &Value) -> Vec<&str> {
    payload.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn all_23_types_are_there_and_every_one_generates() {
    let catalogue = catalogue();
    let slugs = catalogue.slugs();
    assert_eq!(slugs.len(), 23);
    assert_eq!(slugs.iter().collect::<HashSet<_>>().len(), 23);
    for slug in &slugs {
        let told = catalogue.event_type(slug, None).unwrap();
        assert!(!told.name.is_empty() && !told.description.is_empty(), "{slug}");
        assert!(!told.payload.is_empty(), "{slug}");
        assert_eq!(keys(&told.sample).last(), Some(&"wu_version"), "{slug}");
        for seed in 0..20 {
            let live = catalogue.live_payload(slug, seed).unwrap().payload;
            assert_eq!(keys(&live).last(), Some(&"wu_version"), "{slug} {seed}");
        }
    }
}

#[test]
fn a_seed_gives_the_same_payload_and_another_gives_another() {
    let catalogue = catalogue();
    let payload =
        |seed| catalogue.live_payload("payment_received", seed).unwrap().payload.to_string();
    assert_eq!(payload(7), payload(7));
    assert_ne!(payload(7), payload(8));
    assert_ne!(payload(0), payload(u64::MAX));
}

#[test]
fn a_golden_payload_stays_what_it_was() {
    let payload = catalogue().live_payload("payment_received", 42).unwrap().payload;
    let golden = include_str!("golden.json");
    assert_eq!(serde_json::to_string_pretty(&payload).unwrap(), golden.trim_end());
}

#[test]
fn a_live_payload_is_consistent() {
    let catalogue = catalogue();
    for seed in 0..200 {
        let payload = catalogue.live_payload("payment_received", seed).unwrap().payload;
        let text = |key: &str| payload[key].as_str().unwrap().to_owned();
        let cents = |key: &str| {
            let raw = text(&format!("{key}_raw"));
            assert!(text(key).ends_with(&raw[..raw.len() - 2]), "{seed} {key}");
            (raw.parse::<f64>().unwrap() * 100.0).round() as i64
        };
        let sum = cents("payment_subtotal") + cents("payment_tax_total");
        assert_eq!(cents("payment_total"), sum, "{seed}");
        assert_eq!(payload["payment_currency"], payload["membership_currency"]);
        assert!(payload["membership_amount_raw"].is_number());
        assert!(text("payment_manage_url").ends_with(&format!("&id={}", text("payment_id"))));
        assert!(text("payment_invoice_url").ends_with(&text("payment_reference_code")));
        assert!(text("customer_billing_address").contains(&text("customer_user_email")));
        let code = text("payment_reference_code");
        assert!(
            code.len() == 10 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        );
        assert_eq!(text("payment_date_created").len(), "2026-05-14 09:41:27".len());
        assert!(text("payment_date_created") < text("membership_date_expiration"));
    }
}

#[test]
fn named_values_are_kept_to() {
    let catalogue = catalogue();
    for kind in catalogue.kinds.iter() {
        for spec in kind.read.iter().filter(|spec| spec.shape != Shape::Test) {
            let Some(choices) = spec.choices() else { continue };
            for seed in 0..50 {
                let payload = kind.live(seed);
                let value = payload[&spec.name].as_str().unwrap();
                assert!(choices.contains(&value), "{} {}: {value}", kind.slug, spec.name);
            }
        }
    }
}

#[test]
fn a_test_payload_is_mocked() {
    let catalogue = catalogue();
    let payload = catalogue.test_payload("payment_received").unwrap();
    assert_eq!(payload["payment_id"], 0);
    assert_eq!(payload["customer_id"], 0);
    assert_eq!(payload["customer_name"], "John McMocked");
    assert_eq!(payload["customer_user_email"], "mockeduser@dev.dev");
    assert_eq!(payload["payment_total_raw"], serde_json::json!(43.2));
    assert_eq!(keys(&payload)[..2], ["payment_id", "payment_status"]);
    let test = catalogue.test_payload("demo_site_expiring").unwrap();
    let live = catalogue.live_payload("demo_site_expiring", 1).unwrap().payload;
    assert!(test.get("site_id").is_some() && test.get("site").is_none());
    assert!(live.get("site_id").is_none() && live["site"].is_object());
}

#[test]
fn an_unknown_slug_names_close_ones() {
    let catalogue = catalogue();
    assert_eq!(catalogue.slug_error("payment_received"), None);
    let told = |slug| catalogue.slug_error(slug).unwrap();
    assert!(told("payment_recieved").contains("payment_received"), "{}", told("payment_recieved"));
    assert!(told("payment").contains("payment_"), "{}", told("payment"));
    assert!(told("zzz").contains("hooklab events"), "{}", told("zzz"));
    assert!(told(&"x".repeat(10_000)).len() < 300);
}
