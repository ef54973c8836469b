//! The Python SDK from PyPI, a real client, talks to the hub.

use dsync::AuthToken;
use dsync::prelude::*;
use dsync_hub::Hub;
use serde::Deserialize;

use crate::support::python;

#[derive(DsyncEntity)]
#[dsync(entity_token = "python-sdk-product-1")]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    price: f64,
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Report {
    outcomes: Vec<String>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    body: Envelope,
}

#[tokio::test(flavor = "multi_thread")]
async fn its_create_and_delete_are_accepted_and_its_update_is_told_what_is_missing() {
    let Some(python) = python::with_the_sdk() else {
        return;
    };
    let layout = DataLayout::builder().entity::<Product>().build().unwrap();
    let hub = Hub::builder()
        .auth_token(AuthToken::new("key-of-python").unwrap())
        .data_layout(layout)
        .start()
        .await
        .unwrap();

    let url = hub.realtime_url().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        python.run(
            "realtime.py",
            &[&url, "key-of-python", "python-sdk-product-1"],
        )
    })
    .await
    .unwrap();
    let report: Report = serde_json::from_str(&output).unwrap();

    assert_eq!(report.outcomes, ["ok", "refused", "ok", "ok"]);
    let statuses: Vec<_> = report.answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 400, 200, 200]);
    let update = &report.answers[1].body;
    assert!(
        update.message.contains("Entity-Id is missing") && update.message.contains("PUT"),
        "{}",
        update.message
    );

    // The bytes are the SDK's own: blanks after the commas, and ASCII escapes.
    assert_eq!(
        hub.record("product", "Größe-7 🙂").unwrap(),
        r#"{"sku": "Gr\u00f6\u00dfe-7 \ud83d\ude42", "price": 0.1, "tags": ["a", "b"]}"#
    );
    assert!(hub.record("product", "S-1").is_none());
    assert_eq!(hub.records("product").len(), 1);
}
