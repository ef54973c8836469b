//! Reports on writes that a connector answered with 202.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dsync_client::{Client, Error};
use dsync_core::retry::Stop;
use dsync_core::testing::{FakeClock, Reply, ScriptedTransport};
use dsync_core::wire::Report;
use dsync_core::{
    AuthToken, Origin, ReportError, Reporter, SystemState, TimeLimit, TransportErrorKind,
};
use http::StatusCode;
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::support::{KEY, Scripted, in_child, is_child};
use crate::tracing::told_by;

fn report() -> Report {
    let data = to_raw_value(&json!({"sku": "S-1"})).unwrap();
    Report::new("p-77".parse().unwrap(), StatusCode::CREATED, "OK").with_data(data)
}

#[tokio::test]
async fn the_bytes_of_a_report() {
    let platform = ScriptedTransport::new([Reply::body(200, ""), Reply::body(204, "")]);
    let client = Client::builder(KEY)
        .transport(platform.clone())
        .realtime_url("https://dsync.example/api/realtime")
        .header("x-gateway", "s3cret")
        .timeout(Duration::from_secs(7))
        .build()
        .unwrap();
    client.report(&report()).await.unwrap();
    let again = Report::new("p-78".parse().unwrap(), StatusCode::ACCEPTED, "busy");
    client.report(&again).await.unwrap();

    let [first, second] = &platform.requests()[..] else {
        panic!("one report, one request")
    };
    assert_eq!(first.method(), "POST");
    assert_eq!(
        first.uri(),
        "https://dsync.example/api/realtime/notification"
    );
    assert_eq!(
        first.body(),
        r#"{"status":201,"message":"OK","data":{"sku":"S-1"}}"#
    );
    let mut headers: Vec<_> = first
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            &format!("auth-token: {KEY}"),
            "content-type: application/json",
            "process-id: p-77",
            "x-gateway: s3cret",
        ]
    );
    let limit = first.extensions().get().copied();
    assert_eq!(limit, Some(TimeLimit(Duration::from_secs(7))));

    assert_eq!(second.headers()["process-id"], "p-78");
    assert_eq!(
        second.body(),
        r#"{"status":202,"message":"busy","data":{}}"#
    );
}

/// Gives key-1, then key-2 and so on, up to the last.
fn keys(last: usize, asked: &'static AtomicUsize) -> dsync_client::ClientBuilder {
    Client::builder_with(
        move || -> Result<AuthToken, Box<dyn StdError + Send + Sync>> {
            let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(AuthToken::new(format!("key-{}", number.min(last)))?)
        },
    )
}

fn sent_keys(platform: &ScriptedTransport) -> Vec<String> {
    let key = |request: &http::Request<_>| request.headers()["auth-token"].to_str().unwrap().into();
    platform.requests().iter().map(key).collect()
}

#[tokio::test]
async fn a_refused_key_is_asked_for_once_more() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let no = || Reply::refused(401, "no");
    let platform = ScriptedTransport::new([no(), Reply::body(200, "{}"), no(), no()]);
    let client = keys(9, &ASKED).transport(platform.clone()).build().unwrap();
    client.report(&report()).await.unwrap();
    assert_eq!(sent_keys(&platform), ["key-1", "key-2"]);
    let [first, second] = &platform.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(first.body(), second.body());

    // The new key is kept, and a second refusal is one.
    let error = client.report(&report()).await.unwrap_err();
    assert_eq!(sent_keys(&platform)[2..], ["key-2", "key-3"]);
    assert_eq!((error.attempts(), error.stop()), (2, Some(Stop::Final)));
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn the_same_key_again_is_not_tried() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let platform = ScriptedTransport::new([Reply::refused(401, "no")]);
    let client = keys(1, &ASKED).transport(platform.clone()).build().unwrap();
    let error = client.report(&report()).await.unwrap_err();
    assert_eq!(
        (error.attempts(), error.status().unwrap().as_u16()),
        (1, 401)
    );
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
}

