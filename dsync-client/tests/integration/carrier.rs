//! The client carries what somebody else keeps.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dsync_client::Client;
use dsync_core::retry::RetryPolicy;
use dsync_core::testing::{FakeClock, Reply, ScriptedTransport};
use dsync_core::wire::RealtimeRequest;
use dsync_core::{
    AuthToken, AuthTokenProvider, Carried, Carrier, IdempotencyKey, OwnProcess, Providing, Sending,
    SystemState, TimeLimit, Transport, TransportErrorKind,
};

use crate::support::{KEY, in_child, is_child};
use crate::tracing::told_by;

/// Gives whatever key is in it, and counts how often it is asked.
#[derive(Clone, Default)]
struct Vault {
    key: Arc<Mutex<Option<&'static str>>>,
    asked: Arc<AtomicUsize>,
}

impl Vault {
    fn of(key: &'static str) -> Self {
        let vault = Self::default();
        vault.put(Some(key));
        vault
    }

    fn put(&self, key: Option<&'static str>) {
        *self.key.lock().unwrap() = key;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl AuthTokenProvider for Vault {
    fn auth_token(&self) -> Providing<'_> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::task::yield_now().await;
            let key = *self.key.lock().unwrap();
            Ok(AuthToken::new(key.ok_or("the vault is locked")?)?)
        })
    }
}

const OLD: &str = "the-old-key-of-the-system";
const NEW: &str = "the-new-key-of-the-system";

fn request() -> RealtimeRequest {
    RealtimeRequest::update("shop-product-1".parse().unwrap(), r#"{"sku":"sku-1"}"#)
        .with_idempotency_key(IdempotencyKey::new("key-of-the-row").unwrap())
}

fn client(
    provider: impl AuthTokenProvider + 'static,
    replies: impl IntoIterator<Item = Reply>,
) -> (Client, ScriptedTransport) {
    let script = ScriptedTransport::new(replies);
    let client = Client::builder_with(provider)
        .transport(script.clone())
        .timeout(Duration::from_secs(7))
        .build()
        .unwrap();
    (client, script)
}

fn keys_sent(script: &ScriptedTransport) -> Vec<String> {
    let key = |request: &http::Request<_>| request.headers()["auth-token"].to_str().unwrap().into();
    script.requests().iter().map(key).collect()
}

#[tokio::test]
async fn an_attempt_is_one_request_with_the_key_of_the_change() {
    let (client, script) = client(
        AuthToken::new(KEY).unwrap(),
        [Reply::accepted("p-1"), Reply::refused(503, "busy")],
    );
    let carried = client.carry(&request()).await;
    let Carried::Accepted(answer) = carried else {
        panic!("{carried:?}")
    };
    assert_eq!(answer.process_id(), Some("p-1"));

    let carried = client.carry(&request()).await;
    assert!(
        matches!(&carried, Carried::Refused { status, answer }
            if *status == 503 && answer.message() == Some("busy")),
        "{carried:?}"
    );
    let requests = script.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.headers()["idempotency-key"], "key-of-the-row");
        let limit = request.extensions().get::<TimeLimit>();
        assert_eq!(limit, Some(&TimeLimit(Duration::from_secs(7))));
    }
}

#[tokio::test]
async fn what_comes_back_says_how_it_ended() {
    let (client, _) = client(
        AuthToken::new(KEY).unwrap(),
        [
            Reply::body(200, "<html>log in</html>"),
            Reply::fault(TransportErrorKind::Connect),
            Reply::refused(400, &format!("not with {KEY}")),
        ],
    );
    let carried = client.carry(&request()).await;
    assert!(
        matches!(&carried, Carried::Refused { status, answer }
            if *status == 200 && !answer.is_envelope()),
        "{carried:?}"
    );
    let carried = client.carry(&request()).await;
    assert!(
        matches!(&carried, Carried::NoAnswer(error) if error.kind() == TransportErrorKind::Connect),
        "{carried:?}"
    );
    let carried = client.carry(&request()).await;
    assert!(
        matches!(&carried, Carried::Refused { answer, .. }
            if answer.message() == Some("not with (hidden)")),
        "{carried:?}"
    );
}

