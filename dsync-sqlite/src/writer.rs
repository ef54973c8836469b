//! The one thread that writes: many calls share a commit, and so a sync of the disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::job::{Job, Task};
use crate::{DataFile, FileError, FileErrorKind, Lock, Undo, Work};

/// How many messages one transaction takes: it bounds how long the first of them waits for the last.
const MOST_JOBS: usize = 256;

/// How many pages of the log are not in the file yet before they are brought there: four megabytes.
/// A longer log brings fewer pages there twice, but to write where a file ends makes its syncs slower.
const MOST_PAGES: i64 = 1000;

/// The handles' end of the thread. With the last handle it ends, when all that was called is written.
#[derive(Debug)]
pub struct Writer {
    /// There until the drop.
    jobs: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: DataFile,
    /// Why the thread has ended before the handles.
    stopped: OnceLock<FileError>,
    commits: AtomicU64,
    /// Freed when the thread has closed the file, and no handle is left.
    _lock: Option<Lock>,
}

impl Shared {
    /// Whether the file can still be used.
    fn check(&self) -> Result<(), FileError> {
        match self.stopped.get() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

/// A job for the thread.
enum Message {
    /// It changes the file, in a transaction.
    Change(Box<dyn Job>),
    /// It does not, and waits for nobody.
    Look(Box<dyn Job>),
}

impl Writer {
    /// Starts the thread, on a connection of the file, which [has its log](DataFile::keep_log). A lock is held
    /// as long as the file is open.
    ///
    /// # Errors
    ///
    /// [`FileError`] if there is no thread left, or the connection is no good.
    pub fn start(
        file: DataFile,
        connection: Connection,
        lock: Option<Lock>,
    ) -> Result<Self, FileError> {
        // What a savepoint remembers, the pages that a job changes, would be a file that is made and deleted
        // each time. A job that changes them all is to be done in parts.
        connection
            .pragma_update(None, "temp_store", "MEMORY")
            .map_err(|error| file.sqlite_error(error))?;
        let shared = Arc::new(Shared {
            file,
            stopped: OnceLock::new(),
            commits: AtomicU64::new(0),
            _lock: lock,
        });
        let (jobs, waiting) = mpsc::channel();
        let threads = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(shared.file.words().thread.to_owned())
            .spawn(move || run(connection, waiting, &threads))
            .map_err(|error| {
                let message = format!("there is no thread left for {}", shared.file);
                FileError::new(FileErrorKind::Other, message).with_source(error)
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            shared,
        })
    }

    /// Has something done in the file, and the answer given when the disk has confirmed it. The answer is
    /// dropped if the thread ends before.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the thread has ended.
    pub fn send<T: Send + 'static>(
        &self,
        undo: Undo,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
        answer: impl FnOnce(Result<T, FileError>) + Send + 'static,
    ) -> Result<(), FileError> {
        self.give(Message::Change(Task::job(undo, work, answer)))
    }

    /// Has something looked at by the connection that makes the changes. It waits for no commit: what it
    /// sees of the file's rows may be taken back.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the thread has ended.
    pub fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
        answer: impl FnOnce(Result<T, FileError>) + Send + 'static,
    ) -> Result<(), FileError> {
        self.give(Message::Look(Task::job(Undo::Itself, work, answer)))
    }

    fn give(&self, message: Message) -> Result<(), FileError> {
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(message).ok())
            .ok_or_else(|| self.stopped())
    }

    /// The file that it writes.
    #[must_use]
    pub fn file(&self) -> &DataFile {
        &self.shared.file
    }

    /// How many transactions were committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Why nothing is done any more.
    #[must_use]
    pub fn stopped(&self) -> FileError {
        match self.shared.stopped.get() {
            Some(error) => error.later(),
            None => FileError::new(
                FileErrorKind::Other,
                format!(
                    "nothing is kept any more in {}, since its thread has panicked: restart the program",
                    self.shared.file
                ),
            ),
        }
    }

    /// Whether the file can still be used.
    ///
    /// # Errors
    ///
    /// Why it is given up.
    pub fn check(&self) -> Result<(), FileError> {
        self.shared.check().map_err(|error| error.later())
    }

    /// Gives the file up: a transaction of the program's own has met what the thread would have.
    pub fn give_up(&self, error: &FileError) {
        drop(self.shared.stopped.set(error.clone()));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        // An answer may have woken what held the last handle, on the thread itself. A panic was
        // printed when it happened.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join());
        }
    }
}

fn run(connection: Connection, jobs: Receiver<Message>, shared: &Shared) {
    let outcome = work(&connection, &jobs, shared);
    drop(jobs);
    if let Err(error) = outcome {
        tracing::error!(%error, "{} is given up", shared.file);
    }
    if shared.stopped.get().is_some() {
        // Closing would write the log into the file and delete it. It is the last that can be trusted.
        let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = kept {
            tracing::warn!(%error, "the log of {} may be deleted", shared.file);
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "{} was not closed properly", shared.file);
    }
}

