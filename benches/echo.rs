//! The live channels' WebSocket stack, saying again what it hears, for scripts/autobahn: the same
//! opening, library, buffers and parting, under a limit that admits what the suite sends.
//!
//! Says where it listens, at a port that is free.

use std::convert::Infallible;
use std::io::{self, Write as _};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::websocket::{Opening, OriginVetted, Socket, part};
use hooklab_shared::listen::{Timed, drive, serve};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Error, Message};

/// What case 7.1.6 sends at once.
const INCOMING_BYTES_MAX: usize = 256 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(io::stdout(), "ws://{}", listener.local_addr()?)?;
    let (_running, stop) = watch::channel(false);
    serve(vec![listener], 16, Limits::default(), stop, |stream: Timed<_>, _, stop| async move {
        let http = http1::Builder::new();
        let connection = http.serve_connection(TokioIo::new(stream), service_fn(answer));
        let connection = connection.with_upgrades();
        let _ = drive(connection, stop, |connection| connection.graceful_shutdown()).await;
    })
    .await;
    Ok(())
}

async fn answer(request: Request<Incoming>) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    // The dashboard vets it for browsers; none comes here.
    request.extensions_mut().insert(OriginVetted);
    Ok(match Opening::of(&mut request) {
        Ok(opening) => opening.hand_over(INCOMING_BYTES_MAX, |socket| async {
            let _ = echo(socket).await;
        }),
        Err(problem) => problem.into_response(),
    })
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(heard) = socket.next().await {
        match heard? {
            heard @ (Message::Text(_) | Message::Binary(_)) => socket.send(heard).await?,
            Message::Close(_) => {
                part(socket).await;
                break;
            }
            _ => {}
        }
    }
    Ok(())
}
