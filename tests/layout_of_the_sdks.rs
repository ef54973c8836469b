//! The layout's JSON is the Python SDK's, byte for byte.

use std::collections::BTreeMap;

use dsync::prelude::*;

use crate::support::python;

/// One of everything; its texts are not plain ASCII.
#[derive(DsyncEntity)]
#[dsync(name = "article", entity_token = "rust-sdk-article-1")]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Article {
    /// The "stock keeping unit" \ Artikelnummer
    #[dsync(primary_key)]
    sku: String,
    /// Größe, in €
    price: Option<f64>,
    #[dsync(
        type = "url",
        description = "Where it is shown: <https://example.org/?a=b&c=d>"
    )]
    link: Option<String>,
    #[dsync(type = "email")]
    supplier: String,
    #[dsync(type = "date", date_format = "YYYY-MM-DD")]
    released: Option<String>,
    #[dsync(type = "time", date_format = "HH:mm:ss")]
    opens: String,
    /// 日本語 🙂
    #[dsync(type = "datetime", date_format = "YYYY-MM-DD HH:mm:ss")]
    changed: Option<String>,
    active: bool,
    #[dsync(type = "object")]
    extras: BTreeMap<String, String>,
    #[dsync(type = "math")]
    formula: Option<String>,
    #[dsync(type = "custom")]
    anything: Option<serde_json::Value>,
}

/// Lists, and a foreign key.
#[derive(DsyncEntity)]
#[dsync(
    name = "order",
    endpoint_url = "https://shop.example.org/entity/order",
    entity_token = "rust-sdk-order-1"
)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Order {
    #[dsync(primary_key)]
    id: u64,
    /// One line,
    /// and the same paragraph.
    ///
    /// Another paragraph.
    notes: Vec<String>,
    #[dsync(type = "email")]
    recipients: Option<Vec<String>>,
    #[dsync(type = "date", date_format = "YYYY-MM-DD HH:mm:ss")]
    shipped: Vec<String>,
    #[dsync(foreign_key = "article.sku")]
    article: String,
    #[dsync(description = "tab\tnewline\nquote\" backslash\\ control\u{1}\u{1f} delete\u{7f}")]
    odd: bool,
}

/// No primary key at all.
#[derive(DsyncEntity)]
#[dsync(
    name = "événement",
    endpoint_url = "/entity/event",
    entity_token = "rust-sdk-event-1"
)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Event {
    #[dsync(name = "straße")]
    street: Option<String>,
    weights: [f32; 3],
}

#[test]
fn three_flat_entities_equal_the_python_sdks_text() {
    let Some(python) = python::with_the_sdk() else {
        return;
    };
    let theirs = python.run("layout.py", &[]);
    let ours = DataLayout::builder()
        .entity::<Article>()
        .entity::<Order>()
        .entity::<Event>()
        .build()
        .unwrap();
    assert_eq!(serde_json::to_string(&ours).unwrap(), theirs.trim_end());
}

/// The same without Python: what the SDK gave once is kept here.
#[test]
fn three_flat_entities_equal_the_golden_text() {
    let ours: String = [Article::layout(), Order::layout(), Event::layout()]
        .map(|layout| serde_json::to_string(layout).unwrap())
        .join(",");
    let golden = include_str!("golden/python_sdk_layout.json");
    assert_eq!(format!(r#"{{"data_layout":[{ours}]}}"#), golden.trim_end());
}

#[test]
fn the_fast_way_writes_the_same_bytes() {
    for layout in [Article::layout(), Order::layout(), Event::layout()] {
        let mut bytes = Vec::new();
        layout.write_json(&mut bytes);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            serde_json::to_string(layout).unwrap()
        );
    }
}

#[test]
fn what_is_written_reads_back_the_same() {
    let golden = include_str!("golden/python_sdk_layout.json").trim_end();
    let read: DataLayout = serde_json::from_str(golden).unwrap();
    read.check().unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), golden);
}

/// DSYNC's own Magento connector leaves unset keys out.
#[test]
fn the_minimal_form_reads_as_the_same_layout() {
    let golden = include_str!("golden/python_sdk_layout.json").trim_end();
    let full: DataLayout = serde_json::from_str(golden).unwrap();
    let minimal = serde_json::to_string(&full.minimal()).unwrap();
    assert!(!minimal.contains("null") && !minimal.contains("false"));

    let read: DataLayout = serde_json::from_str(&minimal).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), golden);
}
