//! What a request says, by what is known of its entity.

use serde_json::{Value, json};

use super::*;
use crate::entity::{DsyncObject, InvalidEntityId, ToEntityId};
use crate::layout::{FieldType, Shape};
use crate::token::EntityToken;
use crate::wire::{Operation, RecordError};

const NAME: FieldLayout = FieldLayout::new("label", Shape::leaf(FieldType::Custom));

/// A record whose shared key may be any JSON.
#[derive(Serialize)]
struct Labelled {
    sku: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Value>,
    price: f64,
}

impl DsyncObject for Labelled {
    const FIELDS: &'static [FieldLayout] = &[
        FieldLayout::new("sku", Shape::leaf(FieldType::Text)).with_primary_key(),
        NAME,
    ];
}

impl DsyncEntity for Labelled {
    const LAYOUT: &'static EntityLayout =
        &EntityLayout::new("labelled", "/entity/labelled", "shop-1", Self::FIELDS);

    fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
        self.sku.to_entity_id().map(Some)
    }
}

impl PrimaryKey for Labelled {
    fn primary_key(&self) -> &dyn ToEntityId {
        &self.sku
    }
}

/// A hand-written layout: with an id, but no field that is the primary key, and a token that is none.
#[derive(Serialize)]
struct Unmarked {
    id: u32,
}

impl DsyncObject for Unmarked {
    const FIELDS: &'static [FieldLayout] = &[NAME];
}

impl DsyncEntity for Unmarked {
    const LAYOUT: &'static EntityLayout =
        &EntityLayout::new("unmarked", "/entity/unmarked", "two words", Self::FIELDS);

    fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
        self.id.to_entity_id().map(Some)
    }
}

impl PrimaryKey for Unmarked {
    fn primary_key(&self) -> &dyn ToEntityId {
        &self.id
    }
}

/// An entity without any id.
#[derive(Serialize)]
struct Note {
    label: Option<&'static str>,
}

impl DsyncObject for Note {
    const FIELDS: &'static [FieldLayout] = &[NAME];
}

impl DsyncEntity for Note {
    const LAYOUT: &'static EntityLayout =
        &EntityLayout::new("note", "/entity/note", "note-1", Self::FIELDS);
}

fn labelled(label: Value) -> Labelled {
    Labelled {
        sku: "sku-1",
        label: Some(label),
        price: 0.5,
    }
}

/// An encoder that knows the shared key of every entity here.
fn knowing(shared_key: &str) -> ChangeEncoder {
    let state = SystemState::new();
    for entity in ["labelled", "unmarked", "note"] {
        state
            .set_shared_key(entity, Some(shared_key.to_owned()))
            .unwrap();
    }
    ChangeEncoder::default().with_state(state)
}

fn id(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

/// The name of the record, as field and id.
#[track_caller]
fn name(request: Result<RealtimeRequest, ChangeError>) -> String {
    let request = request.unwrap();
    match (request.entity_id_field(), request.entity_id()) {
        (Some(field), Some(id)) => format!("{field}={id}"),
        (None, None) => String::new(),
        other => panic!("half a name: {other:?}"),
    }
}

/// Every call that takes a record.
fn every(encoder: &ChangeEncoder, record: &Labelled) -> [Result<RealtimeRequest, ChangeError>; 3] {
    [
        encoder.create(record),
        encoder.update(record),
        encoder.delete(record),
    ]
}

#[test]
fn operation_token_and_body() {
    let body = r#"{"sku":"sku-1","label":"A","price":0.5}"#;
    let tokens = EntityTokens::new().with("labelled", EntityToken::new("shop-7").unwrap());
    let overriding = ChangeEncoder::new(tokens.clone());
    assert_eq!(overriding.tokens(), &tokens);
    for (encoder, token) in [(ChangeEncoder::default(), "shop-1"), (overriding, "shop-7")] {
        assert!(encoder.state().is_none());
        let record = labelled(json!("A"));
        let [create, update, delete] = every(&encoder, &record).map(Result::unwrap);
        let changed = encoder.update_with_id(&record, id("sku-0")).unwrap();
        let by_id = encoder.delete_by_id::<Labelled>(id("sku-1")).unwrap();
        assert_eq!(by_id, delete);
        assert_eq!(name(Ok(changed.clone())), "sku=sku-0");
        for (request, operation, body) in [
            (create, Operation::Create, body),
            (update, Operation::Update, body),
            (changed, Operation::Update, body),
            (delete, Operation::Delete, ""),
        ] {
            assert_eq!(request.operation(), operation);
            assert_eq!(request.entity_token().as_str(), token);
            assert_eq!(request.body(), body);
            assert_eq!(request.idempotency_key(), None);
        }
    }
}

#[test]
fn a_shared_key_names_the_record_where_it_has_a_value() {
    let encoder = knowing("label");
    let long = "123456789012345678";
    for (label, expected) in [
        (json!("A \"B\" ü"), "label=A \"B\" ü"),
        (json!(123_456_789_012_345_678_u64), &format!("label={long}")),
        (json!(-7), "label=-7"),
        (json!(true), "label=true"),
        (json!(false), "label=false"),
        (Value::Null, "sku=sku-1"),
    ] {
        let record = labelled(label);
        for request in every(&encoder, &record) {
            assert_eq!(name(request), expected);
        }
        // The old name is the caller's to say, whatever the record has now.
        assert_eq!(
            name(encoder.update_with_id(&record, id("old"))),
            "label=old"
        );
    }
    let absent = Labelled {
        label: None,
        ..labelled(Value::Null)
    };
    for request in every(&encoder, &absent) {
        assert_eq!(name(request), "sku=sku-1");
    }
}

#[test]
fn a_shared_key_that_cannot_name_the_record() {
    let encoder = knowing("label");
    for (label, found) in [
        (json!({}), "an object"),
        (json!(["A"]), "a list"),
        (json!(1.5), "a number that is no integer"),
        (json!(1e300), "a number that is no integer"),
    ] {
        for request in every(&encoder, &labelled(label)) {
            let error = request.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the record's \"label\", by which the platform knows the records of \
                     \"labelled\", must be a text, an integer or a boolean, but is {found}"
                )
            );
            assert!(matches!(error, ChangeError::SharedKeyValue { .. }));
        }
    }
    for request in every(&encoder, &labelled(json!(""))) {
        assert_eq!(request, Err(InvalidEntityId::Empty.into()));
    }
}

