//! One consistent set of a customer, a membership, a payment, a site and a domain, from a seed.

use super::random::Draw;
use super::words::{
    CURRENCIES, EXTRAS, FIRST, GATEWAYS, LAST, PLACES, PLANS, STREETS, TAXES, TRADES,
};

/// What a generated payload tells of. Amounts are in hundredths of the currency.
#[derive(Debug)]
pub(super) struct World {
    pub(super) customer: Customer,
    pub(super) membership: Membership,
    pub(super) payment: Payment,
    pub(super) site: Site,
    pub(super) currency: &'static str,
    pub(super) symbol: &'static str,
    pub(super) gateway: &'static str,
    /// The day it happened, as `2026-05-14`.
    pub(super) day: String,
    /// The same day a month later.
    pub(super) day_after_a_month: String,
    /// The time it happened, as `09:41:27`.
    pub(super) clock: String,
}

#[derive(Debug)]
pub(super) struct Customer {
    pub(super) id: u32,
    pub(super) user_id: u32,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) business: String,
    pub(super) street: String,
    pub(super) city: &'static str,
    pub(super) state: &'static str,
    pub(super) country: &'static str,
    pub(super) zip: String,
    pub(super) reference: String,
}

#[derive(Debug)]
pub(super) struct Membership {
    pub(super) id: u32,
    pub(super) status: &'static str,
    pub(super) reference: String,
    pub(super) initial_cents: u32,
    pub(super) cents: u32,
}

#[derive(Debug)]
pub(super) struct Payment {
    pub(super) id: u32,
    pub(super) status: &'static str,
    pub(super) reference: String,
    pub(super) subtotal_cents: u32,
    pub(super) tax_cents: u32,
    pub(super) products: String,
}

#[derive(Debug)]
pub(super) struct Site {
    pub(super) id: u32,
    pub(super) domain_id: u32,
    pub(super) slug: String,
    pub(super) description: &'static str,
}

impl World {
    /// Grows one for an event type: the same slug and seed, the same world, for ever.
    pub(super) fn grow(slug: &str, seed: u64) -> Self {
        let mut draw = Draw::new(seed, 0);
        let (customer, site) = people(&mut draw);
        let (currency, symbol) = draw.one(&CURRENCIES);
        let (membership, payment) = money(&mut draw, slug);
        let (month, day) = (draw.number(1, 11), draw.number(1, 28));
        let (hour, minute, second) = (draw.number(0, 23), draw.number(0, 59), draw.number(0, 59));
        Self {
            customer,
            membership,
            payment,
            site,
            currency,
            symbol,
            gateway: draw.one(&GATEWAYS),
            day: format!("2026-{month:02}-{day:02}"),
            day_after_a_month: format!("2026-{:02}-{day:02}", month + 1),
            clock: format!("{hour:02}:{minute:02}:{second:02}"),
        }
    }
}

fn people(draw: &mut Draw) -> (Customer, Site) {
    let (first, login) = draw.one(&FIRST);
    let (last, last_ascii) = draw.one(&LAST);
    let (trade, description) = draw.one(&TRADES);
    let (city, state, country, zip) = draw.one(&PLACES);
    let business = format!("{last} {trade}");
    let slug = format!("{last_ascii}{}", draw.number(1, 99));
    let customer = Customer {
        id: draw.number(2, 4_999),
        user_id: draw.number(5_000, 99_999),
        name: format!("{first} {last}"),
        email: format!("{login}@{slug}.example"),
        business,
        street: format!("{} {}", draw.number(1, 240), draw.one(&STREETS)),
        city,
        state,
        country,
        zip: zip.chars().map(|c| if c == '#' { digit(draw) } else { c }).collect(),
        reference: draw.code(10),
    };
    let site =
        Site { id: draw.number(2, 9_999), domain_id: draw.number(1, 9_999), slug, description };
    (customer, site)
}

fn digit(draw: &mut Draw) -> char {
    char::from_digit(draw.number(0, 9), 10).unwrap_or('0')
}

fn money(draw: &mut Draw, slug: &str) -> (Membership, Payment) {
    let (plan, plan_units) = draw.one(&PLANS);
    let (extra, extra_units) = draw.one(&EXTRAS);
    let with_extra = draw.number(0, 1) == 1;
    let setup_units = draw.one(&[0, 0, 20]);
    let subtotal_cents = (plan_units + if with_extra { extra_units } else { 0 }) * 100;
    let (membership_status, payment_status) = statuses(slug);
    let membership = Membership {
        id: draw.number(2, 9_999),
        status: membership_status,
        reference: draw.code(10),
        initial_cents: (plan_units + setup_units) * 100,
        cents: plan_units * 100,
    };
    let payment = Payment {
        id: draw.number(2, 99_999),
        status: payment_status,
        reference: draw.code(10),
        subtotal_cents,
        tax_cents: subtotal_cents * draw.one(&TAXES) / 1_000,
        products: if with_extra { format!("{plan}, {extra}") } else { plan.to_owned() },
    };
    (membership, payment)
}

/// What the membership and the payment are at when an event of this type happens.
fn statuses(slug: &str) -> (&'static str, &'static str) {
    match slug {
        "membership_expired" => ("expired", "failed"),
        "payment_failed" => ("on-hold", "failed"),
        "renewal_payment_created" | "invoice_sent" => ("active", "pending"),
        "membership_created" | "payment_created" => ("pending", "pending"),
        "checkout_step_completed" => ("pending", "draft"),
        _ => ("active", "completed"),
    }
}
