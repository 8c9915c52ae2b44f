//! The OpenAPI document tells what the router does.

use super::*;

#[tokio::test]
async fn every_operation_is_routed_as_it_is_documented() {
    let api = receiver();
    let document = serde_json::to_value(Receiver::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let real = path.replace("{bin}", "nope").replace("{seq}", "1").replace("{other}", "1");
        let real = real.replace("{id}", "nope");
        for (method, operation) in item.as_object().unwrap() {
            operations.push(operation["operationId"].as_str().unwrap().to_owned());
            let told = call(&api, &method.to_uppercase(), &real, &json!({})).await;
            assert_ne!(told.status, 405, "{method} {path}");
            assert!(told.status != 404 || path.contains("{bin}"), "{method} {path}");
            let documented = &operation["responses"][told.status.to_string()];
            assert!(documented.is_object(), "{method} {path} answers {}", told.status);
        }
        let told = call(&api, "TRACE", &real, &json!({})).await;
        assert_eq!(told.status, 405, "{path}");
    }
    let count = operations.len();
    operations.sort();
    operations.dedup();
    assert_eq!((operations.len(), count), (21, 21));
}

#[test]
fn no_route_is_mounted_past_the_document() {
    let source = include_str!("../../api.rs");
    assert!(!source.contains(".route("), "mount with `routes!`, which documents");
    let handlers = source.matches("routes!(").count();
    assert!(handlers >= 16, "{handlers}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(Receiver::openapi()).unwrap();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    let known = to.ends_with("/Problem") || document.pointer(&to[1..]).is_some();
                    assert!(known, "{to}");
                }
                open.extend(object.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}
