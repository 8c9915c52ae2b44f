//! The five steps, over the server's own API and live channel.

use std::time::{Duration, SystemTime};

use hooklab_shared::bin::{Bin, NewBin};
use hooklab_shared::capture::{Document, Summary};
use hooklab_shared::delivery::Delivery;
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::live::Message;
use hooklab_shared::signature::standard_webhooks::{self, Secret};
use hooklab_shared::webhook::{CreatedWebhook, NewWebhook};
use serde_json::json;
use tokio::time::timeout;

use super::narrator::{MARGIN, Narrator};
use crate::client::{Channel, Client, Live};
use crate::exit::{Code, Failure};
use crate::report::{capture, delivery, micros};

/// The event of the walkthrough.
const EVENT: &str = "payment_received";

/// How long the payload may take from one socket of this machine to another.
const ARRIVAL_MAX: Duration = Duration::from_secs(5);

/// What the walk leaves behind.
pub(super) struct Found {
    /// The bin.
    pub(super) bin: BinName,
    /// Where to send to it.
    pub(super) url: String,
}

/// Walks through every step; a failure names the one that it happened in.
pub(super) async fn through(
    client: &Client,
    narrator: &mut Narrator<'_>,
) -> Result<Found, Failure> {
    steps(client, narrator).await.map_err(|failure| narrator.blame(failure))
}

async fn steps(client: &Client, narrator: &mut Narrator<'_>) -> Result<Found, Failure> {
    let bin = make_bin(client, narrator).await?;
    // Watching begins before anything is sent, so that nothing can slip by.
    let mut live = client.live(&Channel::of(bin.name.clone()), Some(0)).await?;
    let webhook = add_webhook(client, narrator, &bin).await?;
    let sent = send_test_event(client, narrator, &webhook).await?;
    confirm(narrator, &sent)?;
    see_it_arrive(client, narrator, &bin, &webhook, &mut live).await?;
    live.close().await;
    Ok(Found { bin: bin.name, url: bin.url })
}

async fn make_bin(client: &Client, narrator: &mut Narrator<'_>) -> Result<Bin, Failure> {
    narrator.step(
        "Make a request bin",
        "A bin is a URL that keeps whatever is sent to it. Its name is random here, so only\n\
         whoever has the URL can send to it.",
    )?;
    let bin: Bin = client.post(&client.url(["bins"]), &NewBin::default()).await?;
    let url = narrator.copy(&bin.url);
    narrator.say("URL", &url)?;
    narrator.did("make-bin", json!({"bin": bin.name, "url": bin.url}))?;
    Ok(bin)
}

async fn add_webhook(
    client: &Client,
    narrator: &mut Narrator<'_>,
    bin: &Bin,
) -> Result<CreatedWebhook, Failure> {
    narrator.step(
        "Add New Webhook",
        "A name for people, the bin's URL to deliver to, and the event to wait for.",
    )?;
    let new = NewWebhook {
        name: "My first webhook".into(),
        url: bin.url.clone(),
        event: EVENT.into(),
        ..NewWebhook::default()
    };
    let made: CreatedWebhook = client.post(&client.url(["webhooks"]), &new).await?;
    let url = narrator.copy(&made.webhook.url);
    narrator.say("Name", &made.webhook.name)?;
    narrator.say("URL", &url)?;
    narrator.say("Event", "Payment Received (payment_received)")?;
    narrator.say("", &format!("saved as webhook {}, with a signing secret", made.webhook.id))?;
    narrator.did("add-webhook", json!({"webhook": made.webhook}))?;
    Ok(made)
}

async fn send_test_event(
    client: &Client,
    narrator: &mut Narrator<'_>,
    made: &CreatedWebhook,
) -> Result<Delivery, Failure> {
    narrator.step(
        "Press Send Test Event",
        "It makes a sample payment, signs it, and delivers it over HTTP like any other event.",
    )?;
    let id = made.webhook.id.to_string();
    let url = client.url(["webhooks", &id, "test"]);
    let sent: Delivery = client.post(&url, &json!({})).await?;
    narrator.say("POST", &format!("{} as {}", sent.target, sent.event_id))?;
    let data = json!({"delivery": sent.id, "event_id": sent.event_id, "target": sent.target});
    narrator.did("send-test-event", data)?;
    Ok(sent)
}

