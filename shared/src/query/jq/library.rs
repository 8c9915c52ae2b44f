//! What a filter can call: jq's library as far as it is pure.
//!
//! Left out are `input`, `inputs`, `env`, `$ENV`, `now`, `localtime`, `debug`, `stderr`, `halt`,
//! `halt_error`, `import`, `include`: a filter sees its capture and nothing else. Dates, `@html`
//! and the functions of mathematics beyond rounding are left out because captures do not need them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jaq_core::data::{DataT, HasLut};
use jaq_core::load::parse::Def;
use jaq_core::native::{Filter, Fun, bome, run, unary, v};
use jaq_core::{Cv, Error, Lut, RunPtr, ValR, load};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::json;
use super::meter;
use super::number::Num;
use super::regex::{self, Give};
use super::value::Val;

/// What jaq runs: a program over our values.
pub(super) struct Program;

/// The program's code. jaq copies it with every context, so that every copy is a step.
pub(super) struct Code<'a>(pub(super) &'a Lut<Program>);

impl DataT for Program {
    type V<'a> = Val;
    type Data<'a> = Code<'a>;
}

impl<'a> HasLut<'a, Program> for Code<'a> {
    fn lut(&self) -> &'a Lut<Program> {
        self.0
    }
}

impl Clone for Code<'_> {
    fn clone(&self) -> Self {
        meter::step();
        Self(self.0)
    }
}

/// Definitions of jaq's library that lean on functions which are not here.
const LEFT_OUT: [&str; 16] = [
    "stderr",
    "debug",
    "halt",
    "halt_error",
    "logb",
    "significand",
    "pow10",
    "drem",
    "nexttoward",
    "scalb",
    "gamma",
    "todate",
    "fromdate",
    "@html",
    "@htmld",
    "abs",
];

/// Ours, in jq itself.
const OURS: &str = "
def abs: if type == \"number\" and . < 0 then -. else . end;
def in(whole): . as $key | whole | has($key);
def inside(whole): . as $part | whole | contains($part);
def index($part): indices($part) | first;
def rindex($part): indices($part) | last;
def toboolean: if type == \"string\" then fromjson else . end
  | if type == \"boolean\" then . else error(\"cannot read as true or false\") end;
def @json: tojson;
";

/// Every definition in reach.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let ours = load::parse(OURS, |parser| parser.defs()).unwrap_or_default();
    let standard = jaq_std::defs().filter(|def| !LEFT_OUT.contains(&def.name));
    jaq_core::defs().chain(standard).chain(ours)
}

/// Every function in reach.
pub(super) fn functions() -> impl Iterator<Item = Fun<Program>> {
    let standard = jaq_std::base_funs().filter(|(name, ..)| *name != "halt");
    jaq_core::funs().chain(standard).chain(ours().into_iter().map(run::<Program>))
}

fn ours() -> [Filter<RunPtr<Program>>; 15] {
    [
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("has", v(1), |cv| unary(cv, |value, key| has(&value, &key))),
        ("contains", v(1), |cv| unary(cv, |whole, part| Ok(whole.contains(&part).into()))),
        ("indices", v(1), |cv| unary(cv, |whole, part| indices(&whole, &part))),
        ("tojson", v(0), |cv| bome(Ok(Val::text(json::write(&cv.1))))),
        ("fromjson", v(0), |cv| bome(with_text(&cv.1, from_json))),
        ("tonumber", v(0), |cv| bome(to_number(cv.1))),
        ("matches", v(2), |cv| bome(by_regex(cv, Give::Matches))),
        ("split_", v(2), |cv| bome(by_regex(cv, Give::Between))),
        ("split_matches", v(2), |cv| bome(by_regex(cv, Give::Both))),
        ("encode_base64", v(0), |cv| bome(with_text(&cv.1, |t| Ok(Val::text(BASE64.encode(t)))))),
        ("decode_base64", v(0), |cv| bome(with_text(&cv.1, from_base64))),
        ("encode_uri", v(0), |cv| bome(with_text(&cv.1, to_uri))),
        ("decode_uri", v(0), |cv| bome(with_text(&cv.1, from_uri))),
        ("sqrt", v(0), |cv| bome(square_root(cv.1))),
    ]
}

