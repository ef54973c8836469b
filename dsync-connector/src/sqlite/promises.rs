//! Promises and reports, as rows.

use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::EntityId;
use dsync_core::wire::headers::{ENTITY_ID, ENTITY_ID_FIELD, PROCESS_ID};
use dsync_core::wire::{EntityRequest, Operation, RecordAccess, Report};
use http::{HeaderName, HeaderValue, Request};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};
use rusqlite::{Row, params};
use serde_json::value::RawValue;

use super::database::Database;
use super::values::{Checked, Number, Status, Time};
use crate::inbox::{Fingerprint, KeptAnswer, KeptReport, Promise, Promised};

impl Database<'_> {
    pub(super) fn promises(&self) -> rusqlite::Result<Vec<Promised>> {
        let rows = self.all(
            "SELECT number, attempts, since, next, lane
             FROM promise LEFT JOIN promise_lane ON promise_lane.promise = number
             ORDER BY number, position",
            (),
            |row| {
                let promised = Promised {
                    number: row.get::<_, Number>(0)?.0,
                    lanes: Vec::new(),
                    attempts: row.get(1)?,
                    since: row.get::<_, Time>(2)?.0,
                    next: row.get::<_, Time>(3)?.0,
                };
                Ok((promised, row.get::<_, Option<String>>(4)?))
            },
        )?;
        let mut promises = Vec::<Promised>::new();
        for (promised, lane) in rows {
            match promises.last_mut() {
                Some(last) if last.number == promised.number => last.lanes.extend(lane),
                _ => promises.push(Promised {
                    lanes: Vec::from_iter(lane),
                    ..promised
                }),
            }
        }
        Ok(promises)
    }

    pub(super) fn promise(
        &self,
        promise: &Promise,
        request: Fingerprint,
        answer: &KeptAnswer,
    ) -> rusqlite::Result<u64> {
        let change = &promise.request;
        let process_id = change.process_id();
        self.execute(
            "INSERT INTO promise
                 (entity, access, process_id, entity_id, entity_id_field, attempts, since, next, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                promise.entity,
                change.access().as_str(),
                process_id.as_str(),
                change.entity_id().map(EntityId::as_str),
                change.entity_id_field(),
                promise.attempts,
                Time(promise.since),
                Time(promise.next),
                &change.body()[..],
            ],
        )?;
        let number = self.connection.last_insert_rowid();
        for (position, lane) in (0_i64..).zip(&promise.lanes) {
            self.execute(
                "INSERT INTO promise_lane (promise, position, lane) VALUES (?1, ?2, ?3)",
                params![number, position, lane],
            )?;
        }
        // Behind the promise, because it looks for it.
        self.begin_process(process_id, request, promise.attempts, promise.since)?;
        self.answer_process(process_id, answer)?;
        Ok(number.unsigned_abs())
    }

    pub(super) fn promised(&self, number: u64) -> rusqlite::Result<Option<Promise>> {
        let promise = self.first(
            "SELECT entity, access, process_id, entity_id, entity_id_field, body,
                    attempts, since, next
             FROM promise WHERE number = ?1",
            params![Number(number)],
            |row| {
                Ok(Promise {
                    entity: row.get(0)?,
                    request: request(row)?,
                    lanes: Vec::new(),
                    attempts: row.get(6)?,
                    since: row.get::<_, Time>(7)?.0,
                    next: row.get::<_, Time>(8)?.0,
                })
            },
        )?;
        let Some(promise) = promise else {
            return Ok(None);
        };
        let lanes = self.all(
            "SELECT lane FROM promise_lane WHERE promise = ?1 ORDER BY position",
            params![Number(number)],
            |row| row.get(0),
        )?;
        Ok(Some(Promise { lanes, ..promise }))
    }

    pub(super) fn tried(
        &self,
        number: u64,
        attempts: u32,
        next: SystemTime,
    ) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE promise SET attempts = ?2, next = ?3 WHERE number = ?1",
            params![Number(number), attempts, Time(next)],
        )?;
        Ok(())
    }

    pub(super) fn settle(
        &self,
        number: u64,
        report: Option<&Report>,
        now: SystemTime,
    ) -> rusqlite::Result<Option<u64>> {
        let process_id = self.first(
            "DELETE FROM promise WHERE number = ?1 RETURNING process_id",
            params![Number(number)],
            |row| row.get::<_, String>(0),
        )?;
        if let Some(process_id) = process_id {
            self.note_promises(&process_id)?;
        }
        let Some(report) = report else {
            return Ok(None);
        };
        self.execute(
            "INSERT INTO report (process_id, status, message, data, since)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                report.process_id.as_str(),
                Status(report.status),
                report.message,
                report.data.as_deref().map(RawValue::get),
                Time(now),
            ],
        )?;
        Ok(Some(self.connection.last_insert_rowid().unsigned_abs()))
    }

    pub(super) fn reports(&self) -> rusqlite::Result<Vec<KeptReport>> {
        self.all(
            "SELECT number, process_id, status, message, data, since FROM report ORDER BY number",
            (),
            |row| {
                let Number(number) = row.get(0)?;
                let Checked(process_id) = row.get(1)?;
                let Status(status) = row.get(2)?;
                let Time(since) = row.get(5)?;
                let mut report = Report::new(process_id, status, row.get::<_, String>(3)?);
                report.data = row.get::<_, Option<Json>>(4)?.map(|json| json.0);
                Ok(KeptReport {
                    number,
                    report,
                    since,
                })
            },
        )
    }

    pub(super) fn reported(&self, number: u64) -> rusqlite::Result<()> {
        self.execute(
            "DELETE FROM report WHERE number = ?1",
            params![Number(number)],
        )?;
        Ok(())
    }
}

/// The request in the columns 1 to 5. The decoder makes it that made it when it came: what the platform
/// could send can be read again, with an id in a create, and with a field whose name we would not send.
fn request(row: &Row<'_>) -> rusqlite::Result<EntityRequest> {
    let mut http = Request::new(Bytes::from(row.get::<_, Vec<u8>>(5)?));
    *http.method_mut() = row.get::<_, AccessName>(1)?.0.method();
    let headers: [(HeaderName, Option<String>); 3] = [
        (PROCESS_ID, row.get(2)?),
        (ENTITY_ID, row.get(3)?),
        (ENTITY_ID_FIELD, row.get(4)?),
    ];
    for (column, (name, text)) in (2..).zip(headers) {
        if let Some(text) = text {
            let value = HeaderValue::from_bytes(text.as_bytes())
                .map_err(|error| unreadable(column, error))?;
            http.headers_mut().insert(name, value);
        }
    }
    EntityRequest::decode(&http).map_err(|error| unreadable(1, error))
}

fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

struct AccessName(RecordAccess);

impl FromSql for AccessName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        Operation::ALL
            .map(RecordAccess::Change)
            .into_iter()
            .chain([RecordAccess::Read])
            .find(|access| access.as_str() == name)
            .map(Self)
            .ok_or_else(|| FromSqlError::Other(format!("{name:?} is done with no record").into()))
    }
}

struct Json(Box<RawValue>);

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        RawValue::from_string(value.as_str()?.to_owned())
            .map(Self)
            .map_err(FromSqlError::other)
    }
}
