//! A value for each field: from a world where the event happened, or mocked for a test.

use serde_json::{Number, Value, json};

use super::kind::FieldSpec;
use super::random::Draw;
use super::world::{Customer, World};

const NETWORK: &str = "https://network.example";
const MOCKED_EMAIL: &str = "mockeduser@dev.dev";
const MOCKED_NAME: &str = "John McMocked";

/// Fills fields from one world.
#[derive(Debug)]
pub(super) struct Filler<'a> {
    world: &'a World,
    draw: Draw,
}

impl<'a> Filler<'a> {
    pub(super) fn new(world: &'a World, seed: u64) -> Self {
        Self { world, draw: Draw::new(seed, 1) }
    }

    /// The field's value. What the world does not know keeps the catalogue's example.
    pub(super) fn fill(&mut self, spec: &FieldSpec) -> Value {
        let world = self.world;
        let name = spec.name.as_str();
        let value = match name.split('_').next() {
            Some("payment" | "default" | "gateway" | "invoice") => payment(world, name),
            Some("membership") => membership(world, name),
            Some("customer" | "verification" | "user") => customer(world, name),
            Some("company" | "billing") => billing(&world.customer, name),
            Some("site") => site(world, name),
            Some("domain") => domain(world, name),
            Some("demo") => demo(world, name),
            _ => None,
        };
        match value {
            Some(value) => like(value, &spec.example),
            None => self.drawn(spec),
        }
    }

    /// One of the values that the catalogue names, or a number near its example, or the example.
    fn drawn(&mut self, spec: &FieldSpec) -> Value {
        if let Some(choices) = spec.choices() {
            return self.draw.one(&choices).into();
        }
        match (&spec.example, spec.name.ends_with("_id")) {
            (Value::Number(_), true) => self.draw.number(2, 9_999).into(),
            _ => spec.example.clone(),
        }
    }
}

/// The value of a test event: ids of 0, a mocked person, no billing address.
pub(super) fn mocked(spec: &FieldSpec) -> Value {
    let example = &spec.example;
    match (spec.name.as_str(), spec.from.as_str(), spec.kind.as_str()) {
        ("customer_name", ..) => MOCKED_NAME.into(),
        ("customer_user_email" | "new_user_email", ..) => MOCKED_EMAIL.into(),
        ("customer_billing_address", ..) | (_, "billing_address", _) => "".into(),
        (_, _, "integer|numeric-string") => 0.into(),
        (_, _, "number|numeric-string") => as_number(example),
        (name, ..) if name.ends_with("_manage_url") => match example.as_str() {
            Some(url) => with_id_zero(url).into(),
            None => example.clone(),
        },
        _ => example.clone(),
    }
}

fn with_id_zero(url: &str) -> String {
    url.rsplit_once("&id=").map_or_else(|| url.to_owned(), |(page, _)| format!("{page}&id=0"))
}

fn payment(world: &World, name: &str) -> Option<Value> {
    let payment = &world.payment;
    let total = payment.subtotal_cents + payment.tax_cents;
    let pay = || format!("{NETWORK}/register?payment={}", payment.reference);
    Some(match name {
        "payment_id" => payment.id.into(),
        "payment_status" => payment.status.into(),
        "payment_reference_code" => payment.reference.clone().into(),
        "payment_subtotal" => shown(world, payment.subtotal_cents).into(),
        "payment_subtotal_raw" => raw(payment.subtotal_cents),
        "payment_tax_total" => shown(world, payment.tax_cents).into(),
        "payment_tax_total_raw" => raw(payment.tax_cents),
        "payment_total" => shown(world, total).into(),
        "payment_total_raw" => raw(total),
        "payment_currency" => world.currency.into(),
        "payment_product_names" => payment.products.clone().into(),
        "payment_date_created" => happened(world).into(),
        "payment_gateway" | "gateway" => world.gateway.into(),
        "payment_invoice_url" => {
            format!("{NETWORK}?action=invoice&reference={}", payment.reference).into()
        }
        "payment_manage_url" => manage("payment", payment.id).into(),
        "payment_url" | "default_payment_url" => pay().into(),
        _ => return None,
    })
}

fn membership(world: &World, name: &str) -> Option<Value> {
    let membership = &world.membership;
    Some(match name {
        "membership_id" => membership.id.into(),
        "membership_status" => membership.status.into(),
        "membership_reference_code" => membership.reference.clone().into(),
        "membership_initial_amount" => shown(world, membership.initial_cents).into(),
        "membership_initial_amount_raw" => raw(membership.initial_cents),
        "membership_amount" => shown(world, membership.cents).into(),
        "membership_amount_raw" => raw(membership.cents),
        "membership_currency" => world.currency.into(),
        "membership_description" => format!("{} / month", shown(world, membership.cents)).into(),
        "membership_gateway" => world.gateway.into(),
        "membership_date_expiration" => expires(world).into(),
        "membership_manage_url" => manage("membership", membership.id).into(),
        "membership" => json!({
            "id": membership.id.to_string(),
            "status": membership.status,
            "plan_id": "4",
            "amount": raw(membership.cents),
            "currency": world.currency,
        }),
        _ => return None,
    })
}

