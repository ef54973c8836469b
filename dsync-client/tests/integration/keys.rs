//! A provider of the API key that is slow, and what that means for the deadline.

use std::future::pending;
use std::time::Duration;

use dsync_client::{Client, ClientBuilder, Error};
use dsync_core::retry::{RetryPolicy, Stop};
use dsync_core::testing::{FakeClock, Reply, ScriptedTransport};
use dsync_core::{AuthToken, AuthTokenProvider, Clock as _, Providing};

use crate::support::{KEY, Product};

/// Gives another key each time, and takes its time.
struct Slow {
    clock: FakeClock,
    takes: Duration,
}

impl AuthTokenProvider for Slow {
    fn auth_token(&self) -> Providing<'_> {
        Box::pin(async {
            self.clock.advance(self.takes);
            let number = self.clock.elapsed().as_secs();
            Ok(AuthToken::new(format!("{KEY}{number}"))?)
        })
    }
}

/// Never gives one.
struct Stuck;

impl AuthTokenProvider for Stuck {
    fn auth_token(&self) -> Providing<'_> {
        Box::pin(pending())
    }
}

fn builder(
    provider: impl AuthTokenProvider + 'static,
    clock: &FakeClock,
    replies: Vec<Reply>,
) -> (ClientBuilder, ScriptedTransport) {
    let script = ScriptedTransport::new(replies).with_clock(clock.clone());
    let builder = Client::builder_with(provider)
        .transport(script.clone())
        .clock(clock.clone());
    (builder, script)
}

#[tokio::test]
async fn the_deadline_begins_with_the_first_attempt() {
    let clock = FakeClock::new();
    let slow = Slow {
        clock: clock.clone(),
        takes: Duration::from_secs(100),
    };
    let (builder, script) = builder(slow, &clock, vec![Reply::accepted("p-1")]);
    let client = builder.build().unwrap();
    client.create(&Product::new("sku-1")).await.unwrap();
    let limit = script.requests()[0].extensions().get().copied();
    assert_eq!(limit, Some(dsync_core::TimeLimit(Duration::from_secs(30))));
}

#[tokio::test]
async fn a_new_key_that_comes_behind_the_deadline_is_not_used() {
    let clock = FakeClock::new();
    let slow = Slow {
        clock: clock.clone(),
        takes: Duration::from_secs(100),
    };
    let (builder, script) = builder(slow, &clock, vec![Reply::refused(401, "no")]);
    let client = builder.build().unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 401);
    assert_eq!((error.attempts(), error.stop()), (1, Some(Stop::Deadline)));
    assert_eq!(script.requests().len(), 1);

    // The next change has its own deadline, and the key is there.
    assert_eq!(script.left(), 0);
}

#[tokio::test]
async fn a_provider_that_never_answers_holds_nobody_for_ever() {
    let clock = FakeClock::new();
    let (builder, script) = builder(Stuck, &clock, Vec::new());
    let client = builder.timeout(Duration::from_secs(7)).build().unwrap();
    let product = Product::new("sku-1");
    let call = tokio::time::timeout(Duration::from_secs(5), client.create(&product));
    let error = call.await.expect("it is not waited for").unwrap_err();
    assert!(matches!(error, Error::NoAuthToken(_)), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the provider gave no API key within 7s");
    assert!(error.is_retryable());
    assert!(script.requests().is_empty());
    assert_eq!(clock.sleeps(), [Duration::from_secs(7)]);
}

#[tokio::test]
async fn a_409_after_a_new_key_is_as_final_as_to_a_first_attempt() {
    let clock = FakeClock::new();
    let slow = Slow {
        clock: clock.clone(),
        takes: Duration::from_secs(1),
    };
    let replies = vec![Reply::refused(401, "no"), Reply::refused(409, "exists")];
    let (builder, _) = builder(slow, &clock, replies);
    let client = builder.build().unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!((error.attempts(), error.stop()), (2, Some(Stop::Final)));
    assert!(!error.is_retryable());

    let replies = vec![Reply::refused(503, "busy"), Reply::refused(409, "busy")];
    let script = ScriptedTransport::new(replies);
    let client = Client::builder(KEY)
        .transport(script)
        .clock(clock)
        .retry(RetryPolicy::new().with_max_attempts(2))
        .build()
        .unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!((error.attempts(), error.stop()), (2, Some(Stop::Attempts)));
    assert!(error.is_retryable());
}
