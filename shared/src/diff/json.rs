use std::collections::{HashMap, VecDeque};
use std::mem::discriminant;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Room;
use crate::json::{Node, Pointer, shown};

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsonChange {
    /// Where, as a JSON Pointer (RFC 6901); of an item, its place in the list that has it.
    pub path: String,
    /// In what way.
    pub change: JsonChangeKind,
    /// The value it was, whole, as JSON text with its digits as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value it is, whole, as JSON text with its digits as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// In what way a value differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JsonChangeKind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Another value of the same type; of a number, other digits.
    Changed,
    /// A value of another type.
    TypeChanged,
    /// The same keys in another order; the order of values is a difference of its own.
    Reordered,
}

/// What differs, in the order of the first.
pub(super) fn changes(from: &Node<'_>, to: &Node<'_>, room: &mut Room) -> Vec<JsonChange> {
    let mut walk = Walk { changes: Vec::new(), at: Pointer::default(), room };
    walk.nodes(from, to);
    walk.changes
}

struct Walk<'r> {
    changes: Vec<JsonChange>,
    at: Pointer,
    room: &'r mut Room,
}

impl Walk<'_> {
    fn nodes(&mut self, from: &Node<'_>, to: &Node<'_>) {
        match (from, to) {
            (Node::Object(a), Node::Object(b)) => self.objects(a, b),
            (Node::Array(a), Node::Array(b)) => self.arrays(a, b),
            _ if from == to => {}
            _ if discriminant(from) == discriminant(to) => {
                self.tell(JsonChangeKind::Changed, Some(from), Some(to));
            }
            _ => self.tell(JsonChangeKind::TypeChanged, Some(from), Some(to)),
        }
    }

    /// A key that repeats is paired with its like: first with first, second with second.
    fn objects(&mut self, from: &[(&str, Node<'_>)], to: &[(&str, Node<'_>)]) {
        let mut waiting: HashMap<_, VecDeque<usize>> = HashMap::new();
        for (n, (key, _)) in to.iter().enumerate() {
            waiting.entry(shown(key)).or_default().push_back(n);
        }
        let mut partners = Vec::new();
        for (key, value) in from {
            let key = shown(key);
            let partner = waiting.get_mut(&key).and_then(VecDeque::pop_front);
            match partner.and_then(|n| to.get(n)) {
                Some((_, other)) => self.within(&key, |walk| walk.nodes(value, other)),
                None => self.alone(&key, JsonChangeKind::Removed, value),
            }
            partners.extend(partner);
        }
        let mut added: Vec<usize> = waiting.into_values().flatten().collect();
        added.sort_unstable();
        for (key, value) in added.into_iter().filter_map(|n| to.get(n)) {
            self.alone(&shown(key), JsonChangeKind::Added, value);
        }
        if !partners.is_sorted() {
            self.tell(JsonChangeKind::Reordered, None, None);
        }
    }

    /// What both begin and end with is left out, so that one more item is one entry.
    fn arrays(&mut self, from: &[Node<'_>], to: &[Node<'_>]) {
        let start = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let (from, to) = (&from[start..], &to[start..]);
        let end = from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count();
        let (from, to) = (&from[..from.len() - end], &to[..to.len() - end]);
        for n in 0..from.len().max(to.len()) {
            let step = (start + n).to_string();
            match (from.get(n), to.get(n)) {
                (Some(a), Some(b)) => self.within(&step, |walk| walk.nodes(a, b)),
                (Some(a), None) => self.alone(&step, JsonChangeKind::Removed, a),
                (None, Some(b)) => self.alone(&step, JsonChangeKind::Added, b),
                (None, None) => {}
            }
        }
    }

    fn alone(&mut self, step: &str, change: JsonChangeKind, value: &Node<'_>) {
        self.within(step, |walk| match change {
            JsonChangeKind::Added => walk.tell(change, None, Some(value)),
            _ => walk.tell(change, Some(value), None),
        });
    }

    fn within(&mut self, step: &str, run: impl FnOnce(&mut Self)) {
        let mut at = std::mem::take(&mut self.at);
        at.within(step, |at| {
            std::mem::swap(&mut self.at, at);
            run(self);
            std::mem::swap(&mut self.at, at);
        });
        self.at = at;
    }

    fn tell(&mut self, change: JsonChangeKind, from: Option<&Node<'_>>, to: Option<&Node<'_>>) {
        if self.room.take() {
            let text = |node: &Node<'_>| node.compact(usize::MAX).unwrap_or_default();
            let path = self.at.told();
            self.changes.push(JsonChange { path, change, from: from.map(text), to: to.map(text) });
        }
    }
}
