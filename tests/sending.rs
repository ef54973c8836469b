//! A client, a network that breaks, and a hub: every fault ends in success or in the documented error,
//! and nothing happens twice. Pauses pass on a fake clock.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dsync::prelude::*;
use dsync::retry::{RetryPolicy, Stop};
use dsync::testing::FakeClock;
use dsync::{AuthToken, Error, InvalidAuthToken, Receipt};
use dsync_hub::Hub;
use serde::Serialize;

use crate::support::fault_proxy::{Fault, FaultProxy, response};

#[derive(Serialize, DsyncEntity)]
#[dsync(entity_token = "shop-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    price: u32,
}

/// Without a primary key: a create that happens twice is two records.
#[derive(Serialize, DsyncEntity)]
#[dsync(entity_token = "shop-reading-1")]
struct Reading {
    number: u32,
}

fn product(price: u32) -> Product {
    Product {
        sku: "S-1".to_owned(),
        price,
    }
}

struct Scene {
    clock: FakeClock,
    // In this order, because the proxy goes before the hub.
    proxy: FaultProxy,
    hub: Hub,
}

impl Scene {
    /// A hub that holds one product, behind a proxy that does these things and then forwards.
    async fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let layout = DataLayout::builder()
            .entity::<Product>()
            .entity::<Reading>()
            .build()
            .unwrap();
        let hub = Hub::builder().data_layout(layout).start().await.unwrap();
        let direct = Client::builder(hub.auth_token().expose())
            .realtime_url(hub.realtime_url())
            .build()
            .unwrap();
        direct.create(&product(1)).await.unwrap();
        Self {
            clock: FakeClock::new(),
            proxy: FaultProxy::script(hub.local_addr(), faults),
            hub,
        }
    }

    fn builder(&self) -> dsync::ClientBuilder {
        Client::builder(self.hub.auth_token().expose())
            .realtime_url(self.proxy.url())
            .clock(self.clock.clone())
            // Real, because a stalled connection is. Long enough for a busy machine's honest answer.
            .timeout(Duration::from_secs(2))
    }

    fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// What has happened since the beginning.
    fn effects(&self) -> u64 {
        self.hub.changes() - 1
    }

    fn assert_one_name(&self, attempts: usize) {
        let seen = self.proxy.requests();
        assert_eq!(seen.len(), attempts);
        assert!(seen[0].idempotency_key.is_some());
        for attempt in &seen {
            assert_eq!(attempt.idempotency_key, seen[0].idempotency_key);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Update,
    Delete,
}

impl Call {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    async fn make(self, client: &Client) -> Result<Receipt, Error> {
        match self {
            Self::Create => client.create(&Reading { number: 1 }).await,
            Self::Update => client.update(&product(2)).await,
            Self::Delete => client.delete(&product(2)).await,
        }
    }

    /// Whether the hub holds what it should after exactly one such change.
    fn is_done(self, hub: &Hub) -> bool {
        match self {
            Self::Create => hub.records("reading").len() == 1,
            Self::Update => hub.record("product", "S-1").unwrap() == r#"{"sku":"S-1","price":2}"#,
            Self::Delete => hub.record("product", "S-1").is_none(),
        }
    }
}

fn error_500() -> http::Response<bytes::Bytes> {
    response(500, &[], r#"{"status":500,"message":"oops","data":{}}"#)
}

#[tokio::test]
async fn every_fault_of_the_network_ends_in_one_effect() {
    let faults = [
        Fault::ResetBeforeReading,
        Fault::DropAfterReading,
        Fault::DropAnswer,
        Fault::HalfAnswer,
        Fault::Garbage,
        Fault::Answer(error_500()),
        Fault::AnswerAfterForwarding(error_500()),
        Fault::AnswerAfterForwarding(response(200, &[], "<html>Welcome to our hotel</html>")),
    ];
    for fault in faults {
        for call in Call::ALL {
            let scene = Scene::new([fault.clone(), fault.clone()]).await;
            let receipt = call.make(&scene.client()).await;
            let receipt = receipt.unwrap_or_else(|error| panic!("{fault:?} {call:?}: {error}"));
            assert_eq!(receipt.attempts(), 3, "{fault:?} {call:?}");
            assert!(receipt.process_id().is_some());
            assert_eq!(scene.effects(), 1, "{fault:?} {call:?}");
            assert!(call.is_done(&scene.hub), "{fault:?} {call:?}");
            scene.assert_one_name(3);
        }
    }
}

#[tokio::test]
async fn a_stalled_answer_is_given_again() {
    let stalled = async |call: Call| {
        let scene = Scene::new([Fault::Stall]).await;
        let client = scene.builder().timeout(Duration::from_millis(500));
        let receipt = call.make(&client.build().unwrap()).await.unwrap();
        assert_eq!(receipt.attempts(), 2, "{call:?}");
        assert_eq!(receipt.headers()["idempotency-replayed"], "true");
        assert_eq!(scene.effects(), 1, "{call:?}");
        assert!(call.is_done(&scene.hub), "{call:?}");
        scene.assert_one_name(2);
    };
    // At once, because their time passes on the wall's clock.
    tokio::join!(
        stalled(Call::Create),
        stalled(Call::Update),
        stalled(Call::Delete)
    );
}

#[tokio::test]
async fn retry_after_is_waited_for_in_both_of_its_forms() {
    let busy = |value| Fault::Answer(response(429, &[("retry-after", value)], ""));
    // The fake clock begins at 1970-01-01 00:00:00.
    let date = "Thu, 01 Jan 1970 00:00:50 GMT";
    for (value, least) in [("40", 40), (date, 50)] {
        for call in Call::ALL {
            let scene = Scene::new([busy(value)]).await;
            call.make(&scene.client()).await.unwrap();
            let [pause] = scene.clock.sleeps()[..] else {
                panic!("one pause")
            };
            let least = Duration::from_secs(least);
            assert!((least..least + Duration::from_millis(200)).contains(&pause));
            assert_eq!(scene.effects(), 1);
            assert!(call.is_done(&scene.hub), "{call:?}");
            scene.assert_one_name(2);
        }
    }

    // Longer than the deadline: nobody waits, and the error says for how long.
    let scene = Scene::new([busy("3600")]).await;
    let error = Call::Create.make(&scene.client()).await.unwrap_err();
    assert_eq!(error.stop(), Some(Stop::Deadline));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(error.is_retryable());
    assert!(scene.clock.sleeps().is_empty());
    assert_eq!(scene.effects(), 0);
}

#[tokio::test]
async fn what_lasts_is_an_error_that_says_how_hard_it_was_tried() {
    for call in Call::ALL {
        let busy = || response(503, &[], r#"{"status":503,"message":"busy","data":{}}"#);
        let scene = Scene::new((0..9).map(|_| Fault::Answer(busy()))).await;
        let error = call.make(&scene.client()).await.unwrap_err();
        assert_eq!((error.attempts(), error.stop()), (5, Some(Stop::Attempts)));
        assert_eq!(
            error.to_string(),
            "the platform answered 503 Service Unavailable (after 5 attempts): busy"
        );
        assert!(error.is_retryable());
        assert_eq!((scene.clock.sleeps().len(), scene.effects()), (4, 0));
        scene.assert_one_name(5);

        // Carried out all the same, though the caller is never told so.
        let scene = Scene::new((0..9).map(|_| Fault::DropAnswer)).await;
        let error = call.make(&scene.client()).await.unwrap_err();
        assert_eq!((error.attempts(), error.stop()), (5, Some(Stop::Attempts)));
        assert_eq!(scene.effects(), 1, "{call:?}");
        assert!(call.is_done(&scene.hub), "{call:?}");
    }

    let scene = Scene::new((0..9).map(|_| Fault::DropAfterReading)).await;
    let error = Call::Update.make(&scene.client()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the connection broke before the answer was complete (after 5 attempts)"
    );
    assert_eq!(scene.effects(), 0);

    // The budget is for all changes of a client.
    let scene = Scene::new((0..9).map(|_| Fault::Answer(error_500()))).await;
    let client = scene.builder().retry_budget(10).build().unwrap();
    let error = Call::Update.make(&client).await.unwrap_err();
    assert_eq!((error.attempts(), error.stop()), (3, Some(Stop::Budget)));
    let error = Call::Update.make(&client).await.unwrap_err();
    assert_eq!((error.attempts(), error.stop()), (1, Some(Stop::Budget)));
}

#[tokio::test]
async fn what_is_final_is_not_repeated() {
    for status in [400, 403, 404, 409, 413, 422, 501, 505] {
        let scene = Scene::new([Fault::Answer(response(status, &[], ""))]).await;
        let error = Call::Update.make(&scene.client()).await.unwrap_err();
        assert_eq!((error.attempts(), error.stop()), (1, Some(Stop::Final)));
        assert!(!error.is_retryable());
        scene.assert_one_name(1);
    }
}

#[tokio::test]
async fn a_create_is_repeated_only_where_that_is_allowed() {
    for (fault, effects) in [(Fault::DropAnswer, 1), (Fault::DropAfterReading, 0)] {
        let scene = Scene::new([fault]).await;
        let client = scene.builder().retry_creates(false).build().unwrap();
        let error = Call::Create.make(&client).await.unwrap_err();
        assert_eq!((error.attempts(), error.stop()), (1, Some(Stop::Create)));
        assert_eq!(scene.effects(), effects);
    }

    let busy = Fault::Answer(response(429, &[], ""));
    let scene = Scene::new([busy, Fault::Forward, Fault::DropAnswer]).await;
    let client = scene.builder().retry_creates(false).build().unwrap();
    assert_eq!(Call::Create.make(&client).await.unwrap().attempts(), 2);
    assert_eq!(Call::Update.make(&client).await.unwrap().attempts(), 2);
    assert_eq!(scene.effects(), 2);
}

/// A client whose key is asked for, and how often it was.
fn rotating(
    scene: &Scene,
    keys: impl IntoIterator<Item = &'static str>,
) -> (Client, Arc<AtomicUsize>) {
    let keys = Mutex::new(keys.into_iter().collect::<Vec<_>>().into_iter());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let current = scene.hub.auth_token().expose().to_owned();
    let provider = move || -> Result<AuthToken, InvalidAuthToken> {
        count.fetch_add(1, Ordering::Relaxed);
        let key = keys.lock().unwrap().next();
        AuthToken::new(key.unwrap_or(&current))
    };
    let client = Client::builder_with(provider)
        .realtime_url(scene.proxy.url())
        .clock(scene.clock.clone())
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    (client, asked)
}

#[tokio::test]
async fn a_refused_key_is_asked_for_once_more() {
    for call in Call::ALL {
        let scene = Scene::new([]).await;
        let (client, asked) = rotating(&scene, ["the-old-key"]);
        let receipt = call.make(&client).await.unwrap();
        assert_eq!(receipt.attempts(), 2);
        assert_eq!(scene.effects(), 1);
        scene.assert_one_name(2);
        assert!(scene.clock.sleeps().is_empty());

        // The new key is kept.
        client.create(&Reading { number: 2 }).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    for call in Call::ALL {
        let scene = Scene::new([]).await;
        let (client, asked) = rotating(&scene, ["the-old-key", "the-old-key"]);
        let error = call.make(&client).await.unwrap_err();
        assert_eq!(
            (error.status().unwrap().as_u16(), error.attempts()),
            (401, 1)
        );
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(scene.effects(), 0);
        scene.assert_one_name(1);
    }

    // Once: the second key is wrong too.
    let scene = Scene::new([]).await;
    let (client, asked) = rotating(&scene, ["the-old-key", "another-old-key"]);
    let error = Call::Create.make(&client).await.unwrap_err();
    assert_eq!(
        (error.status().unwrap().as_u16(), error.attempts()),
        (401, 2)
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(scene.effects(), 0);
}

#[tokio::test]
async fn many_that_meet_a_new_key_at_once_ask_once() {
    let scene = Scene::new([]).await;
    let (client, asked) = rotating(&scene, ["the-old-key"]);
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.create(&Reading { number }).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(scene.effects(), 16);
}

#[tokio::test]
async fn many_that_meet_the_same_key_again_ask_once_too() {
    let scene = Scene::new([]).await;
    let (client, asked) = rotating(&scene, ["the-old-key"; 3]);
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.create(&Reading { number }).await })
        })
        .collect();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 401);
    }
    // At the first request, and once for all that went out with that key.
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_key_that_cannot_be_had_is_an_error_of_its_own() {
    let scene = Scene::new([]).await;
    let client = Client::builder_with(|| Err::<AuthToken, _>("the vault is sealed"))
        .realtime_url(scene.proxy.url())
        .build()
        .unwrap();
    let error = Call::Create.make(&client).await.unwrap_err();
    assert!(matches!(error, Error::NoAuthToken(_)));
    assert_eq!((error.attempts(), error.is_retryable()), (0, true));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the vault is sealed");
    assert!(scene.proxy.requests().is_empty());
}

