use std::collections::HashMap;

use super::format::Formats;
use crate::json::{self, Node};
use crate::limits::ViewLimits;

/// Distinct values that are remembered of one place: those of an enumeration, and one more to see
/// that it is none.
const VALUES_MAX: usize = 11;
/// Characters of a string that is remembered.
const VALUE_CHARS_MAX: usize = 60;
/// Bytes of a key that is told: longer ones are data, not names.
const KEY_BYTES_MAX: usize = 256;

/// What was seen at one place, over all samples.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) nulls: u64,
    pub(super) booleans: u64,
    pub(super) integers: u64,
    /// Numbers that are not written as integers.
    pub(super) fractions: u64,
    /// Digits of numbers that survive floating point, the first few.
    pub(super) digits: Vec<String>,
    pub(super) strings: Strings,
    pub(super) arrays: u64,
    pub(super) items: Option<Box<Seen>>,
    pub(super) objects: u64,
    pub(super) fields: Vec<Field>,
    by_key: HashMap<String, usize>,
}

/// What was seen of strings at one place.
#[derive(Debug, Default)]
pub(super) struct Strings {
    pub(super) count: u64,
    /// The distinct ones, the first few.
    pub(super) values: Vec<String>,
    /// Whether one was not remembered.
    pub(super) more: bool,
    pub(super) formats: Formats,
}

/// A key that objects at one place had.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: String,
    /// How many of them had it, repeats not counted.
    pub(super) objects: u64,
    pub(super) seen: Seen,
    last_object: u64,
}

/// Takes samples in, within the limits.
pub(super) struct Observer<'l> {
    limits: &'l ViewLimits,
    nodes: usize,
    depth: usize,
}

impl<'l> Observer<'l> {
    pub(super) fn new(limits: &'l ViewLimits) -> Self {
        Self { limits, nodes: 0, depth: 0 }
    }

    pub(super) fn observe(&mut self, node: &Node<'_>, seen: &mut Seen) {
        match node {
            Node::Null => seen.nulls += 1,
            Node::Bool(_) => seen.booleans += 1,
            Node::Number(digits) => number(digits, seen),
            Node::String(raw) => string(raw, &mut seen.strings),
            Node::Array(items) => {
                seen.arrays += 1;
                self.items(items, seen);
            }
            Node::Object(members) => {
                seen.objects += 1;
                self.members(members, seen);
            }
        }
    }

    fn items(&mut self, items: &[Node<'_>], seen: &mut Seen) {
        if items.is_empty() || self.depth == self.limits.schema_depth_max {
            return;
        }
        if seen.items.is_none() && !self.one_more() {
            return;
        }
        let merged = seen.items.get_or_insert_default();
        self.depth += 1;
        for item in items {
            self.observe(item, merged);
        }
        self.depth -= 1;
    }

    fn members(&mut self, members: &[(&str, Node<'_>)], seen: &mut Seen) {
        if self.depth == self.limits.schema_depth_max {
            return;
        }
        self.depth += 1;
        for (key, value) in members {
            let key = json::unescaped(key).filter(|key| key.len() <= KEY_BYTES_MAX);
            if let Some(field) = key.and_then(|key| self.field(&key, seen)) {
                field.0.objects += u64::from(field.0.last_object != field.1);
                field.0.last_object = field.1;
                self.observe(value, &mut field.0.seen);
            }
        }
        self.depth -= 1;
    }

    /// The field of this key, and the number of the object that is looked at.
    fn field<'s>(&mut self, key: &str, seen: &'s mut Seen) -> Option<(&'s mut Field, u64)> {
        let place = match seen.by_key.get(key) {
            Some(&place) => place,
            None if self.one_more() => {
                let key = key.to_owned();
                let place = seen.fields.len();
                seen.by_key.insert(key.clone(), place);
                let seen_there = Seen::default();
                seen.fields.push(Field { key, objects: 0, seen: seen_there, last_object: 0 });
                place
            }
            None => return None,
        };
        Some((seen.fields.get_mut(place)?, seen.objects))
    }

    fn one_more(&mut self) -> bool {
        self.nodes += 1;
        self.nodes <= self.limits.schema_nodes_max
    }
}

fn number(digits: &str, seen: &mut Seen) {
    let is_integer = !digits.contains(['.', 'e', 'E']);
    *(if is_integer { &mut seen.integers } else { &mut seen.fractions }) += 1;
    if seen.digits.len() < VALUES_MAX
        && digits.len() <= VALUE_CHARS_MAX
        && !seen.digits.iter().any(|known| known == digits)
        && json::survives_f64(digits)
    {
        seen.digits.push(digits.to_owned());
    }
}

fn string(raw: &str, strings: &mut Strings) {
    strings.count += 1;
    let Some(text) = json::unescaped(raw) else {
        strings.more = true;
        strings.formats.none();
        return;
    };
    strings.formats.narrow(&text);
    if strings.values.iter().any(|known| *known == text) {
        return;
    }
    if strings.values.len() < VALUES_MAX && text.chars().nth(VALUE_CHARS_MAX).is_none() {
        strings.values.push(text.into_owned());
    } else {
        strings.more = true;
    }
}
