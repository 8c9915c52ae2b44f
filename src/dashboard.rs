//! The dashboard listener: the walls, what stands behind them, and the way it is served.

mod absent;
mod body;
mod host;
pub(crate) mod operations;
mod origin;
mod token;

pub(crate) use host::Name;
pub(crate) use token::Token;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hooklab_receiver::Receiver;
use hooklab_receiver::store::Durability;
use hooklab_sender::{Credentials, Sender};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::websocket::OriginVetted;
use hooklab_shared::listen::{self, Held, Stop, Timed};
use hooklab_shared::problem::Problem;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tower::ServiceExt;

use body::Patient;

/// The halves that a server has: either, or both.
#[derive(Clone)]
pub(crate) struct Halves {
    /// Bins and captures.
    pub(crate) receiver: Option<Receiver>,
    /// Webhooks, events and deliveries.
    pub(crate) sender: Option<Sender>,
    /// What the plugin's REST API asks for; it is not served without.
    pub(crate) plugin: Option<Credentials>,
    /// How far an accepted event is written before it is answered.
    pub(crate) events: Durability,
}

/// What a request must pass before anything else looks at it.
#[derive(Clone)]
pub(crate) struct Walls {
    /// The addresses that are listened on.
    pub(crate) addresses: Vec<IpAddr>,
    /// Names besides them.
    pub(crate) allowed: Vec<Name>,
    /// What must be shown, where one is set.
    pub(crate) token: Option<Token>,
    /// Whether the plugin's REST API is served, which asks for credentials of its own.
    pub(crate) plugin_api: bool,
}

/// Where the plugin's REST API is.
const PLUGIN_API: &str = "/wp-json/wu/v2";

/// The dashboard.
pub(crate) struct Dashboard {
    router: Router,
    walls: Walls,
    limits: Limits,
}

impl Dashboard {
    /// Both halves' APIs and the operations behind the walls.
    pub(crate) fn new(
        halves: &Halves,
        walls: Walls,
        capture: Option<&str>,
        limits: Limits,
    ) -> Self {
        let receiver = halves.receiver.as_ref().map(Receiver::api).unwrap_or_default();
        let sender = halves.sender.as_ref().map(Sender::api).unwrap_or_default();
        // Two fallbacks cannot be merged, and ours says the same for both.
        let api = receiver.reset_fallback().merge(sender.reset_fallback());
        let plugin = match (&halves.sender, &halves.plugin) {
            (Some(sender), Some(credentials)) => {
                Router::new().nest(PLUGIN_API, sender.plugin_api(credentials.clone()))
            }
            _ => Router::new(),
        };
        let others = operations::routes(halves, capture).merge(plugin);
        Self::over(api, others, absent::Absent::of(halves), walls, limits)
    }

    fn over(
        api: Router,
        operations: Router,
        absent: absent::Absent,
        walls: Walls,
        limits: Limits,
    ) -> Self {
        let router = Router::new()
            .nest("/api/v1", api)
            .merge(operations)
            .fallback(move |uri| std::future::ready(absent.not_found(&uri)))
            .method_not_allowed_fallback(operations::method_not_allowed)
            .layer(DefaultBodyLimit::max(limits.api_body_bytes_max));
        Self { router, walls, limits }
    }

    /// Accepts until told to stop; returns when every connection has ended.
    pub(crate) async fn serve(self: Arc<Self>, listeners: Vec<TcpListener>, stop: Stop) {
        let limits = self.limits;
        let connections_max = limits.dashboard_connections_max;
        let connected =
            move |socket, _peer: SocketAddr, stop| self.clone().connection(socket, stop);
        listen::serve(listeners, connections_max, limits, stop, connected).await;
    }

    async fn connection(self: Arc<Self>, socket: Timed<TcpStream>, stop: Stop) {
        let phase = socket.phase();
        let Ok(local) = socket.get_ref().local_addr() else { return };
        let body_idle = self.limits.body_idle_timeout;
        let head_bytes_max = self.limits.head_bytes_max;
        let service = service_fn(|request: Request<Incoming>| {
            let (page, phase) = (self.clone(), phase.clone());
            async move {
                let serving = phase.serving();
                let request = request.map(|body| Body::new(Patient::new(body, body_idle)));
                let (method, path) = (request.method().clone(), request.uri().path().to_owned());
                let begun = Instant::now();
                let response = page.answer(request, local.ip()).await;
                let (status, us) = (response.status().as_u16(), begun.elapsed().as_micros());
                tracing::debug!(%method, path, status, us, "answered");
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    phase.upgraded();
                }
                Ok::<_, std::convert::Infallible>(response.map(|body| Held::new(body, serving)))
            }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.max_buf_size(head_bytes_max);
        let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
        // How a client ends its connection is its own affair.
        let _ = listen::drive(connection, stop, |connection| connection.graceful_shutdown()).await;
    }

    /// Answers one request that came in on this address.
    async fn answer(&self, mut request: Request<Body>, local: IpAddr) -> Response<Body> {
        let subprotocol = token::subprotocol(&request);
        let mut response = match self.pass(&mut request, local) {
            Ok(()) => match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            Err(problem) => problem.into_response(),
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(scheme);
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            // A browser drops the socket when none of the protocols it offered is taken.
            if let Some(taken) = subprotocol {
                response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, taken);
            }
            return response;
        }
        harden(&mut response);
        response
    }

    /// A body that says it is too long is not waited for.
    fn fits(&self, request: &Request<Body>) -> Result<(), Problem> {
        let most = match request.uri().path().ends_with("/import") {
            true => self.limits.import_bytes_max,
            false => self.limits.api_body_bytes_max as u64,
        };
        if request.body().size_hint().lower() <= most {
            return Ok(());
        }
        let detail = format!("the body is longer than {most} bytes: the API takes no more");
        Err(Problem::new(413, "body-too-long", detail))
    }

    /// Host, then Origin, then token; none of them looks at the path, but for what is open to all
    /// and for what asks for credentials of its own.
    fn pass(&self, request: &mut Request<Body>, local: IpAddr) -> Result<(), Problem> {
        let host = host::vet(request, &self.walls, local)?;
        origin::vet(request.headers(), &host)?;
        request.extensions_mut().insert(OriginVetted);
        let asks_itself = self.walls.plugin_api && is_below_plugin_api(request.uri().path());
        if let Some(token) = self.walls.token.as_ref().filter(|_| !asks_itself) {
            token.vet(request)?;
        }
        self.fits(request)
    }
}

/// The path as it is routed: any other spelling of it leads nowhere.
fn is_below_plugin_api(path: &str) -> bool {
    path.strip_prefix(PLUGIN_API).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Headers that no answer goes without, unless it has its own.
fn harden(response: &mut Response<Body>) {
    const HARDENED: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in HARDENED {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests;
