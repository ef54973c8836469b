//! From a record to a change for the store: what all forms of the calls have in common.

use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest, check_object};
use dsync_core::{
    ChangeEncoder, ChangeError, DsyncEntity, EntityId, EntityToken, FieldLayout, IdempotencyKey,
    InvalidEntityId, Origin, PrimaryKey, SwitchWatch,
};
use serde::Serialize;

use crate::{Coalescing, NewChange, OutboxError};

/// Makes changes. It knows no store.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) encoder: ChangeEncoder,
    pub(crate) refuse_switched_off: bool,
    /// What may become of changes of whole records.
    pub(crate) whole: Coalescing,
    pub(crate) watch: SwitchWatch,
}

/// A change, unless the platform knows it already.
type Planned = Result<Option<NewChange>, OutboxError>;

/// The changes of one handle.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) planner: &'a Planner,
    /// What all changes of the handle are because of.
    pub(crate) origin: Option<&'a Origin>,
}

impl Plan<'_> {
    pub(crate) fn create<T>(self, record: &T) -> Planned
    where
        T: DsyncEntity + Serialize,
    {
        self.typed::<T>(|| record.entity_id(), |encoder| encoder.create(record))
    }

    pub(crate) fn update<T>(self, record: &T) -> Planned
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let id = || record.primary_key().to_entity_id().map(Some);
        self.typed::<T>(id, |encoder| encoder.update(record))
    }

    pub(crate) fn delete<T>(self, record: &T) -> Planned
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let id = || record.primary_key().to_entity_id().map(Some);
        self.typed::<T>(id, |encoder| encoder.delete(record))
    }

    pub(crate) fn delete_by_id<T>(self, id: EntityId) -> Planned
    where
        T: DsyncEntity + PrimaryKey,
    {
        let same = id.clone();
        self.typed::<T>(|| Ok(Some(same)), |encoder| encoder.delete_by_id::<T>(id))
    }

    pub(crate) fn create_raw(self, token: &EntityToken, json: &[u8]) -> Planned {
        self.raw(RealtimeRequest::create(token.clone(), json.to_vec()))
    }

    pub(crate) fn update_raw(self, token: &EntityToken, json: &[u8]) -> Planned {
        self.raw(RealtimeRequest::update(token.clone(), json.to_vec()))
    }

    pub(crate) fn delete_raw(self, token: &EntityToken, id: EntityId) -> Planned {
        self.raw(RealtimeRequest::delete(token.clone(), id))
    }

    /// A request that somebody else put together: its id says which record it is about, and nothing says
    /// that it is all there is to the record.
    pub(crate) fn raw(self, request: RealtimeRequest) -> Planned {
        if request.operation() != Operation::Delete {
            check_object(request.body())?;
        }
        let record = request.entity_id().cloned();
        Ok(self.unless_echo(record, request, Coalescing::Never))
    }

    fn typed<T: DsyncEntity>(
        self,
        primary_key: impl FnOnce() -> Result<Option<EntityId>, InvalidEntityId>,
        encode: impl FnOnce(&ChangeEncoder) -> Result<RealtimeRequest, ChangeError>,
    ) -> Planned {
        let request = encode(&self.planner.encoder)?;
        let key_field = T::LAYOUT.primary_key().map(FieldLayout::name);
        let record = if key_field.is_some() && request.entity_id_field() == key_field {
            request.entity_id().cloned()
        } else {
            primary_key()?
        };
        let change = self.unless_echo(record, request, self.planner.whole);
        if change.is_some() {
            self.check_switch(T::LAYOUT.name())?;
        }
        Ok(change)
    }

    fn unless_echo(
        self,
        record: Option<EntityId>,
        request: RealtimeRequest,
        coalescing: Coalescing,
    ) -> Option<NewChange> {
        let own = || self.origin.cloned();
        let current = || Origin::current().filter(|origin| origin.is_echo(&request));
        if let Some(origin) = own().or_else(current) {
            tracing::debug!(
                operation = request.operation().as_str(),
                entity_token = request.entity_token().as_str(),
                process_id = origin.process_id().as_str(),
                "not kept: it came from the platform by this process"
            );
            return None;
        }
        let idempotency_key = match request.idempotency_key() {
            Some(key) => key.clone(),
            None => IdempotencyKey::generate(),
        };
        Some(NewChange {
            record,
            request,
            idempotency_key,
            coalescing,
            now: SystemTime::now(),
        })
    }

    fn check_switch(self, entity: &'static str) -> Result<(), OutboxError> {
        let Planner {
            encoder,
            refuse_switched_off,
            watch,
            ..
        } = self.planner;
        if !watch.is_off(encoder.state(), entity) {
            return Ok(());
        }
        if *refuse_switched_off {
            return Err(OutboxError::SwitchedOff { entity });
        }
        if watch.is_news(entity) {
            tracing::warn!(
                entity,
                "the entity is switched off; its changes are kept, and sent, all the same"
            );
        }
        Ok(())
    }
}

/// What a dead letter becomes when it is edited.
pub(crate) fn edited(json: impl Into<Bytes>) -> Result<(Bytes, IdempotencyKey), OutboxError> {
    let json = json.into();
    check_object(&json)?;
    Ok((json, IdempotencyKey::generate()))
}
