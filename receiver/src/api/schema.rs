//! A JSON Schema inferred from what a bin holds.

use std::time::{Duration, Instant};

use axum::extract::State;
use hooklab_shared::extract::{Json, Path, Query, bad_parameter};
use hooklab_shared::limits::ViewLimits;
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use hooklab_shared::schema;
use serde::Deserialize;
use serde_json::Value;

use super::looking::look;
use super::scan::Walk;
use super::unknown_bin;
use crate::Receiver;
use crate::store::Range;

/// Captures that a schema is inferred from where nobody says how many: more rarely change it.
const SAMPLES: usize = 1_000;

/// How long captures are read for one schema; it tells how many it is of.
const TIME: Duration = Duration::from_secs(5);

/// What a schema takes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// How many of the newest captures it is inferred from; 1,000 unless given.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Infers a JSON Schema (2020-12) from the newest captures' JSON. It reads them for five seconds at
/// most; `$comment` tells how many they were.
#[utoipa::path(
    get, path = "/bins/{bin}/schema", operation_id = "infer_schema", tag = "bins",
    params(("bin" = String, Path, description = "The bin's name."), Asked),
    responses(
        (status = 200, description = "A JSON Schema.", body = Object),
        Refused<404>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn infer(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let most = ViewLimits::default().schema_samples_max;
    let limit = asked.limit.unwrap_or(SAMPLES);
    if !(1..=most).contains(&limit) {
        return Err(bad_parameter("limit", format!("is {limit}: it takes 1 to {most}")));
    }
    let store = receiver.store.clone();
    store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
    look(&receiver, move || {
        let until = Instant::now() + TIME;
        let range = Range { after: None, before: None, newest_first: true, limit: 0 };
        let captures = Walk::new(&store, &bin, range)
            .map_while(Result::ok)
            .take(limit)
            .take_while(|_| Instant::now() < until);
        Ok(Json(schema::infer(captures)))
    })
    .await
}
