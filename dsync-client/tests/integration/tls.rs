//! https: what only the feature `rustls` can do.

use std::time::Duration;

use dsync_client::{BuildError, Client};
use dsync_core::TransportErrorKind;

use crate::support::{KEY, Product, Server, in_child, is_child};

#[test]
fn https_with_tls() {
    Client::new(KEY).unwrap();
}

#[test]
fn key_alone() {
    if !is_child() {
        return in_child("tls::key_alone", &[("DSYNC_AUTH_TOKEN", KEY)]);
    }
    let client = Client::from_env().unwrap();
    assert!(format!("{client:?}").contains("https://api.dsync.com/api/realtime"));
}

#[tokio::test]
async fn https_goes_through_the_proxy_in_a_tunnel() {
    if !is_child() {
        let proxy = Server::start(|listener| {
            let mut connection = listener.accept();
            let request = connection.request();
            connection.answer("502 Bad Gateway", "");
            request
        });
        let address = format!("http://127.0.0.1:{}", proxy.port());
        in_child(
            "tls::https_goes_through_the_proxy_in_a_tunnel",
            &[("https_proxy", &address)],
        );
        let seen = proxy.finish();
        assert!(seen.starts_with("CONNECT dsync.invalid:443 "), "{seen}");
        assert!(!seen.contains(KEY), "{seen}");
        return;
    }
    let client = Client::builder(KEY)
        .realtime_url("https://dsync.invalid/api/realtime")
        .build()
        .unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!(error.transport_kind(), Some(TransportErrorKind::Connect));
}

#[tokio::test]
async fn plain_http_needs_no_certificates() {
    if !is_child() {
        return in_child(
            "tls::plain_http_needs_no_certificates",
            &[
                ("SSL_CERT_FILE", "/nowhere/at/all.pem"),
                ("SSL_CERT_DIR", "/nowhere/at/all"),
            ],
        );
    }
    let error = Client::new(KEY).unwrap_err();
    assert!(matches!(error, BuildError::HttpClient { .. }), "{error:?}");
    assert!(error.to_string().contains("ca-certificates"), "{error}");

    Client::builder(KEY)
        .realtime_url("http://localhost:8080/")
        .build()
        .unwrap();
}

#[tokio::test]
async fn a_server_without_tls_under_https() {
    let server = Server::start(|listener| {
        let mut connection = listener.accept();
        let hello = connection.anything();
        connection.try_send("HTTP/1.1 400 Bad Request\r\n\r\n");
        hello
    });
    let client = Client::builder(KEY)
        .realtime_url(server.url().replace("http:", "https:"))
        .build()
        .unwrap();
    let outcome = client.create(&Product::new("sku-1")).await;
    assert_eq!(
        outcome.unwrap_err().transport_kind(),
        Some(TransportErrorKind::Connect)
    );
    let hello = String::from_utf8_lossy(&server.finish()).into_owned();
    assert!(!hello.contains(KEY), "the API key went out in clear");
}

#[tokio::test]
async fn a_server_that_stalls_before_the_connection_is_secure() {
    let server = Server::start(|listener| {
        let mut connection = listener.accept();
        connection.anything();
        connection.wait_for_close();
    });
    let client = Client::builder(KEY)
        .realtime_url(server.url().replace("http:", "https:"))
        .connect_timeout(Duration::from_millis(50))
        .timeout(Duration::from_secs(4))
        .build()
        .unwrap();
    let error = client.create(&Product::new("sku-1")).await.unwrap_err();
    assert_eq!(error.transport_kind(), Some(TransportErrorKind::Connect));
    server.finish();
}
