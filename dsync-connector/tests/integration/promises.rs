//! 202 and after.

use std::future::Future;
use std::time::Duration;

use dsync_connector::{Connector, ConnectorBuilder};
use dsync_core::Clock;
use dsync_core::retry::RetryPolicy;
use dsync_core::testing::FakeClock;

use futures_util::FutureExt;

use crate::support::{
    KEY, Next, Product, Reports, Scripted, assert_status, create, delete, message, send, update,
};

fn connector(handler: &Scripted, reports: &Reports, clock: &FakeClock) -> Connector {
    built(Connector::builder(KEY), handler, reports, clock)
}

fn built(
    builder: ConnectorBuilder,
    handler: &Scripted,
    reports: &Reports,
    clock: &FakeClock,
) -> Connector {
    builder
        .entity::<Product>(handler.clone())
        .switched_on(true)
        .reports(reports.clone())
        .clock(clock.clone())
        .build()
        .unwrap()
}

/// Lets the connector work until something else is done.
pub(crate) async fn working<T>(connector: &Connector, until: impl Future<Output = T>) -> T {
    tokio::select! {
        () = connector.work() => unreachable!("work has no end"),
        done = until => done,
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_carried_out_now_is_carried_out_later_and_reported() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let connector = connector(&handler, &reports, &clock);
    handler.then([Next::Later("no stock"), Next::Later("no stock yet")]);

    let answer = send(&connector, &create("p-1", "S-1")).await;
    assert_status(&answer, 202);
    assert_eq!(message(&answer), "kept, to be carried out later: no stock");
    assert_eq!(connector.promised(), 1);

    let seen = working(&connector, reports.wait_for(2)).await;
    assert_eq!(
        seen,
        ["p-1 202 no stock yet", r#"p-1 201 OK {"sku":"S-1"}"#]
    );
    assert_eq!(
        handler.log(),
        ["create S-1 #1", "create S-1 #2", "create S-1 #3"]
    );
    assert_eq!(connector.promised(), 0);
    // The same process again: its answer, and nothing is carried out.
    let again = send(&connector, &create("p-1", "S-1")).await;
    assert_eq!(again.body(), answer.body());
    assert_eq!(handler.log().len(), 3);
}

#[tokio::test]
async fn a_record_that_waits_is_not_overtaken_and_others_do_not_wait() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let connector = connector(&handler, &reports, &clock);
    handler.then([Next::Later("locked")]);

    assert_status(&send(&connector, &update("p-1", "S-1", 1)).await, 202);
    assert_status(&send(&connector, &update("p-2", "S-1", 2)).await, 202);
    assert_status(&send(&connector, &delete("p-3", "S-1")).await, 202);
    assert_status(&send(&connector, &update("p-4", "S-2", 4)).await, 200);
    assert_eq!(handler.log(), ["update to 1 S-1 #1", "update to 4 S-2 #1"]);

    handler.then([Next::Later("still locked")]);
    working(&connector, reports.wait_for(4)).await;
    assert_eq!(
        handler.log()[2..],
        [
            "update to 1 S-1 #2",
            "update to 1 S-1 #3",
            "update to 2 S-1 #1",
            "delete S-1 #1"
        ]
    );
    // From now on at once again.
    assert_status(&send(&connector, &create("p-5", "S-1")).await, 201);
}

#[tokio::test]
async fn a_create_that_waits_holds_the_updates_of_its_record() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let connector = connector(&handler, &reports, &clock);
    handler.then([Next::Later("no stock")]);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    assert_status(&send(&connector, &update("p-2", "S-1", 2)).await, 202);
    working(&connector, reports.wait_for(2)).await;
    assert_eq!(
        handler.log(),
        ["create S-1 #1", "create S-1 #2", "update to 2 S-1 #1"]
    );
}

