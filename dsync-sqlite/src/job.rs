//! What the writer is given to do: work in the file, and an answer when it is committed.

use rusqlite::Connection;

use crate::{DataFile, FileError};

/// What a job comes to.
pub type Work<T> = Result<T, Fault>;

/// Why a job was not done. Whatever it has done is undone.
#[derive(Debug)]
pub enum Fault {
    /// SQLite has failed.
    Sqlite(rusqlite::Error),
    /// The job has an error of its own.
    File(FileError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl Fault {
    /// What it means for the file that it is about.
    #[must_use]
    pub fn into_error(self, file: &DataFile) -> FileError {
        match self {
            Self::Sqlite(error) => file.sqlite_error(error),
            Self::File(error) => error,
        }
    }
}

/// How a job that fails is undone, while others of its transaction go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// By a savepoint, which costs about as much as the third part of an insert.
    Savepoint,
    /// It leaves nothing behind when it fails.
    Itself,
}

/// Something to be done in the file.
pub(crate) trait Job: Send {
    fn undo(&self) -> Undo;

    /// Does it, in a transaction that is not committed.
    fn run(&mut self, connection: &Connection, file: &DataFile) -> Result<(), FileError>;

    /// Says that its own part has failed, and is undone.
    fn fail(&mut self, error: FileError);

    /// Answers, after the commit or after it has failed.
    fn answer(self: Box<Self>, commit: Result<(), &FileError>);
}

pub(crate) struct Task<W, T, A> {
    undo: Undo,
    work: Option<W>,
    result: Option<Result<T, FileError>>,
    answer: A,
}

impl<W, T, A> Task<W, T, A>
where
    Self: Job + 'static,
{
    pub(crate) fn job(undo: Undo, work: W, answer: A) -> Box<dyn Job> {
        Box::new(Self {
            undo,
            work: Some(work),
            result: None,
            answer,
        })
    }
}

impl<W, T, A> Job for Task<W, T, A>
where
    W: FnOnce(&Connection) -> Work<T> + Send,
    T: Send,
    A: FnOnce(Result<T, FileError>) + Send,
{
    fn undo(&self) -> Undo {
        self.undo
    }

    fn run(&mut self, connection: &Connection, file: &DataFile) -> Result<(), FileError> {
        if let Some(work) = self.work.take() {
            let result = work(connection).map_err(|fault| fault.into_error(file))?;
            self.result = Some(Ok(result));
        }
        Ok(())
    }

    fn fail(&mut self, error: FileError) {
        self.result = Some(Err(error));
    }

    fn answer(self: Box<Self>, commit: Result<(), &FileError>) {
        match (commit, self.result) {
            (Err(error), _) => (self.answer)(Err(error.clone())),
            (Ok(()), Some(result)) => (self.answer)(result),
            // It was not run, so there was no commit: whoever waits hears that the thread is gone.
            (Ok(()), None) => {}
        }
    }
}
