//! What the builder takes and what it refuses.

use std::time::Duration;

use dsync_client::{BuildError, Client};
use dsync_core::InvalidAuthToken;

use crate::support::{KEY, Scripted};

fn build(url: &str) -> Result<Client, BuildError> {
    Scripted::default().builder().realtime_url(url).build()
}

#[test]
fn addresses_that_are_taken() {
    for url in [
        "https://api.dsync.com/api/realtime",
        "HTTPS://API.dsync.com:8443/api/realtime?tenant=1",
        "http://127.0.0.1:8080/api/realtime",
        "http://127.255.0.9",
        "http://[::1]:8080/",
        "http://localhost:8080/api/realtime",
        "http://LOCALHOST/",
    ] {
        build(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}

#[test]
fn addresses_that_are_refused() {
    use BuildError::{
        PlainHttp, UrlFragment, UrlHost, UrlNotAbsolute, UrlScheme, UrlSyntax, UrlUserInfo,
    };

    type Test = fn(&BuildError) -> bool;

    let table: [(&str, Test, &str); 24] = [
        ("", |error| matches!(error, UrlSyntax), "is no URL"),
        (
            "https://a b/",
            |error| matches!(error, UrlSyntax),
            "is no URL",
        ),
        ("https://", |error| matches!(error, UrlSyntax), "is no URL"),
        (
            "/api/realtime",
            |error| matches!(error, UrlNotAbsolute),
            "scheme and host",
        ),
        (
            "api.dsync.com",
            |error| matches!(error, UrlNotAbsolute),
            "scheme and host",
        ),
        (
            "localhost:8080",
            |error| matches!(error, UrlNotAbsolute),
            "scheme and host",
        ),
        (
            "ftp://api.dsync.com/",
            |error| matches!(error, UrlScheme),
            "use https",
        ),
        (
            "https://user:pw@api.dsync.com/",
            |error| matches!(error, UrlUserInfo),
            "take them out",
        ),
        (
            "https://user@api.dsync.com/",
            |error| matches!(error, UrlUserInfo),
            "take them out",
        ),
        (
            "https://api.dsync.com/a#b",
            |error| matches!(error, UrlFragment),
            "take out the `#`",
        ),
        (
            "https://:443/",
            |error| matches!(error, UrlSyntax | UrlHost),
            "realtime address",
        ),
        (
            "http://0x7f.1/",
            |error| matches!(error, UrlHost),
            "in plain form",
        ),
        (
            r"http://localhost\@dsync.example/",
            |error| matches!(error, UrlSyntax),
            "is no URL",
        ),
        (
            "http://2130706433/",
            |error| matches!(error, UrlHost),
            "in plain form",
        ),
        (
            "http://api.dsync.com/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://10.0.0.1/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://0.0.0.0/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://128.0.0.1/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://127.0.0.1.example/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://localhost.example/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://hub.localhost/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://localhost./",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://notlocalhost/",
            |error| matches!(error, PlainHttp { .. }),
            "use https",
        ),
        (
            "http://[::2]/",
            |error| matches!(error, PlainHttp { .. }),
            "allow_http",
        ),
    ];
    for (url, is_it, words) in table {
        let error = build(url).expect_err(url);
        assert!(is_it(&error), "{url}: {error:?}");
        assert!(error.to_string().contains(words), "{url}: {error}");
    }
}

#[test]
fn an_address_that_percent_encoding_makes_too_long() {
    let error = build(&format!("https://api.dsync.com/{}", "\"".repeat(30_000))).unwrap_err();
    assert!(matches!(error, BuildError::UrlSyntax), "{error:?}");
    build(&format!("https://api.dsync.com/{}", "x".repeat(30_000))).unwrap();
}

#[test]
fn plain_http_to_another_machine_where_it_is_allowed() {
    Client::builder(KEY)
        .realtime_url("http://dsync.example/api/realtime")
        .allow_http(true)
        .build()
        .unwrap();
    let error = Client::builder(KEY)
        .realtime_url("ftp://dsync.example/api/realtime")
        .allow_http(true)
        .build()
        .unwrap_err();
    assert!(matches!(error, BuildError::UrlScheme), "{error:?}");
}

#[test]
fn keys_that_cannot_be_keys() {
    let error = Client::new("").unwrap_err();
    assert!(
        matches!(error, BuildError::AuthToken(InvalidAuthToken::Empty)),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the API key is empty");

    let error = Client::builder(format!("{KEY}\n")).build().unwrap_err();
    assert!(error.to_string().contains("line break"), "{error}");
    assert!(!format!("{error} {error:?}").contains(KEY));
}

#[test]
fn limits_of_zero() {
    let zero = Duration::ZERO;
    for (builder, setting) in [
        (Client::builder(KEY).timeout(zero), "timeout"),
        (
            Client::builder(KEY).connect_timeout(zero),
            "connect_timeout",
        ),
        (Client::builder(KEY).max_answer(0), "max_answer"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{setting} is zero, so no request could succeed: give it a larger value")
        );
    }
}

#[test]
#[cfg(not(feature = "rustls"))]
fn https_without_tls() {
    let error = Client::new(KEY).unwrap_err();
    assert!(matches!(error, BuildError::NoTls), "{error:?}");
    assert!(error.to_string().contains("feature `rustls`"), "{error}");
}
