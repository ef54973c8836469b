//! The sender against a store and a platform that do as they are told, on Tokio's paused time.

mod fake_carrier;
mod fake_store;
mod key_and_way;
mod leasing;
mod outcomes;
mod stopping;
mod store_faults;
mod trouble;

use std::time::Duration;

use dsync_core::wire::RealtimeRequest;
use tokio::time::Instant;

use self::fake_carrier::{FakeCarrier, Reply};
use self::fake_store::FakeStore;
use crate::{ChangeId, Event, Events, Outbox, SenderBuilder};

/// An outbox whose store and platform the test holds in its hands.
struct Scene {
    outbox: Outbox<FakeStore>,
    store: FakeStore,
    carrier: FakeCarrier,
    events: Events,
    began: Instant,
}

impl Scene {
    /// The platform answers by the record and the number of its attempt.
    fn new(reply: impl Fn(&str, u32) -> Reply + Send + Sync + 'static) -> Self {
        let store = FakeStore::new();
        let outbox = Outbox::builder().over(store.clone());
        Self {
            events: outbox.events(),
            outbox,
            store,
            carrier: FakeCarrier::new(reply),
            began: Instant::now(),
        }
    }

    fn sender(&self) -> SenderBuilder {
        self.outbox.sender(self.carrier.clone())
    }

    async fn put(&self, record: &str) -> ChangeId {
        let kept = self.outbox.send(update(record)).await.unwrap();
        kept.id().unwrap()
    }

    async fn put_many(&self, count: usize) {
        for number in 0..count {
            self.put(&format!("r-{number}")).await;
        }
    }

    async fn next(&mut self) -> Event {
        self.events.next().await.unwrap()
    }

    /// Events up to the first that fits, that one included.
    async fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.next().await;
            let is_it = fits(&event);
            seen.push(event);
            if is_it {
                return seen;
            }
        }
    }

    async fn until_delivered(&mut self, count: usize) {
        for _ in 0..count {
            self.until(|event| matches!(event, Event::Delivered { .. }))
                .await;
        }
    }

    fn passed(&self) -> Duration {
        self.began.elapsed()
    }
}

fn update(record: &str) -> RealtimeRequest {
    RealtimeRequest::update("shop-product-1".parse().unwrap(), "{}")
        .with_id(record.parse().unwrap(), "sku")
        .unwrap()
}

fn create(record: &str) -> RealtimeRequest {
    RealtimeRequest::create("shop-product-1".parse().unwrap(), "{}")
        .with_id(record.parse().unwrap(), "sku")
        .unwrap()
}

fn is_paused(event: &Event) -> bool {
    matches!(event, Event::Paused { .. })
}

fn is_resumed(event: &Event) -> bool {
    matches!(event, Event::Resumed)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
