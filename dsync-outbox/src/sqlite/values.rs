//! Between our types and SQLite's.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, EntityToken, IdempotencyKey};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::{ChangeId, Coalescing, Failure};

/// Nanoseconds since 1970; of a time beyond some 292 years from then, the last that fits.
pub(super) fn time(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(error) => -nanos(error.duration()),
    }
}

pub(super) fn to_time(nanos: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 {
        UNIX_EPOCH - distance
    } else {
        UNIX_EPOCH + distance
    }
}

pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

pub(super) fn operation(operation: Operation) -> i64 {
    match operation {
        Operation::Create => 0,
        Operation::Update => 1,
        Operation::Delete => 2,
    }
}

pub(super) fn to_operation(row: &Row<'_>, column: usize) -> rusqlite::Result<Operation> {
    match row.get(column)? {
        0 => Ok(Operation::Create),
        1 => Ok(Operation::Update),
        2 => Ok(Operation::Delete),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}

pub(super) fn coalescing(coalescing: Coalescing) -> i64 {
    match coalescing {
        Coalescing::Never => 0,
        Coalescing::Whole => 1,
        Coalescing::SolePublisher => 2,
    }
}

pub(super) fn to_coalescing(number: i64) -> Coalescing {
    match number {
        2 => Coalescing::SolePublisher,
        1 => Coalescing::Whole,
        _ => Coalescing::Never,
    }
}

pub(super) fn to_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ChangeId> {
    let number = row.get(column)?;
    ChangeId::new(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn to_count(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    let number: i64 = row.get(column)?;
    u32::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn to_token(row: &Row<'_>, column: usize) -> rusqlite::Result<EntityToken> {
    let text: String = row.get(column)?;
    EntityToken::new(text).map_err(|error| unreadable(column, error))
}

pub(super) fn to_key(row: &Row<'_>, column: usize) -> rusqlite::Result<IdempotencyKey> {
    let text = row.get_ref(column)?.as_str()?;
    IdempotencyKey::new(text).map_err(|error| unreadable(column, error))
}

pub(super) fn to_entity_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<EntityId>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else {
        return Ok(None);
    };
    EntityId::new(text)
        .map(Some)
        .map_err(|error| unreadable(column, error))
}

/// A failure in three columns.
pub(super) fn to_failure(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Failure>> {
    let Some(message) = row.get::<_, Option<String>>(column + 1)? else {
        return Ok(None);
    };
    let failure = Failure::new(message);
    Ok(Some(match row.get::<_, Option<u16>>(column)? {
        Some(status) => failure.with_answer(status, row.get(column + 2)?),
        None => failure,
    }))
}

/// A request from the columns that [`REQUEST`] names.
pub(super) fn to_request(row: &Row<'_>, first: usize) -> rusqlite::Result<RealtimeRequest> {
    let token = to_token(row, first)?;
    let record = to_entity_id(row, first + 1)?;
    let operation = to_operation(row, first + 2)?;
    let key = to_key(row, first + 3)?;
    let field: Option<String> = row.get(first + 4)?;
    let own_id = to_entity_id(row, first + 5)?;
    let names_record: bool = row.get(first + 6)?;
    let body = || -> rusqlite::Result<Bytes> { Ok(row.get::<_, Vec<u8>>(first + 7)?.into()) };

    let id = if names_record { record } else { own_id };
    let request = match (operation, id.clone()) {
        (Operation::Create, _) => RealtimeRequest::create(token, body()?),
        (Operation::Update, _) => RealtimeRequest::update(token, body()?),
        (Operation::Delete, Some(id)) => RealtimeRequest::delete(token, id),
        (Operation::Delete, None) => {
            return Err(unreadable(first + 5, "a delete without an id"));
        }
    };
    let request = match (id, field) {
        (Some(id), Some(field)) => request
            .with_id(id, field)
            .map_err(|error| unreadable(first + 4, error))?,
        (Some(id), None) => request.with_entity_id(id),
        (None, _) => request,
    };
    Ok(request.with_idempotency_key(key))
}

/// The columns of a request, of `change AS c JOIN entity AS e`.
pub(super) const REQUEST: &str = "e.token, c.record, c.operation, c.idempotency_key, \
     c.entity_id_field, c.entity_id, c.names_record, c.body";

fn unreadable(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

/// Gives an entity's token the number that stands for it in its rows, if it has none yet.
pub(super) fn add_entity(connection: &Connection, token: &EntityToken) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO dsync_outbox_entity (token) VALUES (?1)")?
        .execute([token.as_str()])
        .map(drop)
}

/// As many rows as SQLite can count.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
