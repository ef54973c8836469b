//! What an error says, whose fault it is, and whether to try again.

use std::error::Error as StdError;
use std::time::Duration;

use dsync_client::Error;
use dsync_core::wire::{RealtimeRequest, RecordError};
use dsync_core::{ChangeError, EntityId, EntityToken, Fault, TransportError, TransportErrorKind};

use crate::support::{Product, Scripted};

async fn failed(platform: Scripted) -> Error {
    platform
        .client()
        .create(&Product::new("sku-1"))
        .await
        .unwrap_err()
}

async fn refused(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
    failed(Scripted::default().answer(status, headers, body.to_owned())).await
}

#[tokio::test]
async fn a_refusal_keeps_what_the_platform_said() {
    let error = refused(
        400,
        &[("x-trace", "t-1")],
        r#"{"status":400,"message":"The record does not fit","detail":{"faults":[
            {"treekey":"product.price","message":"must be a number, but is a text"},
            {"treekey":"product.qty","message":"is required, but is missing"}],"omitted":0},"data":[]}"#,
    )
    .await;
    assert_eq!(error.status().unwrap(), 400);
    assert_eq!(error.message(), Some("The record does not fit"));
    assert_eq!(
        error.to_string(),
        "the platform answered 400 Bad Request: The record does not fit"
    );
    assert_eq!(error.headers().unwrap()["x-trace"], "t-1");
    assert_eq!(
        error.faults(),
        [
            Fault::new("product.price", "must be a number, but is a text"),
            Fault::new("product.qty", "is required, but is missing"),
        ]
    );
    assert!(error.detail().unwrap().get().contains("omitted"));
    assert_eq!(error.transport_kind(), None);
    assert!(error.source().is_none());
}

#[tokio::test]
async fn an_answer_that_is_no_envelope_keeps_the_start_of_its_text() {
    let error = refused(502, &[], "<h1>Bad gateway</h1>").await;
    assert_eq!(error.status().unwrap(), 502);
    assert_eq!(error.message(), Some("<h1>Bad gateway</h1>"));
    assert!(error.faults().is_empty());
    assert!(error.detail().is_none());

    let error = refused(502, &[], &"x".repeat(100_000)).await;
    assert!(error.message().unwrap().len() < 1_000);
    assert!(error.message().unwrap().ends_with("..."));

    let error = refused(502, &[], "").await;
    assert_eq!(error.message(), None);
    assert_eq!(error.to_string(), "the platform answered 502 Bad Gateway");

    let error = refused(599, &[], "").await;
    assert_eq!(error.to_string(), "the platform answered 599");
}

