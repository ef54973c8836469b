//! Lenient reading: numbers and booleans that came as texts, made what a strict reader expects.
//!
//! DSYNC's own connector writes booleans as texts, and the platform's writes likely carry numbers as
//! texts, too (PROTOCOL section 3). serde's derive reads neither. This is an explicit step on bytes:
//! what needs no change is copied as it came, so that no number loses a digit on the way.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::FieldType;
use super::node::FieldNode;

/// The record with its texts made numbers and booleans where the layout says that they are.
pub(crate) fn record<'a, N: FieldNode>(
    fields: &[N],
    json: &'a [u8],
) -> Result<Cow<'a, [u8]>, serde_json::Error> {
    let raw: &RawValue = serde_json::from_slice(json)?;
    Ok(match object(fields, raw)? {
        Some(changed) => Cow::Owned(changed.into_bytes()),
        None => Cow::Borrowed(json),
    })
}

/// Nothing where nothing has to change.
fn object<N: FieldNode>(fields: &[N], raw: &RawValue) -> Result<Option<String>, serde_json::Error> {
    if !raw.get().starts_with('{') {
        return Ok(None);
    }
    let Entries(entries) = serde_json::from_str(raw.get())?;
    let mut changed = false;
    let mut values = Vec::with_capacity(entries.len());
    for (key, raw) in &entries {
        let field = fields.iter().find(|field| field.name() == key.as_ref());
        let value = match field {
            Some(field) => self::value(field, raw)?,
            None => None,
        };
        changed |= value.is_some();
        values.push(value.map_or(Cow::Borrowed(raw.get()), Cow::Owned));
    }
    if !changed {
        return Ok(None);
    }
    let keys = entries.iter().map(|(key, _)| key);
    let mut json = String::from("{");
    for (key, value) in keys.zip(values) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::to_string(key)?);
        json.push(':');
        json.push_str(&value);
    }
    json.push('}');
    Ok(Some(json))
}

fn value<N: FieldNode>(field: &N, raw: &RawValue) -> Result<Option<String>, serde_json::Error> {
    if !field.is_multiple() {
        return one(field, raw);
    }
    // One value for a list is a fault, not a way of writing it.
    if !raw.get().starts_with('[') {
        return Ok(None);
    }
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())?;
    let mut changed = false;
    let mut json = String::from("[");
    for item in items {
        if json.len() > 1 {
            json.push(',');
        }
        match one(field, item)? {
            Some(instead) => {
                changed = true;
                json.push_str(&instead);
            }
            None => json.push_str(item.get()),
        }
    }
    json.push(']');
    Ok(changed.then_some(json))
}

fn one<N: FieldNode>(field: &N, raw: &RawValue) -> Result<Option<String>, serde_json::Error> {
    let text = raw.get();
    Ok(match field.field_type() {
        Some(FieldType::Object) => return object(field.fields(), raw),
        Some(FieldType::Number) if text.starts_with('"') => {
            let inside: Cow<'_, str> = serde_json::from_str::<Text<'_>>(text)?.0;
            // Copied rather than parsed and written: `"1.10"` stays 1.10.
            is_number(&inside).then(|| inside.into_owned())
        }
        Some(FieldType::Boolean) => match text {
            "\"true\"" | "\"1\"" | "1" => Some("true".to_owned()),
            "\"false\"" | "\"0\"" | "0" => Some("false".to_owned()),
            _ => None,
        },
        _ => None,
    })
}

/// Whether a text is a number as JSON writes it, and nothing else: no `NaN`, no blank at an end.
pub(super) fn is_number(text: &str) -> bool {
    !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object's keys and values in their order, the values as they came.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Text(key), value)) = map.next_entry()? {
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}
