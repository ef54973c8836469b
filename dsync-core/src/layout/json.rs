//! Layouts as JSON: the SDKs' thirteen keys in their order, or the form without unset keys.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::Treekey;
use super::node::{FieldNode, ForeignKey, OpaqueKey};

/// Which of the two forms that readers accept is written (PROTOCOL section 3, a fact).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All thirteen keys; what is unset is null, `[]` or false.
    Full,
    /// Only the keys that are set.
    Minimal,
}

/// One endpoint as JSON.
pub(crate) struct EndpointJson<'a, N> {
    pub(crate) entity_name: &'a str,
    pub(crate) treekey: &'a str,
    pub(crate) endpoint_url: &'a str,
    pub(crate) entity_token: &'a str,
    pub(crate) fields: &'a [N],
    pub(crate) extra: &'a [(String, Box<RawValue>)],
    pub(crate) form: Form,
}

impl<N: FieldNode> Serialize for EndpointJson<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5 + self.extra.len()))?;
        map.serialize_entry("entity_name", self.entity_name)?;
        map.serialize_entry("treekey", self.treekey)?;
        map.serialize_entry("endpoint_url", self.endpoint_url)?;
        map.serialize_entry("entity_token", self.entity_token)?;
        map.serialize_entry(
            "fields",
            &FieldsJson {
                parent: Treekey::root(self.treekey),
                first_level: true,
                fields: self.fields,
                form: self.form,
            },
        )?;
        for (key, value) in self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

struct FieldsJson<'a, N> {
    parent: Treekey<'a>,
    first_level: bool,
    fields: &'a [N],
    form: Form,
}

impl<N: FieldNode> Serialize for FieldsJson<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.fields.len()))?;
        for field in self.fields {
            let treekey = match field.stated_treekey() {
                Some(stated) => Treekey::root(stated),
                None => self.parent.child(field.name()),
            };
            list.serialize_element(&FieldJson {
                treekey,
                first_level: self.first_level,
                field,
                form: self.form,
            })?;
        }
        list.end()
    }
}

struct FieldJson<'a, N> {
    treekey: Treekey<'a>,
    first_level: bool,
    field: &'a N,
    form: Form,
}

impl<N: FieldNode> FieldJson<'_, N> {
    fn is_full(&self) -> bool {
        self.form == Form::Full
    }
}

impl<N: FieldNode> Serialize for FieldJson<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let field = self.field;
        let mut map = serializer.serialize_map(None)?;

        // A part keeps the mark of its own primary key out of the layouts it is nested in.
        let primary_key = self.first_level && field.is_primary_key();

        self.opaque(&mut map, "id", OpaqueKey::Id)?;
        map.serialize_entry("treekey", &DisplayText(&self.treekey))?;
        self.opaque(&mut map, "value", OpaqueKey::Value)?;
        map.serialize_entry("type", field.type_name())?;
        self.flag(&mut map, "multiple", field.is_multiple())?;
        self.text(&mut map, "date_format", field.date_format())?;
        self.flag(&mut map, "required", field.is_required())?;
        match field.opaque(OpaqueKey::Functions) {
            Some(raw) => map.serialize_entry("functions", raw)?,
            None if self.is_full() => map.serialize_entry("functions", &[(); 0])?,
            None => {}
        }
        self.flag(&mut map, "primary_key", primary_key)?;
        match field.foreign_key() {
            ForeignKey::None if self.is_full() => map.serialize_entry("foreign_key", &())?,
            ForeignKey::None => {}
            ForeignKey::Text(text) => map.serialize_entry("foreign_key", text)?,
            ForeignKey::Treekey { entity, field } => {
                let entity = Treekey::root(entity);
                map.serialize_entry("foreign_key", &DisplayText(&entity.child(field)))?;
            }
            ForeignKey::Raw(raw) => map.serialize_entry("foreign_key", raw)?,
        }
        self.opaque(&mut map, "bool_settings", OpaqueKey::BoolSettings)?;
        map.serialize_entry("name", field.name())?;
        self.text(&mut map, "description", field.description())?;
        // The SDKs cannot nest: their objects have the thirteen keys and nothing below.
        if !field.fields().is_empty() {
            map.serialize_entry(
                "fields",
                &FieldsJson {
                    parent: self.treekey,
                    first_level: false,
                    fields: field.fields(),
                    form: self.form,
                },
            )?;
        }
        for (key, value) in field.extra() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<N: FieldNode> FieldJson<'_, N> {
    fn opaque<M: SerializeMap>(
        &self,
        map: &mut M,
        key: &str,
        which: OpaqueKey,
    ) -> Result<(), M::Error> {
        match self.field.opaque(which) {
            Some(raw) => map.serialize_entry(key, raw),
            None if self.is_full() => map.serialize_entry(key, &()),
            None => Ok(()),
        }
    }

    fn text<M: SerializeMap>(
        &self,
        map: &mut M,
        key: &str,
        text: Option<&str>,
    ) -> Result<(), M::Error> {
        match text {
            Some(text) => map.serialize_entry(key, text),
            None if self.is_full() => map.serialize_entry(key, &()),
            None => Ok(()),
        }
    }

    fn flag<M: SerializeMap>(&self, map: &mut M, key: &str, flag: bool) -> Result<(), M::Error> {
        if flag || self.is_full() {
            map.serialize_entry(key, &flag)
        } else {
            Ok(())
        }
    }
}

struct DisplayText<'a>(&'a Treekey<'a>);

impl Serialize for DisplayText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