fn customer(world: &World, name: &str) -> Option<Value> {
    let customer = &world.customer;
    Some(match name {
        "customer_id" => customer.id.into(),
        "customer_name" => customer.name.clone().into(),
        "customer_user_id" | "user_id" => customer.user_id.into(),
        "customer_user_email" => customer.email.clone().into(),
        "customer_billing_address" => address(customer).into(),
        "customer_manage_url" => manage("customer", customer.id).into(),
        "verification_link" => format!(
            "{NETWORK}?email-verification-key={}&customer={}",
            world.payment.reference.to_ascii_lowercase(),
            customer.reference
        )
        .into(),
        "customer" => json!({
            "id": customer.id.to_string(),
            "user_id": customer.user_id.to_string(),
            "email_verification": "verified",
            "vip": "0",
        }),
        _ => return None,
    })
}

fn billing(customer: &Customer, name: &str) -> Option<Value> {
    Some(match name {
        "company_name" => customer.business.clone().into(),
        "billing_email" => customer.email.clone().into(),
        "billing_address_line_1" => customer.street.clone().into(),
        "billing_country" => customer.country.into(),
        "billing_state" => customer.state.into(),
        "billing_city" => customer.city.into(),
        "billing_zip_code" => customer.zip.clone().into(),
        _ => return None,
    })
}

fn site(world: &World, name: &str) -> Option<Value> {
    let site = &world.site;
    Some(match name {
        "site_id" => site.id.into(),
        "site_title" => world.customer.business.clone().into(),
        "site_description" => site.description.into(),
        "site_url" => format!("https://{}.network.example", site.slug).into(),
        "site_admin_url" => format!("https://{}.network.example/wp-admin/", site.slug).into(),
        "site_manage_url" => manage("site", site.id).into(),
        "site" => json!({
            "blog_id": site.id.to_string(),
            "title": world.customer.business,
            "domain": format!("{}.network.example", site.slug),
            "path": "/",
            "type": "customer_owned",
            "membership_id": world.membership.id.to_string(),
            "customer_id": world.customer.id.to_string(),
        }),
        _ => return None,
    })
}

fn domain(world: &World, name: &str) -> Option<Value> {
    Some(match name {
        "domain_id" => world.site.domain_id.into(),
        "domain_domain" => format!("{}.example", world.site.slug).into(),
        "domain_site_id" => world.site.id.into(),
        "domain_date_created" => happened(world).into(),
        "domain_manage_url" => manage("domain", world.site.domain_id).into(),
        _ => return None,
    })
}

fn demo(world: &World, name: &str) -> Option<Value> {
    (name == "demo_expires_at").then(|| format!("{} {}", world.day, "23:00:00").into())
}

/// One line for each part that is not empty.
fn address(customer: &Customer) -> String {
    let place = [customer.zip.as_str(), customer.state, customer.country];
    let parts = [&customer.business, &customer.email, &customer.street, customer.city];
    let lines = parts.into_iter().chain(place).filter(|part| !part.is_empty());
    lines.collect::<Vec<&str>>().join("\n")
}

fn manage(model: &str, id: u32) -> String {
    format!("{NETWORK}/wp-admin/network/admin.php?page=wp-ultimo-edit-{model}&id={id}")
}

fn happened(world: &World) -> String {
    format!("{} {}", world.day, world.clock)
}

fn expires(world: &World) -> String {
    format!("{} 23:59:59", world.day_after_a_month)
}

fn shown(world: &World, cents: u32) -> String {
    format!("{} {}.{:02}", world.symbol, cents / 100, cents % 100)
}

/// An amount as PHP would hold it: whole numbers have no point.
fn raw(cents: u32) -> Value {
    if cents.is_multiple_of(100) {
        return (cents / 100).into();
    }
    Number::from_f64(f64::from(cents) / 100.0).map_or(Value::Null, Value::Number)
}

/// As the example is spelled: what was loaded from the database is a string, amounts with four
/// decimals; what was just made is a number.
fn like(value: Value, example: &Value) -> Value {
    match (&value, example) {
        (Value::Number(number), Value::String(spelled)) if spelled.contains('.') => {
            format!("{:.4}", number.as_f64().unwrap_or_default()).into()
        }
        (Value::Number(number), Value::String(_)) => number.to_string().into(),
        _ => value,
    }
}

fn as_number(example: &Value) -> Value {
    let number = example.as_str().and_then(|text| text.parse::<f64>().ok());
    number.map_or_else(|| example.clone(), |number| raw((number * 100.0).round() as u32))
}
