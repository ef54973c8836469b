//! What the writer promises, one test each.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use dsync_sqlite::{Fault, FileError, FileErrorKind, Undo, Writer};
use rusqlite::Connection;

use super::{change, file, held_up, look, not_synced, open, pages, soon, write};

/// The commit is what says so, not the program's end: another connection sees it.
#[test]
fn an_answer_finds_the_change_committed() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let other = Connection::open(folder.path().join("diary.db")).unwrap();
    let (answer, answered) = channel();
    writer
        .send(
            Undo::Itself,
            |connection| Ok(connection.execute("INSERT INTO page VALUES ('a')", ())?),
            move |_| {
                let seen = other.query_row("SELECT count(*) FROM page", (), |row| row.get(0));
                answer.send(seen).unwrap();
            },
        )
        .unwrap();
    assert_eq!(answered.recv().unwrap(), Ok(1_i64));
}

#[test]
fn who_hears_of_a_failed_sync_and_asks_at_once_hears_why() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Arc::new(open(&folder));
    let (answer, answered) = channel();
    let asked = Arc::clone(&writer);
    writer
        .send(
            Undo::Itself,
            |_| -> Result<(), _> { Err(not_synced()) },
            move |_| answer.send(asked.check()).unwrap(),
        )
        .unwrap();
    let error = answered.recv().unwrap().unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::NotSynced);
    assert!(error.to_string().starts_with("nothing is kept any more"));
}

#[test]
fn a_look_waits_for_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let (release, first) = held_up(&writer);
    let (later, released) = channel::<()>();
    let looked = look(&writer, |_| Ok(()));
    // It keeps the transaction open behind the look.
    let second = change(&writer, move |_| {
        let _ = released.recv_timeout(Duration::from_secs(10));
        Ok(())
    });
    drop(release);
    soon(&looked).unwrap();
    assert!(first.try_recv().is_err() && second.try_recv().is_err());
    drop(later);
    soon(&first).unwrap();
    soon(&second).unwrap();
}

#[test]
fn a_transaction_takes_so_many_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let (release, first) = held_up(&writer);
    let all: Vec<_> = (0..600).map(|_| write(&writer, "a")).collect();
    drop(release);
    soon(&first).unwrap();
    for answer in &all {
        soon(answer).unwrap();
    }
    assert_eq!(writer.commits(), 3, "601 of them, up to 256 at once");
}

#[test]
fn after_it_was_given_up_from_outside_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    writer.give_up(&FileError::new(FileErrorKind::NotSynced, "on purpose"));
    assert!(soon(&write(&writer, "a")).is_err());
    drop(writer);
    assert!(pages(&folder).is_empty());
}

#[test]
fn a_look_that_meets_a_failed_sync_gives_the_file_up() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    assert!(soon(&look(&writer, |_| Err(not_synced()))).is_err());
    assert!(writer.check().is_err());
    assert!(soon(&write(&writer, "a")).is_err());
}

#[test]
fn a_commit_that_fails_fails_all_and_leaves_no_transaction_open() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let (release, first) = held_up(&writer);
    let beside = write(&writer, "beside");
    // The commit finds it.
    let failing = change(&writer, |connection| {
        connection.execute("INSERT INTO note VALUES ('nobody')", ())?;
        Ok(())
    });
    drop(release);
    assert!(soon(&first).is_err() && soon(&beside).is_err() && soon(&failing).is_err());
    soon(&write(&writer, "after")).unwrap();
    drop(writer);
    assert_eq!(pages(&folder), ["after"]);
}

#[test]
fn one_that_fails_halfway_is_undone_and_its_neighbours_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let (release, _first) = held_up(&writer);
    let before = write(&writer, "before");
    let (answer, failed) = channel();
    writer
        .send(
            Undo::Savepoint,
            |connection| -> Result<(), Fault> {
                connection.execute("INSERT INTO page VALUES ('half')", ())?;
                Err(FileError::refused("on purpose").into())
            },
            move |result| answer.send(result).unwrap(),
        )
        .unwrap();
    let after = write(&writer, "after");
    drop(release);
    soon(&before).unwrap();
    assert_eq!(soon(&failed).unwrap_err().to_string(), "on purpose");
    soon(&after).unwrap();
    drop(writer);
    assert_eq!(pages(&folder), ["before", "after"]);
}

