//! `deliveries --follow`: what the sender does, as it does it.

use std::time::Duration;

use hooklab_shared::delivery::Message;
use tokio::time::sleep;

use crate::client::{Client, ClientError, Live};
use crate::exit::{Code, Failure};
use crate::report::{Report, delivery};
use crate::serve::Wish;

/// The first wait before a lost connection is opened again, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Runs it until Ctrl-C.
pub(super) async fn run(
    webhook: Option<i64>,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let mut wish = Wish::listen(false)?;
    let mut live = client.follow(webhook).await?;
    loop {
        let text = tokio::select! {
            text = live.next() => text,
            () = wish.made() => {
                live.close().await;
                return Ok(Code::Done);
            }
        };
        if let Some(text) = text {
            tell(&text, report)?;
            continue;
        }
        report.note("the connection was lost; what happens until it is back is not told");
        live = tokio::select! {
            opened = reopen(client, webhook) => opened?,
            () = wish.made() => return Ok(Code::Done),
        };
    }
}

/// A message that a newer server added is passed on as JSON, and skipped for people.
fn tell(text: &str, report: &mut Report) -> Result<(), Failure> {
    if report.is_json() {
        return report.json_text(text);
    }
    match serde_json::from_str::<Message>(text) {
        Ok(message) => delivery::told(report, &message),
        Err(_) => Ok(()),
    }
}

/// Opens the channel again, however long the server is away.
async fn reopen(client: &Client, webhook: Option<i64>) -> Result<Live, ClientError> {
    let mut wait = WAIT_MIN;
    loop {
        match client.follow(webhook).await {
            Err(ClientError::Unreachable { .. }) => {}
            Err(ClientError::Problem { problem, .. }) if problem.status == 503 => {}
            opened => return opened,
        }
        sleep(wait).await;
        wait = (wait * 2).min(WAIT_MAX);
    }
}
