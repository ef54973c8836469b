//! Headers, user agent, proxy, and the settings of the HTTP library below.

use dsync_client::{BuildError, Client};
use dsync_core::retry::RetryPolicy;

use crate::support::{ACCEPTED, KEY, Product, Scripted, Server};

#[tokio::test]
async fn headers_and_user_agent_are_sent() {
    let server = Server::start(|listener| {
        let mut connection = listener.accept();
        let request = connection.request();
        connection.answer("200 OK", ACCEPTED);
        request
    });
    let client = server
        .builder()
        .header("X-Gateway", "s3cret")
        .header("x-tenant", "7")
        .user_agent("my-shop/2.1")
        .build()
        .unwrap();
    client.create(&Product::new("sku-1")).await.unwrap();
    let request = server.finish();
    for line in [
        "x-gateway: s3cret",
        "x-tenant: 7",
        "user-agent: my-shop/2.1 dsync-rust/",
    ] {
        assert!(request.contains(line), "{request}");
    }
}

#[test]
fn headers_that_cannot_be_set() {
    let build = |name, value| Scripted::default().builder().header(name, value).build();
    for name in [
        "Auth-Token",
        "entity-token",
        "Entity-Id",
        "entity-id-field",
        "Idempotency-Key",
        "process-id",
        "host",
        "content-length",
        "Content-Type",
        "transfer-encoding",
        "connection",
    ] {
        let error = build(name, "x").unwrap_err();
        assert!(matches!(error, BuildError::HeaderReserved { .. }), "{name}");
    }
    for (name, value) in [
        ("", "x"),
        ("a b", "x"),
        ("x-é", "x"),
        ("x", "se\r\ncret"),
        ("x", "\0"),
    ] {
        let error = build(name, value).unwrap_err();
        assert!(matches!(error, BuildError::Header { .. }), "{name:?}");
        assert!(!error.to_string().contains("cret"));
    }
    let builder = Scripted::default().builder().header("x-gateway", "s3cret");
    let shown = format!("{builder:?}");
    assert!(!format!("{shown} {:?}", builder.build()).contains("s3cret"));
}

#[tokio::test]
async fn plain_http_goes_through_a_proxy_only_where_that_is_allowed() {
    let error = Client::builder(KEY)
        .realtime_url("http://127.0.0.1:1/api/realtime")
        .proxy("http://127.0.0.1:2")
        .build()
        .unwrap_err();
    assert!(matches!(error, BuildError::ProxyPlainHttp));

    let proxy = Server::start(|listener| {
        let mut connection = listener.accept();
        let request = connection.request();
        connection.answer("200 OK", ACCEPTED);
        request
    });
    let client = Client::builder(KEY)
        .realtime_url("http://hub.example/api/realtime")
        .allow_http(true)
        .proxy(format!("http://127.0.0.1:{}", proxy.port()))
        .build()
        .unwrap();
    client.create(&Product::new("sku-1")).await.unwrap();
    let request = proxy.finish();
    assert!(
        request.starts_with("POST http://hub.example/api/realtime HTTP/1.1"),
        "{request}"
    );

    let error = Client::builder(KEY)
        .proxy("http://user:s3cret@ /")
        .build()
        .unwrap_err();
    assert!(matches!(error, BuildError::Proxy));
    assert!(!error.to_string().contains("s3cret"));
}

/// Whatever the settings say, the key is not carried to where a redirect points.
#[tokio::test]
async fn no_setting_makes_it_follow_a_redirect() {
    let (end, ended) = std::sync::mpsc::channel();
    let server = Server::start(move |listener| {
        let mut connection = listener.accept();
        connection.request();
        connection.send(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n",
        );
        ended.recv().unwrap();
        listener.visitor()
    });
    let client = server
        .builder()
        .reqwest(|http| {
            http.redirect(dsync_client::reqwest::redirect::Policy::limited(5))
                .user_agent("set below")
        })
        .build()
        .unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 307);
    end.send(()).unwrap();
    assert_eq!(server.finish(), None);
}

#[tokio::test]
async fn the_time_limit_is_what_is_left_of_the_deadline() {
    use dsync_core::testing::{FakeClock, Reply, ScriptedTransport};
    use dsync_core::{TimeLimit, TransportErrorKind};
    use std::time::Duration;

    let clock = FakeClock::new();
    let script = ScriptedTransport::new((0..5).map(|_| Reply::fault(TransportErrorKind::Timeout)))
        .with_clock(clock.clone());
    let client = Client::builder(KEY)
        .transport(script.clone())
        .clock(clock.clone())
        .timeout(Duration::from_secs(40))
        .retry(
            RetryPolicy::new()
                .with_backoff(Duration::ZERO, Duration::ZERO)
                .with_deadline(Duration::from_secs(90)),
        )
        .build()
        .unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!(error.attempts(), 3);
    let limits: Vec<_> = script
        .requests()
        .iter()
        .map(|request| request.extensions().get::<TimeLimit>().unwrap().0.as_secs())
        .collect();
    assert_eq!(limits, [40, 40, 10]);
    assert_eq!(
        error.to_string(),
        "no answer came in time (after 3 attempts: the next would begin behind the deadline)"
    );
}