#[test]
fn a_panic_takes_back_what_was_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let (release, first) = held_up(&writer);
    let before = write(&writer, "before");
    drop(change(&writer, |_| panic!("on purpose")));
    let after = write(&writer, "after");
    drop(release);
    for answer in [first, before, after] {
        assert!(answer.recv().is_err(), "there is no answer");
    }
    assert!(writer.stopped().to_string().contains("has panicked"));
    drop(writer);
    assert!(pages(&folder).is_empty());
}

/// Whoever can lock it finds it closed.
#[test]
fn the_lock_is_freed_when_the_file_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    let file = file(&folder);
    let connection = file.open().unwrap();
    file.keep_log(&connection).unwrap();
    let lock = file.lock("-lock").unwrap().unwrap();
    let writer = Arc::new(Writer::start(file.clone(), connection, Some(lock)).unwrap());
    let (handle, (release, released)) = (Arc::clone(&writer), channel::<()>());
    let (dropped, is_dropped) = channel();
    writer
        .send(
            Undo::Itself,
            |_| Ok(()),
            move |_: Result<(), _>| {
                let _ = released.recv();
                // The last handle, on the thread that still has to close the file.
                drop(handle);
                dropped.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            },
        )
        .unwrap();
    drop(writer);
    drop(release);
    is_dropped.recv().unwrap();
    assert!(file.lock("-lock").unwrap().is_none(), "it is open still");
    let begun = Instant::now();
    while file.lock("-lock").unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(3));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!folder.path().join("diary.db-wal").exists());
}

#[test]
fn damage_that_a_job_meets_is_final() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let damaged = change(&writer, |_| {
        let code = rusqlite::ffi::SQLITE_CORRUPT;
        Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into())
    });
    let error = soon(&damaged).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Damaged);
    assert_eq!(writer.check().unwrap_err().kind(), FileErrorKind::Damaged);
}

/// All wait at the same time for the same lock, not one after the other.
#[test]
fn who_waits_for_a_locked_file_waits_once() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let other = Connection::open(folder.path().join("diary.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let all: Vec<_> = (0..4).map(|_| write(&writer, "a")).collect();
    for answer in all {
        let error = answer.recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::Busy);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(12),
        "{:?}",
        begun.elapsed()
    );
}

/// SQLite ends a transaction by itself with some errors. What comes next is not part of it, but is committed
/// alone, and its caller hears the opposite.
#[test]
fn what_comes_after_the_end_of_a_transaction_is_not_kept_behind_its_callers_back() {
    for is_look in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let writer = open(&folder);
        let (release, _first) = held_up(&writer);
        let end = |connection: &Connection| Ok(connection.execute_batch("ROLLBACK")?);
        let _ended = if is_look {
            look(&writer, end)
        } else {
            change(&writer, end)
        };
        let after = write(&writer, "after");
        drop(release);
        let is_kept = soon(&after).is_ok();
        drop(writer);
        assert_eq!(is_kept, !pages(&folder).is_empty(), "look: {is_look}");
    }
}

#[test]
fn a_transaction_is_not_committed_when_the_file_is_given_up_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    let (release, first) = held_up(&writer);
    let looked = look(&writer, |_| Err(not_synced()));
    drop(release);
    assert!(soon(&looked).is_err());
    assert!(soon(&first).is_err());
    assert_eq!(writer.commits(), 0);
}

#[test]
fn a_file_that_was_given_up_is_not_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    writer.give_up(&FileError::new(FileErrorKind::NotSynced, "on purpose"));
    assert!(soon(&look(&writer, |_| Ok(()))).is_err());
}

/// Whoever has its answer finds it counted.
#[test]
fn commits_are_counted_before_the_answers() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder);
    for number in 1..=300 {
        soon(&write(&writer, "a")).unwrap();
        assert_eq!(writer.commits(), number);
    }
}
