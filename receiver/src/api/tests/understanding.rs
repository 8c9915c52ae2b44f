//! One capture, looked into.

use super::*;

#[tokio::test]
async fn a_capture_is_told_with_what_came_of_its_signature() {
    let api = receiver();
    post(&api, "{}").await;
    let told = get(&api, "/bins/a/captures/latest").await;
    assert_eq!(
        (told.json()["seq"].clone(), told.json()["signature"].clone()),
        (json!(1), json!(null))
    );
    let verify = json!({"verify":{"scheme":"github","secrets":["It's a Secret to Everybody"]}});
    assert_eq!(call(&api, "PATCH", "/bins/a", &verify).await.status, 200);
    let told = get(&api, "/bins/a/captures/1").await.json();
    assert_eq!(told["signature"]["verdict"], "missing");
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: \
                sha256=dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=\r\n\r\n";
    api.store.append(capture("a", head, "Hello, World!"), false).await.unwrap();
    let told = get(&api, "/bins/a/captures/2").await.json();
    assert_eq!(told["signature"]["verdict"], "invalid");
    assert!(told["signature"]["reason"].as_str().unwrap().contains("base64"), "{told}");
    let list = "/bins/a/captures?q=signature";
    assert_eq!(get(&api, &format!("{list}:invalid")).await.items(), [2]);
    assert_eq!(get(&api, &format!("{list}:missing")).await.items(), [1]);
    let jq = "/bins/a/captures?jq=.signature.verdict==%22invalid%22";
    assert_eq!(get(&api, jq).await.items(), [2]);
    let list = get(&api, "/bins/a/captures?limit=1").await.json();
    assert_eq!(
        (&list["items"][0]["signature"]["verdict"], &list["next"]),
        (&json!("invalid"), &json!("2"))
    );
    let view = get(&api, "/bins/a/captures/2/view").await.json();
    assert!(view["signature"]["reason"].as_str().unwrap().contains("base64"), "{view}");
    assert_eq!(call(&api, "PATCH", "/bins/a", &json!({"verify":null})).await.status, 200);
    let list = get(&api, "/bins/a/captures").await.json();
    assert_eq!(list["items"][0].get("signature"), None);
}

#[tokio::test]
async fn views_differences_and_schemas() {
    let api = receiver();
    post(&api, r#"{"id":12345678901234567890,"a":1}"#).await;
    post(&api, r#"{"id":12345678901234567891,"b":"x"}"#).await;
    let view = get(&api, "/bins/a/captures/1/view").await.json();
    assert_eq!(view["content"]["kind"], "json");
    assert!(view["content"]["text"].as_str().unwrap().contains("12345678901234567890"));
    let diff = get(&api, "/bins/a/captures/1/diff/latest").await.json();
    assert_eq!(diff["body"]["kind"], "json");
    assert_eq!(diff["body"]["changes"].as_array().unwrap().len(), 3);
    let schema = get(&api, "/bins/a/schema").await.json();
    assert_eq!(schema["required"], json!(["id"]));
    let schema = get(&api, "/bins/a/schema?limit=1").await.json();
    assert_eq!(schema["$comment"], "inferred from 1 captures");
    get(&api, "/bins/a/schema?limit=0").await.is_problem(422, "invalid-parameter");
    get(&api, "/bins/b/schema").await.is_problem(404, "unknown-bin");
    get(&api, "/bins/a/captures/9/view").await.is_problem(404, "unknown-capture");
    get(&api, "/bins/a/captures/x/view").await.is_problem(400, "seq");
    get(&api, "/bins/b/captures/x/view").await.is_problem(404, "unknown-bin");
    get(&api, "/bins/a/captures/1/diff/9").await.is_problem(404, "unknown-capture");
}

#[tokio::test]
async fn wire_and_body_are_attachments_that_no_browser_runs() {
    let api = receiver();
    post(&api, "<script>").await;
    let raw = get(&api, "/bins/a/captures/1/raw").await;
    assert!(raw.text().starts_with("POST /a/hooks?n=1 HTTP/1.1\r\n"));
    let body = get(&api, "/bins/a/captures/1/body").await;
    assert_eq!(body.text(), "<script>");
    for told in [raw, body] {
        assert_eq!(told.headers["content-type"], "application/octet-stream");
        assert_eq!(told.headers["x-content-type-options"], "nosniff");
        let named = told.headers["content-disposition"].to_str().unwrap();
        assert!(named.starts_with("attachment; filename=\"a-1."), "{named}");
    }
}