async fn failed(reply: Reply) -> (Error, ReportError) {
    let (platform, clock) = (
        ScriptedTransport::new([reply.clone(), reply]),
        FakeClock::new(),
    );
    let client = Client::builder(KEY).transport(platform.clone());
    let client = client.clock(clock.clone()).build().unwrap();
    let error = client.report(&report()).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
    assert!(clock.sleeps().is_empty(), "one attempt, and no pause");

    let reporter: Box<dyn Reporter> = Box::new(client);
    let report_error = reporter.report(&report()).await.unwrap_err();
    assert_eq!(platform.left(), 0);
    (error, report_error)
}

#[tokio::test]
async fn what_is_final_and_what_is_not() {
    for (status, is_final) in [
        (400, true),
        (404, true),
        (409, true),
        (422, true),
        (501, true),
        (401, false),
        (403, false),
        (307, false),
        (408, false),
        (429, false),
        (500, false),
        (503, false),
    ] {
        let (error, reported) = failed(Reply::refused(status, "no")).await;
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(reported.is_final(), is_final, "{status}");
        let expected = match is_final {
            true => Stop::Final,
            false if error.is_retryable() => Stop::Attempts,
            false => Stop::Final,
        };
        assert_eq!(error.stop(), Some(expected), "{status}");
        let source = reported.source().unwrap().to_string();
        assert_eq!(source, error.to_string());
    }
    let (error, reported) = failed(Reply::fault(TransportErrorKind::Broken)).await;
    assert!(error.is_retryable() && !reported.is_final());
    // Nobody has read the report who could lose it.
    let (error, reported) = failed(Reply::body(200, "<html>Welcome to our hotel</html>")).await;
    assert!(matches!(error, Error::NoEnvelope(_)) && !reported.is_final());

    type Failure = Box<dyn StdError + Send + Sync>;
    let client = Client::builder_with(|| -> Result<AuthToken, Failure> { Err("locked".into()) });
    let client = client
        .transport(ScriptedTransport::new([]))
        .build()
        .unwrap();
    let error = Reporter::report(&client, &report()).await.unwrap_err();
    assert!(!error.is_final());
}

#[tokio::test]
async fn the_key_is_hidden_in_what_a_peer_repeats() {
    let reply = Reply::refused(400, &format!("the key {KEY} may not")).with_header("x-key", KEY);
    let (error, reported) = failed(reply).await;
    assert_eq!(error.message(), Some("the key (hidden) may not"));
    assert_eq!(error.headers().unwrap()["x-key"], "(hidden)");
    let shown = format!("{reported} {reported:?} {}", reported.source().unwrap());
    assert!(!shown.contains(KEY), "{shown}");
}

/// It is no change: it is not an echo, and has no process of its own.
#[tokio::test]
async fn a_report_is_no_change() {
    let state = SystemState::new();
    let platform = ScriptedTransport::new([Reply::accepted("p-1"), Reply::accepted("p-2")]);
    let client = Client::builder(KEY)
        .transport(platform.clone())
        .system_state(state.clone())
        .build()
        .unwrap();
    let origin = Origin::new("p-77".parse().unwrap(), "t-1".parse().unwrap());
    let report = report();
    origin.scope(client.report(&report)).await.unwrap();
    client.with_origin(origin).report(&report).await.unwrap();
    assert_eq!(platform.left(), 0);
    assert_eq!(state.process(&"p-1".parse().unwrap()).unwrap(), None);
}

#[test]
fn a_report_is_told_without_the_key_and_its_data() {
    if !is_child() {
        return in_child(
            "reports::a_report_is_told_without_the_key_and_its_data",
            &[],
        );
    }
    let begin =
        "DEBUG dsync_report process_id=\"p-77\" reported=201\nDEBUG dsync_attempt attempt=1\n";
    let client = Scripted::default().client();
    assert_eq!(
        told_by(async { drop(client.report(&report()).await) }),
        format!(
            "{begin}record status=200\nrecord attempts=1\nrecord status=200\nDEBUG message=accepted\n"
        )
    );
    let client = Scripted::default().answer(503, &[], "").client();
    assert_eq!(
        told_by(async { drop(client.report(&report()).await) }),
        format!(
            "{begin}record status=503\nrecord attempts=1\nrecord status=503\nDEBUG message=not accepted\n"
        )
    );
}
