//! How a record is named: by which field, and by which text.

use std::collections::HashMap;

use dsync_core::wire::{Refusal, headers};
use dsync_core::{
    EntityId, EntityLayout, Fault, Faults, FieldLayout, FieldType, InvalidEntityId, read_id,
};
use serde_json::value::{RawValue, to_raw_value};

use crate::handler::{Handler, Record};

/// How a request names a record.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: EntityId,
    pub(crate) field: &'static FieldLayout,
}

impl Named {
    /// The field that the request states, else the shared key, else the primary key: that is what the
    /// answer to a create told.
    pub(crate) fn new(
        layout: &'static EntityLayout,
        id: &EntityId,
        stated: Option<&str>,
        shared_key: Option<&str>,
    ) -> Result<Self, Refusal> {
        let primary = primary_key(layout);
        let name = stated.or(shared_key).unwrap_or(primary.name());
        let field = if name == primary.name() {
            primary
        } else if Some(name) == shared_key {
            layout
                .fields()
                .iter()
                .find(|field| field.name() == name)
                .ok_or_else(|| unknown_field(name, primary, shared_key))?
        } else {
            return Err(unknown_field(name, primary, shared_key));
        };
        Ok(Self {
            id: id.clone(),
            field,
        })
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.field.is_primary_key()
    }

    pub(crate) fn unless_primary(&self) -> Option<Self> {
        (!self.is_primary()).then(|| self.clone())
    }

    /// The handler's id of the record: what names it, or what it was located by that.
    pub(crate) fn primary_id<T: Record, H: Handler<T>>(
        &self,
        located: Option<&EntityId>,
    ) -> Result<H::Id, Refusal> {
        read_id(primary_key(T::LAYOUT), located.unwrap_or(&self.id))
    }

    pub(crate) fn lane(&self, layout: &EntityLayout) -> String {
        lane(layout, self.field, &self.id)
    }
}

fn unknown_field(name: &str, primary: &FieldLayout, shared_key: Option<&str>) -> Refusal {
    let name: String = name.chars().take(100).collect();
    let problem = match shared_key {
        Some(shared_key) => format!(
            "records are named by {:?} or the shared key {shared_key:?}, not by {name:?}",
            primary.name()
        ),
        None => format!(
            "records are named by {:?}, not by {name:?}: no shared key is set",
            primary.name()
        ),
    };
    Refusal::HeaderInvalid {
        header: headers::ENTITY_ID_FIELD,
        problem,
    }
}

/// One record, named by one field. A line break cannot be in either text.
///
/// Those of primary keys come last in their order, because a record that is named by another field is located
/// only when its turn by that field has come.
pub(crate) fn lane(layout: &EntityLayout, field: &FieldLayout, id: &EntityId) -> String {
    let class = if field.is_primary_key() { "b" } else { "a" };
    [class, layout.name(), field.name(), id.as_str()].join("\n")
}

pub(crate) fn primary_key(layout: &'static EntityLayout) -> &'static FieldLayout {
    layout
        .primary_key()
        .expect("`build` has seen that there is one")
}

/// A number as it is written shortest: `1.50` and `1.5` name the same record.
pub(crate) fn canonical_value(field: &FieldLayout, id: EntityId) -> EntityId {
    let is_float = field.field_type() == FieldType::Number
        && id.as_str().bytes().any(|byte| b".eE".contains(&byte));
    let shortest = is_float.then(|| id.as_str().parse::<f64>().ok()).flatten();
    shortest
        .and_then(|number| EntityId::new(number).ok())
        .unwrap_or(id)
}

/// The JSON of an id, as the layout has it.
pub(crate) fn id_value(field: &FieldLayout, id: &EntityId) -> Box<RawValue> {
    let bare = match field.field_type() {
        FieldType::Number | FieldType::Boolean => RawValue::from_string(id.to_string()).ok(),
        _ => None,
    };
    bare.unwrap_or_else(|| to_raw_value(id.as_str()).expect("a text is always written as JSON"))
}

/// The value of a field in a record; nothing where that is null or not there.
pub(crate) fn value_of(record: &[u8], field: &str) -> Option<Box<RawValue>> {
    let values: HashMap<String, &RawValue> = serde_json::from_slice(record).ok()?;
    let value = values.get(field).filter(|value| value.get() != "null")?;
    Some((*value).to_owned())
}

/// The id that a value of a record is.
pub(crate) fn named_by(
    layout: &EntityLayout,
    field: &FieldLayout,
    value: &RawValue,
) -> Result<EntityId, Refusal> {
    let id = match serde_json::from_str::<String>(value.get()) {
        Ok(text) => EntityId::new(text),
        Err(_) => EntityId::new(value.get()),
    };
    id.map(|id| canonical_value(field, id))
        .map_err(|error| fault(layout, field, &error))
}

pub(crate) fn field(layout: &'static EntityLayout, name: &str) -> Option<&'static FieldLayout> {
    layout.fields().iter().find(|field| field.name() == name)
}

pub(crate) fn fault(
    layout: &EntityLayout,
    field: &FieldLayout,
    error: &InvalidEntityId,
) -> Refusal {
    let treekey = format!("{}.{}", layout.name(), field.name());
    let message = format!("cannot name a record: {error}");
    Refusal::Record(Faults::from(Fault::new(treekey, message)))
}
