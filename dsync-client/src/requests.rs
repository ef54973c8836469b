//! From a typed record to a realtime request: plain data, no I/O.

use dsync_core::wire::{RealtimeRequest, encode_record};
use dsync_core::{DsyncEntity, EntityId, EntityTokens, PrimaryKey};
use serde::Serialize;

use crate::Error;

pub(crate) fn create<T>(record: &T, tokens: &EntityTokens) -> Result<RealtimeRequest, Error>
where
    T: DsyncEntity + Serialize,
{
    let request = RealtimeRequest::create(tokens.token_of(T::LAYOUT)?, encode_record(record)?);
    match record.entity_id()? {
        Some(id) => with_id::<T>(request, id),
        None => Ok(request),
    }
}

pub(crate) fn update<T>(record: &T, tokens: &EntityTokens) -> Result<RealtimeRequest, Error>
where
    T: DsyncEntity + PrimaryKey + Serialize,
{
    let request = RealtimeRequest::update(tokens.token_of(T::LAYOUT)?, encode_record(record)?);
    with_id::<T>(request, record.primary_key().to_entity_id()?)
}

pub(crate) fn delete<T>(id: EntityId, tokens: &EntityTokens) -> Result<RealtimeRequest, Error>
where
    T: DsyncEntity + PrimaryKey,
{
    let request = RealtimeRequest::delete(tokens.token_of(T::LAYOUT)?, id.clone());
    with_id::<T>(request, id)
}

fn with_id<T: DsyncEntity>(
    request: RealtimeRequest,
    id: EntityId,
) -> Result<RealtimeRequest, Error> {
    let field = T::LAYOUT.primary_key().ok_or(Error::NoPrimaryKeyField {
        entity: T::LAYOUT.name(),
    })?;
    Ok(request.with_id(id, field.name())?)
}
