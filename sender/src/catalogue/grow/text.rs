//! Text for a schema: of its format, of its pattern, or what its name promises.

use serde_json::{Map, Value};

use super::super::pattern;
use super::Grower;

/// Letters that a text is made longer with.
const FILLER: &str = "abcdefghijklmnopqrstuvwxyz";

impl Grower<'_> {
    pub(super) fn text(&mut self, schema: &Map<String, Value>, name: &str) -> String {
        let told = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        if let Some(text) = told("pattern").and_then(|told| pattern::text(told, &mut self.draw)) {
            return text;
        }
        if let Some(text) = told("format").and_then(|format| self.formatted(format)) {
            return text;
        }
        let bound = |keyword: &str, default: u64| {
            let given = schema.get(keyword).and_then(Value::as_u64).unwrap_or(default);
            usize::try_from(given.min(super::VALUES_MAX as u64)).unwrap_or(super::VALUES_MAX)
        };
        let (least, most) = (bound("minLength", 0), bound("maxLength", u64::MAX));
        let mut text: String = self.promised(name).chars().take(most).collect();
        let missing = least.saturating_sub(text.chars().count());
        text.extend(FILLER.chars().cycle().take(missing));
        text
    }

    /// A text of a format that the specification names; `None` for others.
    fn formatted(&mut self, format: &str) -> Option<String> {
        let (day, clock) = (self.world.day.clone(), self.world.clock.clone());
        let mail = self.world.customer.email.clone();
        let host = mail.split('@').nth(1).unwrap_or("host.example").to_owned();
        Some(match format {
            "date-time" => format!("{day}T{clock}Z"),
            "date" => day,
            "time" => format!("{clock}Z"),
            "duration" => format!("P{}D", self.draw.number(1, 90)),
            "email" | "idn-email" => mail,
            "hostname" | "idn-hostname" => host,
            "uri" | "iri" | "uri-reference" | "iri-reference" => {
                format!("https://{host}/{}", self.draw.number(1, 9_999))
            }
            "ipv4" => format!("192.0.2.{}", self.draw.number(1, 254)),
            "ipv6" => format!("2001:db8::{:x}", self.draw.number(1, 0xffff)),
            "uuid" => self.uuid(),
            "json-pointer" => format!("/{}", self.draw.code(4).to_lowercase()),
            _ => return None,
        })
    }

    /// Version 4 by its form, and the same for the same seed.
    fn uuid(&mut self) -> String {
        let mut hex = |digits: u32| {
            let most = 1_u32.checked_shl(digits * 4).map_or(u32::MAX, |past| past - 1);
            format!("{:0width$x}", self.draw.number(0, most), width = digits as usize)
        };
        let (a, b, c, d, e, f) = (hex(8), hex(4), hex(3), hex(3), hex(8), hex(4));
        format!("{a}-{b}-4{c}-8{d}-{e}{f}")
    }

    /// What a property of this name usually holds.
    fn promised(&mut self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        let has = |word: &str| name.contains(word);
        let customer = &self.world.customer;
        match () {
            () if has("mail") => customer.email.clone(),
            () if has("company") || has("business") || has("title") => customer.business.clone(),
            () if has("name") => customer.name.clone(),
            () if has("street") || has("address") => customer.street.clone(),
            () if has("city") => customer.city.to_owned(),
            () if has("country") => customer.country.to_owned(),
            () if has("zip") || has("postal") => customer.zip.clone(),
            () if has("currency") => self.world.currency.to_owned(),
            () if has("description") => self.world.site.description.to_owned(),
            () if has("date") || name.ends_with("_at") => {
                format!("{}T{}Z", self.world.day, self.world.clock)
            }
            () => self.draw.code(8).to_lowercase(),
        }
    }
}
