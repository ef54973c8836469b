//! Which record a request means: its headers, its body and the layout, put together.

use dsync_core::wire::headers::ENTITY_ID_FIELD;
use dsync_core::wire::{RealtimeRequest, Refusal};
use dsync_core::{Endpoint, EntityId, Fault, Field};
use serde_json::{Map, Value};

/// What a request says about which record it means.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The primary key's value in the record.
    pub(crate) primary: Option<String>,
    /// `Entity-Id`, else the value of the field that it would stand for.
    pub(crate) named: Option<String>,
    /// The field that `named` is a value of, where it is another one than the primary key.
    pub(crate) shared_key: Option<String>,
}

impl Identity {
    /// Reads the identity from a request's headers and, unless it is a delete, its record.
    pub(crate) fn read(
        endpoint: &Endpoint,
        request: &RealtimeRequest,
        record: Option<&Map<String, Value>>,
    ) -> Result<Self, Refusal> {
        let primary_key = endpoint.primary_key().map(Field::name);
        let stated = request.entity_id_field();
        if let Some(field) = stated
            && !endpoint.fields().iter().any(|known| known.name() == field)
        {
            return Err(Refusal::HeaderInvalid {
                header: ENTITY_ID_FIELD,
                problem: format!(
                    "{} has no field {field:?} at its first level",
                    endpoint.entity_name()
                ),
            });
        }

        let value_of = |field: Option<&str>| match (record, field) {
            (Some(record), Some(field)) => id_in(endpoint, record, field),
            _ => Ok(None),
        };
        let primary = value_of(primary_key)?;
        let field = stated.or(primary_key);
        let in_record = value_of(field)?;
        let in_header = request.entity_id().map(|id| id.as_str().to_owned());
        if let (Some(field), Some(header), Some(record)) = (field, &in_header, &in_record)
            && header != record
        {
            return Err(Refusal::IdsDiffer {
                field: field.to_owned(),
                header: header.clone(),
                record: record.clone(),
            });
        }

        Ok(Self {
            primary,
            named: in_header.or(in_record),
            shared_key: stated
                .filter(|field| Some(*field) != primary_key)
                .map(str::to_owned),
        })
    }
}

/// The id that a field of a record holds; null counts as absent.
fn id_in(
    endpoint: &Endpoint,
    record: &Map<String, Value>,
    field: &str,
) -> Result<Option<String>, Refusal> {
    let value = match record.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let problem = match text_of(value) {
        Ok(text) => match EntityId::new(&text) {
            Ok(_) => return Ok(Some(text)),
            Err(error) => error.to_string(),
        },
        Err(found) => format!("it needs a text, an integer or a boolean, but is {found}"),
    };
    let treekey = format!("{}.{field}", endpoint.treekey());
    let fault = Fault::new(treekey, format!("cannot name a record: {problem}"));
    Err(Refusal::Record(fault.into()))
}

/// The text by which a value names a record, or what it is instead.
pub(crate) fn text_of(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Value::Number(_) => Err("a number that is no integer of 64 bits"),
        Value::Null => Err("null"),
        Value::Array(_) => Err("a list"),
        Value::Object(_) => Err("an object"),
    }
}
