//! A body held against its layout, with the read-only fields taken out.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::scan;
use crate::layout::lenient::{self, Nulls, Texts, Treatment};
use crate::layout::validate::Extent;
use crate::layout::{EntityLayout, FieldLayout, FieldType};
use crate::wire::{Refusal, parse_object};

/// A body without a fault.
pub(super) struct Checked<'a> {
    /// The body as it came, without the read-only fields.
    pub(super) json: Cow<'a, [u8]>,
    pub(super) unknown_keys: Vec<String>,
}

pub(super) fn check<'a>(
    layout: &'static EntityLayout,
    body: &'a [u8],
    extent: Extent,
) -> Result<Checked<'a>, Refusal> {
    if scan::fits(layout.fields(), body, extent) {
        return Ok(Checked {
            json: Cow::Borrowed(body),
            unknown_keys: Vec::new(),
        });
    }
    thoroughly(layout, body, extent)
}

/// The same, with everything that there is to say.
pub(super) fn thoroughly<'a>(
    layout: &'static EntityLayout,
    body: &'a [u8],
    extent: Extent,
) -> Result<Checked<'a>, Refusal> {
    let mut record = parse_object(body)?;
    // Before validating: what is dropped may be anything.
    drop_read_only(layout.fields(), &mut record);
    let record = Value::Object(record);
    let valid = match extent {
        Extent::Whole => layout.validate(&record),
        Extent::Partial => layout.validate_update(&record),
    }
    .map_err(Refusal::Record)?;
    let json = lenient::treated(layout.fields(), body, &|field: &FieldLayout| {
        if field.is_read_only() {
            Treatment::Dropped
        } else {
            Treatment::Kept {
                texts: Texts::AsCame,
                nulls: Nulls::AsCame,
            }
        }
    })
    .map_err(not_json)?;
    Ok(Checked {
        json,
        unknown_keys: valid.unknown_keys().to_vec(),
    })
}

pub(super) fn not_json(error: serde_json::Error) -> Refusal {
    Refusal::BodyNotJson {
        problem: error.to_string(),
    }
}

fn drop_read_only(fields: &[FieldLayout], object: &mut Map<String, Value>) {
    for field in fields {
        if field.is_read_only() {
            object.remove(field.name());
            continue;
        }
        if field.field_type() != FieldType::Object {
            continue;
        }
        match object.get_mut(field.name()) {
            Some(Value::Object(object)) if !field.is_multiple() => {
                drop_read_only(field.fields(), object);
            }
            Some(Value::Array(items)) if field.is_multiple() => {
                for object in items.iter_mut().filter_map(Value::as_object_mut) {
                    drop_read_only(field.fields(), object);
                }
            }
            _ => {}
        }
    }
}
