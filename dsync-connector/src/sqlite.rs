//! The state of a connector in a SQLite file: what it was told, promised and sent, for programs that
//! restart.
//!
//! One thread writes. What waits for it is written in one transaction and then answered together, so that
//! many tasks share one confirmation of the disk.

mod database;
mod file;
mod processes;
mod promises;
mod schema;
mod state;
#[cfg(test)]
mod tests;
mod values;

use std::fmt::{self, Debug};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::wire::Report;
use dsync_core::{EntityState, OwnProcess, ProcessId, StateError, StateStore};
use dsync_sqlite::{FileError, Undo, Writer};
use http::StatusCode;
use tokio::sync::oneshot;

use self::database::Database;
use crate::inbox::{Fingerprint, Inbox, Keeping, KeptAnswer, KeptReport, Promise, Promised, Seen};

/// Keeps a connector's state in a SQLite file, for programs that restart: which entities are switched on,
/// the system's own changes, the processes that were carried out with their answers, what was promised,
/// and the reports that the platform has not accepted yet.
///
/// A clone is a handle of the same file. One goes to [`SystemState::open`](dsync_core::SystemState::open),
/// another to the connector as its [`Inbox`].
///
/// # What is kept, and when
///
/// An answer, of a future or of a call, comes when the disk has confirmed what it answers; a power cut or
/// `kill -9` afterwards loses none of it. The exception is [`StateStore::add_process`], which writes a
/// moment later. A write begins with the call and in the order of the calls; a future that is dropped does
/// not take it back.
///
/// Processes and own changes are forgotten after [`KEPT_FOR`](crate::KEPT_FOR), a few with each new one;
/// a process whose promise is not settled is remembered as long as the promise. A clock that is set back
/// makes nothing vanish. Promises and reports have a row of numbers each, and no number comes twice, not
/// even after a restart.
///
/// # The file
///
/// Beside it lie `-wal` and `-shm`, which belong to it while the program runs: copy it with SQLite's own
/// backup, or when the program has ended. `-lock` is held as long as a handle lives, because one program
/// uses one file; the operating system frees it when a program is killed. It can stay. All of it must be
/// on a local disk.
///
/// The bodies of promised changes and the answers to processes are in it as they came, the API key is
/// not: whoever may not read the records may not read the file.
///
/// # When it cannot be written
///
/// A full disk fails what is being written, and only that: with free space it goes on. When the disk does
/// not confirm a write, or the file turns out to be damaged, nobody knows what is on the disk; then every
/// call fails until the program is restarted.
///
/// # Examples
///
/// ```
/// use dsync_connector::SqliteStore;
/// use dsync_core::{Switch, SystemState};
///
/// # let folder = std::env::temp_dir().join(format!("dsync-store-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("connector.db");
/// let store = SqliteStore::open(&path)?;
/// let state = SystemState::open(store.clone())?;
/// state.set_switch("product", Switch::On)?;
///
/// // The program ends, and begins again.
/// drop((state, store));
/// let state = SystemState::open(SqliteStore::open(&path)?)?;
/// assert_eq!(state.entity("product").switch, Switch::On);
/// # drop(state);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SqliteStore(Arc<Writer>);

impl SqliteStore {
    /// Opens a file, or makes it where there is none. Its folder must exist.
    ///
    /// Blocks: the whole file is checked, which takes a moment for each hundred megabytes. A file of an
    /// older version is brought up to date. The last handle's drop blocks as well: what waits is written,
    /// and the file is closed.
    ///
    /// # Errors
    ///
    /// [`StateError`], with advice, if the folder is missing, if the file cannot be written, is in use by
    /// another program or by this one, is another program's, was written by a newer version, or is
    /// damaged. A damaged file is never begun anew.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_connector::SqliteStore;
    ///
    /// let error = SqliteStore::open("/no/such/folder/connector.db").unwrap_err();
    /// assert!(error.to_string().contains("the folder /no/such/folder does not exist"));
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let writer = file::open(path.as_ref()).map_err(state_error)?;
        Ok(Self(Arc::new(writer)))
    }

    /// Has something done in the file, and the answer given when the disk has confirmed it. The answer is
    /// dropped if the file is given up before.
    fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database<'_>) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, FileError>) + Send + 'static,
    ) -> Result<(), StateError> {
        let work = |connection: &_| Ok(work(&Database { connection })?);
        let sent = self.0.send(Undo::Savepoint, work, answer);
        sent.map_err(state_error)
    }

    /// What is done in the file, for those who can wait.
    fn keep<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Keeping<'_, T> {
        let (answer, answered) = oneshot::channel();
        // Whoever dropped the future does not want to hear; a writer that has stopped drops `answer`.
        let sent = self.send(work, |result| drop(answer.send(result)));
        Keeping::later(async move {
            sent?;
            let answer = answered.await.unwrap_or_else(|_| Err(self.0.stopped()));
            answer.map_err(state_error)
        })
    }

    /// What is done in the file, for those who cannot.
    fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StateError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(work, move |result| drop(answer.send(result)))?;
        let answer = answered.recv().unwrap_or_else(|_| Err(self.0.stopped()));
        answer.map_err(state_error)
    }
}

