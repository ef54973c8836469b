//! What a review has found: each was red once.

use std::time::{Duration, Instant};

use dsync_sqlite::{FileError, FileErrorKind};
use rusqlite::Connection;

use super::{change, held_up, look, not_synced, open, pages, soon, write};

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
