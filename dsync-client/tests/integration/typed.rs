//! Typed and raw calls: what leaves the client, down to the byte.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use dsync_client::{Client, Error, Receipt};
use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, EntityToken, EntityTokens};
use http::Request;

use crate::support::{KEY, Note, Product, Scripted, Unmarked};

const PRODUCT_JSON: &str = r#"{"SKU":"sku-1","price":0.1,"tags":["new"]}"#;
const RAW_JSON: &str = "{\"z\": 1.10, \"a\" :12345678901234567890123,\n\"z2\":\"\\u00e9\"}";

type Call = for<'a> fn(&'a Client) -> Pin<Box<dyn Future<Output = Result<Receipt, Error>> + 'a>>;

fn token() -> EntityToken {
    EntityToken::new("shop-product-1").unwrap()
}

/// All headers in the order of their names, the API key checked and left out.
fn headers(request: &Request<Bytes>) -> Vec<(&str, &str)> {
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str(),
                std::str::from_utf8(value.as_bytes()).unwrap(),
            )
        })
        .collect();
    headers.sort_unstable();
    assert_eq!(headers.remove(0), ("auth-token", KEY));
    assert!(request.headers()["auth-token"].is_sensitive());
    // Another one each time.
    let key = headers
        .iter()
        .position(|(name, _)| *name == "idempotency-key");
    assert_eq!(headers.remove(key.unwrap()).1.len(), 32);
    headers
}

#[tokio::test]
async fn every_operation_has_its_method_headers_and_body() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    const TOKEN: (&str, &str) = ("entity-token", "shop-product-1");
    const ID: (&str, &str) = ("entity-id", "sku-1");
    const FIELD: (&str, &str) = ("entity-id-field", "SKU");

    let table: [(&str, Call, &str, &[_], &str); 10] = [
        (
            "create",
            |client| Box::pin(async { client.create(&Product::new("sku-1")).await }),
            "POST",
            &[JSON, ID, FIELD, TOKEN],
            PRODUCT_JSON,
        ),
        (
            "update",
            |client| Box::pin(async { client.update(&Product::new("sku-1")).await }),
            "PUT",
            &[JSON, ID, FIELD, TOKEN],
            PRODUCT_JSON,
        ),
        (
            "delete",
            |client| Box::pin(async { client.delete(&Product::new("sku-1")).await }),
            "DELETE",
            &[JSON, ID, FIELD, TOKEN],
            "",
        ),
        (
            "delete_by_id",
            |client| Box::pin(client.delete_by_id::<Product>("sku-1")),
            "DELETE",
            &[JSON, ID, FIELD, TOKEN],
            "",
        ),
        (
            "delete_by_id, a number",
            |client| Box::pin(client.delete_by_id::<Product>(17)),
            "DELETE",
            &[JSON, ("entity-id", "17"), FIELD, TOKEN],
            "",
        ),
        (
            "create without a primary key",
            |client| {
                Box::pin(async {
                    let note = Note {
                        text: "hé".to_owned(),
                    };
                    client.create(&note).await
                })
            },
            "POST",
            &[JSON, ("entity-token", "shop-note-1")],
            r#"{"text":"hé"}"#,
        ),
        (
            "create_raw",
            |client| Box::pin(async { client.create_raw(&token(), RAW_JSON).await }),
            "POST",
            &[JSON, TOKEN],
            RAW_JSON,
        ),
        (
            "update_raw",
            |client| Box::pin(async { client.update_raw(&token(), RAW_JSON.as_bytes()).await }),
            "PUT",
            &[JSON, TOKEN],
            RAW_JSON,
        ),
        (
            "delete_raw",
            |client| Box::pin(async { client.delete_raw(&token(), "sku-1").await }),
            "DELETE",
            &[JSON, ID, TOKEN],
            "",
        ),
        (
            "send",
            |client| {
                Box::pin(async {
                    let id = EntityId::new("é 1").unwrap();
                    let request = RealtimeRequest::update(token(), RAW_JSON)
                        .with_id(id, "SKU")
                        .unwrap();
                    client.send(request).await
                })
            },
            "PUT",
            &[JSON, ("entity-id", "é 1"), FIELD, TOKEN],
            RAW_JSON,
        ),
    ];

    for (name, call, method, expected, body) in table {
        let platform = Scripted::default();
        let receipt = call(&platform.client()).await.unwrap();
        assert_eq!(receipt.process_id(), Some("p-1"), "{name}");

        let request = platform.request();
        assert_eq!(request.method(), method, "{name}");
        assert_eq!(
            request.uri(),
            "https://api.dsync.com/api/realtime",
            "{name}"
        );
        assert_eq!(headers(&request), expected, "{name}");
        assert_eq!(request.body(), body, "{name}");
    }
}

