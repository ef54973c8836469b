//! Nested objects and lists of objects: the prefix comes from the place of use.

use dsync::prelude::*;
use dsync::{FieldLayout, FieldType};
use serde_json::{Value, json};

#[derive(DsyncObject)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Address {
    city: String,
    country: Option<Country>,
}

#[derive(DsyncObject)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Country {
    #[dsync(name = "iso-code")]
    code: String,
}

#[derive(DsyncEntity)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Order {
    #[dsync(primary_key)]
    id: u64,
    billing_address: Address,
    shipping_address: Option<Address>,
    items: Vec<Item>,
    /// An entity as a part of another one.
    customer: Customer,
    #[expect(clippy::vec_box, reason = "a list of pointers is what is tested")]
    deep: Vec<Box<Address>>,
}

#[derive(DsyncObject)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Item {
    sku: String,
    discounts: Vec<Discount>,
}

#[derive(DsyncObject)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Discount {
    percent: f32,
}

#[derive(DsyncEntity)]
struct Customer {
    #[dsync(primary_key)]
    number: String,
}

fn treekeys(fields: &[Value], into: &mut Vec<String>) {
    for field in fields {
        into.push(field["treekey"].as_str().unwrap().to_owned());
        if let Some(children) = field.get("fields") {
            treekeys(children.as_array().unwrap(), into);
        }
    }
}

#[test]
fn one_part_used_twice_gets_two_prefixes_and_lists_add_no_index() {
    let json = serde_json::to_value(Order::layout()).unwrap();
    let mut found = Vec::new();
    treekeys(json["fields"].as_array().unwrap(), &mut found);
    assert_eq!(
        found,
        [
            "order.id",
            "order.billing_address",
            "order.billing_address.city",
            "order.billing_address.country",
            "order.billing_address.country.iso-code",
            "order.shipping_address",
            "order.shipping_address.city",
            "order.shipping_address.country",
            "order.shipping_address.country.iso-code",
            "order.items",
            "order.items.sku",
            "order.items.discounts",
            "order.items.discounts.percent",
            "order.customer",
            "order.customer.number",
            "order.deep",
            "order.deep.city",
            "order.deep.country",
            "order.deep.country.iso-code",
        ]
    );
}

#[test]
fn the_treekey_macro_agrees() {
    const CODE: &str = treekey!(Order.shipping_address.country.code);
    assert_eq!(CODE, "order.shipping_address.country.iso-code");
    assert_eq!(
        treekey!(Order.items.discounts.percent),
        "order.items.discounts.percent"
    );
}

/// An object has the thirteen keys of every field, and `fields` after them.
#[test]
fn fields_come_last() {
    #[derive(DsyncEntity)]
    #[dsync(entity_token = "t-1")]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Small {
        /// Where it goes
        to: Option<Country>,
    }

    assert_eq!(
        serde_json::to_string(Small::layout()).unwrap(),
        concat!(
            r#"{"entity_name":"small","treekey":"small","endpoint_url":"/entity/small","entity_token":"t-1","fields":["#,
            r#"{"id":null,"treekey":"small.to","value":null,"type":"object","multiple":false,"date_format":null,"#,
            r#""required":false,"functions":[],"primary_key":false,"foreign_key":null,"bool_settings":null,"#,
            r#""name":"to","description":"Where it goes","fields":["#,
            r#"{"id":null,"treekey":"small.to.iso-code","value":null,"type":"text","multiple":false,"date_format":null,"#,
            r#""required":true,"functions":[],"primary_key":false,"foreign_key":null,"bool_settings":null,"#,
            r#""name":"iso-code","description":null}]}]}"#
        )
    );
}

#[test]
fn lists_and_objects_say_what_they_are() {
    let by_name = |name| {
        Order::layout()
            .fields()
            .iter()
            .find(|field| field.name() == name)
            .unwrap()
    };
    let is = |field: &FieldLayout| (field.field_type(), field.is_multiple(), field.is_required());
    assert_eq!(is(by_name("items")), (FieldType::Object, true, true));
    assert_eq!(is(by_name("deep")), (FieldType::Object, true, true));
    assert_eq!(
        is(by_name("shipping_address")),
        (FieldType::Object, false, false)
    );
}

/// Its own primary key would make the order's second one.
#[test]
fn a_nested_entity_shows_no_primary_key() {
    for json in
        [
            serde_json::to_value(Order::layout()).unwrap(),
            serde_json::to_value(DataLayout::builder().entity::<Order>().build().unwrap()).unwrap()
                ["data_layout"][0]
                .clone(),
        ]
    {
        let customer = &json["fields"][4];
        assert_eq!(customer["treekey"], "order.customer");
        assert_eq!(customer["fields"][0]["primary_key"], false);
        assert_eq!(json["fields"][0]["primary_key"], true);
    }
}

#[test]
fn faults_of_nested_records_carry_their_treekeys() {
    let record = json!({
        "id": 1,
        "billing_address": {"city": null},
        "items": [
            {"sku": "a", "discounts": []},
            {"sku": 7, "discounts": [{"percent": "10"}, {"percent": "ten"}]},
            "no item"
        ],
        "customer": {"number": "c-1"},
        "deep": {}
    });
    let faults = Order::layout().validate(&record).unwrap_err();
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "order.billing_address.city is required, but is null",
            "order.items.sku must be a text, but is the number 7 (item 2 of the list)",
            "order.items.discounts.percent must be a number, but is the text \"ten\" (item 2 of the list)",
            "order.items must be an object, but is the text \"no item\" (item 3 of the list)",
            "order.deep must be a list, but is an object",
        ]
    );
}

#[test]
fn unknown_keys_are_named_and_no_fault() {
    let record = json!({
        "id": 1,
        "billing_address": {"city": "Köln", "zip": 50667},
        "items": [{"sku": "a", "discounts": [], "x": 1}, {"sku": "b", "discounts": [], "x": 2}],
        "customer": {"number": "c-1"},
        "deep": [],
        "": null
    });
    let valid = Order::layout().validate(&record).unwrap();
    assert_eq!(
        valid.unknown_keys(),
        ["order.billing_address.zip", "order.items.x", "order."]
    );
}

#[test]
fn static_and_owned_layouts_find_the_same_faults() {
    let layout = DataLayout::builder().entity::<Order>().build().unwrap();
    let owned = layout.endpoint("order").unwrap();
    for record in [
        json!(null),
        json!([]),
        json!({}),
        json!({"id": 1.5, "billing_address": [], "items": {}, "customer": 0, "deep": [null]}),
    ] {
        assert_eq!(
            Order::layout().validate(&record).unwrap_err(),
            owned.validate(&record).unwrap_err(),
        );
    }
}