#[tokio::test]
async fn a_long_message_is_whole_but_shown_cut() {
    let long = "é".repeat(10_000);
    let error = refused(400, &[], &format!(r#"{{"status":400,"message":"{long}"}}"#)).await;
    assert_eq!(error.message(), Some(long.as_str()));
    assert!(error.to_string().chars().count() < 600);
    assert!(format!("{error:?}").chars().count() < 700);
}

#[tokio::test]
async fn a_message_writes_no_line_of_its_own() {
    let forged = "no\r\n2026-01-01 INFO all is well \u{1b}[2J\u{9b}31m\u{202e}\u{2028}\0 \"e\u{301}\" it's C:\\";
    let body = serde_json::json!({"status": 400, "message": forged}).to_string();
    for (status, body) in [(400, body.as_str()), (502, forged), (200, forged)] {
        let error = refused(status, &[], body).await;
        assert_eq!(error.message(), Some(forged));
        for text in [error.to_string(), format!("{error:?}")] {
            for part in [
                "all is well",
                r"\r\n",
                r"\u{1b}[2J",
                r"\u{9b}",
                r"\u{202e}",
                r"\u{2028}",
            ] {
                assert!(text.contains(part), "{text}");
            }
            let is_harmful = |c: char| c.is_control() || "\u{202e}\u{2028}".contains(c);
            assert!(!text.contains(is_harmful), "{text}");
        }
        let text = error.to_string();
        assert!(text.ends_with("\"e\u{301}\" it's C:\\"), "{text}");
    }
}

#[tokio::test]
async fn a_success_that_is_not_of_dsync() {
    let bodies: [&[u8]; 8] = [
        b"<html>Welcome to our hotel</html>",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"[]",
        b"null",
        b"200",
        b"\"OK\"",
        br#"{"status":200,"message":"OK","data":{"process_id":"p"#,
        b"{} {}",
    ];
    for body in bodies {
        for status in [200, 202] {
            let platform = Scripted::default().answer(status, &[("x-trace", "t-1")], body);
            let error = failed(platform).await;
            assert!(matches!(error, Error::NoEnvelope(_)), "{error:?}");
            assert!(error.is_retryable());
            assert_eq!(error.status().unwrap(), status);
            assert_eq!(error.headers().unwrap()["x-trace"], "t-1");
            let text = String::from_utf8_lossy(body);
            assert_eq!(error.message(), Some(text.trim()));
            assert!(error.detail().is_none());
            assert!(error.source().is_none());
        }
    }

    let error = refused(200, &[], "<html>").await;
    assert_eq!(
        error.to_string(),
        "the answer was 200 OK, but in no form that a DSYNC platform answers in, so whether the change \
         was accepted is unknown: check the realtime address, and whether a login page or a proxy \
         stands before it: <html>"
    );
    assert_eq!(
        format!("{error:?}"),
        r#"NoEnvelope(NoEnvelope { status: 200, message: Some("<html>"), .. })"#
    );
}

#[tokio::test]
async fn an_envelope_that_contradicts_http_decides() {
    let error = refused(200, &[], r#"{"status":500,"message":"no","data":{}}"#).await;
    assert_eq!(error.status().unwrap(), 500);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn what_may_succeed_later() {
    for (status, expected) in [
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (406, false),
        (408, true),
        (409, false),
        (413, false),
        (422, false),
        (425, true),
        (429, true),
        (500, true),
        (501, false),
        (502, true),
        (503, true),
        (504, true),
        (505, false),
        (599, true),
        (600, false),
        (301, false),
        (302, false),
        (304, false),
        (307, false),
    ] {
        let error = refused(status, &[], "").await;
        assert_eq!(error.status().unwrap(), status);
        assert_eq!(error.is_retryable(), expected, "{status}");
    }

    for kind in [
        TransportErrorKind::Connect,
        TransportErrorKind::Timeout,
        TransportErrorKind::AnswerTooLarge,
        TransportErrorKind::Broken,
    ] {
        let error = failed(Scripted::default().then(Err(TransportError::new(kind, None)))).await;
        assert!(error.is_retryable(), "{kind:?}");
        assert_eq!(error.transport_kind(), Some(kind));
        assert_eq!(error.status(), None);
        assert_eq!(error.message(), None);
        assert!(error.headers().is_none());
        assert!(error.retry_after().is_none());
        assert!(error.faults().is_empty());
    }

    let error = Scripted::default()
        .client()
        .create(&Product::new(""))
        .await
        .unwrap_err();
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn how_long_to_wait() {
    for (value, expected) in [
        ("120", Some(120)),
        ("0", Some(0)),
        (" 7 ", Some(7)),
        ("+7", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("86400", Some(86_400)),
        ("86401", Some(86_400)),
        ("18446744073709551615", Some(86_400)),
        ("99999999999999999999999", Some(86_400)),
        // A date is held against the clock; this one has passed, that one is more than a day away.
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
        ("in a minute", None),
    ] {
        let error = refused(503, &[("retry-after", value)], "").await;
        assert_eq!(
            error.retry_after(),
            expected.map(Duration::from_secs),
            "{value:?}"
        );
    }
    assert_eq!(refused(503, &[], "").await.retry_after(), None);
}

#[tokio::test]
async fn a_redirect_says_so() {
    let error = refused(
        302,
        &[("location", "https://elsewhere.example/login")],
        "moved",
    )
    .await;
    assert_eq!(error.status().unwrap(), 302);
    assert_eq!(
        error.to_string(),
        "the platform answered 302 Found, a redirect to \"https://elsewhere.example/login\"; it is not \
         followed, because it would hand the API key to another address: set the realtime address to \
         the right one"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_redirect_is_never_a_success() {
    let error = refused(307, &[], r#"{"status":200,"message":"OK","data":{}}"#).await;
    assert_eq!(error.status().unwrap(), 307);
}

#[tokio::test]
async fn the_chain_of_causes_repeats_nothing() {
    let cause = std::io::Error::other("the cable is out");
    let error = failed(Scripted::default().then(Err(TransportError::new(
        TransportErrorKind::Broken,
        Some(Box::new(cause)),
    ))))
    .await;
    assert_eq!(
        chain(&error),
        [
            "the connection broke before the answer was complete",
            "the cable is out"
        ]
    );
}

#[test]
fn an_error_is_small() {
    assert!(size_of::<Error>() <= 72, "{}", size_of::<Error>());
}

pub(crate) fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts
}

#[test]
fn a_change_that_cannot_be_put_together_keeps_its_words() {
    let (entity, shared_key) = ("product", "ean".to_owned());
    let field = RealtimeRequest::create("t-1".parse().unwrap(), "{}")
        .with_id(EntityId::new("1").unwrap(), "")
        .unwrap_err();
    let found = "a list";
    macro_rules! becomes {
        ($error:expr, $variant:pat) => {{
            let before = $error;
            let error = Error::from(before.clone());
            assert_eq!(error.to_string(), before.to_string());
            assert!(matches!(error, $variant), "{error:?}");
            assert!(!error.is_retryable());
            assert_eq!(error.attempts(), 0);
        }};
    }
    becomes!(
        ChangeError::Record(RecordError::NotAnObject),
        Error::Record(RecordError::NotAnObject)
    );
    becomes!(
        ChangeError::EntityId(EntityId::new("").unwrap_err()),
        Error::EntityId(_)
    );
    becomes!(ChangeError::IdField(field), Error::IdField(_));
    becomes!(
        ChangeError::EntityToken(EntityToken::new("").unwrap_err()),
        Error::EntityToken(_)
    );
    becomes!(
        ChangeError::NoPrimaryKeyField { entity },
        Error::NoPrimaryKeyField { entity: "product" }
    );
    becomes!(
        ChangeError::SharedKey {
            entity,
            shared_key: shared_key.clone()
        },
        Error::SharedKey { .. }
    );
    becomes!(
        ChangeError::SharedKeyValue {
            entity,
            shared_key,
            found
        },
        Error::SharedKeyValue {
            found: "a list",
            ..
        }
    );
}
