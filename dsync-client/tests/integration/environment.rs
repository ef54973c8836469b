//! What the environment decides: key, address, proxies, certificates.

use std::sync::mpsc::channel;
use std::time::Duration;

use dsync_client::{BuildError, Client};

use crate::support::{ACCEPTED, KEY, Product, Server, in_child, is_child};

#[test]
fn key_and_address() {
    if !is_child() {
        return in_child(
            "environment::key_and_address",
            &[
                ("DSYNC_AUTH_TOKEN", KEY),
                ("DSYNC_REALTIME_URL", "http://localhost:1/here"),
            ],
        );
    }
    let client = Client::from_env().unwrap();
    assert!(format!("{client:?}").contains("http://localhost:1/here"));
}

#[test]
fn no_key() {
    if !is_child() {
        return in_child("environment::no_key", &[]);
    }
    let error = Client::from_env().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the environment variable DSYNC_AUTH_TOKEN is not set: set it to the API key of the system"
    );
}

#[test]
fn an_empty_address_is_not_the_default() {
    if !is_child() {
        return in_child(
            "environment::an_empty_address_is_not_the_default",
            &[("DSYNC_AUTH_TOKEN", KEY), ("DSYNC_REALTIME_URL", "")],
        );
    }
    let error = Client::from_env().unwrap_err();
    assert!(matches!(error, BuildError::UrlSyntax), "{error:?}");
}

#[test]
fn key_and_address_mixed_up() {
    if !is_child() {
        return in_child(
            "environment::key_and_address_mixed_up",
            &[
                ("DSYNC_AUTH_TOKEN", "https://api.dsync.com"),
                ("DSYNC_REALTIME_URL", KEY),
            ],
        );
    }
    let error = Client::from_env().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
}

#[tokio::test]
async fn plain_http_goes_around_proxies() {
    if !is_child() {
        let (end, ended) = channel();
        let proxy = Server::start(move |listener| {
            ended.recv().unwrap();
            listener.visitor()
        });
        let address = format!("http://127.0.0.1:{}", proxy.port());
        in_child(
            "environment::plain_http_goes_around_proxies",
            &[("http_proxy", &address), ("ALL_PROXY", &address)],
        );
        end.send(()).unwrap();
        assert_eq!(proxy.finish(), None, "the proxy has seen the API key");
        return;
    }
    let server = Server::start(|listener| {
        let mut connection = listener.accept();
        connection.request();
        connection.answer("200 OK", ACCEPTED);
    });
    let client = server
        .builder()
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    client.create(&Product::new("sku-1")).await.unwrap();
    server.finish();
}
