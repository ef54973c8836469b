//! The thread that only reads, so that looking in holds up nobody who writes.

use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::{DataFile, Fault, FileError, FileErrorKind, Work};

type Look = Box<dyn FnOnce(&Connection) + Send>;

/// The handles' end of the thread, which ends with them.
#[derive(Debug)]
pub struct Reader {
    /// There until the drop.
    looks: Option<Sender<Look>>,
    thread: Option<JoinHandle<()>>,
    file: DataFile,
}

impl Reader {
    /// Starts the thread, on a connection of its own.
    ///
    /// # Errors
    ///
    /// [`FileError`] if there is no connection or thread left.
    pub fn start(file: &DataFile) -> Result<Self, FileError> {
        let connection = file.connect()?;
        // If it were closed last, it would bring the log into the file, also one that is not to be trusted.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|error| file.sqlite_error(error))?;
        let (looks, waiting) = mpsc::channel::<Look>();
        let thread = thread::Builder::new()
            .name(format!("{}-look", file.words().thread))
            .spawn(move || {
                for look in waiting {
                    look(&connection);
                }
            })
            .map_err(|error| {
                let message = format!("there is no thread left to look into {file}");
                FileError::new(FileErrorKind::Other, message).with_source(error)
            })?;
        Ok(Self {
            looks: Some(looks),
            thread: Some(thread),
            file: file.clone(),
        })
    }

    /// Why there is no answer any more.
    #[must_use]
    pub fn stopped(&self) -> FileError {
        let message = format!(
            "nothing is seen any more of {}, since its thread has panicked: restart the program",
            self.file
        );
        FileError::new(FileErrorKind::Other, message)
    }

    /// Has something looked at. If the thread has panicked it is dropped.
    pub fn send(&self, look: impl FnOnce(&Connection) + Send + 'static) {
        if let Some(looks) = &self.looks {
            // Whoever waits for the look hears that it was dropped.
            let _ = looks.send(Box::new(look));
        }
    }
}

/// Looks in one transaction, so that all that is seen belongs together.
pub fn at_once<T>(connection: &Connection, look: impl FnOnce(&Connection) -> Work<T>) -> Work<T> {
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
