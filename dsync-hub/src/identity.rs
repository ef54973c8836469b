//! Which record a request means: its headers, its body and the layout, put together.

use dsync_core::wire::headers::{ENTITY_ID, ENTITY_ID_FIELD};
use dsync_core::wire::{Operation, RealtimeRequest, Refusal};
use dsync_core::{Endpoint, EntityId, Fault, Field, FieldType};
use serde_json::{Map, Value};

use crate::answered::shown;

/// What a request says about which record it means.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The primary key's value in the record.
    pub(crate) primary: Option<String>,
    /// The record's own id: an `Entity-Id` that is no shared key's value, else its primary key. An
    /// update that gives the record another primary key says the one it has here.
    pub(crate) own: Option<String>,
    /// The field and its value, where `Entity-Id-Field` names another one than the primary key.
    pub(crate) shared: Option<SharedName>,
}

/// How a request names a record by a shared key.
#[derive(Debug)]
pub(crate) struct SharedName {
    pub(crate) field: String,
    /// The value that the record has.
    pub(crate) id: String,
    /// The value that an update gives it instead.
    pub(crate) new_id: Option<String>,
}

impl Identity {
    /// Reads the identity from a request's headers and, unless it is a delete, its record.
    pub(crate) fn read(
        endpoint: &Endpoint,
        request: &RealtimeRequest,
        record: Option<&Map<String, Value>>,
    ) -> Result<Self, Refusal> {
        let primary_key = endpoint.primary_key();
        let stated = match request.entity_id_field() {
            Some(name) => Some(field(endpoint, name).ok_or_else(|| no_such_field(endpoint, name))?),
            None => None,
        };

        let value_of = |field: Option<&Field>| match (record, field) {
            (Some(record), Some(field)) => id_in(endpoint, record, field),
            _ => Ok(None),
        };
        let primary = value_of(primary_key)?;
        let field = stated.or(primary_key);
        let in_record = value_of(field)?;
        let in_header = request.entity_id().map(|id| id.as_str().to_owned());
        match (field, &in_header, &in_record) {
            // An update may differ: its header says what the record has, its body what it gets. And
            // a header with a value that no record can have finds nothing then.
            _ if request.operation() != Operation::Create => {}
            (Some(field), Some(header), Some(record)) if header != record => {
                return Err(Refusal::IdsDiffer {
                    field: field.name().to_owned(),
                    header: header.clone(),
                    record: record.clone(),
                });
            }
            (Some(field), Some(header), None) => check_header(field, header)?,
            _ => {}
        }

        let named = in_header.or_else(|| in_record.clone());
        let shared_key = stated.filter(|field| Some(field.name()) != primary_key.map(Field::name));
        Ok(match shared_key {
            Some(field) => Self {
                own: primary.clone(),
                primary,
                shared: named.map(|id| SharedName {
                    field: field.name().to_owned(),
                    new_id: in_record.filter(|new| *new != id),
                    id,
                }),
            },
            None => Self {
                own: named,
                primary,
                shared: None,
            },
        })
    }
}

/// A field of an entity's first level.
pub(crate) fn field<'a>(endpoint: &'a Endpoint, name: &str) -> Option<&'a Field> {
    endpoint.fields().iter().find(|field| field.name() == name)
}

fn no_such_field(endpoint: &Endpoint, name: &str) -> Refusal {
    Refusal::HeaderInvalid {
        header: ENTITY_ID_FIELD,
        problem: format!(
            "{} has no field {:?} at its first level",
            endpoint.entity_name(),
            shown(name)
        ),
    }
}

/// The id that a field of a record holds; null counts as absent.
fn id_in(
    endpoint: &Endpoint,
    record: &Map<String, Value>,
    field: &Field,
) -> Result<Option<String>, Refusal> {
    let value = match record.get(field.name()) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let problem = match text_of(field.field_type(), value) {
        Ok(text) => match EntityId::new(&text) {
            Ok(_) => return Ok(Some(text)),
            Err(error) => error.to_string(),
        },
        Err(problem) => problem,
    };
    let treekey = format!("{}.{}", endpoint.treekey(), field.name());
    let fault = Fault::new(treekey, format!("cannot name a record: {problem}"));
    Err(Refusal::Record(fault.into()))
}

fn check_header(field: &Field, id: &str) -> Result<(), Refusal> {
    match text_of(field.field_type(), &Value::from(id)) {
        Ok(_) => Ok(()),
        Err(problem) => Err(Refusal::HeaderInvalid {
            header: ENTITY_ID,
            problem: format!("as the record's {:?} {problem}", field.name()),
        }),
    }
}

/// The one text by which a value names a record, or why it cannot.
///
/// Numbers and booleans may come as text. Then only the form that JSON writes is taken, so that one
/// record has one name: 5 and "5" are the same, "5.0" and "5e0" would be others.
pub(crate) fn text_of(field_type: Option<FieldType>, value: &Value) -> Result<String, String> {
    let needed = match field_type {
        Some(FieldType::Number) => "an integer",
        Some(FieldType::Boolean) => "true or false",
        _ => "a text, an integer or a boolean",
    };
    let found = match (value, field_type) {
        (Value::String(text), Some(FieldType::Number)) if !is_integer(text) => {
            "a text that is none in plain digits, such as 5 or -7"
        }
        (Value::String(text), Some(FieldType::Boolean)) if text != "true" && text != "false" => {
            "another text"
        }
        (Value::Number(_), Some(FieldType::Boolean)) => "a number",
        (Value::String(text), _) => return Ok(text.clone()),
        (Value::Bool(flag), _) => return Ok(flag.to_string()),
        (Value::Number(number), _) if number.is_i64() || number.is_u64() => {
            return Ok(number.to_string());
        }
        (Value::Number(_), _) => "a number that is no integer of 64 bits",
        (Value::Null, _) => "null",
        (Value::Array(_), _) => "a list",
        (Value::Object(_), _) => "an object",
    };
    Err(format!("it needs {needed}, but is {found}"))
}

/// Whether a text is what an integer of 64 bits is written as: no sign but a minus, no leading zero.
fn is_integer(text: &str) -> bool {
    let signed = text.parse::<i64>().map(|number| number.to_string());
    let unsigned = text.parse::<u64>().map(|number| number.to_string());
    signed.or(unsigned).is_ok_and(|written| written == text)
}