#[test]
fn a_delete_by_the_primary_key_needs_one_that_the_platform_knows() {
    let error = knowing("label")
        .delete_by_id::<Labelled>(id("sku-1"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the platform knows the records of \"labelled\" by their \"label\", so the value of the \
         primary key says nothing there: delete with the whole record, or send a request that names \
         that field"
    );
    let shared_key = "label".to_owned();
    let entity = "labelled";
    assert_eq!(error, ChangeError::SharedKey { entity, shared_key });

    // The primary key as the shared key is none.
    let request = knowing("sku").delete_by_id::<Labelled>(id("sku-1"));
    assert_eq!(name(request), "sku=sku-1");
}

#[test]
fn an_entity_without_a_primary_key() {
    let some = Note { label: Some("A") };
    assert_eq!(name(ChangeEncoder::default().create(&some)), "");
    assert_eq!(name(knowing("label").create(&some)), "label=A");
    assert_eq!(name(knowing("label").create(&Note { label: None })), "");
}

#[test]
fn a_hand_written_layout_that_is_wrong() {
    let record = Unmarked { id: 1 };
    let encoder = ChangeEncoder::default();
    let error = encoder.create(&record).unwrap_err();
    assert!(matches!(error, ChangeError::EntityToken(_)));
    assert_eq!(
        error.to_string(),
        "\"two words\" is no entity token: it needs one or more visible ASCII characters, and no blanks"
    );

    let tokens = EntityTokens::new().with("unmarked", EntityToken::new("unmarked-1").unwrap());
    let encoder = ChangeEncoder::new(tokens);
    for request in [
        encoder.create(&record),
        encoder.update(&record),
        encoder.update_with_id(&record, id("0")),
        encoder.delete(&record),
        encoder.delete_by_id::<Unmarked>(id("1")),
    ] {
        let error = request.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the records of \"unmarked\" have an id, but no field of its layout is marked as the \
             primary key"
        );
        assert_eq!(error, ChangeError::NoPrimaryKeyField { entity: "unmarked" });
    }
}

#[test]
fn what_cannot_travel() {
    let record = Labelled {
        price: f64::NAN,
        ..labelled(json!("A"))
    };
    let encoder = ChangeEncoder::default();
    for request in [
        encoder.create(&record),
        encoder.update(&record),
        encoder.update_with_id(&record, id("sku-0")),
        knowing("label").delete(&record),
    ] {
        let error = request.unwrap_err();
        assert!(matches!(
            error,
            ChangeError::Record(RecordError::Number { .. })
        ));
        assert_eq!(
            error.to_string(),
            "price is NaN, and JSON has no such number"
        );
    }
    // A delete has no body, so the rest of the record does not matter.
    assert_eq!(name(encoder.delete(&record)), "sku=sku-1");

    let nameless = Labelled {
        sku: "",
        ..labelled(json!("A"))
    };
    for request in every(&knowing("label"), &nameless) {
        assert_eq!(request, Err(InvalidEntityId::Empty.into()));
    }

    let request = knowing("la\nbel").update_with_id(&labelled(json!("A")), id("old"));
    assert!(matches!(request, Err(ChangeError::IdField(_))));
}
