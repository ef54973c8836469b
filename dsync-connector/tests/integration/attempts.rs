//! How often something is tried, and when.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_connector::{
    Connector, ConnectorBuilder, Context, Fingerprint, Handled, Handler, HandlerError, Inbox,
    KeptAnswer, MemoryInbox, Promise,
};
use dsync_core::retry::RetryPolicy;
use dsync_core::testing::FakeClock;
use dsync_core::{Clock, Sleeping};
use futures_util::FutureExt;
use http::StatusCode;

use crate::promises::working;
use crate::support::{
    KEY, Next, Product, Reports, Scripted, assert_status, create, post, send, update,
};

fn builder(handler: impl Handler<Product>, reports: &Reports) -> ConnectorBuilder {
    Connector::builder(KEY)
        .entity::<Product>(handler)
        .switched_on(true)
        .reports(reports.clone())
}

#[tokio::test]
async fn a_refusal_after_a_failure_does_not_begin_the_count_again() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let connector = builder(handler.clone(), &reports).build().unwrap();
    // The first takes effect before it fails, so the second finds what it is to create.
    handler.then([Next::Failed("secret"), Next::Refused("there is one")]);
    for status in [500, 400, 201] {
        assert_status(&send(&connector, &create("p-1", "S-1")).await, status);
    }
    assert_eq!(
        handler.log(),
        ["create S-1 #1", "create S-1 #2", "create S-1 #3"]
    );
}

/// Asks for an hour the first time.
struct InAnHour;

impl Handler<Product> for InAnHour {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        match context.attempt() {
            1 => Err(HandlerError::later("no").with_pause(Duration::from_secs(3600))),
            _ => Ok(product.sku),
        }
    }
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_kept_and_a_promise_is_tried_after_it() {
    let (reports, clock) = (Reports::default(), FakeClock::new());
    let connector = builder(InAnHour, &reports)
        .clock(clock.clone())
        .retry(RetryPolicy::new().with_deadline(Duration::from_secs(600)))
        .build()
        .unwrap();
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    let seen = working(&connector, reports.wait_for(1)).await;
    assert_eq!(seen, [r#"p-1 201 OK {"sku":"S-1"}"#]);
    assert!(clock.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn what_the_program_outlives_no_time_is_given_up_in_the_end() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let policy = RetryPolicy::new()
        .with_max_attempts(3)
        .with_backoff(Duration::ZERO, Duration::ZERO);
    let connector = builder(handler.clone(), &reports)
        .retry(policy)
        .build()
        .unwrap();
    handler.then([Next::Later("no")]);
    handler.then((0..20).map(|_| Next::Hang));
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    for _ in 0..20 {
        assert_eq!(connector.work().now_or_never(), None);
    }
    assert_eq!(handler.log().len(), 3);
    assert_eq!(
        reports.seen(),
        ["p-1 500 the connector failed at this request: its log has more"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_try_that_the_program_does_not_outlive_has_its_pause() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let policy = RetryPolicy::new()
        .with_max_attempts(100)
        .with_backoff(Duration::from_secs(60), Duration::from_secs(60))
        .with_deadline(Duration::from_secs(86_400));
    let connector = builder(handler.clone(), &reports)
        .retry(policy)
        .build()
        .unwrap();
    handler.then([Next::Later("no")]);
    handler.then((0..20).map(|_| Next::Hang));
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    for tries in [2, 3] {
        tokio::time::advance(Duration::from_secs(60)).await;
        for _ in 0..10 {
            assert_eq!(connector.work().now_or_never(), None);
        }
        assert_eq!(handler.log().len(), tries);
    }
}

/// The system's date can be set.
#[derive(Clone, Debug)]
struct Settable {
    date: Arc<Mutex<SystemTime>>,
    began: tokio::time::Instant,
}

impl Clock for Settable {
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn now(&self) -> SystemTime {
        *self.date.lock().unwrap() + self.elapsed()
    }

    fn sleep(&self, pause: Duration) -> Sleeping<'_> {
        Box::pin(tokio::time::sleep(pause))
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_no_longer_when_the_date_is_set_back() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let clock = Settable {
        date: Arc::new(Mutex::new(SystemTime::now())),
        began: tokio::time::Instant::now(),
    };
    let pause = Duration::from_millis(10);
    let connector = builder(handler.clone(), &reports)
        .clock(clock.clone())
        .retry(RetryPolicy::new().with_backoff(pause, pause))
        .build()
        .unwrap();
    handler.then([Next::Later("no")]);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    *clock.date.lock().unwrap() -= Duration::from_secs(86_400);
    working(&connector, reports.wait_for(1)).await;
    assert!(clock.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_promise_waits_a_day_at_most_where_the_date_was_set_back_before_the_start() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let (inbox, request) = (MemoryInbox::new(), update("p-1", "S-1", 1));
    let fingerprint = Fingerprint::of("product", &request);
    let in_a_year = clock.now() + Duration::from_secs(365 * 86_400);
    let promise = Promise {
        entity: "product".to_owned(),
        request,
        lanes: Vec::new(),
        attempts: 1,
        since: in_a_year,
        next: in_a_year,
    };
    let answer = KeptAnswer {
        status: StatusCode::ACCEPTED,
        body: Bytes::new(),
    };
    inbox.promise(&promise, fingerprint, &answer).await.unwrap();
    let connector = builder(handler, &reports)
        .inbox(inbox)
        .clock(clock.clone())
        .build()
        .unwrap();
    let seen = working(&connector, reports.wait_for(1)).await;
    assert_eq!(seen, [r#"p-1 200 OK {"sku":"S-1"}"#]);
    assert!(clock.elapsed() <= Duration::from_secs(86_400));
}

#[tokio::test]
async fn a_promise_that_waited_for_another_has_its_own_time() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let pause = Duration::from_secs(10);
    let policy = RetryPolicy::new()
        .with_max_attempts(1000)
        .with_backoff(pause, pause)
        .with_deadline(10 * pause);
    let connector = builder(handler.clone(), &reports)
        .clock(FakeClock::new())
        .retry(policy)
        .build()
        .unwrap();
    handler.then((0..2000).map(|_| Next::Later("no")));
    for (process, price) in [("p-1", 1), ("p-2", 2)] {
        assert_status(&send(&connector, &update(process, "S-1", price)).await, 202);
    }
    working(&connector, async {
        while connector.promised() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Pauses are ten seconds at most, so in 100 seconds there are nine tries at least.
    for change in ["update to 1", "update to 2"] {
        let log = handler.log();
        let tries = log.iter().filter(|line| line.starts_with(change)).count();
        assert!(tries >= 9, "{change}: {tries}");
    }
}

#[tokio::test]
async fn what_was_promised_is_carried_out_although_the_entity_is_switched_off_meanwhile() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let connector = builder(handler.clone(), &reports)
        .clock(FakeClock::new())
        .build()
        .unwrap();
    handler.then([Next::Later("no")]);
    assert_status(&send(&connector, &update("p-1", "S-1", 1)).await, 202);
    let off = post(&connector, "/entity/product/set_job", "{}").await;
    assert_status(&off, 200);
    assert_status(&send(&connector, &update("p-2", "S-1", 2)).await, 406);
    let seen = working(&connector, reports.wait_for(1)).await;
    assert_eq!(seen, [r#"p-1 200 OK {"sku":"S-1"}"#]);
    assert_eq!(handler.log(), ["update to 1 S-1 #1", "update to 1 S-1 #2"]);
}
