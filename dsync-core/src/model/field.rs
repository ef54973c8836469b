//! A field of the owned model.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::layout::node::{FieldNode, ForeignKey, OpaqueKey};
use crate::layout::{FieldLayout, FieldType, Treekey, UnknownFieldType};

/// One attribute of an entity, in a layout that is known only at run time.
///
/// The treekey follows from the place of use, so it is not given. A field that was read from JSON
/// keeps the treekey it states, and [`DataLayout::check`](crate::DataLayout::check) compares. Keys
/// whose format is unknown, and keys that nobody knows, are kept as they came.
///
/// # Examples
///
/// ```
/// use dsync_core::{Field, FieldType};
///
/// let field = Field::new("tags", FieldType::Text)
///     .with_multiple(true)
///     .with_description("What the product is filed under");
/// assert!(!field.is_required());
/// ```
#[derive(Clone, Debug)]
pub struct Field {
    name: Cow<'static, str>,
    /// The type, or the unknown word, so that it is a fault among the others.
    field_type: Result<FieldType, UnknownFieldType>,
    stated_treekey: Option<String>,
    multiple: bool,
    required: bool,
    primary_key: bool,
    date_format: Option<Cow<'static, str>>,
    description: Option<Cow<'static, str>>,
    foreign_key: Option<Box<RawValue>>,
    opaque: Vec<(OpaqueKey, Box<RawValue>)>,
    fields: Vec<Field>,
    extra: Vec<(String, Box<RawValue>)>,
}

