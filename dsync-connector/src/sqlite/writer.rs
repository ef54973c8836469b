//! The one thread that uses the file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use dsync_core::StateError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::database::Database;
use super::failure::Failure;
use super::file::{Lock, StateFile};

/// How many jobs one transaction takes: it bounds how long the first of them waits for the last.
const MOST_JOBS: usize = 256;

/// How many pages of the log are not in the file yet before they are brought there: four megabytes.
const MOST_PAGES: i64 = 1000;

/// The handles' end of the thread. With the last handle it ends.
pub(super) struct Writer {
    /// There until the drop.
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// Why the thread has ended before the handles.
    stopped: OnceLock<Failure>,
    commits: AtomicU64,
    /// Freed when the thread has closed the file, and no handle is left: who holds one still, holds
    /// what is promised in the file.
    _lock: Lock,
}

impl Writer {
    pub(super) fn start(file: StateFile) -> Result<Self, StateError> {
        let shared = Arc::new(Shared {
            path: file.path,
            stopped: OnceLock::new(),
            commits: AtomicU64::new(0),
            _lock: file.lock,
        });
        let (jobs, waiting) = mpsc::channel();
        let threads = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("dsync-state".to_owned())
            .spawn(move || run(file.connection, waiting, &threads))
            .map_err(|error| {
                StateError::new("there is no thread left for the state file").with_source(error)
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            shared,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// How many transactions were committed.
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Has something done in the file, and the answer given when the disk has confirmed it. The answer is
    /// dropped if the thread ends before.
    pub(super) fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database<'_>) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, StateError>) + Send + 'static,
    ) -> Result<(), StateError> {
        let job = Box::new(Task {
            work: Some(work),
            result: None,
            answer,
        });
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(|| self.stopped())
    }

    /// Why nothing is done any more.
    pub(super) fn stopped(&self) -> StateError {
        match self.shared.stopped.get() {
            Some(failure) => failure.later_error(),
            None => StateError::new(format!(
                "nothing is kept any more in the state file {}, since its thread has panicked: restart the program",
                self.shared.path.display()
            )),
        }
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

/// Something to be done in the file.
trait Job: Send {
    /// Does it, in a transaction that is not committed.
    fn run(&mut self, database: &mut Database<'_>) -> rusqlite::Result<()>;

    /// Says that its own part has failed, and is undone.
    fn fail(&mut self, failure: &Failure);

    /// Answers, after the commit or after it has failed.
    fn answer(self: Box<Self>, commit: Result<(), &Failure>);
}

struct Task<W, T, A> {
    work: Option<W>,
    result: Option<Result<T, StateError>>,
    answer: A,
}

impl<W, T, A> Job for Task<W, T, A>
where
    W: FnOnce(&mut Database<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
    A: FnOnce(Result<T, StateError>) + Send,
{
    fn run(&mut self, database: &mut Database<'_>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.result = Some(Ok(work(database)?));
        }
        Ok(())
    }

    fn fail(&mut self, failure: &Failure) {
        self.result = Some(Err(failure.error()));
    }

    fn answer(self: Box<Self>, commit: Result<(), &Failure>) {
        match (commit, self.result) {
            (Err(failure), _) => (self.answer)(Err(failure.error())),
            (Ok(()), Some(result)) => (self.answer)(result),
            // It was not run, so there was no commit: whoever waits hears that the thread is gone.
            (Ok(()), None) => {}
        }
    }
}

fn run(connection: Connection, jobs: Receiver<Box<dyn Job>>, shared: &Shared) {
    let outcome = work(&connection, &jobs, shared);
    drop(jobs);
    if let Err(failure) = outcome {
        tracing::error!(error = %failure.error(), "the state file is given up");
        // Closing would write the log into the file and delete it. It is the last that can be trusted.
        let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = kept {
            tracing::warn!(%error, "the log of the state file may be deleted");
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the state file was not closed properly");
    }
}

/// Works until no handle is left, or until there is no sense in it.
fn work(
    connection: &Connection,
    jobs: &Receiver<Box<dyn Job>>,
    shared: &Shared,
) -> Result<(), Failure> {
    let mut database = Database::new(connection);
    while let Ok(first) = jobs.recv() {
        let mut round = vec![first];
        round.extend(jobs.try_iter().take(MOST_JOBS - 1));

        let outcome = transact(&mut database, &mut round, &shared.path);
        match &outcome {
            Ok(()) => {
                shared.commits.fetch_add(1, Ordering::Relaxed);
            }
            // Before the answers, so that who calls again at once hears why.
            Err(failure) if failure.is_final() => drop(shared.stopped.set(failure.clone())),
            Err(_) => {}
        }
        for job in round {
            job.answer(outcome.as_ref().copied());
        }
        match outcome {
            Ok(()) => checkpoint(&mut database, shared)?,
            Err(failure) if failure.is_final() => return Err(failure),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Does jobs in one transaction. One that fails does not spoil the others, unless the transaction is gone.
fn transact(
    database: &mut Database<'_>,
    round: &mut [Box<dyn Job>],
    path: &Path,
) -> Result<(), Failure> {
    let outcome = try_transact(database, round, path);
    if outcome.is_err()
        && !database.connection.is_autocommit()
        && let Err(error) = database.execute("ROLLBACK", ())
    {
        return Err(Failure::of_sqlite(path, error).for_good());
    }
    outcome
}

fn try_transact(
    database: &mut Database<'_>,
    round: &mut [Box<dyn Job>],
    path: &Path,
) -> Result<(), Failure> {
    let failure = |error| Failure::of_sqlite(path, error);
    database.execute("BEGIN IMMEDIATE", ()).map_err(failure)?;
    for job in round {
        database.execute("SAVEPOINT job", ()).map_err(failure)?;
        if let Err(error) = job.run(database) {
            let failed = failure(error);
            if failed.is_final() || database.connection.is_autocommit() {
                return Err(failed);
            }
            database.execute("ROLLBACK TO job", ()).map_err(failure)?;
            job.fail(&failed);
        }
        database.execute("RELEASE job", ()).map_err(failure)?;
    }
    database.execute("COMMIT", ()).map_err(failure)?;
    Ok(())
}

/// Brings what is in the log into the file, when it has become long.
fn checkpoint(database: &mut Database<'_>, shared: &Shared) -> Result<(), Failure> {
    let state = database.first("PRAGMA wal_checkpoint(NOOP)", (), |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    });
    let done = match state {
        Ok(Some(pages)) if pages >= MOST_PAGES => {
            // A reader, an SQLite shell for instance, may hold it up: that is no error, and the next
            // commit tries again.
            database.first("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
        }
        Ok(_) => return Ok(()),
        Err(error) => Err(error),
    };
    let Err(error) = done else {
        return Ok(());
    };
    let failure = Failure::of_sqlite(&shared.path, error);
    if failure.is_final() {
        drop(shared.stopped.set(failure.clone()));
        return Err(failure);
    }
    tracing::warn!(error = %failure.error(), "the log of the state file grows");
    Ok(())
}