/// Works until no handle is left, or until there is no sense in it.
fn work(
    connection: &Connection,
    jobs: &Receiver<Message>,
    shared: &Shared,
) -> Result<(), FileError> {
    let mut round = Vec::with_capacity(MOST_JOBS);
    while let Ok(first) = jobs.recv() {
        let outcome = transact(connection, first, jobs, &mut round, shared);
        let is_commit = outcome.is_ok() && !round.is_empty();
        // Both before the answers, so that who has one finds it so.
        if is_commit {
            shared.commits.fetch_add(1, Ordering::Relaxed);
        }
        if let Err(error) = &outcome
            && error.is_final()
        {
            drop(shared.stopped.set(error.clone()));
        }
        for job in round.drain(..) {
            job.answer(outcome.as_ref().copied());
        }
        shared.check()?;
        if is_commit {
            checkpoint(connection, shared)?;
        }
    }
    Ok(())
}

fn look(connection: &Connection, mut job: Box<dyn Job>, shared: &Shared) {
    if let Err(error) = shared.check() {
        return job.answer(Err(&error.later()));
    }
    if let Err(error) = job.run(connection, &shared.file) {
        if error.is_final() {
            drop(shared.stopped.set(error.clone()));
        }
        job.fail(error);
    }
    job.answer(Ok(()));
}

/// Does jobs in one transaction: a first one, and those that come until it is full or nobody has more. All
/// that change something are in the round afterwards, to be answered. One that fails does not spoil the others,
/// unless the transaction is gone.
fn transact(
    connection: &Connection,
    first: Message,
    jobs: &Receiver<Message>,
    round: &mut Vec<Box<dyn Job>>,
    shared: &Shared,
) -> Result<(), FileError> {
    let outcome = try_transact(connection, first, jobs, round, shared);
    if outcome.is_err()
        && !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        // What would be committed next is not known.
        let error = shared.file.sqlite_error(error);
        return Err(FileError::new(FileErrorKind::NotSynced, error.to_string()).with_source(error));
    }
    outcome
}

fn try_transact(
    connection: &Connection,
    first: Message,
    jobs: &Receiver<Message>,
    round: &mut Vec<Box<dyn Job>>,
    shared: &Shared,
) -> Result<(), FileError> {
    let messages = std::iter::once(first).chain(jobs.try_iter());
    for message in messages.take(MOST_JOBS) {
        match message {
            Message::Look(job) => look(connection, job, shared),
            Message::Change(job) => {
                round.push(job);
                shared.check()?;
                if round.len() == 1 {
                    begin(connection, jobs, round, shared)?;
                }
                if let Some(job) = round.last_mut() {
                    run_job(connection, job.as_mut(), &shared.file)?;
                }
            }
        }
        if !round.is_empty() && connection.is_autocommit() {
            // What comes next would be committed alone.
            let message = format!(
                "{} has not kept it: its transaction has ended before",
                shared.file
            );
            return Err(FileError::new(FileErrorKind::Other, message));
        }
    }
    if round.is_empty() {
        return Ok(());
    }
    shared.check()?;
    execute(connection, "COMMIT").map_err(|error| shared.file.sqlite_error(error))
}

fn begin(
    connection: &Connection,
    jobs: &Receiver<Message>,
    round: &mut Vec<Box<dyn Job>>,
    shared: &Shared,
) -> Result<(), FileError> {
    execute(connection, "BEGIN IMMEDIATE").map_err(|error| {
        // Who has come meanwhile has waited for the same, which may have been seconds.
        for message in jobs.try_iter().take(MOST_JOBS) {
            match message {
                Message::Look(job) => look(connection, job, shared),
                Message::Change(job) => round.push(job),
            }
        }
        shared.file.sqlite_error(error)
    })
}

fn run_job(connection: &Connection, job: &mut dyn Job, file: &DataFile) -> Result<(), FileError> {
    let failed = |error| file.sqlite_error(error);
    let has_savepoint = job.undo() == Undo::Savepoint;
    if has_savepoint {
        execute(connection, "SAVEPOINT dsync_job").map_err(failed)?;
    }
    if let Err(error) = job.run(connection, file) {
        if error.is_final() || connection.is_autocommit() {
            return Err(error);
        }
        if has_savepoint {
            execute(connection, "ROLLBACK TO dsync_job").map_err(failed)?;
        }
        job.fail(error);
    }
    if has_savepoint {
        execute(connection, "RELEASE dsync_job").map_err(failed)?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

/// Brings what is in the log into the file, when it has become long.
fn checkpoint(connection: &Connection, shared: &Shared) -> Result<(), FileError> {
    let pages = |sql| -> rusqlite::Result<i64> {
        connection
            .prepare_cached(sql)?
            .query_row((), |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    };
    let done = match pages("PRAGMA wal_checkpoint(NOOP)") {
        // A reader, an SQLite shell for instance, may hold it up: that is no error, and the next commit
        // tries again.
        Ok(left) if left >= MOST_PAGES => pages("PRAGMA wal_checkpoint(PASSIVE)"),
        other => other,
    };
    let Err(error) = done else {
        return Ok(());
    };
    let error = shared.file.sqlite_error(error);
    if error.is_final() {
        drop(shared.stopped.set(error.clone()));
        return Err(error);
    }
    tracing::warn!(%error, "the log of {} grows", shared.file);
    Ok(())
}
