//! Outbox, store and sender together.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use dsync_core::retry::RetryPolicy;
use dsync_core::wire::{Answer, RealtimeRequest};
use dsync_core::{Carried, Carrier, Carrying, EntityId, KeyCheck};
use dsync_outbox::rusqlite::Connection;
use dsync_outbox::{
    Claim, Ending, Filter, MemoryStore, Outbox, OutboxStore, SqliteStore, StoreErrorKind,
};
use http::Response;

type Answering = dyn Fn(&RealtimeRequest, u32) -> Carried + Send + Sync;

/// A platform that answers by the request and by how many came before it.
struct By(Box<Answering>, AtomicU32);

impl By {
    fn new(f: impl Fn(&RealtimeRequest, u32) -> Carried + Send + Sync + 'static) -> Self {
        Self(Box::new(f), AtomicU32::new(0))
    }
}

impl Carrier for By {
    fn carry<'a>(&'a self, request: &'a RealtimeRequest) -> Carrying<'a> {
        Box::pin(async move { (self.0)(request, self.1.fetch_add(1, Ordering::SeqCst)) })
    }
    fn has_new_key(&self) -> KeyCheck<'_> {
        Box::pin(async { false })
    }
}

fn answer(status: u16) -> Carried {
    let body =
        format!(r#"{{"status":{status},"message":"m","detail":[],"data":{{"process_id":"p"}}}}"#);
    let mut response = Response::new(body.into_bytes().into());
    *response.status_mut() = status.try_into().unwrap();
    let answer = Answer::decode(response);
    let status = answer.status();
    if status.is_success() {
        Carried::Accepted(answer)
    } else {
        Carried::Refused { status, answer }
    }
}

fn update(record: &str, body: &str) -> RealtimeRequest {
    RealtimeRequest::update("shop-product-1".parse().unwrap(), body.to_owned())
        .with_id(record.parse().unwrap(), "sku")
        .unwrap()
}

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    (folder, path)
}

#[tokio::test]
async fn flush_takes_any_deadline() {
    let outbox = Outbox::builder().over(MemoryStore::new());
    outbox.send(update("a", "{}")).await.unwrap();
    let sender = outbox
        .sender(By::new(|_, _| answer(200)))
        .spawn()
        .await
        .unwrap();
    let flushed = outbox.flush(Duration::MAX).await.unwrap();
    assert_eq!(flushed.pending, 0);
    sender.stop().await.unwrap();
}

/// A deadline counts from the first attempt: an attempt that was none, for want of a key, is none.
async fn no_key<S: OutboxStore>(outbox: Outbox<S>) {
    let id = outbox.send(update("a", "{}")).await.unwrap().id().unwrap();
    let began = Instant::now();
    let later = Arc::new(AtomicU32::new(0));
    let sender = outbox
        .sender(By::new(move |_, _| {
            if began.elapsed() < Duration::from_millis(1500) {
                Carried::NoAuthToken("sealed".into())
            } else if later.fetch_add(1, Ordering::SeqCst) == 0 {
                answer(503)
            } else {
                answer(200)
            }
        }))
        .retry(
            RetryPolicy::new()
                .with_max_attempts(100)
                .with_deadline(Duration::from_secs(1))
                .with_backoff(Duration::from_millis(1), Duration::from_millis(2)),
        )
        .spawn()
        .await
        .unwrap();
    let ending = outbox.ended(id).await.unwrap();
    assert!(matches!(ending, Ending::Delivered { .. }), "{ending:?}");
    sender.stop().await.unwrap();
}

#[tokio::test]
async fn a_deadline_does_not_count_from_what_was_no_attempt_in_memory() {
    no_key(Outbox::builder().over(MemoryStore::new())).await;
}

#[tokio::test]
async fn a_deadline_does_not_count_from_what_was_no_attempt_in_a_file() {
    let (_folder, path) = file();
    no_key(Outbox::open(path).unwrap()).await;
}

/// Whoever retries a letter that has used up its attempts expects the policy to begin anew.
#[tokio::test]
async fn a_letter_that_is_retried_is_not_given_up_at_once() {
    let (_folder, path) = file();
    let outbox = Outbox::open(path).unwrap();
    let id = outbox.send(update("a", "{}")).await.unwrap().id().unwrap();
    let policy = RetryPolicy::new()
        .with_max_attempts(3)
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2));
    let sender = outbox
        .sender(By::new(|_, before| {
            answer(if before < 4 { 503 } else { 200 })
        }))
        .retry(policy)
        .spawn()
        .await
        .unwrap();
    let ending = outbox.ended(id).await.unwrap();
    assert!(matches!(ending, Ending::Dead { .. }), "{ending:?}");
    outbox.retry(id).await.unwrap();
    let ending = outbox.ended(id).await.unwrap();
    assert!(matches!(ending, Ending::Delivered { .. }), "{ending:?}");
    sender.stop().await.unwrap();
}