#[tokio::test]
async fn what_is_refused_or_never_works_is_reported_as_500_and_lets_the_next_pass() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let policy = RetryPolicy::new().with_max_attempts(3);
    let connector = built(
        Connector::builder(KEY).retry(policy),
        &handler,
        &reports,
        &clock,
    );
    handler.then([Next::Later("locked"), Next::Refused("it is sold")]);
    assert_status(&send(&connector, &update("p-1", "S-1", 1)).await, 202);
    assert_status(&send(&connector, &update("p-2", "S-1", 2)).await, 202);
    handler.then([Next::Later("a"), Next::Failed("secret"), Next::Panic]);
    let mut seen = working(&connector, reports.wait_for(4)).await;
    // Of two processes no report waits for the other's.
    seen.sort_by_key(|line| line[..3].to_owned());
    let failed = "the connector failed at this request: its log has more";
    assert_eq!(
        seen,
        [
            "p-1 500 it is sold".to_owned(),
            "p-2 202 a".to_owned(),
            format!("p-2 202 {failed}"),
            format!("p-2 500 {failed}"),
        ]
    );
    assert_eq!(connector.promised(), 0);
}

#[tokio::test]
async fn a_last_report_is_sent_until_it_is_accepted_and_a_progress_report_once() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let connector = connector(&handler, &reports, &clock);
    handler.then([Next::Later("a"), Next::Later("b")]);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    // The one of progress, and three times the last.
    reports.refuse([false, false, false]);
    let seen = working(&connector, reports.wait_for(4)).await;
    let last = r#"p-1 201 OK {"sku":"S-1"}"#;
    assert_eq!(seen, ["p-1 202 b", last, last, last]);

    handler.then([Next::Later("a")]);
    assert_status(&send(&connector, &create("p-2", "S-2")).await, 202);
    // The platform does not know the process any more.
    reports.refuse([true]);
    working(&connector, async {
        reports.wait_for(5).await;
        tokio::task::yield_now().await;
    })
    .await;
    assert_eq!(reports.seen().len(), 5);
}

#[tokio::test]
async fn pauses_grow_and_a_handler_may_ask_for_more() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let policy = RetryPolicy::new()
        .with_backoff(Duration::from_secs(1), Duration::from_secs(60))
        .with_deadline(Duration::from_secs(600));
    let connector = built(
        Connector::builder(KEY).retry(policy),
        &handler,
        &reports,
        &clock,
    );
    handler.then((0..4).map(|_| Next::Later("no")));
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    working(&connector, reports.wait_for(4)).await;
    let slept: Duration = clock.sleeps().iter().sum();
    assert!(slept <= Duration::from_secs(1 + 2 + 4 + 8), "{slept:?}");
    assert_eq!(clock.elapsed(), slept);
}

#[tokio::test]
async fn work_that_is_dropped_in_a_try_is_taken_up_again() {
    let (handler, reports) = (Scripted::default(), Reports::default());
    let connector = Connector::builder(KEY)
        .entity::<Product>(handler.clone())
        .switched_on(true)
        .reports(reports.clone())
        .retry(RetryPolicy::new().with_backoff(Duration::ZERO, Duration::ZERO))
        .build()
        .unwrap();
    handler.then([Next::Later("no"), Next::Hang]);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    // As far as it comes without waiting.
    assert_eq!(connector.work().now_or_never(), None);
    assert_eq!(handler.log().len(), 2);
    let seen = working(&connector, reports.wait_for(1)).await;
    assert_eq!(seen, [r#"p-1 201 OK {"sku":"S-1"}"#]);
    assert_eq!(
        handler.log(),
        ["create S-1 #1", "create S-1 #2", "create S-1 #3"]
    );
    assert_eq!(connector.promised(), 0);
}

/// Tokio's own time stands still but for those who wait.
#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_is_ended() {
    let (handler, reports, clock) = (Scripted::default(), Reports::default(), FakeClock::new());
    let limit = Duration::from_secs(7);
    let connector = built(
        Connector::builder(KEY).handler_timeout(limit),
        &handler,
        &reports,
        &clock,
    );
    handler.then([Next::Hang]);
    let began = tokio::time::Instant::now();
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 500);
    assert_eq!(began.elapsed(), limit);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 201);
    assert_eq!(handler.log(), ["create S-1 #1", "create S-1 #2"]);
}