fn length(value: &Val) -> ValR<Val> {
    meter::step();
    match value {
        Val::Null => Ok(Val::int(0)),
        Val::Str(text) => {
            meter::bytes(text.len());
            Ok(Val::int(text.chars().count()))
        }
        Val::Arr(array) => Ok(Val::int(array.items.len())),
        Val::Obj(object) => Ok(Val::int(object.fields.len())),
        Val::Num(num) if num.as_f64() < 0.0 => Ok(Val::Num(num.negated())),
        Val::Num(num) => Ok(Val::Num(num.clone())),
        Val::Bool(_) => Err(Error::str(format!("{value} has no length"))),
    }
}

fn has(value: &Val, key: &Val) -> ValR<Val> {
    match value {
        Val::Arr(_) | Val::Obj(_) => match value.at(key) {
            Some(found) => Ok(found.is_some().into()),
            None => Err(Error::index(value.clone(), key.clone())),
        },
        other => Err(Error::typ(other.clone(), "array or object")),
    }
}

/// The places of a text in a text (in characters), of a row in an array, of an item in an array.
fn indices(whole: &Val, part: &Val) -> ValR<Val> {
    match (whole, part) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Str(whole), Val::Str(part)) => {
            meter::bytes(whole.len().saturating_mul(2));
            let bytes = memchr::memmem::find_iter(whole.as_bytes(), part.as_bytes());
            let mut seen = (0, 0);
            let chars = bytes.filter(|_| !part.is_empty()).map(|at| {
                seen = (at, seen.1 + whole[seen.0..at].chars().count());
                Val::int(seen.1)
            });
            Ok(Val::array(chars))
        }
        (Val::Arr(_), Val::Arr(part)) if part.items.is_empty() => Ok(Val::Null),
        (Val::Arr(whole), Val::Arr(part)) => {
            let windows = whole.items.windows(part.items.len()).enumerate();
            Ok(Val::array(windows.filter(|(_, w)| **w == part.items[..]).map(|(at, _)| at.into())))
        }
        (Val::Arr(whole), part) => {
            let items = whole.items.iter().enumerate();
            Ok(Val::array(items.filter(|(_, item)| *item == part).map(|(at, _)| at.into())))
        }
        (whole, part) => Err(Error::index(whole.clone(), part.clone())),
    }
}

fn by_regex(mut cv: Cv<'_, Program>, give: Give) -> ValR<Val> {
    let flags = cv.0.pop_var();
    let pattern = cv.0.pop_var();
    regex::apply(&cv.1, &pattern, &flags, give)
}

fn with_text(value: &Val, work: fn(&str) -> ValR<Val>) -> ValR<Val> {
    match value {
        Val::Str(text) => {
            meter::bytes(text.len().saturating_mul(4));
            work(text)
        }
        other => Err(Error::typ(other.clone(), "string")),
    }
}

fn from_json(text: &str) -> ValR<Val> {
    json::parse(text).ok_or_else(|| Error::str("cannot read the text as JSON"))
}

fn to_number(value: Val) -> ValR<Val> {
    match &value {
        Val::Num(_) => Ok(value),
        Val::Str(text) if json::is_number(text.trim().as_bytes()) => {
            Ok(Val::Num(Num::written(text.trim())))
        }
        _ => Err(Error::typ(value, "number")),
    }
}

fn from_base64(text: &str) -> ValR<Val> {
    match BASE64.decode(text) {
        Ok(bytes) => Ok(Val::text(String::from_utf8_lossy(&bytes))),
        Err(error) => Err(Error::str(format!("cannot read the text as base64: {error}"))),
    }
}

fn to_uri(text: &str) -> ValR<Val> {
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    Ok(Val::text(utf8_percent_encode(text, ESCAPED).to_string()))
}

fn from_uri(text: &str) -> ValR<Val> {
    Ok(Val::text(percent_decode_str(text).decode_utf8_lossy()))
}

fn square_root(value: Val) -> ValR<Val> {
    match value {
        Val::Num(num) => Ok(Val::Num(Num::Float(num.as_f64().sqrt()))),
        other => Err(Error::typ(other, "number")),
    }
}
