//! The race that every client with kept connections loses now and then: the server closes one while a
//! request is on its way. Was the change carried out or not? Only a name for the change helps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dsync::prelude::*;
use dsync::retry::RetryPolicy;
use dsync::testing::FakeClock;
use dsync_hub::Hub;
use serde::Serialize;

use crate::support::fault_proxy::{Fault, FaultProxy};

/// Without a primary key, so that the hub has nothing but the change's name to tell two creates apart.
#[derive(Serialize, DsyncEntity)]
#[dsync(entity_token = "shop-reading-1")]
struct Reading {
    number: u32,
}

const CREATES: u32 = 20_000;
const IN_FLIGHT: u32 = 32;

async fn hub() -> Hub {
    let layout = DataLayout::builder().entity::<Reading>().build().unwrap();
    Hub::builder().data_layout(layout).start().await.unwrap()
}

/// Closes one connection in eight at the worst moment, and loses one answer in fifty, in the sequence
/// of a fixed seed. Which request meets which, the runtime decides.
fn proxy(hub: &Hub) -> FaultProxy {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    FaultProxy::start(hub.local_addr(), move |_| {
        // Xorshift: any sequence without a pattern does.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 100 {
            0..12 => Fault::CloseIdle,
            12..14 => Fault::DropAnswer,
            _ => Fault::Forward,
        }
    })
}

/// Runs `send` for each number, so many at once, and counts how often it fails.
async fn failures<F>(send: impl Fn(u32) -> F + Clone + Send + 'static) -> u32
where
    F: Future<Output = Result<(), String>> + Send,
{
    let next = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (next, send) = (next.clone(), send.clone());
            tokio::spawn(async move {
                let mut failed = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= CREATES {
                        return failed;
                    }
                    if send(number).await.is_err() {
                        failed += 1;
                    }
                }
            })
        })
        .collect();
    let mut failed = 0;
    for task in tasks {
        failed += task.await.unwrap();
    }
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_create_is_lost_and_none_happens_twice() {
    let hub = hub().await;
    let proxy = proxy(&hub);
    let clock = FakeClock::new();
    let client = Client::builder(hub.auth_token().expose())
        .realtime_url(proxy.url())
        .clock(clock.clone())
        // With five attempts, the default, one create in 20,000 may meet the race five times on a busy
        // machine. And 32 at once sleep on one clock, where the pauses of all count for each.
        .retry(
            RetryPolicy::new()
                .with_max_attempts(10)
                .with_deadline(Duration::MAX),
        )
        .build()
        .unwrap();
    // One before the others, which asks for the key: on a clock that waits for nothing, who has to wait until
    // another has asked has waited too long.
    client.create(&Reading { number: CREATES }).await.unwrap();
    let failed = failures(move |number| {
        let client = client.clone();
        async move {
            let sent = client.create(&Reading { number }).await;
            sent.map(drop).map_err(|error| error.to_string())
        }
    })
    .await;
    assert_eq!(failed, 0, "creates that the caller was told had failed");
    assert_eq!(hub.changes(), u64::from(CREATES + 1));
    assert_eq!(hub.records("reading").len(), CREATES as usize + 1);
    // The race was there at all.
    assert!(clock.sleeps().len() > 1_000, "{}", clock.sleeps().len());
}

/// The same without what this client does: it shows that the test above tests something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_client_loses_the_race() {
    let hub = hub().await;
    let proxy = proxy(&hub);
    let client = dsync::reqwest::Client::new();
    let (url, key) = (proxy.url().to_owned(), hub.auth_token().expose().to_owned());
    let failed = failures(move |number| {
        let request = client
            .post(&url)
            .header("auth-token", &key)
            .header("entity-token", Reading::layout().entity_token())
            .header("content-type", "application/json")
            .body(format!(r#"{{"number":{number}}}"#));
        async move {
            let answer = request.send().await.map_err(|error| error.to_string())?;
            answer.bytes().await.map_err(|error| error.to_string())?;
            Ok(())
        }
    })
    .await;
    assert!(failed >= CREATES / 20, "only {failed} of {CREATES}");
}
