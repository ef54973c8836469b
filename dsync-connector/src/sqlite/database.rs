//! A connection with its statements. What the statements say stands in `processes`, `promises` and
//! `state`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension, Params, Row, Statement};

/// The connection of the one thread that writes, with the statements that it has used.
pub(super) struct Database<'c> {
    pub(super) connection: &'c Connection,
    statements: HashMap<&'static str, Statement<'c>>,
}

impl<'c> Database<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            statements: HashMap::new(),
        }
    }

    fn statement(&mut self, sql: &'static str) -> rusqlite::Result<&mut Statement<'c>> {
        match self.statements.entry(sql) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(self.connection.prepare(sql)?)),
        }
    }

    /// Runs a statement, and keeps it, but not its values: a body may have megabytes.
    fn with<T>(
        &mut self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let statement = self.statement(sql)?;
        let result = run(statement);
        statement.clear_bindings();
        result
    }

    /// Changes rows. Gives how many.
    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: impl Params,
    ) -> rusqlite::Result<usize> {
        self.with(sql, |statement| statement.execute(values))
    }

    /// The first row, where there is one.
    pub(super) fn first<T>(
        &mut self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.with(sql, |statement| {
            statement.query_row(values, read).optional()
        })
    }

    /// All rows.
    pub(super) fn all<T>(
        &mut self,
        sql: &'static str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.with(sql, |statement| {
            statement.query_map(values, read)?.collect()
        })
    }
}