/// What is wrong with the file, as an error of the state.
fn state_error(error: FileError) -> StateError {
    let state = StateError::new(error.to_string());
    match error.cause() {
        Some(cause) => state.with_source(cause),
        None => state,
    }
}

impl Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.0.file().path())
            .field("commits", &self.0.commits())
            .finish_non_exhaustive()
    }
}

impl StateStore for SqliteStore {
    fn entities(&self) -> Result<Vec<(String, EntityState)>, StateError> {
        self.wait(|database: &Database<'_>| database.entities())
    }

    fn set_entity(&self, name: &str, state: &EntityState) -> Result<(), StateError> {
        let (name, state) = (name.to_owned(), state.clone());
        self.wait(move |database| database.set_entity(&name, &state))
    }

    fn add_process(&self, process: OwnProcess) -> Result<(), StateError> {
        let process_id = process.process_id.clone();
        self.send(
            move |database| database.add_own_process(&process),
            move |result| {
                if let Err(error) = result {
                    tracing::warn!(
                        %process_id,
                        %error,
                        "an own change is not remembered: its notification will not be recognised"
                    );
                }
            },
        )
    }

    fn process(&self, id: &ProcessId) -> Result<Option<OwnProcess>, StateError> {
        let id = id.clone();
        self.wait(move |database| database.own_process(&id))
    }

    fn complete_process(&self, id: &ProcessId, outcome: u16) -> Result<bool, StateError> {
        let id = id.clone();
        self.wait(move |database| database.complete_own_process(&id, outcome))
    }
}

impl Inbox for SqliteStore {
    fn promises(&self) -> Result<Vec<Promised>, StateError> {
        self.wait(|database: &Database<'_>| database.promises())
    }

    fn reports(&self) -> Result<Vec<KeptReport>, StateError> {
        self.wait(|database: &Database<'_>| database.reports())
    }

    fn seen<'a>(&'a self, id: &'a ProcessId, now: SystemTime) -> Keeping<'a, Option<Seen>> {
        let id = id.clone();
        self.keep(move |database| database.seen(&id, now))
    }

    fn seen_or_begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        now: SystemTime,
    ) -> Keeping<'a, Option<Seen>> {
        let id = id.clone();
        self.keep(move |database| {
            let seen = database.seen(&id, now)?;
            if seen.is_none() {
                database.begin_process(&id, request, 1, now)?;
            }
            Ok(seen)
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        attempt: u32,
        now: SystemTime,
    ) -> Keeping<'a, ()> {
        let id = id.clone();
        self.keep(move |database| database.begin_process(&id, request, attempt, now))
    }

    fn answer<'a>(
        &'a self,
        id: &'a ProcessId,
        status: StatusCode,
        body: &'a Bytes,
    ) -> Keeping<'a, ()> {
        let id = id.clone();
        let body = body.clone();
        self.keep(move |database| database.answer_process(&id, &KeptAnswer { status, body }))
    }

    fn forget<'a>(&'a self, id: &'a ProcessId) -> Keeping<'a, ()> {
        let id = id.clone();
        self.keep(move |database| database.forget_process(&id))
    }

    fn promise<'a>(
        &'a self,
        promise: &'a Promise,
        request: Fingerprint,
        answer: &'a KeptAnswer,
    ) -> Keeping<'a, u64> {
        let (promise, answer) = (promise.clone(), answer.clone());
        self.keep(move |database| database.promise(&promise, request, &answer))
    }

    fn promised(&self, number: u64) -> Keeping<'_, Option<Promise>> {
        self.keep(move |database| database.promised(number))
    }

    fn tried(&self, number: u64, attempts: u32, next: SystemTime) -> Keeping<'_, ()> {
        self.keep(move |database| database.tried(number, attempts, next))
    }

    fn settle<'a>(
        &'a self,
        number: u64,
        report: Option<&'a Report>,
        now: SystemTime,
    ) -> Keeping<'a, Option<u64>> {
        let report = report.cloned();
        self.keep(move |database| database.settle(number, report.as_ref(), now))
    }

    fn reported(&self, number: u64) -> Keeping<'_, ()> {
        self.keep(move |database| database.reported(number))
    }
}
