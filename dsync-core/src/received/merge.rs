//! A change put over a record, on the bytes of both: a number that the change does not mention keeps
//! every digit, and one that it does has those that came.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::decode;
use super::update::{Entry, Update};
use crate::entity::DsyncEntity;
use crate::faults::Faults;
use crate::layout::lenient::{Entries, write_object};
use crate::layout::{FieldLayout, FieldType};
use crate::wire::{RecordError, Refusal, encode_record};

impl<T: DsyncEntity + Serialize + DeserializeOwned> Update<T> {
    /// The record with the change put over it.
    ///
    /// - A key that is absent keeps what the record has.
    /// - Null clears: an `Option` becomes `None`, a field with serde's `default` gets that.
    /// - A list or an object is replaced as a whole. Only what is read-only inside a single object stays as
    ///   the record has it, because the platform never sends it; the items of a list are new ones.
    /// - A key that the layout does not know goes to the type, which may take it or not.
    ///
    /// The record is written with its `Serialize`, and read with its `Deserialize`. What the one does not
    /// write or the other does not read has its default afterwards: a field with serde's `skip`,
    /// `skip_serializing` or `skip_deserializing`. A field whose name differs between the two cannot be
    /// merged; nor can one that came under another name by serde's `alias`. Merge such a type by hand, with
    /// [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// [`MergeError::Change`] if the type refuses what the change brings; otherwise the record as it is now
    /// is at fault.
    pub fn merge(&self, current: &T) -> Result<T, MergeError> {
        let layout = T::LAYOUT;
        let current = encode_record(current).map_err(MergeError::Unwritable)?;
        let merged = overlaid(layout.fields(), &current, self.entries()).map_err(|error| {
            MergeError::Unwritable(RecordError::NotJson {
                message: error.to_string(),
            })
        })?;
        decode::record(layout, merged.as_bytes()).map_err(|faults| {
            // Where the record cannot be read even without the change, the change is not to blame.
            match decode::record::<T>(layout, &current) {
                Ok(_) => MergeError::Change(Refusal::Record(faults)),
                Err(faults) => MergeError::Unreadable(faults),
            }
        })
    }
}

/// Why a change cannot be put over a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The change is at fault: the record's type refuses it.
    #[error(transparent)]
    Change(Refusal),
    /// The record as it is now cannot be written as JSON.
    #[error("the record as it is now cannot be merged: {0}")]
    Unwritable(#[source] RecordError),
    /// The record as it is now is not read again from the JSON that it is written as.
    #[error(
        "the record as it is now cannot be merged, because it does not read what it writes: {0}"
    )]
    Unreadable(#[source] Faults),
}

impl MergeError {
    /// The HTTP status of the answer: that of the refusal, or 500 where the change is not at fault.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Change(refusal) => refusal.status(),
            Self::Unwritable(_) | Self::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The refusal to answer with, if the change is at fault.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Change(refusal) => Some(refusal),
            Self::Unwritable(_) | Self::Unreadable(_) => None,
        }
    }
}

/// The object with the entries put over it, in its own order, and what is new behind it.
fn overlaid(
    fields: &[FieldLayout],
    current: &[u8],
    entries: &[Entry],
) -> Result<String, serde_json::Error> {
    let Entries(current) = serde_json::from_slice(current)?;
    let changes: HashMap<&str, &RawValue> = entries
        .iter()
        .map(|entry| (entry.key.as_str(), &*entry.value))
        .collect();
    let mut merged = Vec::with_capacity(current.len() + entries.len());
    for (key, old) in &current {
        let key = key.as_ref();
        let value = match changes.get(key) {
            None => Cow::Borrowed(old.get()),
            Some(new) => match fields.iter().find(|field| field.name() == key) {
                Some(field) => replaced(field, old, new)?,
                None => Cow::Borrowed(new.get()),
            },
        };
        merged.push((key, value));
    }
    let present: HashSet<_> = current.iter().map(|(key, _)| key.as_ref()).collect();
    let added = entries
        .iter()
        .filter(|entry| !present.contains(entry.key.as_str()));
    merged.extend(added.map(|entry| (entry.key.as_str(), Cow::Borrowed(entry.value.get()))));
    write_object(merged)
}

/// The new value, with what only the system itself sets taken from the old one.
fn replaced<'a>(
    field: &FieldLayout,
    old: &RawValue,
    new: &'a RawValue,
) -> Result<Cow<'a, str>, serde_json::Error> {
    let is_object = |json: &RawValue| json.get().starts_with('{');
    if field.field_type() != FieldType::Object
        || field.is_multiple()
        || !(is_object(old) && is_object(new))
        || !has_read_only(field.fields())
    {
        return Ok(Cow::Borrowed(new.get()));
    }
    let Entries(old) = serde_json::from_str(old.get())?;
    let Entries(new) = serde_json::from_str(new.get())?;
    let mut merged = Vec::with_capacity(new.len());
    for (key, value) in &new {
        let below = field.fields().iter().find(|field| field.name() == key);
        let before = old.iter().find(|(old_key, _)| old_key == key);
        let value = match (below, before) {
            (Some(field), Some((_, before))) => replaced(field, before, value)?,
            _ => Cow::Borrowed(value.get()),
        };
        merged.push((key, value));
    }
    let is_read_only = |key: &str| {
        let field = field.fields().iter().find(|field| field.name() == key);
        field.is_some_and(FieldLayout::is_read_only)
    };
    let kept = old.iter().filter(|(key, _)| is_read_only(key));
    merged.extend(kept.map(|(key, value)| (key, Cow::Borrowed(value.get()))));
    write_object(merged).map(Cow::Owned)
}

fn has_read_only(fields: &[FieldLayout]) -> bool {
    fields
        .iter()
        .any(|field| field.is_read_only() || has_read_only(field.fields()))
}