#[tokio::test]
async fn tokens_of_the_deployment_override_those_in_the_source() {
    let tokens = EntityTokens::new().with("product", EntityToken::new("deployed").unwrap());
    let calls: [Call; 4] = [
        |client| Box::pin(async { client.create(&Product::new("sku-1")).await }),
        |client| Box::pin(async { client.update(&Product::new("sku-1")).await }),
        |client| Box::pin(async { client.delete(&Product::new("sku-1")).await }),
        |client| Box::pin(client.delete_by_id::<Product>("sku-1")),
    ];
    for call in calls {
        let platform = Scripted::default();
        let client = platform
            .builder()
            .entity_tokens(tokens.clone())
            .build()
            .unwrap();
        call(&client).await.unwrap();
        assert_eq!(platform.request().headers()["entity-token"], "deployed");
    }

    let platform = Scripted::default();
    let client = platform.builder().entity_tokens(tokens).build().unwrap();
    let note = Note {
        text: String::new(),
    };
    client.create(&note).await.unwrap();
    assert_eq!(platform.request().headers()["entity-token"], "shop-note-1");
}

#[tokio::test]
async fn nothing_is_sent_where_something_is_wrong_before() {
    let bad_numbers = Product {
        price: Some(f32::NAN),
        ..Product::new("sku-1")
    };
    let table: [(Call, &str); 13] = [
        (
            |client| Box::pin(async { client.create(&Product::new("")).await }),
            "the entity id is empty",
        ),
        (
            |client| Box::pin(async { client.update(&Product::new("sku-1 ")).await }),
            "begins or ends with a blank",
        ),
        (
            |client| Box::pin(async { client.delete(&Product::new("a\r\nb: c")).await }),
            "control character",
        ),
        (
            |client| Box::pin(client.delete_by_id::<Product>("")),
            "the entity id is empty",
        ),
        (
            |client| Box::pin(async { client.delete_raw(&token(), "").await }),
            "the entity id is empty",
        ),
        (
            |client| Box::pin(async { client.create_raw(&token(), "[{}]").await }),
            "send one record a request",
        ),
        (
            |client| Box::pin(async { client.create_raw(&token(), "{} {}").await }),
            "not JSON",
        ),
        (
            |client| Box::pin(async { client.update_raw(&token(), "{\"a\":").await }),
            "not JSON",
        ),
        (
            |client| Box::pin(async { client.update_raw(&token(), b"{\"a\":\"\xff\"}").await }),
            "not JSON",
        ),
        (
            |client| Box::pin(client.send(RealtimeRequest::create(token(), "7"))),
            "a number",
        ),
        (
            |client| Box::pin(async { client.create(&Unmarked { id: 1 }).await }),
            "no field of its layout is marked as the primary key",
        ),
        (
            |client| Box::pin(async { client.update(&Unmarked { id: 1 }).await }),
            "no field of its layout is marked as the primary key",
        ),
        (
            |client| Box::pin(client.delete_by_id::<Unmarked>(1)),
            "no field of its layout is marked as the primary key",
        ),
    ];
    for (call, expected) in table {
        let platform = Scripted::default();
        let error = call(&platform.client()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(platform.is_untouched(), "{expected}");
    }

    let platform = Scripted::default();
    let error = platform.client().create(&bad_numbers).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "price is NaN, and JSON has no such number"
    );
    assert!(platform.is_untouched());
}

#[tokio::test]
async fn a_receipt_says_what_the_platform_said() {
    let platform = Scripted::default()
        .answer(
            201,
            &[("x-trace", "t-1")],
            r#"{"status":201,"message":"Created","detail":{"unknown_keys":["a"]},"data":{"process_id":7,"n":1.10}}"#,
        )
        .answer(204, &[], "")
        .answer(202, &[], "{}");
    let client = platform.client();

    let receipt = client.create(&Product::new("sku-1")).await.unwrap();
    assert_eq!(receipt.status(), 201);
    assert_eq!(receipt.message(), Some("Created"));
    assert_eq!(receipt.process_id(), Some("7"));
    assert_eq!(
        receipt.data().unwrap().get(),
        r#"{"process_id":7,"n":1.10}"#
    );
    assert_eq!(receipt.detail().unwrap().get(), r#"{"unknown_keys":["a"]}"#);
    assert_eq!(receipt.headers()["x-trace"], "t-1");

    let receipt = client.create(&Product::new("sku-1")).await.unwrap();
    assert_eq!(receipt.status(), 204);
    assert_eq!(receipt.process_id(), None);
    assert_eq!(receipt.message(), None);
    assert!(receipt.data().is_none());

    let receipt = client.create(&Product::new("sku-1")).await.unwrap();
    assert_eq!(receipt.status(), 202);
    assert_eq!(receipt.message(), None);
}

#[test]
fn a_client_can_be_shared_and_its_calls_spawned() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(_: T) {}

    let client = Scripted::default().client();
    shared(&client);
    let product = Product::new("sku-1");
    sent(client.create(&product));
    sent(client.update(&product));
    sent(client.delete(&product));
    sent(client.delete_by_id::<Product>("sku-1"));
    sent(client.create_raw(&token(), "{}"));
    sent(client.update_raw(&token(), "{}"));
    sent(client.delete_raw(&token(), 1));
}
