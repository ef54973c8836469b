//! A program that has nothing of the outbox: the test of the tests.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::{Failed, Ledger};

/// Where its database is.
#[must_use]
pub fn database(folder: &Path) -> PathBuf {
    folder.join("plain.db")
}

/// Adds rows, and says the number of each when SQLite has confirmed it. What fails is said too, and the
/// row is tried again.
///
/// # Errors
///
/// If the database cannot be opened.
pub fn write(folder: &Path, synchronous: &str, rows: u32) -> Result<(), Failed> {
    let ledger = Ledger::open(folder)?;
    let connection = Connection::open(database(folder))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", 20)?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, body)",
        (),
    )?;
    let mut failed = 0;
    let mut row = 1;
    while row <= rows && failed < 1000 {
        let body = format!("row {row} ").repeat(200);
        match connection.execute("INSERT INTO rows VALUES (?1, ?2)", (row, body)) {
            Ok(_) => {
                ledger.say(row)?;
                row += 1;
            }
            Err(error) => {
                ledger.say(format_args!("failed {error}"))?;
                failed += 1;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
    Ok(())
}

/// The numbers of the rows that a database has, if it is sound.
///
/// # Errors
///
/// If it is not.
pub fn rows(folder: &Path) -> Result<Vec<u32>, Failed> {
    let connection = Connection::open(database(folder))?;
    let sound: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
    if sound != "ok" {
        return Err(sound.into());
    }
    let exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'rows'";
    if connection.query_row(exists, (), |row| row.get::<_, u32>(0))? == 0 {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT number FROM rows ORDER BY number")?;
    let rows = statement.query_map((), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
