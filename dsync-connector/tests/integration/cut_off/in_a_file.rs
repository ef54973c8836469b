//! Each write to a file is a point at which a future may be dropped.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use dsync_connector::{Connector, SqliteStore};
use dsync_core::testing::FakeClock;

use super::builder;
use crate::promises::working;
use crate::support::{Folder, Next, Reports, Scripted, assert_status, send, update};

fn connector(folder: &Folder, handler: &Scripted, reports: &Reports) -> Connector {
    builder(handler.clone())
        .inbox(SqliteStore::open(folder.0.join("connector.db")).unwrap())
        .reports(reports.clone())
        .clock(FakeClock::new())
        .build()
        .unwrap()
}

/// Drops a future after so many steps: a step is that it is polled, the next that it asks for it again.
/// Nothing if it did not come to its end.
async fn cut_off<T>(future: impl Future<Output = T>, mut steps: usize) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if steps == 0 {
            return Poll::Ready(None);
        }
        if let Poll::Ready(done) = future.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        steps -= 1;
        if steps == 0 {
            return Poll::Ready(None);
        }
        steps -= 1;
        Poll::Pending
    })
    .await
}

/// Fails if a promise is lost.
async fn assert_end(connector: &Connector, reports: &Reports, process: &str, steps: usize) {
    let working = working(connector, reports.wait_for_end(process));
    let end = tokio::time::timeout(Duration::from_secs(2), working).await;
    let promised = connector.promised();
    assert!(
        end.is_ok(),
        "no end after a drop at step {steps}, {promised} promised"
    );
}

#[tokio::test]
async fn a_request_may_be_cut_off_at_any_point() {
    let folder = Folder::new("cut-off-request");
    let (handler, reports) = (Scripted::default(), Reports::default());
    let connector = connector(&folder, &handler, &reports);
    let mut steps = 0;
    loop {
        steps += 1;
        let process = format!("p-{steps}");
        let request = update(&process, &format!("S-{steps}"), 1);
        handler.then([Next::Later("locked")]);
        let answer = cut_off(send(&connector, &request), steps).await;
        let tried = handler.log().len();
        // The platform asks again.
        let again = send(&connector, &request).await;
        match again.status().as_u16() {
            // It was not promised yet, but was tried.
            200 => assert!(tried > 0),
            _ => {
                assert_status(&again, 202);
                assert_end(&connector, &reports, &process, steps).await;
            }
        }
        if answer.is_some() {
            break;
        }
    }
    assert!(steps > 2, "it was never cut off while it was written");
}

#[tokio::test]
async fn work_may_be_cut_off_at_any_point() {
    let folder = Folder::new("cut-off-work");
    let (handler, reports) = (Scripted::default(), Reports::default());
    let connector = connector(&folder, &handler, &reports);
    let mut steps = 0;
    loop {
        steps += 1;
        let process = format!("p-{steps}");
        let request = update(&process, &format!("S-{steps}"), 1);
        handler.then([Next::Later("locked")]);
        assert_status(&send(&connector, &request).await, 202);
        let working = working(&connector, reports.wait_for_end(&process));
        let is_over = cut_off(working, steps).await.is_some();
        assert_end(&connector, &reports, &process, steps).await;
        if is_over {
            break;
        }
    }
    assert!(steps > 4, "it was never cut off while it was written");
}
