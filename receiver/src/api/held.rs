//! Requests that wait for an answer by hand.

use axum::extract::State;
use axum::http::StatusCode;
use hooklab_shared::bin::Page;
use hooklab_shared::extract::{Json, Path, bad_parameter};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use hooklab_shared::reply::{Program, Rule};

use super::unknown_bin;
use crate::Receiver;
use crate::held::Held;

/// Lists the requests of a bin that are held, the oldest first.
#[utoipa::path(
    get, path = "/bins/{bin}/held", operation_id = "list_held", tag = "held",
    params(("bin" = String, Path, description = "The bin's name.")),
    responses(
        (status = 200, description = "All of them; there is no next page.", body = Page<Held>),
        Refused<404>,
    )
)]
pub(super) async fn list(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
) -> Result<Json<Page<Held>>, Problem> {
    receiver.store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
    Ok(Json(Page { items: receiver.held().list(&bin), next: None }))
}

/// Answers a request that is held, as a rule would.
#[utoipa::path(
    post, path = "/bins/{bin}/held/{id}", operation_id = "answer_held", tag = "held",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("id" = String, Path, description = "Its id, as the list tells it."),
    ),
    request_body = Rule,
    responses(
        (status = 204, description = "The answer is on its way; whether it arrives is not known."),
        Refused<400>, Refused<404>, Refused<413>, Refused<415>, Refused<422>,
    )
)]
pub(super) async fn answer(
    State(receiver): State<Receiver>,
    Path((bin, id)): Path<(String, String)>,
    Json(rule): Json<Rule>,
) -> Result<StatusCode, Problem> {
    receiver.store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
    let choosing = [
        ("match", rule.matches.is_some()),
        ("times", rule.times.is_some()),
        ("chance", rule.chance.is_some()),
        ("hold", rule.hold.is_some()),
    ];
    if let Some((field, _)) = choosing.iter().find(|(_, given)| *given) {
        let detail = "has no place here: it is for choosing a rule, and this one is chosen";
        return Err(bad_parameter(field, detail.to_owned()));
    }
    let alone = Program { rules: vec![rule.clone()], ..Program::default() };
    alone.check().and_then(|()| alone.check_new()).map_err(|error| {
        let detail = format!("the answer cannot be given: failed to {error}");
        Problem::new(422, "invalid-field", detail)
    })?;
    let held = receiver.held().list(&bin).into_iter().find(|held| held.id.to_string() == id);
    match held {
        Some(held) if receiver.held().answer(held.id, rule) => Ok(StatusCode::NO_CONTENT),
        _ => {
            let id: String = id.chars().take(40).collect();
            let detail = format!(
                "nothing is held as `{id}` in bin `{bin}`: it was answered, its time is over, or \
                 its sender has gone; `hooklab held {bin}` lists what waits"
            );
            Err(Problem::new(404, "not-held", detail))
        }
    }
}