impl Field {
    /// A field that is neither required nor a list.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, field_type: FieldType) -> Self {
        Self::empty(name.into(), Ok(field_type))
    }

    fn empty(name: Cow<'static, str>, field_type: Result<FieldType, UnknownFieldType>) -> Self {
        Self {
            name,
            field_type,
            stated_treekey: None,
            multiple: false,
            required: false,
            primary_key: false,
            date_format: None,
            description: None,
            foreign_key: None,
            opaque: Vec::new(),
            fields: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// An object with these fields.
    #[must_use]
    pub fn object(
        name: impl Into<Cow<'static, str>>,
        fields: impl IntoIterator<Item = Field>,
    ) -> Self {
        let mut object = Self::new(name, FieldType::Object);
        object.fields.extend(fields);
        object
    }

    /// Says whether the field must be there to create a record, given that its parent is.
    #[must_use]
    pub fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Says whether the value is a list.
    #[must_use]
    pub fn with_multiple(mut self, multiple: bool) -> Self {
        self.multiple = multiple;
        self
    }

    /// Says whether the field identifies a record. An entity has at most one, at its first level.
    #[must_use]
    pub fn with_primary_key(mut self, primary_key: bool) -> Self {
        self.primary_key = primary_key;
        self
    }

    /// Sets the format of a date, likely in moment.js tokens (`YYYY-MM-DD HH:mm:ss`).
    #[must_use]
    pub fn with_date_format(mut self, format: impl Into<Cow<'static, str>>) -> Self {
        self.date_format = Some(format.into());
        self
    }

    /// Sets the free text that describes the field.
    #[must_use]
    pub fn with_description(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets the foreign key as a text. The protocol's format for it is unknown.
    #[must_use]
    pub fn with_foreign_key(mut self, text: impl AsRef<str>) -> Self {
        self.foreign_key = Some(raw_text(text.as_ref()));
        self
    }

    /// The field's name: the last segment of its treekey.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field's type, or nothing where a layout that was read names one that does not exist.
    #[must_use]
    pub fn field_type(&self) -> Option<FieldType> {
        self.field_type.as_ref().ok().copied()
    }

    /// Whether the value is a list.
    #[must_use]
    pub fn is_multiple(&self) -> bool {
        self.multiple
    }

    /// Whether the field must be there to create a record, given that its parent is.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Whether the field identifies a record.
    #[must_use]
    pub fn is_primary_key(&self) -> bool {
        self.primary_key
    }

    /// The format of a date.
    #[must_use]
    pub fn date_format(&self) -> Option<&str> {
        self.date_format.as_deref()
    }

    /// The free text that describes the field.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The fields below, if the type is `object`.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What is wrong with the type's word, if it names none.
    pub(super) fn type_problem(&self) -> Option<&UnknownFieldType> {
        self.field_type.as_ref().err()
    }

    /// The owned copy of a field of the static tree.
    pub(crate) fn from_static(field: &FieldLayout, first_level: bool) -> Self {
        Self {
            required: field.is_required(),
            multiple: field.is_multiple(),
            // A part keeps the mark of its own primary key out of the layouts it is nested in.
            primary_key: first_level && field.is_primary_key(),
            date_format: FieldNode::date_format(field).map(|text| text.to_owned().into()),
            description: FieldNode::description(field).map(|text| text.to_owned().into()),
            foreign_key: match FieldNode::foreign_key(field) {
                ForeignKey::None => None,
                ForeignKey::Text(text) => Some(raw_text(text)),
                ForeignKey::Treekey { entity, field } => {
                    Some(raw_text(&Treekey::root(entity).child(field).to_string()))
                }
                ForeignKey::Raw(raw) => Some(raw.to_owned()),
            },
            fields: field
                .fields()
                .iter()
                .map(|child| Self::from_static(child, false))
                .collect(),
            ..Self::new(field.name(), field.field_type())
        }
    }
}

fn raw_text(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).expect("a text is always written as JSON")
}

impl FieldNode for Field {
    fn name(&self) -> &str {
        &self.name
    }

    fn type_name(&self) -> &str {
        match &self.field_type {
            Ok(field_type) => field_type.as_str(),
            Err(unknown) => unknown.word(),
        }
    }

    fn field_type(&self) -> Option<FieldType> {
        self.field_type()
    }

    fn is_multiple(&self) -> bool {
        self.multiple
    }

    fn is_required(&self) -> bool {
        self.required
    }

    fn is_primary_key(&self) -> bool {
        self.primary_key
    }

    fn date_format(&self) -> Option<&str> {
        self.date_format.as_deref()
    }

    fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    fn foreign_key(&self) -> ForeignKey<'_> {
        self.foreign_key
            .as_deref()
            .map_or(ForeignKey::None, ForeignKey::Raw)
    }

    fn fields(&self) -> &[Self] {
        &self.fields
    }

    fn stated_treekey(&self) -> Option<&str> {
        self.stated_treekey.as_deref()
    }

    fn opaque(&self, key: OpaqueKey) -> Option<&RawValue> {
        self.opaque
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, raw)| &**raw)
    }

    fn extra(&self) -> &[(String, Box<RawValue>)] {
        &self.extra
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of a data layout")
    }

    // By hand, because serde's `flatten`, which the unknown keys would need, loses raw JSON.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let mut field = Field::empty("".into(), Ok(FieldType::Custom));
        let (mut name, mut type_name) = (None::<String>, None::<String>);
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match &*key {
                "name" => name = Some(map.next_value()?),
                "type" => type_name = Some(map.next_value()?),
                "treekey" => field.stated_treekey = Some(map.next_value()?),
                "multiple" => field.multiple = flag(&mut map)?,
                "required" => field.required = flag(&mut map)?,
                "primary_key" => field.primary_key = flag(&mut map)?,
                "date_format" => field.date_format = text(&mut map)?,
                "description" => field.description = text(&mut map)?,
                "foreign_key" => field.foreign_key = map.next_value()?,
                "id" => opaque(&mut field, OpaqueKey::Id, &mut map)?,
                "value" => opaque(&mut field, OpaqueKey::Value, &mut map)?,
                "functions" => opaque(&mut field, OpaqueKey::Functions, &mut map)?,
                "bool_settings" => opaque(&mut field, OpaqueKey::BoolSettings, &mut map)?,
                "fields" => {
                    field.fields = map.next_value::<Option<Vec<Field>>>()?.unwrap_or_default();
                }
                _ => {
                    let key = key.into_owned();
                    field.extra.push((key, map.next_value()?));
                }
            }
        }
        let treekey = field
            .stated_treekey
            .as_ref()
            .ok_or_else(|| de::Error::missing_field("treekey"))?;
        let missing = |key| {
            de::Error::custom(format_args!(
                "the field with the treekey {treekey:?} has no `{key}`"
            ))
        };
        field.name = name.ok_or_else(|| missing("name"))?.into();
        field.field_type = type_name.ok_or_else(|| missing("type"))?.parse();
        Ok(field)
    }
}

/// A flag is a boolean; null counts as unset.
fn flag<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
    Ok(map.next_value::<Option<bool>>()?.unwrap_or(false))
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'static, str>>, A::Error> {
    Ok(map.next_value::<Option<String>>()?.map(Cow::Owned))
}

/// Keeps an opaque key as raw JSON; the form in which it is unset needs no keeping.
fn opaque<'de, A: MapAccess<'de>>(
    field: &mut Field,
    key: OpaqueKey,
    map: &mut A,
) -> Result<(), A::Error> {
    let raw: Box<RawValue> = map.next_value()?;
    let unset = match key {
        OpaqueKey::Functions => "[]",
        OpaqueKey::Id | OpaqueKey::Value | OpaqueKey::BoolSettings => "null",
    };
    if raw.get() != unset {
        field.opaque.push((key, raw));
    }
    Ok(())
}