#[tokio::test]
async fn a_changed_key_and_a_shared_key_at_the_hub() {
    let scene = Scene::new([]).await;
    let client = scene.client();
    let renamed = Product {
        sku: "S-2".to_owned(),
        price: 3,
    };
    client.update_with_id(&renamed, "S-1").await.unwrap();
    assert!(scene.hub.record("product", "S-1").is_none());
    assert!(scene.hub.record("product", "S-2").is_some());

    let state = dsync::SystemState::new();
    state
        .set_shared_key("product", Some("price".to_owned()))
        .unwrap();
    let client = scene.builder().system_state(state.clone()).build().unwrap();
    // The hub finds the record by its price.
    client.delete(&renamed).await.unwrap();
    assert!(scene.hub.records("product").is_empty());
    let error = client.delete_by_id::<Product>("S-2").await.unwrap_err();
    assert!(matches!(error, Error::SharedKey { .. }), "{error}");

    state.set_switch("product", dsync::Switch::Off).unwrap();
    client.create(&renamed).await.unwrap();
    let strict = scene
        .builder()
        .system_state(state)
        .refuse_switched_off(true);
    let error = strict.build().unwrap().update(&renamed).await.unwrap_err();
    assert!(matches!(error, Error::SwitchedOff { entity: "product" }));
}

