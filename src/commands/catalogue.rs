//! The event types that a one-off send can name: those of the binary, and those of your own that a
//! server knows.

use std::time::Duration;

use hooklab_sender::Catalogue;
use hooklab_shared::event::EventType;
use tokio::time::timeout;

use crate::client::{Client, ClientError};
use crate::exit::{Code, Failure};

/// How long a server may take to tell of an event type.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

/// The catalogue that the binary carries.
pub(super) fn built_in() -> Result<Catalogue, Failure> {
    Catalogue::built_in()
        .map_err(|error| Failure::new(Code::Bug, format!("read the event catalogue: {error}")))
}

/// A catalogue that knows this type; a server is asked only for one that the binary does not carry.
///
/// # Errors
/// The type is not built in, and the server does not know it or cannot be asked.
pub(super) async fn knowing(
    kind: &str,
    client: impl FnOnce() -> Result<Client, Failure>,
) -> Result<Catalogue, Failure> {
    let catalogue = built_in()?;
    let Some(unknown) = catalogue.slug_error(kind) else { return Ok(catalogue) };
    let client = client()?;
    let url = client.url(["event-types", kind]);
    let why = match timeout(TELL_TIMEOUT, client.get::<EventType>(&url)).await {
        Ok(Ok(told)) => {
            catalogue.learn(told);
            match catalogue.slug_error(kind) {
                None => return Ok(catalogue),
                Some(_) => "it tells of another event type".to_owned(),
            }
        }
        Ok(Err(ClientError::Problem { problem, .. })) => problem.detail,
        Ok(Err(ClientError::Unreachable { cause, .. } | ClientError::Foreign { cause, .. })) => {
            format!("it cannot be asked: {cause}; name another with --server URL")
        }
        Err(_) => "it cannot be asked: no answer within 10 s".to_owned(),
    };
    let server = client.address();
    Err(Failure::usage(format!(
        "find the event type: built in, {unknown}\n  at the server {server}, {why}\n  \
         or give the payload with --data"
    )))
}
