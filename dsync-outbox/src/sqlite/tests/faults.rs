//! What fails, and what becomes of others.

use std::error::Error as _;
use std::task::{Context, Waker};

use dsync_sqlite::Undo;
use rusqlite::Connection;

use super::*;
use crate::StoreErrorKind;

fn limit(connection: &Connection, more: i64) -> rusqlite::Result<()> {
    let now: i64 = connection.query_row("PRAGMA page_count", (), |row| row.get(0))?;
    connection.pragma_update_and_check(None, "max_page_count", now + more, |_| Ok(()))
}

/// Its neighbours fit.
#[test]
fn one_that_does_not_fit_on_the_disk_spoils_nobody() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    block_on(store.write(Undo::Savepoint, |connection| Ok(limit(connection, 20)?))).unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let busy = move |_: &Connection| {
        let _ = released.recv();
        Ok(())
    };
    store.0.writer.send(Undo::Itself, busy, |_| ()).unwrap();
    let all = [("b", 10), ("c", 1_000_000), ("d", 10)];
    let mut all = all.map(|(record, length)| store.add(raw(record, &"x".repeat(length))));
    for adding in &mut all {
        let poll = adding
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending());
    }
    drop(release);
    let all = all.map(|adding| block_on(adding).map(drop).map_err(|error| error.kind()));
    assert_eq!(all, [Ok(()), Err(StoreErrorKind::Full), Ok(())]);
}

/// Who puts a change in a savepoint of its own wants to go on without it.
#[test]
fn one_that_does_not_fit_on_the_disk_leaves_the_programs_transaction() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    let connection = store.connect().unwrap();
    limit(&connection, 20).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let large = raw("b", &"x".repeat(1_000_000));
    let error = store.add_in(&connection, &large).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert!(!connection.is_autocommit(), "it has ended");
}

/// A trigger of the program's own: the outbox may be its database.
#[test]
fn what_is_missing_elsewhere_is_named() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    let connection = store.connect().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE audit (who TEXT NOT NULL);
             CREATE TRIGGER audited AFTER INSERT ON dsync_outbox_change
             BEGIN INSERT INTO audit VALUES (NULL); END",
        )
        .unwrap();
    let error = block_on(store.add(raw("b", "{}"))).unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("audit.who"), "{cause}");
}

/// What a transaction remembers in memory may be every page of the table.
#[test]
fn many_are_retried_in_parts() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    block_on(store.write(Undo::Itself, |connection| {
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
             INSERT INTO dsync_outbox_change
             SELECT NULL, 1, 'r' || i, 1 + i % 2, 1, 0, 0, 'k' || i, NULL, NULL, 1, x'' FROM n",
            (),
        )?;
        Ok(())
    }))
    .unwrap();
    let before = store.0.writer.commits();
    assert_eq!(block_on(store.retry_all()).unwrap(), 2500);
    assert_eq!(store.0.writer.commits() - before, 4);
    assert_eq!(block_on(store.counts(None)).unwrap().dead, 0);
}

/// Changes are kept all the same, so it does not say that they are not.
#[test]
fn a_panic_of_whoever_looks_is_told_as_such() {
    let folder = folder();
    let store = open(folder.path());
    let error = block_on(
        store
            .0
            .read(|_| -> super::super::Work<()> { panic!("on purpose") }),
    );
    let error = error.unwrap_err();
    assert!(
        error.to_string().starts_with("nothing is seen any more"),
        "{error}"
    );
    add(&store, raw("a", "{}"));
}

/// A thread that looks in has met what the writer would have.
#[test]
fn damage_that_is_seen_gives_the_store_up() {
    let folder = folder();
    let store = open(folder.path());
    let code = rusqlite::ffi::SQLITE_CORRUPT;
    let damaged = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
    let seen = block_on(store.0.read(move |_| Err::<(), _>(damaged.into())));
    assert_eq!(seen.unwrap_err().kind(), StoreErrorKind::Damaged);
    let error = block_on(store.add(raw("a", "{}"))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    assert!(store.connect().is_err());
}
