//! How jaq reaches into our values: its traits, implemented.

use std::rc::Rc;

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Error, Exn, ValR, ValT, ValX};

use super::json;
use super::meter;
use super::number::Num;
use super::value::{Arr, Val};

impl ValT for Val {
    fn from_num(text: &str) -> ValR<Self> {
        // jq also writes `.5` and `1.`, which JSON does not.
        Ok(Self::Num(match text.parse() {
            _ if json::is_number(text.as_bytes()) => Num::written(text),
            Ok(float) => Num::Float(float),
            Err(_) => return Err(Error::str(format!("cannot read {text} as a number"))),
        }))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(fields: I) -> ValR<Self> {
        let keyed = fields.into_iter().map(|(key, value)| match key {
            Self::Str(key) => Ok((key, value)),
            other => Err(Error::typ(other, "object key")),
        });
        keyed.collect::<Result<Vec<_>, _>>().map(Self::object)
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        meter::step();
        match self {
            Self::Arr(array) => {
                let items = Rc::unwrap_or_clone(array).items.into_iter();
                Box::new(items.enumerate().map(|(place, item)| Ok((Self::int(place), item))))
            }
            Self::Obj(object) => {
                let fields = Rc::unwrap_or_clone(object).fields.into_iter();
                Box::new(fields.map(|(key, value)| Ok((Self::Str(key), value))))
            }
            other => box_once(Err(Error::typ(other, "array or object"))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        meter::step();
        match self {
            Self::Arr(array) => Box::new(Rc::unwrap_or_clone(array).items.into_iter().map(Ok)),
            Self::Obj(object) => Box::new(Rc::unwrap_or_clone(object).fields.into_values().map(Ok)),
            other => box_once(Err(Error::typ(other, "array or object"))),
        }
    }

    fn index(self, index: &Self) -> ValR<Self> {
        meter::step();
        if let Some((start, end)) = slice_of(&self, index) {
            return self.range(start.as_ref()..end.as_ref());
        }
        match self.at(index) {
            Some(found) => Ok(found.unwrap_or_default()),
            None => Err(Error::index(self, index.clone())),
        }
    }

    fn range(self, range: Range<&Self>) -> ValR<Self> {
        meter::step();
        match &self {
            Self::Null => Ok(Self::Null),
            Self::Arr(array) => {
                let (start, end) = places(&range, array.items.len())?;
                Ok(Self::array(array.items[start..end].iter().cloned()))
            }
            Self::Str(text) => {
                let (start, end) = char_places(&range, text)?;
                Ok(Self::text(&text[start..end]))
            }
            _ => Err(Error::typ(self, "array or string")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        meter::step();
        match self {
            Self::Arr(array) => {
                let items = Rc::unwrap_or_clone(array).items.into_iter().flat_map(f);
                Ok(Self::array(items.collect::<Result<Vec<_>, _>>()?))
            }
            Self::Obj(object) => {
                let fields = Rc::unwrap_or_clone(object).fields.into_iter();
                let mapped = fields.filter_map(|(key, v)| Some(f(v).next()?.map(|v| (key, v))));
                Ok(Self::object(mapped.collect::<Result<Vec<_>, Exn<'_, _>>>()?))
            }
            other => opt.fail(other, |v| Exn::from(Error::typ(v, "array or object"))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        meter::step();
        if let Some((start, end)) = slice_of(&self, index) {
            return self.map_range(start.as_ref()..end.as_ref(), opt, f);
        }
        match (self, index) {
            (Self::Null, Self::Str(_)) => Self::object([]).map_index(index, opt, f),
            (Self::Null, Self::Num(_)) => Self::array([]).map_index(index, opt, f),
            (Self::Obj(mut object), Self::Str(key)) => {
                let fields = Rc::make_mut(&mut object);
                let old = fields.take(key).unwrap_or_default();
                match f(old).next().transpose()? {
                    Some(new) => fields.set(key.clone(), new),
                    None => fields.drop_key(key),
                }
                Ok(Self::Obj(object))
            }
            (Self::Arr(array), Self::Num(place)) => map_place(array, place.as_place(), opt, f),
            (other, _) => opt.fail(other, |v| Exn::from(Error::index(v, index.clone()))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        meter::step();
        let Self::Arr(array) = self else {
            return opt.fail(self, |v| Exn::from(Error::typ(v, "array")));
        };
        let (start, end) = match places(&range, array.items.len()) {
            Ok(places) => places,
            Err(error) => return opt.fail(Self::Arr(array), |_| Exn::from(error)),
        };
        let part = Self::array(array.items[start..end].iter().cloned());
        let new = match f(part).next().transpose()? {
            Some(Self::Arr(new)) => new,
            Some(other) => return Err(Error::typ(other, "array").into()),
            None => Rc::default(),
        };
        let (before, after) = (&array.items[..start], &array.items[end..]);
        Ok(Self::array(before.iter().chain(&new.items).chain(after).cloned()))
    }

    fn as_bool(&self) -> bool {
        self.truthy()
    }

    fn into_string(self) -> Self {
        match self {
            Self::Str(_) => self,
            other => Self::text(json::write(&other)),
        }
    }
}

impl Val {
    /// What stands at an index; `Some(None)` where nothing does, `None` where nothing can.
    pub(super) fn at(&self, index: &Self) -> Option<Option<Self>> {
        match (self, index) {
            (Self::Null, Self::Str(_) | Self::Num(_) | Self::Null) => Some(None),
            (Self::Obj(object), Self::Str(key)) => Some(object.fields.get(key).cloned()),
            (Self::Arr(array), Self::Num(place)) => {
                let place = place_in(place.as_place(), array.items.len());
                Some(place.and_then(|place| array.items.get(place).cloned()))
            }
            _ => None,
        }
    }
}

/// A place beyond the end is made by filling up with null, each a step.
fn map_place<'a, I: Iterator<Item = ValX<'a, Val>>>(
    mut array: Rc<Arr>,
    place: i64,
    opt: Opt,
    f: impl Fn(Val) -> I,
) -> ValX<'a, Val> {
    let length = array.items.len();
    let Some(at) = place_in(place, length) else {
        let error = || Error::str(format!("index {place} is out of bounds"));
        return opt.fail(Val::Arr(array), |_| Exn::from(error()));
    };
    let owned = Rc::make_mut(&mut array);
    let old = owned.take(at);
    match f(old).next().transpose()? {
        Some(new) => owned.put(at, new),
        None if at < length => drop(owned.items.remove(at)),
        None => {}
    }
    Ok(Val::Arr(array))
}

/// A place from the end where it is negative; none before the beginning.
fn place_in(place: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if place < 0 { place + length } else { place }).ok()
}

/// A slice written as an object, as paths write it.
fn slice_of(value: &Val, index: &Val) -> Option<(Option<Val>, Option<Val>)> {
    match (value, index) {
        (Val::Null | Val::Arr(_) | Val::Str(_), Val::Obj(slice)) => {
            Some((slice.fields.get("start").cloned(), slice.fields.get("end").cloned()))
        }
        _ => None,
    }
}

fn places(range: &Range<&Val>, length: usize) -> Result<(usize, usize), Error<Val>> {
    let place = |bound: Option<&Val>, open| match bound {
        None | Some(Val::Null) => Ok(open),
        Some(Val::Num(place)) => Ok(place_in(place.as_place(), length).unwrap_or(0).min(length)),
        Some(other) => Err(Error::typ(other.clone(), "integer")),
    };
    let (start, end) = (place(range.start, 0)?, place(range.end, length)?);
    Ok((start, end.max(start)))
}

/// jq counts characters in strings, not bytes.
fn char_places(range: &Range<&Val>, text: &str) -> Result<(usize, usize), Error<Val>> {
    meter::bytes(text.len());
    let (start, end) = places(range, text.chars().count())?;
    let byte = |place| text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
    Ok((byte(start), byte(end)))
}

impl From<bool> for Val {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<isize> for Val {
    fn from(int: isize) -> Self {
        Self::Num(Num::Int(int as i64))
    }
}

impl From<usize> for Val {
    fn from(int: usize) -> Self {
        Self::int(int)
    }
}

impl From<f64> for Val {
    fn from(float: f64) -> Self {
        Self::Num(Num::Float(float))
    }
}

impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Range<Val>> for Val {
    fn from(range: Range<Val>) -> Self {
        let bounds = [("start", range.start), ("end", range.end)];
        Self::object(bounds.into_iter().filter_map(|(key, bound)| Some((key.into(), bound?))))
    }
}

impl FromIterator<Val> for Val {
    fn from_iter<I: IntoIterator<Item = Val>>(items: I) -> Self {
        Self::array(items)
    }
}

impl jaq_std::ValT for Val {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self {
            Self::Arr(array) => Ok(Rc::unwrap_or_clone(array).items.into_iter().collect()),
            other => Err(other),
        }
    }

    fn is_int(&self) -> bool {
        matches!(self, Self::Num(num) if num.is_int())
    }

    fn as_isize(&self) -> Option<isize> {
        match self {
            Self::Num(Num::Int(int)) => isize::try_from(*int).ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Num(num) => Some(num.as_f64()),
            _ => None,
        }
    }

    fn is_utf8_str(&self) -> bool {
        self.as_str().is_some()
    }

    /// Whoever asks for the bytes walks over them.
    fn as_bytes(&self) -> Option<&[u8]> {
        let bytes = self.as_str()?.as_bytes();
        meter::bytes(bytes.len());
        Some(bytes)
    }

    fn as_sub_str(&self, part: &[u8]) -> Self {
        Self::text(String::from_utf8_lossy(part))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::text(String::from_utf8_lossy(bytes.as_ref()))
    }
}