/// What really came of it, which is more than that the answer was not empty.
fn confirm(narrator: &mut Narrator<'_>, sent: &Delivery) -> Result<(), Failure> {
    narrator.step("Read the confirmation", "What the target answered, and how long it took.")?;
    if !narrator.report.is_json() {
        delivery::confirm(narrator.report, sent, MARGIN)?;
    }
    let attempt = sent.attempts.last();
    narrator.did(
        "confirmation",
        json!({
            "state": sent.state,
            "outcome": attempt.map(|attempt| &attempt.outcome),
            "status": attempt.and_then(|attempt| attempt.response.as_ref()).map(|got| got.status),
            "latency_us": attempt.map(|attempt| attempt.phases.total_us),
        }),
    )?;
    match delivery::code(sent) {
        Code::Done => Ok(()),
        code => {
            Err(Failure::new(code, format!("deliver the test event: {}", delivery::result(sent))))
        }
    }
}

async fn see_it_arrive(
    client: &Client,
    narrator: &mut Narrator<'_>,
    bin: &Bin,
    made: &CreatedWebhook,
    live: &mut Live,
) -> Result<(), Failure> {
    narrator.step(
        "See the payload arrive",
        "The bin's WebSocket told of it at once; this is the request as it came.",
    )?;
    let summary = timeout(ARRIVAL_MAX, arrival(live)).await.map_err(|_| {
        Failure::new(Code::TimedOut, "see the payload arrive: the live channel told of nothing")
    })??;
    let seq = summary.seq.to_string();
    let path = ["bins", bin.name.as_str(), "captures", &seq];
    let document: Document = client.get(&client.url(path)).await?;
    let body = client.get_bytes(&client.url(path.into_iter().chain(["body"]))).await?;
    let verified = verify(made, &document, &body)?;
    if !narrator.report.is_json() {
        let took = micros(document.timing.head_us + document.timing.body_us);
        narrator.say("live", &format!("capture #{seq}, received in {took}"))?;
        narrator.say("verified", verified)?;
        narrator.report.line("")?;
        capture::request(narrator.report, &document, MARGIN)?;
    }
    narrator.did("arrival", json!({"seq": summary.seq, "verified": verified, "capture": document}))
}

/// The first capture that the live channel tells of.
async fn arrival(live: &mut Live) -> Result<Box<Summary>, Failure> {
    let lost = || Failure::new(Code::NotConnected, "watch the bin: the live channel was closed");
    loop {
        let text = live.next().await.ok_or_else(lost)?;
        if let Ok(Message::Capture { summary, .. }) = serde_json::from_str(&text) {
            return Ok(summary);
        }
    }
}

/// Checks the signature as whoever receives a webhook should: over the bytes that arrived.
fn verify(
    made: &CreatedWebhook,
    document: &Document,
    body: &[u8],
) -> Result<&'static str, Failure> {
    let Some(secret) = &made.secret else { return Ok("not signed") };
    let told = |why: String| Failure::new(Code::Bug, format!("verify the signature: {why}"));
    let secret = Secret::parse(secret).map_err(|error| told(error.to_string()))?;
    let field = |wanted: &str| {
        let mut headers = document.headers.iter();
        let found =
            headers.find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()));
        found.and_then(|(_, value)| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or_default()
    };
    let (id, at, signature) =
        (field("webhook-id"), field("webhook-timestamp"), field("webhook-signature"));
    let now = Timestamp::from(SystemTime::now()).as_secs();
    standard_webhooks::verify(&secret, id, at, signature, body, now)
        .map_err(|error| told(error.to_string()))?;
    Ok("the signature matches the bytes that arrived")
}
