//! Types that stand for one value: newtypes, and enums of unit variants.

use dsync::FieldType;
use dsync::prelude::*;
use serde::Serialize;

/// A part to hold.
#[derive(Serialize, DsyncObject)]
struct Nested {
    some_text: String,
}

macro_rules! variants_renamed_by {
    ($($rule:literal)+) => {
        $({
            #[derive(Serialize, FieldValue)]
            #[serde(rename_all = $rule)]
            enum Renamed {
                Plain,
                TwoWords,
                HTTPStatus,
                With1Digit,
                Größe,
                #[serde(rename = "Own-Name")]
                OwnName,
            }
            for variant in [
                Renamed::Plain,
                Renamed::TwoWords,
                Renamed::HTTPStatus,
                Renamed::With1Digit,
                Renamed::Größe,
                Renamed::OwnName,
            ] {
                let written = serde_json::to_value(&variant).unwrap();
                assert_eq!(variant.to_entity_id().unwrap().as_str(), written.as_str().unwrap());
            }
            assert_eq!(<Renamed as FieldValue>::SHAPE.field_type(), FieldType::Text);
        })+
    };
}

#[test]
fn every_naming_rule_gives_serdes_names_of_variants() {
    use dsync::ToEntityId as _;

    variants_renamed_by! {
        "lowercase" "UPPERCASE" "PascalCase" "camelCase" "snake_case" "SCREAMING_SNAKE_CASE"
        "kebab-case" "SCREAMING-KEBAB-CASE"
    }
}

#[test]
fn a_newtype_is_what_it_holds() {
    #[derive(Serialize, FieldValue)]
    struct Sku(String);
    #[derive(Serialize, FieldValue)]
    struct Tags(Vec<Sku>);
    #[derive(Serialize, FieldValue)]
    #[serde(transparent)]
    struct Id<T> {
        number: u64,
        of: std::marker::PhantomData<T>,
    }
    #[derive(Serialize, FieldValue)]
    struct Generic<T>(Option<T>);
    #[derive(FieldValue)]
    #[dsync(type = "number")]
    #[expect(dead_code, reason = "only its type is looked at")]
    enum Money {
        Cents(u64),
        Euros { amount: f64 },
    }

    #[derive(DsyncEntity)]
    struct Product {
        #[dsync(primary_key)]
        id: Id<Product>,
        #[expect(dead_code, reason = "only its type is looked at")]
        skus: Vec<Sku>,
        #[expect(dead_code, reason = "only its type is looked at")]
        tags: Option<Tags>,
        #[expect(dead_code, reason = "only its type is looked at")]
        generic: Generic<Nested>,
        #[expect(dead_code, reason = "only its type is looked at")]
        prices: Vec<Money>,
    }

    let found: Vec<_> = Product::FIELDS
        .iter()
        .map(|field| {
            (
                field.name(),
                field.field_type().as_str(),
                field.is_multiple(),
                field.is_required(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("id", "number", false, true),
            ("skus", "text", true, true),
            ("tags", "text", true, false),
            ("generic", "object", false, false),
            ("prices", "number", true, true),
        ]
    );
    let product = Product {
        id: Id {
            number: 7,
            of: std::marker::PhantomData,
        },
        skus: Vec::new(),
        tags: None,
        generic: Generic(None),
        prices: Vec::new(),
    };
    assert_eq!(product.entity_id().unwrap().unwrap().as_str(), "7");
}
