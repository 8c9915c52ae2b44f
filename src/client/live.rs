//! The live channel of a bin, or of all bins.

use futures_util::StreamExt;
use hooklab_shared::id::{BinName, Seq};
use hyper::header::{AUTHORIZATION, HeaderValue};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};
use url::Url;

use super::{CONNECT_TIMEOUT, Client, ClientError};

/// What is watched.
pub(crate) struct Channel {
    /// One bin; none for all of them.
    pub(crate) bin: Option<BinName>,
    /// Only captures that this query asks for.
    pub(crate) query: Option<String>,
}

impl Channel {
    /// A bin, everything of it.
    pub(crate) fn of(bin: BinName) -> Self {
        Self { bin: Some(bin), query: None }
    }

    fn told(&self) -> String {
        match &self.bin {
            Some(bin) => format!("watch bin {bin}"),
            None => "watch all bins".to_owned(),
        }
    }
}

/// An open live channel.
pub(crate) struct Live(WebSocketStream<TcpStream>);

impl Client {
    /// Opens a live channel: from now on, or after a bin's seq, the backlog first.
    pub(crate) async fn live(
        &self,
        channel: &Channel,
        after: Option<Seq>,
    ) -> Result<Live, ClientError> {
        let path = match &channel.bin {
            Some(bin) => vec!["bins", bin.as_str(), "live"],
            None => vec!["captures", "live"],
        };
        let after = after.map(|seq| seq.to_string());
        let url = self.asking(path, [("after", after), ("q", channel.query.clone())]);
        self.upgrade(&url, channel.told()).await
    }

    /// Opens the sender's live channel: what happens from now on, to all webhooks or to one.
    pub(crate) async fn follow(&self, webhook: Option<i64>) -> Result<Live, ClientError> {
        let url = self.asking(["live"], [("webhook", webhook.map(|id| id.to_string()))]);
        self.upgrade(&url, "follow deliveries".to_owned()).await
    }

    async fn upgrade(&self, url: &Url, doing: String) -> Result<Live, ClientError> {
        let spelled = url.as_str().replacen("http", "ws", 1);
        let mut request = spelled
            .into_client_request()
            .map_err(|error| self.foreign(format!("the request cannot be sent ({error})")))?;
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| self.foreign("the token does not fit into a header".into()))?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let stream = self.connect().await?;
        match timeout(CONNECT_TIMEOUT, client_async(request, stream)).await {
            Ok(Ok((socket, _))) => Ok(Live(socket)),
            Ok(Err(error)) => Err(self.refused(doing, error)),
            Err(_) => Err(self.unreachable("no answer within 5 s")),
        }
    }

    fn refused(&self, doing: String, error: Error) -> ClientError {
        let Error::Http(response) = error else { return self.unreachable(error) };
        let body = response.body().as_deref().unwrap_or_default();
        self.refusal(doing, response.status(), body)
    }
}

impl Live {
    /// The next message's text; none when the channel has ended, for whatever reason.
    pub(crate) async fn next(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) {
        let _ = self.0.close(None).await;
    }
}
