use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Room;
use crate::headers::Octets;

/// Header fields that differ from one delivery to the next by what they are.
const VOLATILE: [&[u8]; 31] = [
    b"age",
    b"ce-id",
    b"ce-time",
    b"date",
    b"idempotency-key",
    b"paypal-transmission-id",
    b"paypal-transmission-sig",
    b"paypal-transmission-time",
    b"stripe-signature",
    b"svix-id",
    b"svix-signature",
    b"svix-timestamp",
    b"traceparent",
    b"tracestate",
    b"webhook-id",
    b"webhook-signature",
    b"webhook-timestamp",
    b"x-amzn-trace-id",
    b"x-correlation-id",
    b"x-github-delivery",
    b"x-gitlab-event-uuid",
    b"x-hub-signature",
    b"x-hub-signature-256",
    b"x-request-id",
    b"x-shopify-event-id",
    b"x-shopify-hmac-sha256",
    b"x-shopify-triggered-at",
    b"x-shopify-webhook-id",
    b"x-slack-request-timestamp",
    b"x-slack-signature",
    b"x-twilio-signature",
];

/// How two lists of fields differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldsDiff {
    /// The names whose fields differ, in the order in which they first come.
    pub changes: Vec<FieldChange>,
    /// The order, if what both have comes in another one.
    pub order: Option<OrderChange>,
}

/// One name whose fields differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// The name; of a header field in lowercase.
    pub name: Octets,
    /// In what way.
    pub change: FieldChangeKind,
    /// All fields of this name in the first, as sent.
    pub from: Vec<(Octets, Octets)>,
    /// All fields of this name in the second, as sent.
    pub to: Vec<(Octets, Octets)>,
}

/// In what way the fields of one name differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldChangeKind {
    /// Only the second has the name.
    Added,
    /// Only the first has it.
    Removed,
    /// Another value, or another number or order of them.
    Changed,
    /// The same values under a name in another case.
    Respelled,
}

/// Two orders of the same names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderChange {
    /// In the first.
    pub from: Vec<Octets>,
    /// In the second.
    pub to: Vec<Octets>,
}

type Field = (Octets, Octets);
type Fields = [Field];
/// The fields of one name, in the first and in the second.
type Sides<'a> = [Vec<&'a Field>; 2];

/// Compares names with regard to case, as those of queries and forms are.
pub(super) fn exact(from: &Fields, to: &Fields, room: &mut Room) -> FieldsDiff {
    between(from, to, |name| name.as_bytes().to_vec(), room)
}

/// Compares names without regard to case, as those of header fields are.
pub(super) fn caseless(from: &Fields, to: &Fields, room: &mut Room) -> FieldsDiff {
    between(from, to, |name| name.as_bytes().to_ascii_lowercase(), room)
}

/// Takes out the fields that differ every time by what they are.
pub(super) fn take_volatile(headers: &mut FieldsDiff) -> Vec<FieldChange> {
    let is_volatile = |change: &mut FieldChange| {
        VOLATILE.contains(&change.name.as_bytes()) && change.change == FieldChangeKind::Changed
    };
    headers.changes.extract_if(.., is_volatile).collect()
}

fn between(
    from: &Fields,
    to: &Fields,
    key: impl Fn(&Octets) -> Vec<u8>,
    room: &mut Room,
) -> FieldsDiff {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut by_name: HashMap<Vec<u8>, Sides<'_>> = HashMap::new();
    for (side, fields) in [from, to].into_iter().enumerate() {
        for field in fields {
            let name = key(&field.0);
            let entry = by_name.entry(name.clone()).or_insert_with(|| {
                names.push(name);
                Default::default()
            });
            entry[side].push(field);
        }
    }
    let changes = names.iter().filter_map(|name| one(name, by_name.get(name)?));
    let changes = changes.take_while(|_| room.take()).collect();
    let counts_agree = |name: &[u8]| by_name.get(name).is_some_and(|[a, b]| a.len() == b.len());
    let order_of = |fields: &Fields| -> Vec<Octets> {
        let names = fields.iter().map(|(name, _)| key(name));
        names.filter(|name| counts_agree(name)).map(|name| Octets::from(&name[..])).collect()
    };
    let (from, to) = (order_of(from), order_of(to));
    let order = (from != to && room.take()).then_some(OrderChange { from, to });
    FieldsDiff { changes, order }
}

fn one(name: &[u8], [from, to]: &Sides<'_>) -> Option<FieldChange> {
    let values_agree = || from.iter().map(|field| &field.1).eq(to.iter().map(|field| &field.1));
    let change = match () {
        () if from == to => return None,
        () if from.is_empty() => FieldChangeKind::Added,
        () if to.is_empty() => FieldChangeKind::Removed,
        () if values_agree() => FieldChangeKind::Respelled,
        () => FieldChangeKind::Changed,
    };
    let owned = |fields: &[&Field]| fields.iter().copied().cloned().collect();
    Some(FieldChange { name: name.into(), change, from: owned(from), to: owned(to) })
}