/// One who asks for the lease and goes away does not take it from the next one.
#[tokio::test]
async fn a_lease_that_was_asked_for_and_dropped_takes_none_away() {
    let (_folder, path) = file();
    let first = SqliteStore::open(&path).unwrap();
    let second = SqliteStore::open(&path).unwrap();
    let other = first.connect().unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    {
        let mut asking = pin!(first.lease());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(asking.as_mut().poll(&mut cx).is_pending());
    }
    // Its lock is held until its number is written, which the transaction holds up.
    let refused = second.lease().await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Leased);
    other.execute_batch("ROLLBACK").unwrap();
    let begun = Instant::now();
    let mut lease = loop {
        match second.lease().await {
            Ok(lease) => break lease,
            Err(error) if begun.elapsed() > Duration::from_secs(5) => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let claim = Claim {
        limit: 1,
        elapsed: Duration::ZERO,
        now: std::time::SystemTime::now(),
    };
    let advanced = lease.advance(Vec::new(), claim).await;
    assert!(advanced.is_ok(), "{advanced:?}");
}

#[tokio::test]
async fn a_savepoint_that_is_taken_back_takes_its_changes_along() {
    let (_folder, path) = file();
    let outbox = Outbox::open(path).unwrap();
    let mut connection = outbox.connect().unwrap();
    let mut transaction = connection.transaction().unwrap();
    let put = |connection: &Connection, record, json| {
        let within = outbox.enqueue_in(connection).unwrap();
        within.send(update(record, json))
    };
    put(&transaction, "a", "{}").unwrap();
    let savepoint = transaction.savepoint().unwrap();
    put(&savepoint, "b", "{}").unwrap();
    drop(savepoint);
    assert!(put(&transaction, "c", "[]").is_err(), "it is no record");
    put(&transaction, "d", "{}").unwrap();
    transaction.commit().unwrap();

    let left = outbox.list(Filter::Open, None, 10).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|it| it.record.unwrap()).collect();
    assert_eq!(
        left.iter().map(EntityId::as_str).collect::<Vec<_>>(),
        ["a", "d"]
    );
}

#[tokio::test]
async fn a_handle_that_outlives_its_transaction_keeps_nothing() {
    let (_folder, path) = file();
    let outbox = Outbox::open(path).unwrap();
    let connection = outbox.connect().unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let within = outbox.enqueue_in(&connection).unwrap();
    connection.execute_batch("ROLLBACK").unwrap();
    assert!(within.send(update("a", "{}")).is_err());
    assert_eq!(outbox.counts().await.unwrap().pending, 0);
}

/// The record and the news of it, or neither: also where SQLite itself takes the record back.
#[tokio::test]
async fn no_news_of_what_sqlite_has_rolled_back_itself() {
    let (_folder, path) = file();
    let outbox = Outbox::open(path).unwrap();
    let mut c = outbox.connect().unwrap();
    c.execute_batch(
        "CREATE TABLE product (sku TEXT PRIMARY KEY); INSERT INTO product VALUES ('a')",
    )
    .unwrap();
    let t = c.transaction().unwrap();
    let news = outbox.enqueue_in(&t).unwrap();
    t.execute("INSERT INTO product VALUES ('b')", ()).unwrap();
    let known = t.execute("INSERT OR ROLLBACK INTO product VALUES ('a')", ());
    assert!(known.is_err());
    assert!(
        news.send(update("b", "{}")).is_err(),
        "b is not in the table, but the news of it is kept"
    );
    assert!(t.commit().is_err());
    assert_eq!(outbox.counts().await.unwrap().pending, 0);
}

#[tokio::test]
async fn a_spoiled_row_holds_up_nobody_else() {
    let (_folder, path) = file();
    let outbox = Outbox::open(path).unwrap();
    let spoiled = outbox.send(update("a", "{}")).await.unwrap().id().unwrap();
    let other = outbox.send(update("b", "{}")).await.unwrap().id().unwrap();
    let sql = "UPDATE dsync_outbox_change SET idempotency_key = '' WHERE number = ?1";
    let connection = outbox.connect().unwrap();
    connection.execute(sql, [spoiled.number()]).unwrap();
    let sender = outbox
        .sender(By::new(|_, _| answer(200)))
        .spawn()
        .await
        .unwrap();
    let flushed = outbox.flush(Duration::from_secs(20)).await.unwrap();
    assert_eq!((flushed.pending, flushed.dead), (0, 1));
    let unlisted = outbox.list(Filter::Dead, None, 10).await.unwrap_err();
    assert!(
        unlisted
            .to_string()
            .starts_with(&format!("the change {spoiled} ")),
        "{unlisted}"
    );
    let ended = outbox.ended(other).await.unwrap();
    assert!(matches!(ended, Ending::Delivered { .. }), "{ended:?}");
    outbox.drop(spoiled).await.unwrap();
    assert_eq!(outbox.counts().await.unwrap().dead, 0);
    sender.stop().await.unwrap();
}
