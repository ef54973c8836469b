//! Entities as the derive would write them.

use dsync_core::{
    DsyncEntity, DsyncObject, EntityId, EntityLayout, FieldLayout, FieldType, InvalidEntityId,
    PrimaryKey, Shape, ToEntityId,
};
use serde::Serialize;

/// An entity with a primary key. Its name in the JSON is not the one in the struct.
#[derive(Serialize)]
pub(crate) struct Product {
    #[serde(rename = "SKU")]
    pub(crate) sku: String,
    pub(crate) price: Option<f32>,
    pub(crate) tags: Vec<String>,
}

impl Product {
    pub(crate) fn new(sku: &str) -> Self {
        Self {
            sku: sku.to_owned(),
            price: Some(0.1),
            tags: vec!["new".to_owned()],
        }
    }
}

impl DsyncObject for Product {
    const FIELDS: &'static [FieldLayout] = &[
        FieldLayout::new("SKU", Shape::leaf(FieldType::Text))
            .with_ident("sku")
            .with_primary_key(),
        FieldLayout::new("price", Shape::leaf(FieldType::Number).optional()),
        FieldLayout::new("tags", Shape::leaf(FieldType::Text).multiple()),
    ];
}

impl DsyncEntity for Product {
    const LAYOUT: &'static EntityLayout =
        &EntityLayout::new("product", "/entity/product", "shop-product-1", Self::FIELDS);

    fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
        self.sku.to_entity_id().map(Some)
    }
}

impl PrimaryKey for Product {
    fn primary_key(&self) -> &dyn ToEntityId {
        &self.sku
    }
}

/// An entity whose records may have a second name.
#[derive(Serialize)]
pub(crate) struct Labelled {
    pub(crate) id: String,
    pub(crate) label: Option<&'static str>,
}

impl DsyncObject for Labelled {
    const FIELDS: &'static [FieldLayout] = &[
        FieldLayout::new("id", Shape::leaf(FieldType::Text)).with_primary_key(),
        FieldLayout::new("label", Shape::leaf(FieldType::Text).optional()),
    ];
}

impl DsyncEntity for Labelled {
    const LAYOUT: &'static EntityLayout = &EntityLayout::new(
        "labelled",
        "/entity/labelled",
        "shop-labelled-1",
        Self::FIELDS,
    );

    fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
        self.id.to_entity_id().map(Some)
    }
}

impl PrimaryKey for Labelled {
    fn primary_key(&self) -> &dyn ToEntityId {
        &self.id
    }
}

/// An entity without a primary key.
#[derive(Serialize)]
pub(crate) struct Note {
    pub(crate) text: String,
}

impl DsyncObject for Note {
    const FIELDS: &'static [FieldLayout] =
        &[FieldLayout::new("text", Shape::leaf(FieldType::Text))];
}

impl DsyncEntity for Note {
    const LAYOUT: &'static EntityLayout =
        &EntityLayout::new("note", "/entity/note", "shop-note-1", Self::FIELDS);
}

/// An entity that is wrong by hand: an id, but no field in the layout for it.
#[derive(Serialize)]
pub(crate) struct Unmarked {
    pub(crate) id: u32,
}

impl DsyncObject for Unmarked {
    const FIELDS: &'static [FieldLayout] =
        &[FieldLayout::new("id", Shape::leaf(FieldType::Number))];
}

impl DsyncEntity for Unmarked {
    const LAYOUT: &'static EntityLayout = &EntityLayout::new(
        "unmarked",
        "/entity/unmarked",
        "shop-unmarked-1",
        Self::FIELDS,
    );

    fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
        self.id.to_entity_id().map(Some)
    }
}

impl PrimaryKey for Unmarked {
    fn primary_key(&self) -> &dyn ToEntityId {
        &self.id
    }
}
