//! What makes a data layout wrong, and that all of it is told at once.

use dsync::prelude::*;
use dsync::{Endpoint, EntityTokens, Field, FieldType};

fn token(text: &'static str) -> EntityToken {
    EntityToken::new(text).unwrap()
}

/// Each line is one fault that both SDKs let pass, or that no reader could make sense of.
#[test]
fn every_fault_is_reported_at_once_by_treekey() {
    let json = r#"{"data_layout": [
        {"entity_name": "product", "treekey": "product", "endpoint_url": "/entity/product", "entity_token": "same", "fields": [
            {"treekey": "product.sku", "name": "sku", "type": "text", "primary_key": true},
            {"treekey": "product.ean", "name": "ean", "type": "text", "primary_key": true},
            {"treekey": "product.sku", "name": "sku", "type": "text"},
            {"treekey": "product.price", "name": "price", "type": "nubmer"},
            {"treekey": "wrong.name", "name": "name", "type": "text"},
            {"treekey": "product.a.b", "name": "a.b", "type": "text"},
            {"treekey": "product.", "name": "", "type": "text"},
            {"treekey": "product.when", "name": "when", "type": "text", "date_format": "YYYY"},
            {"treekey": "product.flat", "name": "flat", "type": "text", "fields": [
                {"treekey": "product.flat.x", "name": "x", "type": "text", "primary_key": true}
            ]}
        ]},
        {"entity_name": "order", "treekey": "ordre", "endpoint_url": "", "entity_token": "same", "fields": []},
        {"entity_name": "product", "treekey": "product", "endpoint_url": "/p", "entity_token": "other", "fields": [
            {"treekey": "product.ids", "name": "ids", "type": "number", "multiple": true, "primary_key": true}
        ]}
    ]}"#;
    let layout: DataLayout = serde_json::from_str(json).unwrap();
    let faults = layout.check().unwrap_err();
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "product.ean is a second primary key beside `sku`: an entity has at most one",
            "product.sku stands twice: a treekey is unique within its entity",
            "product.price `nubmer` is no field type (did you mean `number`?); the types are text, number, url, email, date, time, datetime, boolean, object, math and custom",
            "product.name states the treekey \"wrong.name\", which is not its parent's and its name",
            "product.a.b has a dot in its name \"a.b\": dots separate the parts of a treekey",
            "product. has an empty name",
            "product.when has the date format \"YYYY\", but is of type text",
            "product.flat has fields of its own, but is of type text: only an object has any",
            "product.flat.x cannot be the primary key: only a field of the entity's first level can",
            "ordre has the entity token same, as an endpoint before it does: a token is unique within a system",
            "ordre is not the entity's name, which is \"order\"",
            "ordre has an empty endpoint_url: say where the connector serves it, such as /entity/product",
            "ordre has no field: an endpoint needs at least one",
            "product stands twice in the data layout: an entity's name is unique within a system",
            "product.ids cannot be the primary key: it needs to be a single value",
        ]
    );
}

#[test]
fn an_empty_layout_is_a_fault() {
    let faults = DataLayout::builder().build().unwrap_err();
    assert_eq!(
        faults.to_string(),
        "the data layout has no endpoint: it needs at least one"
    );
}

