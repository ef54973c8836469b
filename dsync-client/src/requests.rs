//! From a typed record to a realtime request: plain data, no I/O.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use dsync_core::wire::{RealtimeRequest, encode_record};
use dsync_core::{
    DsyncEntity, EntityId, EntityLayout, EntityTokens, FieldLayout, PrimaryKey, Switch, SystemState,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Error;

/// What the requests of one system have in common.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) tokens: EntityTokens,
    /// Without one nothing is known: every entity is sent, by its primary key.
    pub(crate) state: Option<SystemState>,
    pub(crate) refuse_switched_off: bool,
    /// The entities whose being switched off was told of: once until they are on again, because a
    /// thousand records would be a thousand lines of a log.
    pub(crate) told_off: Mutex<BTreeSet<&'static str>>,
}

impl Requests {
    pub(crate) fn create<T>(&self, record: &T) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + Serialize,
    {
        let shared_key = self.shared_key(T::LAYOUT)?;
        let request =
            RealtimeRequest::create(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        match record.entity_id()? {
            Some(id) => named(request, T::LAYOUT, shared_key, id),
            None => match shared_id(T::LAYOUT, shared_key, request.body())? {
                Some((field, id)) => Ok(request.with_id(id, field)?),
                None => Ok(request),
            },
        }
    }

    pub(crate) fn update<T>(&self, record: &T) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let shared_key = self.shared_key(T::LAYOUT)?;
        let request =
            RealtimeRequest::update(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        let id = record.primary_key().to_entity_id()?;
        named(request, T::LAYOUT, shared_key, id)
    }

    /// An update of the record that was known by `id` until now.
    pub(crate) fn update_with_id<T>(
        &self,
        record: &T,
        id: EntityId,
    ) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let field = match self.shared_key(T::LAYOUT)? {
            Some(shared_key) => shared_key,
            None => primary_key(T::LAYOUT)?.to_owned(),
        };
        let request =
            RealtimeRequest::update(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        Ok(request.with_id(id, field)?)
    }

    pub(crate) fn delete<T>(&self, record: &T) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let id = record.primary_key().to_entity_id()?;
        match self.shared_key(T::LAYOUT)? {
            None => self.delete_by_primary_key::<T>(id),
            Some(shared_key) => {
                let shared = shared_id(T::LAYOUT, Some(shared_key), &encode_record(record)?)?;
                match shared {
                    Some((field, id)) => {
                        let token = self.tokens.token_of(T::LAYOUT)?;
                        Ok(RealtimeRequest::delete(token, id.clone()).with_id(id, field)?)
                    }
                    None => self.delete_by_primary_key::<T>(id),
                }
            }
        }
    }

    pub(crate) fn delete_by_id<T>(&self, id: EntityId) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + PrimaryKey,
    {
        match self.shared_key(T::LAYOUT)? {
            Some(shared_key) => Err(Error::SharedKey {
                entity: T::LAYOUT.name(),
                shared_key,
            }),
            None => self.delete_by_primary_key::<T>(id),
        }
    }

    fn delete_by_primary_key<T>(&self, id: EntityId) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let request = RealtimeRequest::delete(self.tokens.token_of(T::LAYOUT)?, id.clone());
        Ok(request.with_id(id, primary_key(T::LAYOUT)?)?)
    }

    /// The field by which the platform knows the entity's records, where that is not the primary key.
    /// On the way, whether the entity is switched on.
    fn shared_key(&self, layout: &'static EntityLayout) -> Result<Option<String>, Error> {
        let Some(state) = &self.state else {
            return Ok(None);
        };
        let entity = layout.name();
        let known = state.entity(entity);
        let is_off = known.switch == Switch::Off;
        if is_off && self.refuse_switched_off {
            return Err(Error::SwitchedOff { entity });
        }
        // One call on a set, so a panic elsewhere leaves nothing half done.
        let mut told_off = self.told_off.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_off {
            told_off.remove(entity);
        } else if told_off.insert(entity) {
            tracing::warn!(
                entity,
                "the entity is switched off; it is sent all the same"
            );
        }
        let is_primary = |field: &String| {
            layout
                .primary_key()
                .is_some_and(|primary| primary.name() == field)
        };
        Ok(known.shared_key.filter(|field| !is_primary(field)))
    }
}

/// Names the record by its shared key where it has a value, else by its primary key.
fn named(
    request: RealtimeRequest,
    layout: &'static EntityLayout,
    shared_key: Option<String>,
    id: EntityId,
) -> Result<RealtimeRequest, Error> {
    match shared_id(layout, shared_key, request.body())? {
        Some((field, id)) => Ok(request.with_id(id, field)?),
        None => Ok(request.with_id(id, primary_key(layout)?)?),
    }
}

fn primary_key(layout: &'static EntityLayout) -> Result<&'static str, Error> {
    let entity = layout.name();
    let field = layout.primary_key();
    field
        .map(FieldLayout::name)
        .ok_or(Error::NoPrimaryKeyField { entity })
}

/// The shared key and the text of its value in the record; nothing where that is null or not there.
fn shared_id(
    layout: &'static EntityLayout,
    shared_key: Option<String>,
    record: &[u8],
) -> Result<Option<(String, EntityId)>, Error> {
    let Some(shared_key) = shared_key else {
        return Ok(None);
    };
    let values: HashMap<String, &RawValue> =
        serde_json::from_slice(record).expect("an encoded record is a JSON object");
    let Some(value) = values.get(&shared_key) else {
        return Ok(None);
    };
    // The text as it stands there: a `Value` would change numbers.
    let text = value.get();
    let found = match text.as_bytes() {
        [b'n', ..] => return Ok(None),
        [b'"', ..] => {
            let text: String = serde_json::from_str(text).expect("the JSON of a text is one");
            return Ok(Some((shared_key, EntityId::new(text)?)));
        }
        [b'{', ..] => "an object",
        [b'[', ..] => "a list",
        number
            if number.iter().any(|byte| b".eE".contains(byte))
                && number[0] != b't'
                && number[0] != b'f' =>
        {
            "a number that is no integer"
        }
        _ => return Ok(Some((shared_key, EntityId::new(text)?))),
    };
    Err(Error::SharedKeyValue {
        entity: layout.name(),
        shared_key,
        found,
    })
}
