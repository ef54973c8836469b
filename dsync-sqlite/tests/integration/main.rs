//! The writer on a table of its own: what it promises.

#![expect(
    clippy::unwrap_used,
    reason = "a test's panic is its report, in helpers too"
)]

mod promises;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dsync_sqlite::{DataFile, Fault, FileError, Undo, Words, Writer};
use rusqlite::Connection;

static WORDS: Words = Words {
    noun: "diary",
    contents: "its pages",
    library: "diaries",
    thread: "diary",
};

/// What a job or a look answers.
type Answer = Receiver<Result<(), FileError>>;

fn file(folder: &tempfile::TempDir) -> DataFile {
    DataFile::find(&folder.path().join("diary.db"), &WORDS).unwrap()
}

fn open(folder: &tempfile::TempDir) -> Writer {
    let file = file(folder);
    let connection = file.open().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS page (text TEXT);
             CREATE TABLE IF NOT EXISTS author (name TEXT PRIMARY KEY);
             CREATE TABLE IF NOT EXISTS note (author TEXT REFERENCES author (name)
                 DEFERRABLE INITIALLY DEFERRED)",
        )
        .unwrap();
    file.keep_log(&connection).unwrap();
    connection
        .pragma_update(None, "foreign_keys", true)
        .unwrap();
    Writer::start(file, connection, None).unwrap()
}

fn change(
    writer: &Writer,
    act: impl FnOnce(&Connection) -> Result<(), Fault> + Send + 'static,
) -> Answer {
    let (answer, answered) = channel();
    let give = move |result| drop(answer.send(result));
    writer.send(Undo::Itself, act, give).unwrap();
    answered
}

fn look(
    writer: &Writer,
    act: impl FnOnce(&Connection) -> Result<(), Fault> + Send + 'static,
) -> Answer {
    let (answer, answered) = channel();
    writer
        .look(act, move |result| drop(answer.send(result)))
        .unwrap();
    answered
}

fn write(writer: &Writer, text: &'static str) -> Answer {
    change(writer, move |connection| {
        connection.execute("INSERT INTO page VALUES (?1)", [text])?;
        Ok(())
    })
}

/// Keeps a transaction open until the sender is dropped.
fn held_up(writer: &Writer) -> (Sender<()>, Answer) {
    let (release, released) = channel::<()>();
    let (begin, begun) = channel();
    let answer = change(writer, move |_| {
        begin.send(()).unwrap();
        let _ = released.recv();
        Ok(())
    });
    begun.recv().unwrap();
    (release, answer)
}

fn pages(folder: &tempfile::TempDir) -> Vec<String> {
    let connection = Connection::open(folder.path().join("diary.db")).unwrap();
    let mut statement = connection.prepare("SELECT text FROM page").unwrap();
    let pages = statement.query_map((), |row| row.get(0)).unwrap();
    pages.collect::<Result<_, _>>().unwrap()
}

fn not_synced() -> Fault {
    let code = rusqlite::ffi::SQLITE_IOERR_FSYNC;
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into()
}

fn soon(answer: &Answer) -> Result<(), FileError> {
    answer.recv_timeout(Duration::from_secs(3)).unwrap()
}
