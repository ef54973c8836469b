//! What is reported, or cannot be, holds up nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dsync_connector::{Connector, ConnectorBuilder, Context, Handled, Handler, HandlerError};
use dsync_core::retry::RetryPolicy;
use dsync_core::wire::Report;
use dsync_core::{Reporter, Reporting, Update};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::promises::working;
use crate::support::{KEY, Next, Product, Reports, Scripted, assert_status, create, send, update};

fn builder(handler: impl Handler<Product>) -> ConnectorBuilder {
    Connector::builder(KEY)
        .entity::<Product>(handler)
        .switched_on(true)
}

const AT_ONCE: RetryPolicy = RetryPolicy::new().with_backoff(Duration::ZERO, Duration::ZERO);

/// Panics the first time.
#[derive(Clone, Default)]
struct Panics {
    asked: Arc<AtomicUsize>,
    again: Arc<Notify>,
}

impl Reporter for Panics {
    fn report<'a>(&'a self, _report: &'a Report) -> Reporting<'a> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(asked > 0, "on purpose");
        self.again.notify_one();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_panics_is_asked_again_and_ends_no_server() {
    let (handler, reporter) = (Scripted::default(), Panics::default());
    let connector = builder(handler.clone())
        .reports(reporter.clone())
        .retry(AT_ONCE)
        .build()
        .unwrap();
    handler.then([Next::Later("no")]);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = connector.serve(listener, std::future::pending());
    let again = tokio::time::timeout(Duration::from_secs(10), reporter.again.notified());
    tokio::select! {
        () = serving => unreachable!("nobody ends the server"),
        again = again => assert!(again.is_ok(), "not asked again"),
    }
}

/// Does not answer.
struct Deaf;

impl Reporter for Deaf {
    fn report<'a>(&'a self, _report: &'a Report) -> Reporting<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_does_not_answer_holds_up_no_promise() {
    let handler = Scripted::default();
    let connector = builder(handler.clone())
        .reports(Deaf)
        .retry(AT_ONCE)
        .build()
        .unwrap();
    let promises = async {
        // The first has to wait twice, which the platform is to hear before it is tried again.
        handler.then([Next::Later("no"), Next::Later("no")]);
        // More than are reported on at a time.
        for n in 0..40 {
            let change = create(&format!("p-{n}"), &format!("S-{n}"));
            assert_status(&send(&connector, &change).await, 202);
            tokio::time::sleep(Duration::from_millis(30)).await;
            handler.then([Next::Later("no")]);
        }
    };
    working(&connector, promises).await;
    assert_eq!(connector.promised(), 1);
}

/// Carries out the second try of an update, and never a create.
struct Reluctant;

impl Handler<Product> for Reluctant {
    type Id = String;

    async fn create(&self, _: &Context, _: Product) -> Handled<String> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(HandlerError::later("no"))
    }

    async fn update(&self, context: &Context, _: &String, _: Update<Product>) -> Handled<()> {
        match context.attempt() {
            1 => Err(HandlerError::later("no")),
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn last_reports_are_sent_while_others_are_tried_without_end() {
    let reports = Reports::default();
    let endless = AT_ONCE
        .with_max_attempts(u32::MAX)
        .with_deadline(Duration::from_secs(3600));
    let connector = builder(Reluctant)
        .reports(reports.clone())
        .retry(endless)
        .build()
        .unwrap();
    assert_status(&send(&connector, &update("good", "S", 1)).await, 202);
    // More than are tried at a time.
    for n in 0..40 {
        let change = create(&format!("p-{n}"), &format!("S-{n}"));
        assert_status(&send(&connector, &change).await, 202);
    }
    let told = async {
        let mut count = 1;
        while !(reports.wait_for(count).await.iter()).any(|line| line.starts_with("good 200 ")) {
            count += 1;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(2), working(&connector, told)).await;
    assert!(told.is_ok(), "{} others", reports.seen().len());
}
