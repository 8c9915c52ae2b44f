//! Lists of webhooks: which, in which order, and from where on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hooklab_shared::webhook::Webhook;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{Store, StoreError, webhooks};

/// Which webhooks a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebhookFilter {
    /// Those with this text in name, URL, event or integration; `a` to `z` in either case.
    pub(crate) search: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) active: Option<bool>,
    pub(crate) integration: Option<String>,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SortField {
    #[default]
    Id,
    Name,
    Url,
    Event,
    Last,
    Count,
    Integration,
    Active,
}

/// The order of a list; webhooks that are equal in it are in that of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) field: SortField,
    pub(crate) descending: bool,
}

/// The place of a webhook in a list, from which the next page goes on: what it was sorted by and
/// its number. A webhook that comes or goes meanwhile moves no other one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    key: Value,
    id: i64,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) filter: WebhookFilter,
    pub(crate) sort: Sort,
    pub(crate) after: Option<Place>,
    pub(crate) limit: usize,
}

impl SortField {
    const ALL: [(&str, Self); 8] = [
        ("id", Self::Id),
        ("name", Self::Name),
        ("url", Self::Url),
        ("event", Self::Event),
        ("last", Self::Last),
        ("count", Self::Count),
        ("integration", Self::Integration),
        ("active", Self::Active),
    ];

    fn key(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "lower(name)",
            Self::Url => "url",
            Self::Event => "event",
            // What never ran, then what failed, then what was delivered; each by its time.
            Self::Last => {
                "iif(last_at IS NULL, 0, \
                 iif(last_ok, 2000000000000000000, 1000000000000000000) + last_at)"
            }
            Self::Count => "count",
            Self::Integration => "lower(integration)",
            Self::Active => "active",
        }
    }
}

impl Sort {
    /// Reads `FIELD`, `FIELD:asc` or `FIELD:desc`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, order) = text.split_once(':').unwrap_or((text, "asc"));
        let (_, field) = SortField::ALL.into_iter().find(|(known, _)| *known == name)?;
        match order {
            "asc" => Some(Self { field, descending: false }),
            "desc" => Some(Self { field, descending: true }),
            _ => None,
        }
    }

    fn text(self) -> String {
        let name = SortField::ALL.into_iter().find(|(_, field)| *field == self.field);
        format!("{}:{}", name.map_or("id", |(name, _)| name), self.order())
    }

    fn order(self) -> &'static str {
        if self.descending { "desc" } else { "asc" }
    }
}

impl Place {
    /// As a cursor of a list of this order: the number alone where that is what it is sorted by.
    pub(crate) fn cursor(&self, sort: Sort) -> String {
        let key = match &self.key {
            _ if sort == Sort::default() => return self.id.to_string(),
            Value::Text(text) => serde_json::Value::from(text.as_str()),
            Value::Integer(number) => (*number).into(),
            _ => serde_json::Value::Null,
        };
        let document = serde_json::json!([sort.text(), key, self.id]);
        URL_SAFE_NO_PAD.encode(document.to_string())
    }

    /// Reads a cursor of a list of this order; `None` for any other text.
    pub(crate) fn parse(cursor: &str, sort: Sort) -> Option<Self> {
        if sort == Sort::default() {
            let id = cursor.parse().ok()?;
            return Some(Self { key: Value::Integer(id), id });
        }
        let document = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (of, key, id): (String, serde_json::Value, i64) =
            serde_json::from_slice(&document).ok()?;
        let key = match key {
            serde_json::Value::String(text) => Value::Text(text),
            key => Value::Integer(key.as_i64()?),
        };
        (of == sort.text()).then_some(Self { key, id })
    }
}

impl Store {
    /// One page of webhooks, and the place from which the next one goes on.
    pub(crate) async fn webhooks(
        &self,
        listing: Listing,
    ) -> Result<(Vec<Webhook>, Option<Place>), StoreError> {
        self.read(move |connection| page(connection, &listing)).await
    }

