//! The values that filters work on: JSON that knows its own size.

use std::fmt;
use std::rc::Rc;

use indexmap::IndexMap;

use super::json;
use super::meter::{self, JQ_BYTES_MAX, JQ_DEPTH_MAX, Spent};
use super::number::Num;

/// A JSON value. Copies share what they hold.
#[derive(Debug, Default)]
pub(super) enum Val {
    #[default]
    Null,
    Bool(bool),
    Num(Num),
    Str(Rc<str>),
    Arr(Rc<Arr>),
    Obj(Rc<Obj>),
}

pub(super) type Fields = IndexMap<Rc<str>, Val>;

/// An array and its size.
#[derive(Clone, Debug, Default)]
pub(super) struct Arr {
    pub(super) items: Vec<Val>,
    pub(super) size: Size,
}

/// An object and its size.
#[derive(Clone, Debug, Default)]
pub(super) struct Obj {
    pub(super) fields: Fields,
    pub(super) size: Size,
}

/// How much a value is when nothing in it is shared: `[.,.]|[.,.]|…` holds little and weighs
/// much, and whoever compares or prints it pays the weight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) depth: u32,
}

/// What a value costs beside its text, in bytes.
const VALUE_BYTES: u64 = 16;

/// How much of a value an error shows, in characters: two of them fit a line.
const SHOWN_CHARS_MAX: usize = 40;

impl Size {
    /// Adds a child; too deep or too heavy a value ends the filter, for none may come to be.
    pub(super) fn add(&mut self, child: Size) {
        self.bytes = self.bytes.saturating_add(child.bytes);
        self.depth = self.depth.max(child.depth.saturating_add(1));
        if self.bytes > JQ_BYTES_MAX {
            meter::stop(Spent::Bytes);
        }
        if self.depth > JQ_DEPTH_MAX {
            meter::stop(Spent::Depth);
        }
    }

    pub(super) fn remove(&mut self, child: Size) {
        self.bytes = self.bytes.saturating_sub(child.bytes);
    }

    pub(super) fn of_key(key: &str) -> Self {
        Self { bytes: VALUE_BYTES + key.len() as u64, depth: 0 }
    }
}

/// Every copy is a step: what jaq loops over, it copies.
impl Clone for Val {
    fn clone(&self) -> Self {
        meter::step();
        match self {
            Self::Null => Self::Null,
            Self::Bool(bool) => Self::Bool(*bool),
            Self::Num(num) => Self::Num(num.clone()),
            Self::Str(text) => Self::Str(text.clone()),
            Self::Arr(array) => Self::Arr(array.clone()),
            Self::Obj(object) => Self::Obj(object.clone()),
        }
    }
}

impl Val {
    pub(super) fn int(int: usize) -> Self {
        Self::Num(Num::Int(i64::try_from(int).unwrap_or(i64::MAX)))
    }

    pub(super) fn text(text: impl Into<Rc<str>> + AsRef<str>) -> Self {
        meter::bytes(text.as_ref().len());
        Self::Str(text.into())
    }

    pub(super) fn array(items: impl IntoIterator<Item = Self>) -> Self {
        let mut array = Arr::default();
        for item in items {
            meter::step();
            array.size.add(item.size());
            array.items.push(item);
        }
        Self::Arr(array.into())
    }

    pub(super) fn object(fields: impl IntoIterator<Item = (Rc<str>, Self)>) -> Self {
        let mut object = Obj::default();
        fields.into_iter().for_each(|(key, value)| object.set(key, value));
        Self::Obj(object.into())
    }

    pub(super) fn size(&self) -> Size {
        match self {
            Self::Str(text) => Size::of_key(text),
            Self::Num(Num::Literal(text)) => Size::of_key(text),
            Self::Arr(array) => {
                Size { bytes: array.size.bytes + VALUE_BYTES, depth: array.size.depth }
            }
            Self::Obj(object) => {
                Size { bytes: object.size.bytes + VALUE_BYTES, depth: object.size.depth }
            }
            _ => Size { bytes: VALUE_BYTES, depth: 0 },
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn truthy(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }
}

impl Arr {
    /// Takes out what is at a place; `put` or removing the place must follow.
    pub(super) fn take(&mut self, at: usize) -> Val {
        let old = self.items.get_mut(at).map(std::mem::take);
        self.size.remove(old.as_ref().map(Val::size).unwrap_or_default());
        old.unwrap_or_default()
    }

    pub(super) fn put(&mut self, at: usize, value: Val) {
        while self.items.len() <= at {
            meter::step();
            self.size.add(Val::Null.size());
            self.items.push(Val::Null);
        }
        self.size.add(value.size());
        self.items[at] = value;
    }
}

impl Obj {
    pub(super) fn set(&mut self, key: Rc<str>, value: Val) {
        meter::step();
        self.size.add(value.size());
        match self.fields.entry(key) {
            indexmap::map::Entry::Occupied(mut entry) => {
                self.size.remove(entry.insert(value).size());
            }
            indexmap::map::Entry::Vacant(entry) => {
                self.size.add(Size::of_key(entry.key()));
                entry.insert(value);
            }
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Val> {
        let old = self.fields.get_mut(key).map(std::mem::take)?;
        self.size.remove(old.size());
        self.size.bytes += Val::Null.size().bytes;
        Some(old)
    }

    pub(super) fn drop_key(&mut self, key: &str) {
        if let Some(old) = self.fields.shift_remove(key) {
            self.size.remove(old.size());
            self.size.remove(Size::of_key(key));
        }
    }
}

/// As errors show it: its beginning.
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = json::write(self);
        match json.char_indices().nth(SHOWN_CHARS_MAX) {
            Some((end, _)) => write!(f, "{}…", &json[..end]),
            None => f.write_str(&json),
        }
    }
}
