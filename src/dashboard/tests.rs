//! The walls, request by request, with the whole router behind them.

use super::*;
use axum::http::Method;
use axum::routing::get;
use http_body_util::BodyExt;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn page(token: Option<&str>, allowed: &[&str]) -> Dashboard {
    let api = Router::new()
        .route(
            "/bins",
            get(|vetted: Option<axum::Extension<OriginVetted>>| async move {
                if vetted.is_some() { "bins" } else { "unvetted" }
            }),
        )
        .route("/live", get(|| async { StatusCode::SWITCHING_PROTOCOLS }));
    let walls = Walls {
        addresses: vec![LOCAL, "::1".parse().unwrap()],
        allowed: allowed.iter().map(|name| name.parse().unwrap()).collect(),
        token: token.map(|token| Token::strong(token).unwrap()),
        plugin_api: false,
    };
    let events = Durability::Memory;
    let halves = Halves { receiver: None, sender: None, plugin: None, events };
    let operations = operations::routes(&halves, Some("http://127.0.0.1:4665"));
    Dashboard::over(api, operations, absent::Absent::nothing(), walls, Limits::default())
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

async fn status(page: &Dashboard, path: &str, headers: &[(&str, &str)]) -> u16 {
    page.answer(request(path, headers), LOCAL).await.status().as_u16()
}

async fn problem(response: Response<Body>) -> Problem {
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_host_is_ours_by_address_or_by_flag() {
    let page = page(None, &["hooklab.example"]);
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:4666", "[::1]:4666", "127.0.0.1"] {
        assert_eq!(status(&page, "/api/v1/bins", &[("host", host)]).await, 200, "{host}");
    }
    assert_eq!(status(&page, "/livez", &[("host", "Hooklab.Example:80")]).await, 200);
    let foreign = [
        "evil.example",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1.evil.example",
        "192.0.2.1",
        "[2001:db8::1]",
        "hooklab.example.evil",
    ];
    for host in foreign {
        let response = page.answer(request("/", &[("host", host)]), LOCAL).await;
        assert_eq!(response.status(), 421, "{host}");
        assert!(problem(response).await.detail.contains("--allowed-host"), "{host}");
    }
    for host in ["", "a b", "u@localhost", "localhost:x", "localhost/", "localhost:1:2"] {
        assert_eq!(status(&page, "/", &[("host", host)]).await, 400, "{host:?}");
    }
    assert_eq!(status(&page, "/", &[]).await, 400);
    assert_eq!(status(&page, "/", &[("host", "localhost"), ("host", "localhost")]).await, 400);
    let other = "http://evil.example/";
    assert_eq!(status(&page, other, &[("host", "localhost")]).await, 400);
    assert_eq!(status(&page, "http://localhost/", &[("host", "localhost")]).await, 200);
}

#[tokio::test]
async fn the_address_a_connection_came_in_on_is_ours() {
    let mut page = page(None, &[]);
    page.walls.addresses = vec!["0.0.0.0".parse().unwrap()];
    let local = "192.0.2.7".parse().unwrap();
    let of = async |host: &str| {
        page.answer(request("/livez", &[("host", host)]), local).await.status().as_u16()
    };
    assert_eq!(of("192.0.2.7:4666").await, 200);
    for host in ["192.0.2.8", "0.0.0.0", "localhost", "127.0.0.1"] {
        assert_eq!(of(host).await, 421, "{host}");
    }
}

#[tokio::test]
async fn an_origin_is_exactly_ours_or_refused() {
    let page = page(None, &["hooklab.example"]);
    let of = async |host: &str, origin: &str| {
        status(&page, "/api/v1/bins", &[("host", host), ("origin", origin)]).await
    };
    assert_eq!(of("localhost:4666", "http://localhost:4666").await, 200);
    assert_eq!(of("[::1]:4666", "http://[::1]:4666").await, 200);
    assert_eq!(of("localhost", "http://localhost:80").await, 200);
    assert_eq!(of("hooklab.example", "https://hooklab.example").await, 200);
    let foreign = [
        "null",
        "",
        "http://localhost",
        "http://localhost:4665",
        "http://localhost:3000",
        "http://127.0.0.1:4666",
        "https://localhost:4666",
        "http://localhost:4666.evil.example",
        "http://localhost:46660",
        "file://localhost:4666",
    ];
    for origin in foreign {
        assert_eq!(of("localhost:4666", origin).await, 403, "{origin}");
    }
    let twice =
        [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")];
    assert_eq!(status(&page, "/api/v1/bins", &twice).await, 403);
}

#[tokio::test]
async fn nothing_is_reached_by_a_path_spelled_otherwise() {
    let page = page(None, &[]);
    let ours = [("host", "localhost")];
    for path in ["/%61pi/v1/bins", "//api/v1/bins", "/./api/v1/bins", "/x/../api/v1/bins"] {
        assert_eq!(status(&page, path, &ours).await, 404, "{path}");
        let foreign = [("host", "localhost"), ("origin", "http://evil.example")];
        assert_eq!(status(&page, path, &foreign).await, 403, "{path}");
    }
}

#[tokio::test]
async fn the_token_comes_by_header_or_subprotocol_only() {
    let page = page(Some(TOKEN), &[]);
    let of = async |path: &str, name: &str, value: &str| {
        status(&page, path, &[("host", "localhost"), (name, value)]).await
    };
    let bearer = format!("Bearer {TOKEN}");
    let offer = format!("hooklab, hooklab.token.{TOKEN}");
    assert_eq!(of("/api/v1/bins", "authorization", &bearer).await, 200);
    assert_eq!(of("/api/v1/bins", "sec-websocket-protocol", &offer).await, 200);
    assert_eq!(of("/livez", "x-a", "b").await, 200);
    assert_eq!(of("/", "x-a", "b").await, 200);
    for (path, name, value) in [
        ("/api/v1/bins", "authorization", "Bearer x"),
        ("/api/v1/bins", "authorization", &format!("Bearer {TOKEN}0")),
        ("/api/v1/bins", "authorization", TOKEN),
        ("/api/v1/bins", "x-token", TOKEN),
        ("/api/v1/bins", "cookie", &format!("token={TOKEN}")),
        (&format!("/api/v1/bins?token={TOKEN}"), "x-a", "b"),
        ("/readyz", "x-a", "b"),
        ("/nosuch", "x-a", "b"),
        ("//", "x-a", "b"),
        ("/livez/", "x-a", "b"),
    ] {
        assert_eq!(of(path, name, value).await, 401, "{path} {name}");
    }
    let response = page.answer(request("/readyz", &[("host", "localhost")]), LOCAL).await;
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(problem(response).await.kind, "urn:hooklab:problem:token-required");
}

#[tokio::test]
async fn an_upgrade_takes_a_protocol_that_was_offered() {
    let page = page(Some(TOKEN), &[]);
    let offer = format!("hooklab.token.{TOKEN}, hooklab");
    let headers = [("host", "localhost"), ("sec-websocket-protocol", offer.as_str())];
    let response = page.answer(request("/api/v1/live", &headers), LOCAL).await;
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "hooklab");
}

#[tokio::test]
async fn every_error_is_a_problem_and_every_answer_is_hardened() {
    let page = page(None, &[]);
    let ours = [("host", "localhost")];
    for path in ["/nosuch", "/api/v1/nosuch", "/api", "/api/v1/"] {
        let response = page.answer(request(path, &ours), LOCAL).await;
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(problem(response).await.status, 404, "{path}");
    }
    for path in ["/", "/livez", "/readyz", "/api/v1/bins"] {
        let mut request = request(path, &ours);
        *request.method_mut() = Method::DELETE;
        let response = page.answer(request, LOCAL).await;
        assert!(response.headers().contains_key(header::ALLOW), "{path}");
        assert_eq!(problem(response).await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_not_waited_for() {
    let page = page(None, &[]);
    let mut request = request("/api/v1/bins", &[("host", "localhost")]);
    *request.body_mut() = Body::from(vec![0; Limits::default().api_body_bytes_max + 1]);
    assert_eq!(problem(page.answer(request, LOCAL).await).await.status, 413);
}

#[tokio::test]
async fn readyz_and_the_front_say_what_is() {
    let page = page(None, &[]);
    let of = async |path: &str| {
        let response = page.answer(request(path, &[("host", "localhost")]), LOCAL).await;
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let ready: operations::Readiness = serde_json::from_str(&of("/readyz").await).unwrap();
    assert_eq!(ready.status, operations::Status::Ready);
    assert!(of("/").await.contains("http://127.0.0.1:4665/NAME"));
}
