//! The static tree that the derives make: one array of fields a struct, with relative keys.
//!
//! A field knows its name, not its treekey: the prefix comes from the place of use, so one address
//! type may stand in an order twice (PROTOCOL section 3). Everything here is plain data in statics,
//! because data compiled 3.4 times faster than code that builds a layout at run time.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::json::{EndpointJson, Form};
use super::node::{FieldNode, ForeignKey};
use super::shape::Shape;
use super::validate::{self, ValidRecord};
use super::writer::{self, Head};
use super::{FieldType, Treekey, lenient};
use crate::faults::Faults;

/// An entity of the data layout, as its derive wrote it: an endpoint with its fields.
///
/// It serializes as the endpoint's JSON, with the SDKs' thirteen keys a field;
/// [`EntityLayout::minimal`] leaves the unset ones out. Use [`DataLayout`](crate::DataLayout) for
/// the answer that the platform asks for, and to override tokens at run time.
///
/// # Examples
///
/// ```
/// use dsync_core::{EntityLayout, FieldLayout, FieldType, Shape};
///
/// static FIELDS: [FieldLayout; 1] =
///     [FieldLayout::new("sku", Shape::leaf(FieldType::Text)).with_primary_key()];
/// static PRODUCT: EntityLayout =
///     EntityLayout::new("product", "/entity/product", "source-1-product-1", &FIELDS);
///
/// assert_eq!(PRODUCT.primary_key().unwrap().name(), "sku");
/// assert!(PRODUCT.validate(&serde_json::json!({"sku": "S-1"})).is_ok());
/// ```
#[derive(Debug)]
pub struct EntityLayout {
    name: &'static str,
    endpoint_url: &'static str,
    entity_token: &'static str,
    fields: &'static [FieldLayout],
    /// Whether the three texts are known to need no escaping in JSON.
    plain: bool,
}

impl EntityLayout {
    /// An entity by its name (also its treekey), its address and its token.
    #[must_use]
    pub const fn new(
        name: &'static str,
        endpoint_url: &'static str,
        entity_token: &'static str,
        fields: &'static [FieldLayout],
    ) -> Self {
        Self {
            name,
            endpoint_url,
            entity_token,
            fields,
            plain: false,
        }
    }

    /// What the derives write where none of the texts needs escaping in JSON. They look, because the
    /// same in constant evaluation took as long as all the rest of the layout.
    #[doc(hidden)]
    #[must_use]
    pub const fn plain(
        name: &'static str,
        endpoint_url: &'static str,
        entity_token: &'static str,
        fields: &'static [FieldLayout],
    ) -> Self {
        Self {
            plain: true,
            ..Self::new(name, endpoint_url, entity_token, fields)
        }
    }

