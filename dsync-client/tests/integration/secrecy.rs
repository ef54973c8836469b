//! The API key shows up nowhere, even where a peer repeats it.

use std::error::Error as StdError;
use std::fmt::Debug;

use bytes::Bytes;
use dsync_client::{BuildError, Client, Error};
use dsync_core::{Fault, Sending, Transport};
use http::{Request, Response, StatusCode};

use crate::support::{KEY, Product, Scripted, in_child, is_child};
use crate::tracing::told;

#[track_caller]
fn hidden(shown: impl Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(!text.contains(KEY), "{text}");
    }
}

#[track_caller]
fn hidden_in_error(error: &(dyn StdError + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        hidden(error);
        assert!(!error.to_string().contains(KEY), "{error}");
        next = error.source();
    }
}

/// Repeats the key in its answer: in its headers, and wherever `{key}` stands in its body.
struct Parrot {
    status: u16,
    body: String,
    location: &'static str,
}

impl Parrot {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
            location: "{key}",
        }
    }

    fn client(self) -> Client {
        Client::builder(KEY).transport(self).build().unwrap()
    }

    async fn error(self) -> Error {
        let outcome = self.client().create(&Product::new("sku-1")).await;
        let error = outcome.unwrap_err();
        hidden_in_error(&error);
        hidden(error.headers());
        hidden(error.detail());
        hidden(error.message());
        hidden(error.faults());
        error
    }
}

impl Transport for Parrot {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        let key = request.headers()["auth-token"].to_str().unwrap();
        let mut response = Response::new(Bytes::from(self.body.replace("{key}", key)));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        let location = self.location.replace("{key}", key);
        for (name, value) in [
            ("location", location.as_str()),
            ("x-key", key),
            ("retry-after", key),
            ("x-trace", "t-1"),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        Box::pin(async { Ok(response) })
    }
}

/// An answer with the key in everything.
const ENVELOPE: &str = r#"{"status":"{key}","message":"not {key}?","detail":{"faults":[
    {"treekey":"{key}","message":"is not {key}"}],"{key}":1.10},"data":{"process_id":"p {key}","key":"{key}"}}"#;

/// The key as PHP writes it into JSON, and as .NET does.
const ESCAPED: [&str; 2] = [
    r#"{"status":0,"message":"not S3cr3t-key\/of=the+system?","detail":{},"data":{}}"#,
    r#"{"status":0,"message":"not S3cr3t-key\u002Fof\u003Dthe\u002Bsystem?","detail":{},"data":{}}"#,
];

#[tokio::test]
async fn the_key_shows_up_nowhere() {
    hidden(Client::builder(KEY));
    hidden(Client::builder(format!("{KEY} ")));
    hidden(Client::builder("k").realtime_url(format!("https://u:{KEY}@api.dsync.com/")));
    hidden(Scripted::default().client());
    let in_query = format!("http://localhost/?key={KEY}");
    hidden(
        Scripted::default()
            .builder()
            .realtime_url(in_query)
            .build()
            .unwrap(),
    );

    let errors: Vec<BuildError> = [
        Client::builder(format!("{KEY}\n")).build(),
        Client::builder("k").realtime_url(KEY).build(),
        Client::builder("k")
            .realtime_url(format!("{KEY}://x"))
            .build(),
        Client::builder("k")
            .realtime_url(format!("https://u:{KEY}@x/"))
            .build(),
        Client::builder("k")
            .realtime_url(format!("https://x/#{KEY}"))
            .build(),
        Client::builder("k")
            .realtime_url(format!("http://x/{KEY}"))
            .build(),
    ]
    .into_iter()
    .map(Result::unwrap_err)
    .collect();
    for error in &errors {
        hidden_in_error(error);
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_the_key() {
    for status in [302, 400, 401, 500] {
        let error = Parrot::new(status, ENVELOPE).error().await;
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.message(), Some("not (hidden)?"));
        assert_eq!(error.faults(), [Fault::new("(hidden)", "is not (hidden)")]);
        assert!(error.detail().unwrap().get().contains(r#""(hidden)":1.10"#));
        assert_eq!(error.headers().unwrap()["x-key"], "(hidden)");
        assert_eq!(error.headers().unwrap()["x-trace"], "t-1");
        assert_eq!(error.retry_after(), None);

        for body in ESCAPED {
            let error = Parrot::new(status, body).error().await;
            assert_eq!(error.message(), Some("not (hidden)?"));
        }
    }
}

#[tokio::test]
async fn a_receipt_that_repeats_the_key() {
    let client = Parrot::new(200, ENVELOPE).client();
    let receipt = client.create(&Product::new("sku-1")).await.unwrap();
    hidden(&receipt);
    hidden(receipt.headers());
    assert_eq!(receipt.message(), Some("not (hidden)?"));
    assert_eq!(receipt.process_id(), Some("p (hidden)"));
    assert_eq!(
        receipt.data().unwrap().get(),
        r#"{"process_id":"p (hidden)","key":"(hidden)"}"#
    );
    assert!(
        receipt
            .detail()
            .unwrap()
            .get()
            .contains(r#""(hidden)":1.10"#)
    );
}

#[test]
fn tracing_of_a_process_id_with_the_key() {
    if !is_child() {
        return in_child("secrecy::tracing_of_a_process_id_with_the_key", &[]);
    }
    // `told` looks for the key.
    let told = told(&Parrot::new(200, ENVELOPE).client());
    assert!(told.contains(r#"process_id="p (hidden)""#), "{told}");
}

#[tokio::test]
async fn text_that_is_cut_within_the_key() {
    for status in [200, 502] {
        // What is shown ends after 300 characters, of which the key would have twenty.
        let body = format!("<p>{:.<277}{{key}}</p>", "");
        assert_eq!(body.find("{key}"), Some(280));
        let error = Parrot::new(status, body).error().await;
        let message = error.message().unwrap();
        assert!(message.ends_with(".(hidden)</p>"), "{message}");
        assert!(!format!("{error} {error:?}").contains(&KEY[..4]), "{error}");
    }
}

#[tokio::test]
async fn text_with_the_key_escaped() {
    for body in [
        r#"{"message":"S3cr3t-key\/of=the+system"#,
        "<a href='/?key=S3cr3t-key%2Fof%3Dthe%2Bsystem'>",
        "<a href='/?next=%2f%3fkey=S3cr3t-key%252fof=the+system'>",
    ] {
        for status in [200, 502] {
            let error = Parrot::new(status, body).error().await;
            assert_eq!(error.message(), Some("(hidden)"));
        }
    }
}

#[tokio::test]
async fn a_redirect_to_an_address_with_the_key() {
    for location in [
        "https://x.example/?key={key}",
        "https://x.example/?key=S3cr3t-key%2Fof%3dthe%2Bsystem",
        "https://x.example/login?next=%2Fapi%3Fkey%3DS3cr3t-key%252Fof%253Dthe%252Bsystem",
    ] {
        let parrot = Parrot {
            location,
            ..Parrot::new(302, "")
        };
        let text = parrot.error().await.to_string();
        assert!(text.contains(r#"a redirect to "(hidden)";"#), "{text}");
        assert!(!text.contains("S3cr3t"), "{text}");
    }
}