    /// How many webhooks there are of this kind, and one page of them by number.
    pub(crate) async fn webhooks_from(
        &self,
        filter: WebhookFilter,
        sort: Sort,
        offset: u64,
        limit: usize,
    ) -> Result<(u64, Vec<Webhook>), StoreError> {
        self.read(move |connection| {
            let (condition, mut values) = condition(&filter);
            let sql = format!("SELECT count(*) FROM webhook WHERE {condition}");
            let count: i64 = connection
                .prepare_cached(&sql)?
                .query_row(params_from_iter(&values), |row| row.get(0))?;
            values.push(count_value(limit as u64));
            values.push(count_value(offset));
            let sql = format!(
                "SELECT {} FROM webhook WHERE {condition} ORDER BY {key} {order}, id {order} \
                 LIMIT ? OFFSET ?",
                webhooks::COLUMNS,
                key = sort.field.key(),
                order = sort.order(),
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), webhooks::read)?;
            let found: Result<_, StoreError> = rows.map(|row| Ok(row?.webhook)).collect();
            Ok((count.unsigned_abs(), found?))
        })
        .await
    }
}

/// The numbers of those that a filter lets through.
pub(super) fn ids(connection: &Connection, filter: &WebhookFilter) -> Result<Vec<i64>, StoreError> {
    let (condition, values) = condition(filter);
    let sql = format!("SELECT id FROM webhook WHERE {condition} ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    ids.map(|id| Ok(id?)).collect()
}

fn page(
    connection: &Connection,
    listing: &Listing,
) -> Result<(Vec<Webhook>, Option<Place>), StoreError> {
    let (mut condition, mut values) = condition(&listing.filter);
    let (key, order) = (listing.sort.field.key(), listing.sort.order());
    if let Some(after) = &listing.after {
        let beyond = if listing.sort.descending { '<' } else { '>' };
        condition += &format!(" AND ({key}, id) {beyond} (?, ?)");
        values.extend([after.key.clone(), Value::Integer(after.id)]);
    }
    // One more than is shown tells whether there is a next page.
    values.push(count_value(listing.limit as u64 + 1));
    let sql = format!(
        "SELECT {}, {key} FROM webhook WHERE {condition} \
         ORDER BY {key} {order}, id {order} LIMIT ?",
        webhooks::COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let last = statement.column_count() - 1;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok((webhooks::read(row)?.webhook, row.get::<_, Value>(last)?))
    })?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    let more = found.len() > listing.limit;
    found.truncate(listing.limit);
    let place = found.last().map(|(webhook, key)| Place { key: key.clone(), id: webhook.id });
    let webhooks = found.into_iter().map(|(webhook, _)| webhook).collect();
    Ok((webhooks, place.filter(|_| more)))
}

fn condition(filter: &WebhookFilter) -> (String, Vec<Value>) {
    let mut sql = "1".to_owned();
    let mut values = Vec::new();
    let mut with = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    with(" AND event = ?", filter.event.clone().map(Value::from));
    with(" AND active = ?", filter.active.map(Value::from));
    with(" AND integration = ?", filter.integration.clone().map(Value::from));
    with(
        " AND instr(lower(name || char(10) || url || char(10) || event || char(10) || \
         integration), lower(?)) > 0",
        filter.search.clone().map(Value::from),
    );
    (sql, values)
}

fn count_value(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_written() {
        for (text, _) in SortField::ALL {
            assert_eq!(Sort::parse(text).unwrap().text(), format!("{text}:asc"));
            let descending = format!("{text}:desc");
            assert_eq!(Sort::parse(&descending).unwrap().text(), descending);
        }
        for bad in ["", "nope", "name:", "name:up", "name:desc:asc", "NAME", "id;drop"] {
            assert_eq!(Sort::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_order_alone() {
        let by = |text| Sort::parse(text).unwrap();
        let place = |key| Place { key, id: 7 };
        for (key, sort) in [(Value::Text("é\"".into()), "name"), (Value::Integer(-3), "count:desc")]
        {
            let cursor = place(key.clone()).cursor(by(sort));
            assert_eq!(Place::parse(&cursor, by(sort)), Some(place(key)));
            assert_eq!(Place::parse(&cursor, by("url")), None);
            assert_eq!(Place::parse(&cursor, Sort::default()), None);
        }
        assert_eq!(place(Value::Integer(7)).cursor(Sort::default()), "7");
        for bad in ["7", "", "é", "W10"] {
            assert_eq!(Place::parse(bad, by("name")), None, "{bad}");
        }
    }
}
