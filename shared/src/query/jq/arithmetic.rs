//! Calculating with values and comparing them, as jq does.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;

use jaq_core::Error;
use jaq_core::ops::Math;
use memchr::memmem;

use super::meter;
use super::value::{Obj, Val};

type Outcome = Result<Val, Error<Val>>;

impl Add for Val {
    type Output = Outcome;

    fn add(self, other: Self) -> Outcome {
        meter::step();
        match (self, other) {
            (Self::Null, x) | (x, Self::Null) => Ok(x),
            (Self::Num(x), Self::Num(y)) => {
                Ok(Self::Num(x.calculate(&y, i64::checked_add, |x, y| x + y)))
            }
            (Self::Str(x), Self::Str(y)) => {
                meter::bytes(x.len() + y.len());
                Ok(Self::Str([&*x, &*y].concat().into()))
            }
            (Self::Arr(mut x), Self::Arr(y)) => {
                let array = Rc::make_mut(&mut x);
                for item in &y.items {
                    array.size.add(item.size());
                    array.items.push(item.clone());
                }
                Ok(Self::Arr(x))
            }
            (Self::Obj(mut x), Self::Obj(y)) => {
                let object = Rc::make_mut(&mut x);
                y.fields.iter().for_each(|(key, value)| object.set(key.clone(), value.clone()));
                Ok(Self::Obj(x))
            }
            (x, y) => Err(Error::math(x, Math::Add, y)),
        }
    }
}

impl Sub for Val {
    type Output = Outcome;

    fn sub(self, other: Self) -> Outcome {
        meter::step();
        match (self, other) {
            (Self::Num(x), Self::Num(y)) => {
                Ok(Self::Num(x.calculate(&y, i64::checked_sub, |x, y| x - y)))
            }
            (Self::Arr(x), Self::Arr(y)) => {
                let left = x.items.iter().filter(|item| !y.items.contains(item));
                Ok(Self::array(left.cloned()))
            }
            (x, y) => Err(Error::math(x, Math::Sub, y)),
        }
    }
}

impl Mul for Val {
    type Output = Outcome;

    fn mul(self, other: Self) -> Outcome {
        meter::step();
        match (self, other) {
            (Self::Num(x), Self::Num(y)) => {
                Ok(Self::Num(x.calculate(&y, i64::checked_mul, |x, y| x * y)))
            }
            (Self::Str(text), Self::Num(times)) | (Self::Num(times), Self::Str(text)) => {
                Ok(repeated(&text, times.as_f64()))
            }
            (Self::Obj(mut x), Self::Obj(y)) => {
                merge(Rc::make_mut(&mut x), &y);
                Ok(Self::Obj(x))
            }
            (x, y) => Err(Error::math(x, Math::Mul, y)),
        }
    }
}

/// Counted before it is made: this is how one asks for a terabyte.
fn repeated(text: &str, times: f64) -> Val {
    if times.is_nan() || times <= 0.0 {
        return Val::Null;
    }
    let times = (times as usize).max(1);
    meter::bytes(text.len().saturating_mul(times));
    if text.is_empty() { Val::text("") } else { Val::Str(text.repeat(times).into()) }
}

fn merge(into: &mut Obj, from: &Obj) {
    for (key, value) in &from.fields {
        match (into.take(key), value) {
            (Some(Val::Obj(mut old)), Val::Obj(new)) => {
                merge(Rc::make_mut(&mut old), new);
                into.set(key.clone(), Val::Obj(old));
            }
            (_, value) => into.set(key.clone(), value.clone()),
        }
    }
}

impl Div for Val {
    type Output = Outcome;

    fn div(self, other: Self) -> Outcome {
        meter::step();
        let ints = |x: i64, y: i64| if x.checked_rem(y)? == 0 { x.checked_div(y) } else { None };
        match (self, other) {
            (Self::Num(x), Self::Num(y)) => Ok(Self::Num(x.calculate(&y, ints, |x, y| x / y))),
            (Self::Str(x), Self::Str(y)) => Ok(split(&x, &y)),
            (x, y) => Err(Error::math(x, Math::Div, y)),
        }
    }
}

fn split(text: &str, by: &str) -> Val {
    meter::bytes(text.len());
    match (text.is_empty(), by.is_empty()) {
        (true, _) => Val::array([]),
        (_, true) => Val::array(text.chars().map(|c| Val::text(c.to_string()))),
        _ => Val::array(text.split(by).map(Val::text)),
    }
}

impl Rem for Val {
    type Output = Outcome;

    fn rem(self, other: Self) -> Outcome {
        meter::step();
        match (self, other) {
            (Self::Num(x), Self::Num(y)) if y.as_f64() != 0.0 => {
                Ok(Self::Num(x.calculate(&y, i64::checked_rem, |x, y| x % y)))
            }
            (x, y) => Err(Error::math(x, Math::Rem, y)),
        }
    }
}

impl Neg for Val {
    type Output = Outcome;

    fn neg(self) -> Outcome {
        meter::step();
        match self {
            Self::Num(num) => Ok(Self::Num(num.negated())),
            other => Err(Error::typ(other, "number")),
        }
    }
}

impl Val {
    /// jq's `contains`: substrings, and every part of the other in some part of this.
    pub(super) fn contains(&self, other: &Self) -> bool {
        meter::step();
        match (self, other) {
            (Self::Str(x), Self::Str(y)) => {
                meter::bytes(x.len());
                memmem::find(x.as_bytes(), y.as_bytes()).is_some()
            }
            (Self::Arr(x), Self::Arr(y)) => {
                y.items.iter().all(|y| x.items.iter().any(|x| x.contains(y)))
            }
            (Self::Obj(x), Self::Obj(y)) => {
                y.fields.iter().all(|(key, y)| x.fields.get(key).is_some_and(|x| x.contains(y)))
            }
            _ => self == other,
        }
    }

    /// jq's order of kinds: null, false, true, numbers, strings, arrays, objects.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Num(_) => 3,
            Self::Str(_) => 4,
            Self::Arr(_) => 5,
            Self::Obj(_) => 6,
        }
    }
}

impl Ord for Val {
    fn cmp(&self, other: &Self) -> Ordering {
        meter::step();
        match (self, other) {
            (Self::Num(x), Self::Num(y)) => x.order(y),
            (Self::Str(x), Self::Str(y)) => {
                meter::bytes(x.len().min(y.len()));
                x.cmp(y)
            }
            (Self::Arr(x), Self::Arr(y)) => x.items.cmp(&y.items),
            (Self::Obj(x), Self::Obj(y)) => by_key(x, y),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// Objects compare by their sorted keys first, then by the values in that order.
fn by_key(x: &Obj, y: &Obj) -> Ordering {
    let sorted = |object: &Obj| {
        meter::bytes(usize::try_from(object.size.bytes).unwrap_or(usize::MAX));
        let mut keys: Vec<Rc<str>> = object.fields.keys().cloned().collect();
        keys.sort_unstable();
        keys
    };
    let (xs, ys) = (sorted(x), sorted(y));
    xs.cmp(&ys).then_with(|| {
        xs.iter().map(|key| x.fields.get(key)).cmp(ys.iter().map(|key| y.fields.get(key)))
    })
}

#[expect(
    clippy::non_canonical_partial_ord_impl,
    reason = "jq has NaN below every number, itself too"
)]
impl PartialOrd for Val {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Num(x), Self::Num(_)) if x.is_nan() => Some(Ordering::Less),
            _ => Some(self.cmp(other)),
        }
    }
}

impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        let is_nan = matches!(self, Self::Num(x) if x.is_nan());
        !is_nan && self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Val {}
