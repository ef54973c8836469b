//! A connection with its statements. What the statements say stands in `processes`, `promises` and
//! `state`.

use rusqlite::{Connection, OptionalExtension, Params, Row};

/// The connection of the one thread that writes. It keeps its statements prepared, but not their values: a body
/// may have megabytes.
pub(super) struct Database<'c> {
    pub(super) connection: &'c Connection,
}

impl Database<'_> {
    /// Changes rows. Gives how many.
    pub(super) fn execute(
        &self,
        sql: &'static str,
        values: impl Params,
    ) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    /// The first row, where there is one.
    pub(super) fn first<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row(values, read).optional()
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_map(values, read)?.collect()
    }
}
