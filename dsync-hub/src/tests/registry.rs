//! Registering data layouts.

use dsync_core::{DataLayout, DataLayoutBuilder, Endpoint, Field, FieldType};

use super::{platform, request};

fn endpoint(name: &'static str, token: &'static str) -> Endpoint {
    Endpoint::new(name, "/entity/x", token.parse().unwrap())
        .with_field(Field::new("sku", FieldType::Text).with_primary_key(true))
        .with_field(Field::new("colour", FieldType::Text).with_required(true))
}

fn layout(endpoints: impl IntoIterator<Item = Endpoint>) -> DataLayout {
    let builder = endpoints
        .into_iter()
        .fold(DataLayout::builder(), DataLayoutBuilder::endpoint);
    builder.build().unwrap()
}

#[test]
fn a_layout_is_replaced_where_the_token_stays_and_its_records_are_kept() {
    let platform = platform();
    platform.accept("POST", "product", "", r#"{"sku":"S-1"}"#);
    let replaced = layout([endpoint("product", "token-product")]);
    platform.entities().register(&replaced).unwrap();
    assert!(platform.entities().record("product", "S-1").is_some());
    let update = r#"{"sku":"S-1"}"#;
    platform.refuse(
        request("PUT", "product", "", update),
        400,
        "product.colour is required",
    );
}

#[test]
fn a_shared_key_of_another_type_finds_the_records_that_are_kept() {
    let platform = platform();
    let by_nr = |id: &str| format!("Entity-Id: {id}\nEntity-Id-Field: nr");
    platform.accept("POST", "item", &by_nr("7"), r#"{"id":1,"nr":7}"#);
    // Too many digits for a number, so that it names nothing.
    let body = r#"{"id":2,"nr":"5.0"}"#;
    platform.accept("POST", "item", "", body);
    let field = |name, field_type| Field::new(name, field_type);
    let item = Endpoint::new("item", "/entity/item", "token-item".parse().unwrap())
        .with_field(field("id", FieldType::Number).with_primary_key(true))
        .with_field(field("nr", FieldType::Math));
    platform.entities().register(&layout([item])).unwrap();
    platform.accept("PUT", "item", &by_nr("5.0"), body);
    platform.accept("DELETE", "item", &by_nr("7"), "");
}

#[test]
fn faults_and_clashes_register_nothing() {
    let platform = platform();
    let clashing = layout([
        endpoint("fresh", "token-fresh"),
        endpoint("product", "token-other"),
        endpoint("thing", "token-note"),
    ]);
    let faults = platform.entities().register(&clashing).unwrap_err();
    let treekeys: Vec<_> = faults.iter().map(dsync_core::Fault::treekey).collect();
    assert_eq!(treekeys, ["product", "thing"]);
    assert!(
        faults.to_string().contains("which is that of note"),
        "{faults}"
    );

    let faulty: DataLayout = serde_json::from_str(
        r#"{"data_layout":[
            {"entity_name":"fresh","treekey":"fresh","endpoint_url":"/e","entity_token":"token-fresh","fields":[{"treekey":"fresh.a","name":"a","type":"text"}]},
            {"entity_name":"bad","treekey":"bad","endpoint_url":"/e","entity_token":"token-bad","fields":[]}
        ]}"#,
    )
    .unwrap();
    let faults = platform.entities().register(&faulty).unwrap_err();
    assert!(faults.to_string().contains("bad has no field"), "{faults}");
    platform.refuse(
        request("POST", "fresh", "", "{}"),
        400,
        "no entity has the token",
    );
}
