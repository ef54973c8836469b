//! An index: which records have which value of one field.

use std::collections::{BTreeSet, HashMap};

use dsync_core::FieldType;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::identity::text_of;
use crate::record_key::{Found, RecordKey};

/// The values of one shared key. It costs an entry a record, for each field that was ever used as
/// one.
#[derive(Debug)]
pub(crate) struct SharedKey {
    field_type: Option<FieldType>,
    by_id: HashMap<String, BTreeSet<RecordKey>>,
    by_record: HashMap<RecordKey, String>,
}

impl SharedKey {
    pub(crate) fn new(field_type: Option<FieldType>) -> Self {
        Self {
            field_type,
            by_id: HashMap::new(),
            by_record: HashMap::new(),
        }
    }

    /// The id that a record has by this field: the value in its body, else what headers stated. Null
    /// counts as absent; another value that cannot name a record is none.
    pub(crate) fn id_of(&self, value: Option<&Value>, stated: Option<&String>) -> Option<String> {
        match value {
            None | Some(Value::Null) => stated.cloned(),
            Some(value) => text_of(self.field_type, value).ok(),
        }
    }

    /// The same for a record that is not parsed.
    pub(crate) fn id_in_body(
        &self,
        field: &str,
        body: &[u8],
        stated: Option<&String>,
    ) -> Option<String> {
        self.id_of(value_in(body, field).as_ref(), stated)
    }

    /// Says which id a record has from now on.
    pub(crate) fn set(&mut self, key: RecordKey, id: Option<String>) {
        if let Some(old) = self.by_record.remove(&key)
            && let Some(keys) = self.by_id.get_mut(&old)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.by_id.remove(&old);
            }
        }
        if let Some(id) = id {
            self.by_id.entry(id.clone()).or_default().insert(key);
            self.by_record.insert(key, id);
        }
    }

    pub(crate) fn find(&self, id: &str) -> Found {
        self.by_id.get(id).into_iter().flatten().copied().collect()
    }
}

/// One value of a record. The others stay unparsed.
pub(crate) fn value_in(body: &[u8], field: &str) -> Option<Value> {
    let record: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    serde_json::from_str(record.get(field)?.get()).ok()
}
