//! The thread that only reads, so that looking in holds up nobody who writes.

use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::writer::{Fault, Work};
use crate::{StoreError, StoreErrorKind};

type Look = Box<dyn FnOnce(&Connection) + Send>;

/// The handles' end of the thread, which ends with them.
#[derive(Debug)]
pub(super) struct Reader {
    /// There until the drop.
    looks: Option<Sender<Look>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::new(
                StoreErrorKind::Other,
                "the outbox cannot be looked into: the program has no thread left, perhaps",
            )
            .with_source(std::io::Error::other(error))
        };
        // If it were closed last, it would bring the log into the file, also one that is not to be trusted.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|error| failed(error.into()))?;
        let (looks, waiting) = mpsc::channel::<Look>();
        let thread = thread::Builder::new()
            .name("dsync-outbox-look".to_owned())
            .spawn(move || {
                for look in waiting {
                    look(&connection);
                }
            })
            .map_err(|error| failed(error.into()))?;
        Ok(Self {
            looks: Some(looks),
            thread: Some(thread),
        })
    }

    /// Has something looked at. If the thread has panicked it is dropped.
    pub(super) fn send(&self, look: impl FnOnce(&Connection) + Send + 'static) {
        if let Some(looks) = &self.looks {
            // Whoever waits for the look hears that it was dropped.
            let _ = looks.send(Box::new(look));
        }
    }
}

/// Looks in one transaction, so that all that is seen belongs together.
pub(super) fn at_once<T>(
    connection: &Connection,
    look: impl FnOnce(&Connection) -> Work<T>,
) -> Work<T> {
    let execute = |sql| connection.prepare_cached(sql)?.execute(());
    execute("BEGIN")?;
    let seen = look(connection);
    if !connection.is_autocommit() {
        execute("ROLLBACK").map_err(Fault::Sqlite)?;
    }
    seen
}

impl Drop for Reader {
    /// Waits, so that the writer is the one who closes the file last.
    fn drop(&mut self) {
        self.looks = None;
        // An answer may have woken what held the last handle, on the thread itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join());
        }
    }
}
