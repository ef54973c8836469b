//! Lanes, in which changes go one after the other, and who is first in them.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::values;
use crate::ChangeId;

/// A lane of changes that go one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Record {
        entity: i64,
        record: Arc<str>,
    },
    /// A change of a record without a key.
    Alone(ChangeId),
}

/// A change that may be claimed.
pub(super) struct Candidate {
    pub(super) id: ChangeId,
    pub(super) lane: Lane,
}

/// The first change of a lane that is not passed.
pub(super) struct Head {
    pub(super) id: ChangeId,
    pub(super) holds: bool,
}

/// Number, entity and record in three columns.
pub(super) fn candidate(row: &Row<'_>, first: usize) -> rusqlite::Result<Candidate> {
    let id = values::to_id(row, first)?;
    let record = row.get::<_, Option<Arc<str>>>(first + 2)?;
    Ok(Candidate {
        id,
        lane: match record {
            Some(record) => Lane::Record {
                entity: row.get(first + 1)?,
                record,
            },
            None => Lane::Alone(id),
        },
    })
}

pub(super) fn head(connection: &Connection, lane: &Lane) -> rusqlite::Result<Option<Head>> {
    let read = |row: &Row<'_>| {
        Ok(Head {
            id: values::to_id(row, 0)?,
            holds: row.get::<_, i64>(1)? == 1,
        })
    };
    match lane {
        Lane::Record { entity, record } => connection
            .prepare_cached(
                "SELECT number, dead FROM dsync_outbox_change INDEXED BY dsync_outbox_lane
                 WHERE entity = ?1 AND record = ?2 AND dead < 2 ORDER BY number LIMIT 1",
            )?
            .query_row(params![entity, record], read),
        Lane::Alone(id) => connection
            .prepare_cached(
                "SELECT number, dead FROM dsync_outbox_change WHERE number = ?1 AND dead < 2",
            )?
            .query_row([id.number()], read),
    }
    .optional()
}
