//! Requests, work and reports that are dropped at any point: nothing that was promised is lost.

#[cfg(feature = "sqlite")]
mod in_a_file;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dsync_connector::{Connector, ConnectorBuilder, Context, Handled, Handler, HandlerError};
use dsync_core::retry::RetryPolicy;
use dsync_core::wire::Report;
use dsync_core::{Reporter, Reporting};

use crate::support::{KEY, Next, Product, Reports, Scripted, assert_status, create, send};

fn builder(handler: impl Handler<Product>) -> ConnectorBuilder {
    Connector::builder(KEY)
        .entity::<Product>(handler)
        .switched_on(true)
        .retry(RetryPolicy::new().with_backoff(Duration::ZERO, Duration::ZERO))
}

/// Does not answer the first time.
#[derive(Clone, Default)]
struct Deaf(Arc<AtomicUsize>);

impl Reporter for Deaf {
    fn report<'a>(&'a self, _report: &'a Report) -> Reporting<'a> {
        Box::pin(async {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => std::future::pending().await,
                _ => Ok(()),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_report_that_is_cut_off_is_sent_again() {
    let (handler, deaf) = (Scripted::default(), Deaf::default());
    let connector = builder(handler.clone())
        .reports(deaf.clone())
        .build()
        .unwrap();
    handler.then([Next::Later("no")]);
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    for reports in [1, 2] {
        let some_time = Duration::from_secs(3);
        let ended = tokio::time::timeout(some_time, connector.work()).await;
        assert!(ended.is_err(), "work has no end");
        assert_eq!(deaf.0.load(Ordering::Relaxed), reports);
    }
}

/// Asks for a minute the first time.
struct InAMinute;

impl Handler<Product> for InAMinute {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        match context.attempt() {
            1 => Err(HandlerError::later("no").with_pause(Duration::from_secs(60))),
            _ => Ok(product.sku),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_leaves_its_alarm_to_another() {
    let reports = Reports::default();
    let connector = builder(InAMinute).reports(reports.clone()).build().unwrap();
    let worker = || {
        let connector = connector.clone();
        tokio::spawn(async move { connector.work().await })
    };
    let a_moment = || tokio::time::sleep(Duration::from_millis(50));
    let first = worker();
    a_moment().await;
    let second = worker();
    a_moment().await;
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    a_moment().await;
    first.abort();
    let told = tokio::time::timeout(Duration::from_secs(70), reports.wait_for(1)).await;
    assert!(told.is_ok(), "due for ten seconds, and nobody tries it");
    second.abort();
}