    /// The entity's name, which is also its treekey.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where the connector serves the entity: `/entity/product`, or an absolute address.
    #[must_use]
    pub const fn endpoint_url(&self) -> &'static str {
        self.endpoint_url
    }

    /// The token in the source code. A deployed system may override it with
    /// [`EntityTokens`](crate::EntityTokens).
    #[must_use]
    pub const fn entity_token(&self) -> &'static str {
        self.entity_token
    }

    /// The fields of the first level, in the order of the struct.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldLayout] {
        self.fields
    }

    /// The field that identifies a record, if the entity has one.
    #[must_use]
    pub fn primary_key(&self) -> Option<&'static FieldLayout> {
        self.fields.iter().find(|field| field.is_primary_key())
    }

    /// Holds a record against the layout.
    ///
    /// # Errors
    ///
    /// Every fault of the record, each with its treekey: a required field that is absent or null, a
    /// value of another type, a list where there is one value. A number or a boolean may come as
    /// text. Unknown keys are no fault: they are named in the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_core::{EntityLayout, FieldLayout, FieldType, Shape};
    /// # static FIELDS: [FieldLayout; 2] = [
    /// #     FieldLayout::new("sku", Shape::leaf(FieldType::Text)),
    /// #     FieldLayout::new("price", Shape::leaf(FieldType::Number)),
    /// # ];
    /// # static PRODUCT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &FIELDS);
    /// let faults = PRODUCT.validate(&serde_json::json!({"price": "free"})).unwrap_err();
    /// let treekeys: Vec<_> = faults.iter().map(|fault| fault.treekey()).collect();
    /// assert_eq!(treekeys, ["product.sku", "product.price"]);
    /// ```
    pub fn validate(&self, record: &Value) -> Result<ValidRecord, Faults> {
        validate::record(&Treekey::root(self.name), self.fields, record)
    }

    /// Holds a change of a record against the layout: as [`validate`](Self::validate), but a key that is
    /// absent from the first level is no fault, because what it stands for stays as it is. An object or
    /// a list that is there is replaced as a whole, so inside it nothing may be missing.
    ///
    /// # Errors
    ///
    /// Every fault of the change, each with its treekey; null for a required field is one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_core::{EntityLayout, FieldLayout, FieldType, Shape};
    /// # static FIELDS: [FieldLayout; 2] = [
    /// #     FieldLayout::new("sku", Shape::leaf(FieldType::Text)),
    /// #     FieldLayout::new("price", Shape::leaf(FieldType::Number)),
    /// # ];
    /// # static PRODUCT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &FIELDS);
    /// assert!(PRODUCT.validate_update(&serde_json::json!({"price": 9.5})).is_ok());
    ///
    /// let faults = PRODUCT.validate_update(&serde_json::json!({"price": null})).unwrap_err();
    /// assert_eq!(faults.to_string(), "product.price is required, but is null");
    /// ```
    pub fn validate_update(&self, record: &Value) -> Result<ValidRecord, Faults> {
        validate::update(&Treekey::root(self.name), self.fields, record)
    }

    /// Makes a record that was written leniently one that a strict reader takes: numbers and booleans
    /// that came as texts (and 0 and 1 for booleans) become numbers and booleans, where the layout
    /// says that they are. Everything else is copied as it came, byte for byte; a record that needs no
    /// change is given back as it is.
    ///
    /// # Errors
    ///
    /// If the bytes are not JSON. Whether the record fits, [`validate`](Self::validate) says.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_core::{EntityLayout, FieldLayout, FieldType, Shape};
    /// # static FIELDS: [FieldLayout; 2] = [
    /// #     FieldLayout::new("price", Shape::leaf(FieldType::Number)),
    /// #     FieldLayout::new("active", Shape::leaf(FieldType::Boolean)),
    /// # ];
    /// # static PRODUCT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &FIELDS);
    /// let record = PRODUCT.read_leniently(br#"{"price":"1.10","active":1,"more":"2"}"#)?;
    /// assert_eq!(*record, *br#"{"price":1.10,"active":true,"more":"2"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn read_leniently<'a>(&self, record: &'a [u8]) -> Result<Cow<'a, [u8]>, serde_json::Error> {
        lenient::record(self.fields, record)
    }

    /// Appends the endpoint's JSON: the bytes that [`serde_json::to_vec`] gives, in a small part of
    /// the time, and without an allocation where the buffer has room.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_core::{EntityLayout, FieldLayout, FieldType, Shape};
    /// # static FIELDS: [FieldLayout; 1] = [FieldLayout::new("sku", Shape::leaf(FieldType::Text))];
    /// # static PRODUCT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &FIELDS);
    /// let mut buffer = Vec::new();
    /// for _request in 0..3 {
    ///     buffer.clear();
    ///     PRODUCT.write_json(&mut buffer);
    ///     assert_eq!(buffer, serde_json::to_vec(&PRODUCT)?);
    /// }
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let head = Head {
            name: self.name,
            endpoint_url: self.endpoint_url,
            entity_token: self.entity_token,
            plain: self.plain,
        };
        writer::entity(out, &head, self.fields);
    }

    /// The same endpoint in the form that leaves out every unset key, as DSYNC's own Magento 2
    /// connector writes it.
    pub fn minimal(&self) -> impl Serialize {
        self.json(self.entity_token, Form::Minimal)
    }

    fn json<'a>(&'a self, entity_token: &'a str, form: Form) -> EndpointJson<'a, FieldLayout> {
        EndpointJson {
            entity_name: self.name,
            treekey: self.name,
            endpoint_url: self.endpoint_url,
            entity_token,
            fields: self.fields,
            extra: &[],
            form,
        }
    }
}

impl Serialize for EntityLayout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json(self.entity_token, Form::Full)
            .serialize(serializer)
    }
}

/// A field of the static tree. Its key is relative: see [`Treekey`].
#[derive(Clone, Copy, Debug)]
pub struct FieldLayout {
    name: &'static str,
    ident: &'static str,
    shape: Shape,
    required: bool,
    primary_key: bool,
    read_only: bool,
    /// Whether name and description are known to need no escaping in JSON.
    plain: bool,
    description: Option<&'static str>,
    foreign_key: StaticForeignKey,
}