#[tokio::test]
async fn neither_policy_nor_budget_play_a_role() {
    let script = ScriptedTransport::new((0..3).map(|_| Reply::refused(503, "busy")));
    let clock = FakeClock::new();
    let client = Client::builder(KEY)
        .transport(script.clone())
        .clock(clock.clone())
        .retry(RetryPolicy::new().with_max_attempts(9))
        .retry_budget(0)
        .build()
        .unwrap();
    for carried in 1..=3 {
        client.carry(&request()).await;
        assert_eq!(script.requests().len(), carried);
    }
    assert!(clock.sleeps().is_empty());
}

#[tokio::test]
async fn a_401_is_one_more_attempt_if_there_is_another_key() {
    let vault = Vault::of(OLD);
    let replies = [
        Reply::accepted("p-1"),
        Reply::refused(401, "no"),
        Reply::accepted("p-2"),
        Reply::refused(401, "no"),
        Reply::refused(403, "no"),
    ];
    let (client, script) = client(vault.clone(), replies);
    client.carry(&request()).await;
    vault.put(Some(NEW));
    let carried = client.carry(&request()).await;
    assert!(matches!(carried, Carried::Accepted(_)), "{carried:?}");

    // The key is the same, and a 403 does not ask for another one.
    for status in [401, 403] {
        let carried = client.carry(&request()).await;
        assert!(
            matches!(&carried, Carried::Refused { status: refused, .. } if *refused == status),
            "{carried:?}"
        );
    }
    assert_eq!(keys_sent(&script), [OLD, OLD, NEW, NEW, NEW]);
    assert_eq!(vault.asked(), 3);
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let (client, script) = client(Vault::default(), []);
    let carried = client.carry(&request()).await;
    assert!(
        matches!(&carried, Carried::NoAuthToken(error) if error.to_string() == "the vault is locked"),
        "{carried:?}"
    );
    assert!(script.requests().is_empty());
    assert!(!client.has_new_key().await);
}

#[tokio::test]
async fn a_key_is_new_if_it_differs_from_the_refused_one() {
    for status in [401, 403] {
        let vault = Vault::of(OLD);
        let replies = [Reply::refused(status, "no"), Reply::accepted("p-1")];
        let (client, script) = client(vault.clone(), replies);
        assert!(!client.has_new_key().await, "nothing was refused");
        assert_eq!(vault.asked(), 0);

        client.carry(&request()).await;
        assert!(!client.has_new_key().await);
        vault.put(None);
        assert!(!client.has_new_key().await, "the provider has none");
        vault.put(Some(NEW));
        assert!(client.has_new_key().await);
        let asked = vault.asked();
        assert!(client.has_new_key().await, "it stays new");
        assert_eq!(vault.asked(), asked, "and is in use, so nobody asks");

        client.carry(&request()).await;
        assert_eq!(keys_sent(&script), [OLD, NEW]);
    }
}

#[tokio::test]
async fn many_who_wait_for_a_key_ask_once() {
    let vault = Vault::of(OLD);
    let (client, _) = client(vault.clone(), [Reply::refused(403, "no")]);
    client.carry(&request()).await;
    vault.put(Some(NEW));
    let asked = vault.asked();
    let (a, b, c) = tokio::join!(
        client.has_new_key(),
        client.has_new_key(),
        client.has_new_key()
    );
    assert!(a && b && c);
    assert_eq!(vault.asked(), asked + 1);
}

/// Refuses everything, the first request only when it is told to.
#[derive(Clone, Default)]
struct Late {
    requests: Arc<AtomicUsize>,
    gate: Arc<tokio::sync::Notify>,
}

