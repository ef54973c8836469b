//! Lenient reading: numbers and booleans that came as texts, made what a strict reader expects.
//!
//! DSYNC's own connector writes booleans as texts, and the platform's writes likely carry numbers as
//! texts, too (PROTOCOL section 3). serde's derive reads neither. This is an explicit step on bytes:
//! what needs no change is copied as it came, so that no number loses a digit on the way.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::FieldNode;
use super::{FieldLayout, FieldType};

/// What becomes of a field's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is left out, whatever it is.
    Dropped,
    /// It is made what the reader takes.
    Kept { texts: Texts, nulls: Nulls },
}

/// What becomes of a text where the layout has a number or a boolean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// It stays a text.
    AsCame,
    /// It becomes an integer or a boolean, which are the same however they are read; but `"1.10"`
    /// stays a text, because a reader of decimals would lose its digits on the way through a float.
    ExactOnly,
    /// It becomes a number or a boolean.
    Strict,
}

/// What becomes of null where the field is optional.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// It stays.
    AsCame,
    /// It is left out, because it counts as absent.
    Absent,
}

/// The record with its texts made numbers and booleans where the layout says that they are.
pub(crate) fn record<'a, N: FieldNode>(
    fields: &[N],
    json: &'a [u8],
) -> Result<Cow<'a, [u8]>, serde_json::Error> {
    treated(fields, json, &|_| Treatment::Kept {
        texts: Texts::Strict,
        nulls: Nulls::AsCame,
    })
}

/// The record with every field treated as the caller says; the same bytes where nothing has to change.
pub(crate) fn treated<'a, N: FieldNode>(
    fields: &[N],
    json: &'a [u8],
    treatment: &dyn Fn(&N) -> Treatment,
) -> Result<Cow<'a, [u8]>, serde_json::Error> {
    let raw: &RawValue = serde_json::from_slice(json)?;
    Ok(match object(fields, raw, treatment)? {
        Some(changed) => Cow::Owned(changed.into_bytes()),
        None => Cow::Borrowed(json),
    })
}

/// Nothing where nothing has to change.
fn object<N: FieldNode>(
    fields: &[N],
    raw: &RawValue,
    treatment: &dyn Fn(&N) -> Treatment,
) -> Result<Option<String>, serde_json::Error> {
    if !raw.get().starts_with('{') {
        return Ok(None);
    }
    let Entries(entries) = serde_json::from_str(raw.get())?;
    let mut changed = false;
    let mut kept = Vec::with_capacity(entries.len());
    for (key, raw) in &entries {
        let mut instead = None;
        if let Some(field) = fields.iter().find(|field| field.name() == key.as_ref()) {
            match treatment(field) {
                Treatment::Dropped => {
                    changed = true;
                    continue;
                }
                Treatment::Kept { nulls, .. }
                    if nulls == Nulls::Absent && raw.get() == "null" && !field.is_required() =>
                {
                    changed = true;
                    continue;
                }
                Treatment::Kept { texts, .. } => instead = value(field, raw, texts, treatment)?,
            }
        }
        changed |= instead.is_some();
        kept.push((key, instead.map_or(Cow::Borrowed(raw.get()), Cow::Owned)));
    }
    changed.then(|| write_object(kept)).transpose()
}

fn value<N: FieldNode>(
    field: &N,
    raw: &RawValue,
    texts: Texts,
    treatment: &dyn Fn(&N) -> Treatment,
) -> Result<Option<String>, serde_json::Error> {
    if !field.is_multiple() {
        return one(field, raw, texts, treatment);
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
        match one(field, item, texts, treatment)? {
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

fn one<N: FieldNode>(
    field: &N,
    raw: &RawValue,
    texts: Texts,
    treatment: &dyn Fn(&N) -> Treatment,
) -> Result<Option<String>, serde_json::Error> {
    let text = raw.get();
    Ok(match field.field_type() {
        Some(FieldType::Object) => return object(field.fields(), raw, treatment),
        _ if texts == Texts::AsCame => None,
        Some(FieldType::Number) if text.starts_with('"') => {
            let inside: Cow<'_, str> = serde_json::from_str::<Text<'_>>(text)?.0;
            let becomes_number = match texts {
                Texts::ExactOnly => is_exact(&inside),
                Texts::AsCame | Texts::Strict => is_number(&inside),
            };
            // Copied rather than parsed and written: `"1.10"` stays 1.10.
            becomes_number.then(|| inside.into_owned())
        }
        Some(FieldType::Boolean) => boolean(text).map(str::to_owned),
        _ => None,
    })
}

/// The boolean that was written as something else.
fn boolean(json: &str) -> Option<&'static str> {
    match json {
        "\"true\"" | "\"1\"" | "1" => Some("true"),
        "\"false\"" | "\"0\"" | "0" => Some("false"),
        _ => None,
    }
}

/// Writes an object of keys and values that are JSON already.
pub(crate) fn write_object<K: AsRef<str>, V: AsRef<str>>(
    entries: impl IntoIterator<Item = (K, V)>,
) -> Result<String, serde_json::Error> {
    let mut json = String::from("{");
    for (key, value) in entries {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::to_string(key.as_ref())?);
        json.push(':');
        json.push_str(value.as_ref());
    }
    json.push('}');
    Ok(json)
}

/// Whether a text is an integer that every reader reads as this one and no other.
fn is_exact(text: &str) -> bool {
    text.parse::<u64>()
        .is_ok_and(|number| number.to_string() == text)
        || text
            .parse::<i64>()
            .is_ok_and(|number| number.to_string() == text)
}

/// Whether a field's name is known to stand in JSON as it is.
pub(crate) fn is_plain(field: &FieldLayout) -> bool {
    field.is_plain()
}

/// Whether a text is a number as JSON writes it, and nothing else: no `NaN`, no blank at an end.
pub(crate) fn is_number(text: &str) -> bool {
    !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object's keys and values in their order, the values as they came.
pub(crate) struct Entries<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

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
