//! References between entities: typed both ways, across modules, private fields and private types,
//! and between two that refer to each other.

#![deny(warnings)]

use dsync::prelude::*;

mod shop {
    use dsync::prelude::*;

    /// A private type in a private field of a public struct.
    #[derive(FieldValue)]
    struct Number(u64);

    #[derive(DsyncObject)]
    struct Label {
        #[expect(dead_code, reason = "only its type is looked at")]
        text: String,
    }

    #[derive(DsyncEntity)]
    pub(super) struct Category {
        #[dsync(primary_key)]
        number: Number,
        #[expect(dead_code, reason = "only its type is looked at")]
        label: Label,
        /// Back again.
        #[dsync(references = super::Product::r#type)]
        #[expect(dead_code, reason = "only its type is looked at")]
        best: String,
    }
}

#[derive(DsyncEntity)]
struct Product {
    #[dsync(primary_key, name = "kind")]
    r#type: String,
    #[dsync(references = shop::Category::number)]
    #[expect(dead_code, reason = "only its type is looked at")]
    category: Option<u32>,
    #[dsync(references = Self::r#type)]
    #[expect(dead_code, reason = "only its type is looked at")]
    replaced_by: Vec<String>,
}

#[test]
fn two_entities_in_two_modules_refer_to_each_other() {
    let layout = DataLayout::builder()
        .entity::<Product>()
        .entity::<shop::Category>()
        .build()
        .unwrap();
    let json = serde_json::to_value(&layout).unwrap();
    let foreign_keys: Vec<_> = json["data_layout"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|endpoint| endpoint["fields"].as_array().unwrap())
        .map(|field| field["foreign_key"].as_str())
        .collect();
    assert_eq!(
        foreign_keys,
        [
            None,
            Some("category.number"),
            Some("product.kind"),
            None,
            None,
            Some("product.kind"),
        ]
    );
    assert_eq!(treekey!(Product.r#type), "product.kind");
    assert_eq!(treekey!(shop::Category.label.text), "category.label.text");
    let product = Product {
        r#type: "a".to_owned(),
        category: None,
        replaced_by: Vec::new(),
    };
    assert_eq!(product.entity_id().unwrap().unwrap().as_str(), "a");
}
