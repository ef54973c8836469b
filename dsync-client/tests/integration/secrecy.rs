//! The API key shows up nowhere, even where a peer repeats it.

use std::error::Error as StdError;
use std::fmt::Debug;

use bytes::Bytes;
use dsync_client::{BuildError, Client, Error};
use dsync_core::{Sending, Transport};
use http::{Request, Response, StatusCode};

use crate::support::{KEY, Product, Scripted};

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

/// Repeats the key in everything it answers.
struct Parrot(u16);

impl Transport for Parrot {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        let key = request.headers()["auth-token"].to_str().unwrap();
        let mut response = Response::new(Bytes::from(format!(
            r#"{{"status":{},"message":"not {key}?","detail":"{key}","data":{{"process_id":"p","key":"{key}"}}}}"#,
            self.0
        )));
        *response.status_mut() = StatusCode::from_u16(self.0).unwrap();
        for name in ["location", "x-key", "retry-after"] {
            response.headers_mut().insert(name, key.parse().unwrap());
        }
        Box::pin(async { Ok(response) })
    }
}

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

    for status in [302, 400, 401, 500] {
        let client = Client::builder(KEY)
            .transport(Parrot(status))
            .build()
            .unwrap();
        let error: Error = client.create(&Product::new("sku-1")).await.unwrap_err();
        hidden_in_error(&error);
        assert_eq!(error.message(), Some("not (hidden)?"));
    }

    let client = Client::builder(KEY).transport(Parrot(200)).build().unwrap();
    let receipt = client.create(&Product::new("sku-1")).await.unwrap();
    hidden(&receipt);
    assert_eq!(receipt.message(), Some("not (hidden)?"));
    assert_eq!(receipt.process_id(), Some("p"));
}
