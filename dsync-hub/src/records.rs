//! The records of one entity, in memory: found by their key at once, listed by age.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::identity;

/// A record that the hub holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// What it is kept under: the text of its primary key, else its `Entity-Id`, else the process
    /// id of its create.
    pub entity_id: String,
    /// The JSON, byte for byte as it came.
    pub body: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Records {
    by_key: HashMap<String, Held>,
    created: u64,
}

#[derive(Debug)]
struct Held {
    /// How many records were created before it. The age orders a listing; a replaced body keeps it.
    age: u64,
    body: Bytes,
    /// The shared key that the key came from, where the record has no primary key.
    key_field: Option<String>,
}

/// How many records have a value.
pub(crate) enum Found<'a> {
    None,
    One(&'a str),
    Several,
}

impl Records {
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    pub(crate) fn body(&self, key: &str) -> Option<&Bytes> {
        self.by_key.get(key).map(|held| &held.body)
    }

    pub(crate) fn insert(&mut self, key: String, key_field: Option<String>, body: Bytes) {
        let age = self.created;
        self.created += 1;
        self.by_key.insert(
            key,
            Held {
                age,
                body,
                key_field,
            },
        );
    }

    /// Replaces a body. The record moves to `new_key` where that is another one.
    pub(crate) fn replace(&mut self, key: &str, new_key: String, body: Bytes) {
        if let Some(mut held) = self.by_key.remove(key) {
            if new_key != key {
                held.key_field = None;
            }
            held.body = body;
            self.by_key.insert(new_key, held);
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.by_key.remove(key);
    }

    /// The record whose first-level field has this value. Looks into every record, so it is only
    /// for shared keys.
    pub(crate) fn find_by(&self, field: &str, id: &str) -> Found<'_> {
        let mut matching = self
            .by_key
            .iter()
            .filter(|(key, held)| match field_text(&held.body, field) {
                Some(text) => text == id,
                None => held.key_field.as_deref() == Some(field) && *key == id,
            })
            .map(|(key, _)| key.as_str());
        match (matching.next(), matching.next()) {
            (None, _) => Found::None,
            (Some(key), None) => Found::One(key),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    /// All records, by their first creation.
    pub(crate) fn list(&self) -> Vec<StoredRecord> {
        let mut held: Vec<_> = self.by_key.iter().collect();
        held.sort_unstable_by_key(|(_, held)| held.age);
        held.into_iter()
            .map(|(key, held)| StoredRecord {
                entity_id: key.clone(),
                body: held.body.clone(),
            })
            .collect()
    }
}

/// The text by which one field of a record names it, if it can.
pub(crate) fn field_text(body: &[u8], field: &str) -> Option<String> {
    // The other values stay unparsed.
    let record: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let value = serde_json::from_str(record.get(field)?.get()).ok()?;
    identity::text_of(&value).ok()
}