#[test]
fn an_owned_layout_is_written_like_a_derived_one() {
    #[derive(DsyncEntity)]
    #[dsync(entity_token = "token-1")]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Product {
        /// The SKU
        #[dsync(primary_key)]
        sku: String,
        stock: Option<Stock>,
        #[dsync(foreign_key = "category.id")]
        category: u32,
        #[dsync(type = "date", date_format = "YYYY-MM-DD")]
        since: Vec<String>,
    }
    #[derive(DsyncObject)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Stock {
        quantity: u32,
    }

    let owned = Endpoint::new("product", "/entity/product", token("token-1"))
        .with_field(
            Field::new("sku", FieldType::Text)
                .with_required(true)
                .with_primary_key(true)
                .with_description("The SKU"),
        )
        .with_field(Field::object(
            "stock",
            [Field::new("quantity", FieldType::Number).with_required(true)],
        ))
        .with_field(
            Field::new("category", FieldType::Number)
                .with_required(true)
                .with_foreign_key("category.id"),
        )
        .with_field(
            Field::new("since", FieldType::Date)
                .with_required(true)
                .with_multiple(true)
                .with_date_format("YYYY-MM-DD"),
        );
    let derived = serde_json::to_string(Product::layout()).unwrap();
    assert_eq!(serde_json::to_string(&owned).unwrap(), derived);
    assert_eq!(
        serde_json::to_string(&owned.minimal()).unwrap(),
        serde_json::to_string(&Product::layout().minimal()).unwrap()
    );
    let layout = DataLayout::builder().entity::<Product>().build().unwrap();
    assert_eq!(
        serde_json::to_string(&layout).unwrap(),
        format!(r#"{{"data_layout":[{derived}]}}"#)
    );
}

/// Formats that nobody knows are carried as they are.
#[test]
fn opaque_and_unknown_keys_survive() {
    let json = concat!(
        r#"{"data_layout":[{"entity_name":"e","treekey":"e","endpoint_url":"/e","entity_token":"t","fields":["#,
        r#"{"id":12345678901234567890123,"treekey":"e.f","value":{"a":0.10},"type":"boolean","multiple":false,"#,
        r#""date_format":null,"required":false,"functions":["trim",1.50],"primary_key":false,"#,
        r#""foreign_key":{"entity":"x"},"bool_settings":["ja","nein"],"name":"f","description":null,"#,
        r#""colour":[1.0]}],"icon":"shop"}]}"#
    );
    let layout: DataLayout = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&layout).unwrap(), json);
}

#[test]
fn a_field_without_a_name_or_type_is_no_field() {
    for (field, problem) in [
        (r#"{"name":"x","type":"text"}"#, "missing field `treekey`"),
        (
            r#"{"treekey":"e.x","type":"text"}"#,
            "the field with the treekey \"e.x\" has no `name`",
        ),
        (
            r#"{"treekey":"e.x","name":"x"}"#,
            "the field with the treekey \"e.x\" has no `type`",
        ),
    ] {
        let error = serde_json::from_str::<Field>(field).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

/// Tokens of a deployed system are data.
#[test]
fn tokens_of_a_deployment_go_before_those_in_the_source() {
    #[derive(DsyncEntity)]
    #[dsync(entity_token = "in-the-source")]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Product {
        id: u8,
    }

    let tokens: EntityTokens = serde_json::from_str(r#"{"product": "deployed"}"#).unwrap();
    let layout = DataLayout::builder()
        .entity::<Product>()
        .entity_tokens(tokens)
        .build()
        .unwrap();
    assert_eq!(layout.endpoints()[0].entity_token().as_str(), "deployed");
    assert!(layout.endpoint_of(&token("deployed")).is_some());
    assert!(layout.endpoint_of(&token("in-the-source")).is_none());
    assert!(serde_json::from_str::<EntityTokens>(r#"{"product": "two words"}"#).is_err());
}

/// A reference has somewhere to go.
#[test]
fn a_reference_to_an_entity_that_is_not_there_is_a_fault() {
    #[derive(DsyncEntity)]
    struct Category {
        #[dsync(primary_key)]
        id: u32,
    }
    #[derive(DsyncObject)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Shelf {
        #[dsync(references = Category::id)]
        category: u32,
    }
    #[derive(DsyncEntity)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Product {
        shelves: Vec<Shelf>,
    }

    let layout = DataLayout::builder().entity::<Product>();
    let faults = layout.clone().build().unwrap_err();
    assert_eq!(
        faults.to_string(),
        "product.shelves.category refers to the entity \"category\", which is not in the data layout"
    );
    let layout = layout.entity::<Category>().build().unwrap();
    let json = serde_json::to_value(layout).unwrap();
    let field = &json["data_layout"][0]["fields"][0]["fields"][0];
    assert_eq!(field["foreign_key"], "category.id");
}
