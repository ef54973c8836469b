//! Entities and the system's own changes, as rows.

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, EntityState, OwnProcess, ProcessId, Switch};
use rusqlite::params;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use super::database::Database;
use super::values::{Checked, Time};

impl Database<'_> {
    pub(super) fn entities(&self) -> rusqlite::Result<Vec<(String, EntityState)>> {
        self.all(
            "SELECT name, switch, job_id, shared_key FROM entity ORDER BY name",
            (),
            |row| {
                let mut entity = EntityState::default();
                entity.switch = row.get::<_, SwitchName>(1)?.0;
                entity.job_id = row.get(2)?;
                entity.shared_key = row.get(3)?;
                Ok((row.get(0)?, entity))
            },
        )
    }

    pub(super) fn set_entity(&self, name: &str, state: &EntityState) -> rusqlite::Result<()> {
        let switch = match state.switch {
            Switch::On => "on",
            Switch::Off => "off",
            _ => "unknown",
        };
        self.execute(
            "INSERT OR REPLACE INTO entity (name, switch, job_id, shared_key)
             VALUES (?1, ?2, ?3, ?4)",
            params![name, switch, state.job_id, state.shared_key],
        )?;
        Ok(())
    }

    pub(super) fn add_own_process(&self, process: &OwnProcess) -> rusqlite::Result<()> {
        self.execute(
            "INSERT OR REPLACE INTO own_process
                 (process_id, entity_token, entity_id, operation, accepted, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                process.process_id.as_str(),
                process.entity_token.as_str(),
                process.entity_id.as_ref().map(EntityId::as_str),
                process.operation.as_str(),
                Time(process.accepted),
                process.outcome,
            ],
        )?;
        self.execute(
            "DELETE FROM own_process WHERE rowid IN (
                 SELECT rowid FROM own_process WHERE accepted <= ?1 ORDER BY accepted LIMIT 2
             )",
            params![Time::oldest_kept(process.accepted)],
        )?;
        Ok(())
    }

    pub(super) fn own_process(&self, id: &ProcessId) -> rusqlite::Result<Option<OwnProcess>> {
        self.first(
            "SELECT entity_token, entity_id, operation, accepted, outcome
             FROM own_process WHERE process_id = ?1",
            params![id.as_str()],
            |row| {
                let Checked(entity_token) = row.get(0)?;
                let Time(accepted) = row.get(3)?;
                let change = RealtimeRequest::create(entity_token, Bytes::new());
                let mut process = OwnProcess::new(id.clone(), &change, accepted);
                process.entity_id = row.get::<_, Option<Checked<_>>>(1)?.map(|id| id.0);
                process.operation = row.get::<_, OperationName>(2)?.0;
                process.outcome = row.get(4)?;
                Ok(process)
            },
        )
    }

    pub(super) fn complete_own_process(
        &self,
        id: &ProcessId,
        outcome: u16,
    ) -> rusqlite::Result<bool> {
        let completed = self.execute(
            "UPDATE own_process SET outcome = ?2 WHERE process_id = ?1 AND outcome IS NULL",
            params![id.as_str(), outcome],
        )?;
        Ok(completed == 1)
    }
}

struct SwitchName(Switch);

impl FromSql for SwitchName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "unknown" => Ok(Self(Switch::Unknown)),
            "off" => Ok(Self(Switch::Off)),
            "on" => Ok(Self(Switch::On)),
            other => Err(FromSqlError::Other(
                format!("{other:?} is no switch").into(),
            )),
        }
    }
}

struct OperationName(Operation);

impl FromSql for OperationName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        Operation::ALL
            .into_iter()
            .find(|operation| operation.as_str() == name)
            .map(Self)
            .ok_or_else(|| FromSqlError::Other(format!("{name:?} is no operation").into()))
    }
}