impl Transport for Late {
    fn send(&self, _: http::Request<Bytes>) -> Sending<'_> {
        let is_first = self.requests.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move {
            if is_first {
                self.gate.notified().await;
            }
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = http::StatusCode::FORBIDDEN;
            Ok(response)
        })
    }
}

#[tokio::test]
async fn a_late_refusal_of_an_old_key_makes_no_key_new() {
    let (vault, late) = (Vault::of(OLD), Late::default());
    let client = Client::builder_with(vault.clone()).transport(late.clone());
    let client = client.build().unwrap();
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.carry(&request()).await }
    });
    while late.requests.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    client.carry(&request()).await;
    vault.put(Some(NEW));
    assert!(client.has_new_key().await);
    client.carry(&request()).await;
    assert!(!client.has_new_key().await, "that one is refused, too");
    late.gate.notify_one();
    first.await.unwrap();
    assert!(!client.has_new_key().await);
}

#[tokio::test]
async fn a_refusal_of_any_call_is_remembered() {
    let vault = Vault::of(OLD);
    let (client, _) = client(vault.clone(), [Reply::refused(403, "no")]);
    client.send(request()).await.unwrap_err();
    vault.put(Some(NEW));
    assert!(client.has_new_key().await);
}

#[tokio::test]
async fn a_provider_that_never_answers_has_no_new_key() {
    struct Stuck(AtomicUsize);

    impl AuthTokenProvider for Stuck {
        fn auth_token(&self) -> Providing<'_> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Box::pin(async { Ok(AuthToken::new(OLD)?) }),
                _ => Box::pin(std::future::pending()),
            }
        }
    }

    let clock = FakeClock::new();
    let client = Client::builder_with(Stuck(AtomicUsize::new(0)))
        .transport(ScriptedTransport::new([Reply::refused(403, "no")]))
        .clock(clock.clone())
        .timeout(Duration::from_secs(7))
        .build()
        .unwrap();
    client.carry(&request()).await;
    assert!(!client.has_new_key().await);
    assert_eq!(clock.sleeps(), [Duration::from_secs(7)]);
}

#[tokio::test]
async fn what_is_carried_is_noted_as_an_own_process() {
    let state = SystemState::new();
    let script = ScriptedTransport::new([Reply::accepted("p-1"), Reply::refused(400, "no")]);
    let client = Client::builder_with(Vault::of(KEY))
        .transport(script)
        .system_state(state.clone())
        .build()
        .unwrap();
    let request = request();
    let mut carrying = client.carry(&request);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(!state.is_sending());
    let mut was_sending = false;
    let carried = loop {
        match carrying.as_mut().poll(&mut context) {
            std::task::Poll::Ready(carried) => break carried,
            std::task::Poll::Pending => was_sending = state.is_sending(),
        }
    };
    assert!(matches!(carried, Carried::Accepted(_)), "{carried:?}");
    assert!(was_sending);
    let process: OwnProcess = state.process(&"p-1".parse().unwrap()).unwrap().unwrap();
    assert_eq!(process.entity_token.as_str(), "shop-product-1");
    client.carry(&request).await;
    assert!(!state.is_sending());
}

#[test]
fn an_attempt_is_told_as_a_call_is() {
    if !is_child() {
        return in_child("carrier::an_attempt_is_told_as_a_call_is", &[]);
    }
    let replies = [Reply::accepted("p-1"), Reply::refused(503, "busy")];
    let (client, _) = client(AuthToken::new(KEY).unwrap(), replies);
    let request = request();
    let told = told_by(async {
        client.carry(&request).await;
        client.carry(&request).await;
    });
    for line in [
        "DEBUG dsync_request operation=\"update\" method=\"PUT\" entity_token=\"shop-product-1\"",
        "DEBUG dsync_attempt attempt=1",
        "record attempts=1",
        "record status=200",
        "record process_id=\"p-1\"",
        "DEBUG message=accepted",
        "record status=503",
        "DEBUG message=not accepted",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains(KEY) && !told.contains("sku-1"), "{told}");
}
