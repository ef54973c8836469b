//! Changes in a transaction of the program's own.

use rusqlite::Connection;

use super::*;
use crate::StoreErrorKind;

#[test]
fn they_are_kept_by_the_commit_and_not_without_it() {
    let folder = folder();
    let store = open(folder.path());
    let mut connection = store.connect().unwrap();
    connection
        .execute_batch("CREATE TABLE product (sku TEXT)")
        .unwrap();

    for is_kept in [false, true] {
        let transaction = connection.transaction().unwrap();
        transaction
            .execute("INSERT INTO product VALUES ('a')", ())
            .unwrap();
        store.check_transaction(&transaction).unwrap();
        store.add_in(&transaction, &update("a", "{}")).unwrap();
        assert_eq!(block_on(store.counts(None)).unwrap().pending, 0);
        if is_kept {
            transaction.commit().unwrap();
        } else {
            transaction.rollback().unwrap();
        }
    }
    assert_eq!(block_on(store.counts(None)).unwrap().pending, 1);
    let products: i64 = connection
        .query_row("SELECT count(*) FROM product", (), |row| row.get(0))
        .unwrap();
    assert_eq!(products, 1);
}

#[test]
fn the_sender_sees_them_after_the_commit() {
    let folder = folder();
    let store = open(folder.path());
    let mut lease = block_on(store.lease()).unwrap();
    assert!(ids(&advance(&mut *lease, vec![], claim(9))).is_empty());
    let mut connection = store.connect().unwrap();
    let transaction = connection.transaction().unwrap();
    store.add_in(&transaction, &update("a", "{}")).unwrap();
    assert!(!block_on(lease.has_news()).unwrap());
    transaction.commit().unwrap();
    assert!(block_on(lease.has_news()).unwrap());
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [1]);
}

#[test]
fn a_connection_whose_commit_means_less_is_refused() {
    let folder = folder();
    let store = open(folder.path());
    let refused = |connection: &Connection, word: &str| {
        let error = store.check_transaction(connection).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains(word), "{error}");
    };
    let connection = store.connect().unwrap();
    refused(&connection, "begin one");

    for level in ["OFF", "NORMAL"] {
        let connection = store.connect().unwrap();
        connection
            .pragma_update(None, "synchronous", level)
            .unwrap();
        connection.execute_batch("BEGIN").unwrap();
        refused(&connection, "synchronous = FULL");
    }
    let other = Connection::open(folder.path().join("other.db")).unwrap();
    other.execute_batch("BEGIN").unwrap();
    refused(&other, "not one to the outbox");
    let memory = Connection::open_in_memory().unwrap();
    memory.execute_batch("BEGIN").unwrap();
    refused(&memory, "not one to the outbox");
}

#[test]
fn the_database_of_a_program_keeps_its_own_tables() {
    let folder = folder();
    let path = folder.path().join("shop.db");
    let own = Connection::open(&path).unwrap();
    own.execute_batch("CREATE TABLE product (sku TEXT); PRAGMA user_version = 7;")
        .unwrap();
    drop(own);
    let store = open(folder.path());
    add(&store, update("a", "{}"));
    let own = store.connect().unwrap();
    let version: i64 = own
        .query_row("PRAGMA user_version", (), |row| row.get(0))
        .unwrap();
    assert_eq!(version, 7);
    assert!(
        own.prepare("SELECT sku FROM product")
            .unwrap()
            .query(())
            .is_ok()
    );
}

#[test]
fn one_that_fails_halfway_leaves_nothing_of_itself() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, update("a", "1"));
    let connection = store.connect().unwrap();
    connection
        .execute_batch(
            "CREATE TEMP TRIGGER stop BEFORE INSERT ON main.dsync_outbox_ended
             BEGIN SELECT raise(ABORT, 'on purpose'); END;
             BEGIN IMMEDIATE",
        )
        .unwrap();
    store.add_in(&connection, &update("a", "2")).unwrap_err();
    connection.execute_batch("COMMIT").unwrap();
    let counts = block_on(store.counts(None)).unwrap();
    assert_eq!(counts.pending, 1);
}

#[test]
fn a_transaction_that_has_read_too_early_is_told_how_to_begin() {
    let folder = folder();
    let store = open(folder.path());
    let connection = store.connect().unwrap();
    connection.execute_batch("BEGIN").unwrap();
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))
        .unwrap();
    add(&store, update("a", "1"));
    let error = store.add_in(&connection, &update("b", "1")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(error.to_string().contains("BEGIN IMMEDIATE"), "{error}");
}
