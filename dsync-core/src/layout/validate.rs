//! A record against its layout: one function, whoever holds the layout.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::lenient::is_number;
use super::node::FieldNode;
use super::{FieldType, Treekey};
use crate::faults::{Faults, FaultsBuilder};
use crate::shown::cut;

/// A record without a fault, and what is worth knowing about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidRecord {
    unknown_keys: Vec<String>,
}

impl ValidRecord {
    /// The treekeys of keys that the layout does not know. They are accepted and kept.
    #[must_use]
    pub fn unknown_keys(&self) -> &[String] {
        &self.unknown_keys
    }
}

/// Validates a whole record of the entity `root`.
pub(crate) fn record<N: FieldNode>(
    root: &Treekey<'_>,
    fields: &[N],
    record: &Value,
) -> Result<ValidRecord, Faults> {
    walk(root, fields, record, Extent::Whole)
}

/// Validates a change of a record: what is absent from its first level stays as it is.
pub(crate) fn update<N: FieldNode>(
    root: &Treekey<'_>,
    fields: &[N],
    record: &Value,
) -> Result<ValidRecord, Faults> {
    walk(root, fields, record, Extent::Partial)
}

fn walk<N: FieldNode>(
    root: &Treekey<'_>,
    fields: &[N],
    record: &Value,
    extent: Extent,
) -> Result<ValidRecord, Faults> {
    let mut walk = Walk::default();
    match record {
        Value::Object(map) => walk.object(root, fields, map, extent, None),
        other => walk.faults.add(
            root,
            format!("must be an object, but is {}", describe(other)),
        ),
    }
    walk.faults.finish(ValidRecord {
        unknown_keys: walk.unknown_keys,
    })
}

/// How much of an object there has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every required field.
    Whole,
    /// No field: those that are absent stay as they are.
    Partial,
}

#[derive(Default)]
struct Walk {
    faults: FaultsBuilder,
    unknown_keys: Vec<String>,
}

impl Walk {
    /// `item` is the position in the nearest list around the object, from 1: treekeys have no index.
    fn object<N: FieldNode>(
        &mut self,
        treekey: &Treekey<'_>,
        fields: &[N],
        object: &Map<String, Value>,
        extent: Extent,
        item: Option<usize>,
    ) {
        for field in fields {
            let treekey = treekey.child(field.name());
            match object.get(field.name()) {
                Some(Value::Null) if field.is_required() => {
                    self.fault(&treekey, item, "is required, but is null".to_owned());
                }
                None if field.is_required() && extent == Extent::Whole => {
                    self.fault(&treekey, item, "is required, but is missing".to_owned());
                }
                // An optional field that is null counts as absent.
                Some(Value::Null) | None => {}
                Some(value) => self.field(&treekey, field, value, item),
            }
        }
        let is_known = known_names(fields, object.len());
        for key in object.keys().filter(|key| !is_known(key)) {
            self.unknown(&treekey.child(key));
        }
    }

    fn field<N: FieldNode>(
        &mut self,
        treekey: &Treekey<'_>,
        field: &N,
        value: &Value,
        item: Option<usize>,
    ) {
        // What a custom value looks like is unknown, so there is nothing to hold it against.
        if field.field_type() == Some(FieldType::Custom) {
            return;
        }
        if !field.is_multiple() {
            return self.one(treekey, field, value, item);
        }
        match value {
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.one(treekey, field, value, Some(index + 1));
                }
            }
            other => self.fault(
                treekey,
                item,
                format!("must be a list, but is {}", describe(other)),
            ),
        }
    }

    fn one<N: FieldNode>(
        &mut self,
        treekey: &Treekey<'_>,
        field: &N,
        value: &Value,
        item: Option<usize>,
    ) {
        let Some(field_type) = field.field_type() else {
            return;
        };
        // An object whose fields nobody listed is not looked into.
        if let (FieldType::Object, Value::Object(map)) = (field_type, value)
            && !field.fields().is_empty()
        {
            // It is replaced as a whole, so it has to be whole.
            return self.object(treekey, field.fields(), map, Extent::Whole, item);
        }
        if !fits(field_type, value) {
            self.fault(
                treekey,
                item,
                format!(
                    "must be {}, but is {}",
                    expected(field_type),
                    describe(value)
                ),
            );
        }
    }

    fn fault(&mut self, treekey: &Treekey<'_>, item: Option<usize>, message: String) {
        match item {
            Some(position) => self
                .faults
                .add(treekey, format!("{message} (item {position} of the list)")),
            None => self.faults.add(treekey, message),
        }
    }

    fn unknown(&mut self, treekey: &Treekey<'_>) {
        // As many as a person reads; a list of 10,000 items would repeat the same key.
        const MOST: usize = 50;

        if self.unknown_keys.len() < MOST {
            let treekey = cut(&treekey.to_string()).into_owned();
            if !self.unknown_keys.contains(&treekey) {
                self.unknown_keys.push(treekey);
            }
        }
    }
}

/// Whether a key is a field's name. With many of both, looking each up in turn would take as long as
/// a sender likes.
fn known_names<'a, N: FieldNode>(fields: &'a [N], keys: usize) -> Box<dyn Fn(&str) -> bool + 'a> {
    // Below this a list is faster than hashing.
    const MANY: usize = 1_000;

    if fields.len().saturating_mul(keys) < MANY {
        return Box::new(|key| fields.iter().any(|field| field.name() == key));
    }
    let names: HashSet<_> = fields.iter().map(FieldNode::name).collect();
    Box::new(move |key| names.contains(key))
}

/// Whether a value that is neither null nor an object with known fields has the type. Numbers and
/// booleans may come as text: the platform's own connector for Magento sends them so.
fn fits(field_type: FieldType, value: &Value) -> bool {
    match field_type {
        FieldType::Text
        | FieldType::Url
        | FieldType::Email
        | FieldType::Date
        | FieldType::Time
        | FieldType::Datetime => value.is_string(),
        FieldType::Number => match value {
            Value::Number(_) => true,
            Value::String(text) => is_number(text),
            _ => false,
        },
        FieldType::Boolean => match value {
            Value::Bool(_) => true,
            Value::Number(number) => matches!(number.as_u64(), Some(0 | 1)),
            Value::String(text) => matches!(text.as_str(), "true" | "false" | "0" | "1"),
            _ => false,
        },
        FieldType::Math => value.is_string() || value.is_number(),
        FieldType::Object => value.is_object(),
        FieldType::Custom => true,
    }
}

fn expected(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "a text",
        FieldType::Number => "a number",
        FieldType::Url => "a text with a web address",
        FieldType::Email => "a text with an e-mail address",
        FieldType::Date => "a text with a date",
        FieldType::Time => "a text with a time",
        FieldType::Datetime => "a text with a date and time",
        FieldType::Boolean => "true or false",
        FieldType::Object => "an object",
        FieldType::Math => "a text or a number",
        FieldType::Custom => "anything",
    }
}

fn describe(value: &Value) -> String {
    // Enough to recognise a value by; a record's contents do not belong into an error.
    const SHOWN: usize = 20;

    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= SHOWN => format!("the text {text:?}"),
        Value::String(text) => {
            let start: String = text.chars().take(SHOWN).collect();
            format!("a text that begins {start:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
