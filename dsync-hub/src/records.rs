//! The records of one entity, in memory: found by what names them, listed by age.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use dsync_core::FieldType;
use serde_json::{Map, Value};

use crate::identity::SharedName;
use crate::record_key::{Found, RecordKey};
use crate::shared_key::SharedKey;

/// A record that the hub holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// What it is kept under: the text of its primary key, else its `Entity-Id`, else the value of
    /// the shared key that its create named, or that an update named and changed, else the process
    /// id of its create. Values of two shared keys may be the same text, so it is unique only among
    /// primary keys.
    pub entity_id: String,
    /// The JSON, byte for byte as it came.
    pub body: Bytes,
}

/// What a record is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeptUnder {
    /// Its primary key, or the `Entity-Id` that came in its place.
    Id(String),
    /// The value of a shared key, which is another field's and so no id of its own.
    SharedKey { field: String, id: String },
    /// The process id of its create.
    ProcessId(String),
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) kept_under: KeptUnder,
    pub(crate) body: Bytes,
    /// Shared keys by field that headers stated and the body does not have.
    stated: HashMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct Records {
    /// By age, in which they are listed; a replaced body keeps it.
    held: BTreeMap<RecordKey, Held>,
    created: u64,
    by_id: HashMap<String, BTreeSet<RecordKey>>,
    /// By the field's name. A field is here since a request first named it as a shared key.
    shared: HashMap<String, SharedKey>,
}

impl KeptUnder {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Id(id) | Self::SharedKey { id, .. } | Self::ProcessId(id) => id,
        }
    }

    /// Follows a shared key that changes, if the record is kept under this one.
    fn rename(&mut self, named: &SharedName) {
        if let Self::SharedKey { field, id } = self
            && *field == named.field
            && let Some(new_id) = &named.new_id
        {
            new_id.clone_into(id);
        }
    }

    fn is_own(&self) -> bool {
        !matches!(self, Self::SharedKey { .. })
    }
}

impl Held {
    /// Notes the shared key that a request named the record by.
    fn state(&mut self, named: Option<SharedName>) {
        self.stated
            .extend(named.map(|SharedName { field, id, .. }| (field, id)));
    }
}

impl Records {
    pub(crate) fn get(&self, key: RecordKey) -> Option<&Held> {
        self.held.get(&key)
    }

    /// The body of what is kept under an id, rather the record whose own id it is.
    pub(crate) fn body(&self, id: &str) -> Option<&Bytes> {
        let key = self.with_own_id(id).or_else(|| self.kept(id).next())?;
        self.get(key).map(|held| &held.body)
    }

    /// The record that has this id, not counting values of shared keys.
    pub(crate) fn with_own_id(&self, id: &str) -> Option<RecordKey> {
        self.kept(id)
            .find(|key| self.get(*key).is_some_and(|held| held.kept_under.is_own()))
    }

    /// What is kept under an id, whatever gave it.
    pub(crate) fn kept_under(&self, id: &str) -> Found {
        self.kept(id).collect()
    }

    /// The records that have this value of a shared key, which must be [`track`](Self::track)ed.
    pub(crate) fn with_shared_key(&self, field: &str, id: &str) -> Found {
        self.shared
            .get(field)
            .map_or(Found::None, |shared| shared.find(id))
    }

    /// From now on the values of this field are indexed. The first time reads every record once.
    pub(crate) fn track(&mut self, field: &str, field_type: Option<FieldType>) {
        if self.shared.contains_key(field) {
            return;
        }
        let mut shared = SharedKey::new(field_type);
        for (key, held) in &self.held {
            let id = shared.id_in_body(field, &held.body, held.stated.get(field));
            shared.set(*key, id);
        }
        self.shared.insert(field.to_owned(), shared);
    }

    /// Forgets the indices, because the types of their fields may be others now.
    pub(crate) fn forget_shared_keys(&mut self) {
        self.shared.clear();
    }

    pub(crate) fn insert(
        &mut self,
        kept_under: KeptUnder,
        named: Option<SharedName>,
        record: &Map<String, Value>,
        body: Bytes,
    ) {
        let key = RecordKey(self.created);
        self.created += 1;
        let mut held = Held {
            kept_under,
            body,
            stated: HashMap::new(),
        };
        held.state(named);
        self.put(key, held, record);
    }

    /// Replaces a body, and what the record is kept under if there is something new.
    pub(crate) fn replace(
        &mut self,
        key: RecordKey,
        kept_under: Option<KeptUnder>,
        named: Option<SharedName>,
        record: &Map<String, Value>,
        body: Bytes,
    ) {
        if let Some(mut held) = self.take(key) {
            held.kept_under = kept_under.unwrap_or(held.kept_under);
            if let Some(named) = &named {
                held.kept_under.rename(named);
            }
            held.body = body;
            held.state(named);
            self.put(key, held, record);
        }
    }

    pub(crate) fn remove(&mut self, key: RecordKey) {
        self.take(key);
        for shared in self.shared.values_mut() {
            shared.set(key, None);
        }
    }

    /// All records, by their first creation.
    pub(crate) fn list(&self) -> Vec<StoredRecord> {
        self.held
            .values()
            .map(|held| StoredRecord {
                entity_id: held.kept_under.text().to_owned(),
                body: held.body.clone(),
            })
            .collect()
    }

    fn kept(&self, id: &str) -> impl Iterator<Item = RecordKey> {
        self.by_id.get(id).into_iter().flatten().copied()
    }

    fn put(&mut self, key: RecordKey, mut held: Held, record: &Map<String, Value>) {
        held.stated
            .retain(|field, _| record.get(field).is_none_or(Value::is_null));
        for (field, shared) in &mut self.shared {
            let id = shared.id_of(record.get(field), held.stated.get(field));
            shared.set(key, id);
        }
        let id = held.kept_under.text().to_owned();
        self.by_id.entry(id).or_default().insert(key);
        self.held.insert(key, held);
    }

    fn take(&mut self, key: RecordKey) -> Option<Held> {
        let held = self.held.remove(&key)?;
        let id = held.kept_under.text();
        if let Some(keys) = self.by_id.get_mut(id) {
            keys.remove(&key);
            if keys.is_empty() {
                self.by_id.remove(id);
            }
        }
        Some(held)
    }
}