#[derive(Clone, Copy, Debug)]
enum StaticForeignKey {
    None,
    Text(&'static str),
    /// A function rather than a reference, so that two entities may refer to each other without a
    /// cycle in constant evaluation.
    Reference {
        entity: fn() -> &'static EntityLayout,
        ident: &'static str,
    },
}

impl FieldLayout {
    /// A field by its name in the JSON. It is required unless the shape is optional.
    #[must_use]
    pub const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            ident: name,
            shape,
            required: !shape.is_optional(),
            primary_key: false,
            read_only: false,
            plain: false,
            description: None,
            foreign_key: StaticForeignKey::None,
        }
    }

    /// What the derives write where neither text needs escaping in JSON; an empty description is
    /// none. See [`EntityLayout::plain`].
    #[doc(hidden)]
    #[must_use]
    pub const fn plain(name: &'static str, shape: Shape, description: &'static str) -> Self {
        Self {
            name,
            ident: name,
            shape,
            required: !shape.is_optional(),
            primary_key: false,
            read_only: false,
            plain: true,
            description: if description.is_empty() {
                None
            } else {
                Some(description)
            },
            foreign_key: StaticForeignKey::None,
        }
    }

    /// The entity whose field this one refers to, if it does so by `references`.
    pub(crate) fn referenced_entity(&self) -> Option<&'static EntityLayout> {
        match self.foreign_key {
            StaticForeignKey::Reference { entity, .. } => Some(entity()),
            StaticForeignKey::None | StaticForeignKey::Text(_) => None,
        }
    }

    pub(super) const fn is_plain(&self) -> bool {
        self.plain
    }

    pub(super) const fn has_neither_format_nor_key(&self) -> bool {
        self.date_format().is_none() && matches!(self.foreign_key, StaticForeignKey::None)
    }

    /// The name of the field in the Rust struct, where it is not the name in the JSON.
    #[must_use]
    pub const fn with_ident(mut self, ident: &'static str) -> Self {
        self.ident = ident;
        self
    }

    /// Marks the field that identifies a record.
    #[must_use]
    pub const fn with_primary_key(mut self) -> Self {
        self.primary_key = true;
        self
    }

    /// Takes the mark of the field that identifies a record away.
    pub(crate) const fn without_primary_key(mut self) -> Self {
        self.primary_key = false;
        self
    }

    /// Marks a field that only its own system sets, so it is not required in a write. The layout has
    /// no key for it; the derive begins the description with "Read only.".
    #[must_use]
    pub const fn with_read_only(mut self) -> Self {
        self.read_only = true;
        self.required = false;
        self
    }

    /// Says whether the field must be there to create a record, whatever its Rust type.
    #[must_use]
    pub const fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Sets the free text that describes the field.
    #[must_use]
    pub const fn with_description(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self.plain = false;
        self
    }

    /// Sets the format of a date, in moment.js tokens (`YYYY-MM-DD HH:mm:ss`), whatever the shape's
    /// is.
    #[must_use]
    pub const fn with_date_format(mut self, format: &'static str) -> Self {
        self.shape = self.shape.with_date_format(format);
        self
    }

    /// Sets the foreign key as a text. The protocol's format for it is unknown.
    #[must_use]
    pub const fn with_foreign_key(mut self, text: &'static str) -> Self {
        self.foreign_key = StaticForeignKey::Text(text);
        self
    }

    /// Sets the foreign key to the treekey of another entity's field, named as in its struct.
    #[must_use]
    pub const fn with_reference(
        mut self,
        entity: fn() -> &'static EntityLayout,
        ident: &'static str,
    ) -> Self {
        self.foreign_key = StaticForeignKey::Reference { entity, ident };
        self
    }

    /// The field's name in the JSON: the last segment of its treekey.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The field's name in the Rust struct, as [`treekey!`](crate::treekey) writes it.
    pub(crate) const fn rust_name(&self) -> &'static str {
        self.ident
    }

    /// The field's type.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        self.shape.field_type()
    }

    /// Whether the value is a list.
    #[must_use]
    pub const fn is_multiple(&self) -> bool {
        self.shape.is_multiple()
    }

    /// Whether the field must be there to create a record, given that its parent is.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Whether the field identifies a record. It counts only at the first level of an entity.
    #[must_use]
    pub const fn is_primary_key(&self) -> bool {
        self.primary_key
    }

    /// Whether only its own system sets the field.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The free text that describes the field.
    #[must_use]
    pub const fn description(&self) -> Option<&'static str> {
        self.description
    }

    /// The format of a date.
    #[must_use]
    pub const fn date_format(&self) -> Option<&'static str> {
        self.shape.date_format()
    }

    /// The fields below, if the type is `object`.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldLayout] {
        self.shape.fields()
    }
}

impl FieldNode for FieldLayout {
    fn name(&self) -> &str {
        self.name
    }

    fn type_name(&self) -> &str {
        self.field_type().as_str()
    }

    fn field_type(&self) -> Option<FieldType> {
        Some(self.field_type())
    }

    fn is_multiple(&self) -> bool {
        self.shape.is_multiple()
    }

    fn is_required(&self) -> bool {
        self.required
    }

    fn is_primary_key(&self) -> bool {
        self.primary_key
    }

    fn date_format(&self) -> Option<&str> {
        self.shape.date_format()
    }

    fn description(&self) -> Option<&str> {
        self.description
    }

    fn foreign_key(&self) -> ForeignKey<'_> {
        match self.foreign_key {
            StaticForeignKey::None => ForeignKey::None,
            StaticForeignKey::Text(text) => ForeignKey::Text(text),
            StaticForeignKey::Reference { entity, ident } => {
                let entity = entity();
                entity
                    .fields()
                    .iter()
                    .find(|field| field.ident == ident)
                    .map_or(ForeignKey::None, |field| ForeignKey::Treekey {
                        entity: entity.name(),
                        field: field.name(),
                    })
            }
        }
    }

    fn fields(&self) -> &[Self] {
        self.shape.fields()
    }
}