/// Dropped at each point where it can be dropped: no connection leaks, nothing happens twice, and the
/// client works on. The second time, between attempts too.
#[tokio::test]
async fn a_call_can_be_dropped_anywhere() {
    dropped_anywhere(Scene::new([]).await).await;
    let lossy = (0..100).flat_map(|_| [Fault::DropAnswer, Fault::Forward]);
    dropped_anywhere(Scene::new(lossy).await).await;
}

async fn dropped_anywhere(scene: Scene) {
    let client = scene.client();
    let mut polls = 0;
    loop {
        let reading = Reading { number: polls };
        let mut call = pin!(client.create(&reading));
        let mut context = Context::from_waker(Waker::noop());
        let mut is_done = false;
        for _ in 0..polls {
            if let Poll::Ready(outcome) = call.as_mut().poll(&mut context) {
                outcome.unwrap();
                is_done = true;
                break;
            }
            // Sockets and the tasks behind them get on.
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        if is_done {
            break;
        }
        polls += 1;
    }
    assert!(polls > 1, "it was never dropped midway");

    for number in 0..100 {
        let number = 1_000_000 + number;
        client.create(&Reading { number }).await.unwrap();
    }
    let records = scene.hub.records("reading");
    let count = records.len();
    let different: HashSet<_> = records.into_iter().map(|record| record.body).collect();
    assert_eq!(different.len(), count, "a create happened twice");
    assert!(count > 100, "the last create is there, and the 100");
    drop(client);
    scene.proxy.all_connections_closed().await;
}
