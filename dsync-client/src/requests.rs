//! From a typed record to a realtime request: plain data, no I/O.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// A change as it would be sent.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) request: RealtimeRequest,
    /// The entity, where it is known to be switched off.
    pub(crate) switched_off: Option<&'static str>,
}

/// A request that somebody else put together: nothing is looked up for it.
impl From<RealtimeRequest> for Change {
    fn from(request: RealtimeRequest) -> Self {
        Self {
            request,
            switched_off: None,
        }
    }
}

/// What the platform has said of an entity.
struct Known {
    /// The field by which the platform knows the entity's records, where that is not the primary key.
    shared_key: Option<String>,
    switched_off: Option<&'static str>,
}

impl Known {
    fn change(&self, request: RealtimeRequest) -> Change {
        Change {
            request,
            switched_off: self.switched_off,
        }
    }
}

impl Requests {
    pub(crate) fn create<T>(&self, record: &T) -> Result<Change, Error>
    where
        T: DsyncEntity + Serialize,
    {
        let known = self.known(T::LAYOUT);
        let request =
            RealtimeRequest::create(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        let request = match record.entity_id()? {
            Some(id) => named(request, T::LAYOUT, &known, id)?,
            None => match shared_id(T::LAYOUT, &known, request.body())? {
                Some((field, id)) => request.with_id(id, field)?,
                None => request,
            },
        };
        Ok(known.change(request))
    }

    pub(crate) fn update<T>(&self, record: &T) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let known = self.known(T::LAYOUT);
        let request =
            RealtimeRequest::update(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        let id = record.primary_key().to_entity_id()?;
        Ok(known.change(named(request, T::LAYOUT, &known, id)?))
    }

    /// An update of the record that was known by `id` until now.
    pub(crate) fn update_with_id<T>(&self, record: &T, id: EntityId) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let known = self.known(T::LAYOUT);
        let field = match &known.shared_key {
            Some(shared_key) => shared_key,
            None => primary_key(T::LAYOUT)?,
        };
        let request =
            RealtimeRequest::update(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        Ok(known.change(request.with_id(id, field)?))
    }

    pub(crate) fn delete<T>(&self, record: &T) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let known = self.known(T::LAYOUT);
        let id = record.primary_key().to_entity_id()?;
        let shared = match known.shared_key {
            Some(_) => shared_id(T::LAYOUT, &known, &encode_record(record)?)?,
            None => None,
        };
        let request = match shared {
            Some((field, id)) => {
                let token = self.tokens.token_of(T::LAYOUT)?;
                RealtimeRequest::delete(token, id.clone()).with_id(id, field)?
            }
            None => self.delete_by_primary_key::<T>(id)?,
        };
        Ok(known.change(request))
    }

    pub(crate) fn delete_by_id<T>(&self, id: EntityId) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let known = self.known(T::LAYOUT);
        if let Some(shared_key) = known.shared_key {
            let entity = T::LAYOUT.name();
            return Err(Error::SharedKey { entity, shared_key });
        }
        Ok(known.change(self.delete_by_primary_key::<T>(id)?))
    }

    fn delete_by_primary_key<T>(&self, id: EntityId) -> Result<RealtimeRequest, Error>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let request = RealtimeRequest::delete(self.tokens.token_of(T::LAYOUT)?, id.clone());
        Ok(request.with_id(id, primary_key(T::LAYOUT)?)?)
    }

    /// What there is to know of an entity before a change of it is put together.
    fn known(&self, layout: &'static EntityLayout) -> Known {
        let Some(state) = &self.state else {
            return Known {
                shared_key: None,
                switched_off: None,
            };
        };
        let entity = layout.name();
        let known = state.entity(entity);
        let is_off = known.switch == Switch::Off;
        if !is_off {
            self.told_off().remove(entity);
        }
        let is_primary = |field: &String| {
            layout
                .primary_key()
                .is_some_and(|primary| primary.name() == field)
        };
        Known {
            shared_key: known.shared_key.filter(|field| !is_primary(field)),
            switched_off: is_off.then_some(entity),
        }
    }

    /// Says of a change that is about to be sent what it means that its entity is switched off.
    pub(crate) fn check_switch(&self, switched_off: Option<&'static str>) -> Result<(), Error> {
        let Some(entity) = switched_off else {
            return Ok(());
        };
        if self.refuse_switched_off {
            return Err(Error::SwitchedOff { entity });
        }
        if self.told_off().insert(entity) {
            tracing::warn!(
                entity,
                "the entity is switched off; it is sent all the same"
            );
        }
        Ok(())
    }

    fn told_off(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        // One call on a set, so a panic elsewhere leaves nothing half done.
        self.told_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the record by its shared key where it has a value, else by its primary key.
fn named(
    request: RealtimeRequest,
    layout: &'static EntityLayout,
    known: &Known,
    id: EntityId,
) -> Result<RealtimeRequest, Error> {
    match shared_id(layout, known, request.body())? {
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
    known: &Known,
    record: &[u8],
) -> Result<Option<(String, EntityId)>, Error> {
    let Some(shared_key) = known.shared_key.clone() else {
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
