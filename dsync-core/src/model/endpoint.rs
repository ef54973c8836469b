//! An endpoint of the owned model.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::field::Field;
use crate::faults::Faults;
use crate::layout::json::{EndpointJson, Form};
use crate::layout::validate::{self, ValidRecord};
use crate::layout::{EntityLayout, Treekey, lenient};
use crate::token::{EntityToken, EntityTokens, InvalidEntityToken};

/// One kind of record of a system, in a layout that is known only at run time.
///
/// # Examples
///
/// ```
/// use dsync_core::{Endpoint, EntityToken, Field, FieldType};
///
/// let product = Endpoint::new("product", "/entity/product", EntityToken::generate("product"))
///     .with_field(Field::new("sku", FieldType::Text).with_required(true).with_primary_key(true))
///     .with_field(Field::new("price", FieldType::Number));
/// assert_eq!(product.fields().len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    entity_name: Cow<'static, str>,
    stated_treekey: Option<String>,
    endpoint_url: Cow<'static, str>,
    entity_token: EntityToken,
    fields: Vec<Field>,
    extra: Vec<(String, Box<RawValue>)>,
}

impl Endpoint {
    /// An endpoint without fields. Its treekey is its name.
    #[must_use]
    pub fn new(
        entity_name: impl Into<Cow<'static, str>>,
        endpoint_url: impl Into<Cow<'static, str>>,
        entity_token: EntityToken,
    ) -> Self {
        Self {
            entity_name: entity_name.into(),
            stated_treekey: None,
            endpoint_url: endpoint_url.into(),
            entity_token,
            fields: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The entity's name.
    #[must_use]
    pub fn entity_name(&self) -> &str {
        &self.entity_name
    }

    /// The entity's treekey: its name, or what a layout that was read states.
    #[must_use]
    pub fn treekey(&self) -> &str {
        self.stated_treekey.as_deref().unwrap_or(&self.entity_name)
    }

    /// Where the connector serves the entity: `/entity/product`, or an absolute address.
    #[must_use]
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// What identifies the endpoint in realtime requests.
    #[must_use]
    pub fn entity_token(&self) -> &EntityToken {
        &self.entity_token
    }

    /// The fields of the first level.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field that identifies a record, if the entity has one.
    #[must_use]
    pub fn primary_key(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_primary_key())
    }

    /// Holds a record against the layout, as [`EntityLayout::validate`] does.
    ///
    /// # Errors
    ///
    /// Every fault of the record, each with its treekey.
    pub fn validate(&self, record: &Value) -> Result<ValidRecord, Faults> {
        validate::record(&Treekey::root(self.treekey()), &self.fields, record)
    }

    /// Makes a record that was written leniently one that a strict reader takes: numbers and booleans
    /// that came as texts (and 0 and 1 for booleans) become numbers and booleans, where the layout
    /// says that they are. Everything else is copied as it came, byte for byte; a record that needs no
    /// change is given back as it is.
    ///
    /// # Errors
    ///
    /// If the bytes are not JSON. Whether the record fits, [`validate`](Self::validate) says.
    pub fn read_leniently<'a>(&self, record: &'a [u8]) -> Result<Cow<'a, [u8]>, serde_json::Error> {
        lenient::record(&self.fields, record)
    }

    /// The same endpoint in the form that leaves out every unset key.
    pub fn minimal(&self) -> impl Serialize {
        self.json(Form::Minimal)
    }

    /// The owned copy of a static layout, with its token overridden where `tokens` says so.
    pub(super) fn from_static(
        layout: &'static EntityLayout,
        tokens: &EntityTokens,
    ) -> Result<Self, InvalidEntityToken> {
        Ok(Self {
            fields: layout
                .fields()
                .iter()
                .map(|field| Field::from_static(field, true))
                .collect(),
            ..Self::new(
                layout.name(),
                layout.endpoint_url(),
                tokens.token_of(layout)?,
            )
        })
    }

    pub(super) fn json(&self, form: Form) -> EndpointJson<'_, Field> {
        EndpointJson {
            entity_name: &self.entity_name,
            treekey: self.treekey(),
            endpoint_url: &self.endpoint_url,
            entity_token: self.entity_token.as_str(),
            fields: &self.fields,
            extra: &self.extra,
            form,
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json(Form::Full).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EndpointVisitor)
    }
}

struct EndpointVisitor;

impl<'de> Visitor<'de> for EndpointVisitor {
    type Value = Endpoint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an endpoint of a data layout")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Endpoint, A::Error> {
        let (mut name, mut url, mut token) = (None::<String>, None::<String>, None::<EntityToken>);
        let (mut treekey, mut fields, mut extra) = (None, None, Vec::new());
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match &*key {
                "entity_name" => name = Some(map.next_value()?),
                "treekey" => treekey = Some(map.next_value()?),
                "endpoint_url" => url = Some(map.next_value()?),
                "entity_token" => token = Some(map.next_value()?),
                "fields" => fields = Some(map.next_value()?),
                _ => {
                    let key = key.into_owned();
                    extra.push((key, map.next_value()?));
                }
            }
        }
        Ok(Endpoint {
            entity_name: name
                .ok_or_else(|| de::Error::missing_field("entity_name"))?
                .into(),
            stated_treekey: treekey,
            endpoint_url: url
                .ok_or_else(|| de::Error::missing_field("endpoint_url"))?
                .into(),
            entity_token: token.ok_or_else(|| de::Error::missing_field("entity_token"))?,
            fields: fields.ok_or_else(|| de::Error::missing_field("fields"))?,
            extra,
        })
    }
}
