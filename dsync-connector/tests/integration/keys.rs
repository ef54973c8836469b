//! The API key, and a new one in its place.

use bytes::Bytes;
use dsync_connector::{Connector, InMemory};
use dsync_core::AuthToken;
use http::Request;

use crate::support::{KEY, Product};

async fn status(connector: &Connector, keys: &[&str]) -> u16 {
    let mut request = Request::get("/datalayout");
    for key in keys {
        request = request.header("Auth-Token", *key);
    }
    let answer = connector.handle(request.body(Bytes::new()).unwrap()).await;
    answer.status().as_u16()
}

#[tokio::test]
async fn two_keys_are_good_while_one_takes_the_others_place() {
    let old = AuthToken::new("the-old-key").unwrap();
    let connector = Connector::builder(KEY)
        .previous_key(old)
        .entity::<Product>(InMemory::<Product>::new())
        .build()
        .unwrap();
    assert_eq!(status(&connector, &[KEY]).await, 200);
    assert_eq!(status(&connector, &["the-old-key"]).await, 200);
    for wrong in ["the-api-kez", "the-api-ke", "the-api-key1", "", "x"] {
        assert_eq!(status(&connector, &[wrong]).await, 401, "{wrong:?}");
    }
    assert_eq!(status(&connector, &[]).await, 401);
    assert_eq!(status(&connector, &[KEY, KEY]).await, 401);

    connector.accept_keys([AuthToken::new("a-third-key").unwrap()]);
    assert_eq!(status(&connector, &["a-third-key"]).await, 200);
    assert_eq!(status(&connector, &[KEY]).await, 401);
}
