//! What a connector over a file remembers when its program starts again.

use std::path::Path;
use std::time::Duration;

use dsync_connector::{Connector, SqliteStore};
use dsync_core::retry::RetryPolicy;
use dsync_core::{Switch, SystemState};

use crate::promises::working;
use crate::support::{
    Folder, KEY, Next, Product, Reports, Scripted, assert_status, create, post, send, update,
};

fn start(folder: &Path, handler: &Scripted, reports: &Reports) -> Connector {
    let store = SqliteStore::open(folder.join("connector.db")).unwrap();
    Connector::builder(KEY)
        .entity::<Product>(handler.clone())
        .system_state(SystemState::open(store.clone()).unwrap())
        .inbox(store)
        .reports(reports.clone())
        .retry(RetryPolicy::new().with_backoff(Duration::ZERO, Duration::ZERO))
        .build()
        .unwrap()
}

#[tokio::test]
async fn jobs_answers_promises_and_reports_outlive_the_program() {
    let folder = Folder::new("restart-all");
    let (handler, reports) = (Scripted::default(), Reports::default());

    let first = start(&folder.0, &handler, &reports);
    let job = post(&first, "/entity/product/set_job", r#"{"job_id":"j-1"}"#).await;
    assert_status(&job, 200);
    let answer = send(&first, &create("p-1", "S-1")).await;
    assert_status(&answer, 201);
    handler.then([Next::Later("locked")]);
    let later = send(&first, &update("p-2", "S-1", 2)).await;
    assert_status(&later, 202);
    drop(first);

    let second = start(&folder.0, &handler, &reports);
    assert_eq!(second.state().entity("product").switch, Switch::On);
    assert_eq!(
        send(&second, &create("p-1", "S-1")).await.body(),
        answer.body()
    );
    assert_eq!(
        send(&second, &update("p-2", "S-1", 2)).await.body(),
        later.body()
    );
    assert_status(&send(&second, &update("p-1", "S-1", 2)).await, 400);
    // The promise still goes first.
    assert_status(&send(&second, &update("p-3", "S-1", 3)).await, 202);
    assert_eq!(second.promised(), 2);
    drop(second);

    let third = start(&folder.0, &handler, &reports);
    // The first last report is not accepted, and the program ends once more.
    reports.refuse([false; 3]);
    working(&third, async {
        reports.wait_for(2).await;
    })
    .await;
    drop(third);

    let told = reports.seen().len();
    let fourth = start(&folder.0, &handler, &reports);
    working(&fourth, reports.wait_for(told + 2)).await;
    let mut last = reports.seen()[told..].to_vec();
    last.sort();
    let data = r#"{"sku":"S-1"}"#;
    assert_eq!(
        last,
        [format!("p-2 200 OK {data}"), format!("p-3 200 OK {data}")]
    );
    assert_eq!(
        handler.log(),
        [
            "create S-1 #1",
            "update to 2 S-1 #1",
            "update to 2 S-1 #2",
            "update to 3 S-1 #1"
        ]
    );
    assert_eq!(fourth.promised(), 0);
}

#[tokio::test]
async fn an_attempt_that_the_program_did_not_outlive_counts() {
    let folder = Folder::new("restart-attempt");
    let (handler, reports) = (Scripted::default(), Reports::default());
    let first = start(&folder.0, &handler, &reports);
    assert_status(
        &post(&first, "/entity/product/set_job", r#"{"job_id":"j-1"}"#).await,
        200,
    );
    handler.then([Next::Hang]);
    let request = create("p-1", "S-1");
    tokio::select! {
        _ = send(&first, &request) => unreachable!("the handler never ends"),
        () = async {
            while handler.log().is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    drop(first);

    let second = start(&folder.0, &handler, &reports);
    assert_status(&send(&second, &create("p-1", "S-1")).await, 201);
    assert_eq!(handler.log(), ["create S-1 #1", "create S-1 #2"]);
}
