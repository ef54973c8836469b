//! What the log says, and what it never says.
//!
//! Alone in its program: in a thread beside, a hub without a log would switch its lines off for all.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use dsync_core::{AuthToken, DataLayout, Endpoint, Field, FieldType};
use dsync_hub::Hub;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn send(hub: &Hub, key: &str, headers: &str, body: &str) {
    let mut stream = TcpStream::connect(hub.local_addr()).unwrap();
    write!(
        stream,
        "POST /api/realtime HTTP/1.1\r\nHost: hub\r\nAuth-Token: {key}\r\nEntity-Token: shop-product-1\r\n\
         {headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[tokio::test]
async fn a_request_is_one_line_without_key_and_body() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(log);

    let product = Endpoint::new(
        "product",
        "/entity/product",
        "shop-product-1".parse().unwrap(),
    )
    .with_field(Field::new("sku", FieldType::Text).with_primary_key(true));
    let hub = Hub::builder()
        .auth_token(AuthToken::new("SECRET-KEY").unwrap())
        .data_layout(DataLayout::builder().endpoint(product).build().unwrap())
        .start()
        .await
        .unwrap();
    let create = r#"{"sku":"SECRET-SKU"}"#;
    let k = "Idempotency-Key: k\r\n";
    send(&hub, "SECRET-KEY", k, create);
    send(&hub, "SECRET-KEY", "", r#"{"sku":"","x":"SECRET-TEXT"}"#);
    send(&hub, "SECRET-OTHER", "", create);
    send(&hub, "SECRET-KEY", k, create);
    hub.shutdown().await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let requests: Vec<_> = text.lines().filter(|line| line.contains("INFO")).collect();
    assert_eq!(requests.len(), 4, "{text}");
    let created = r#"operation="create" entity="product" status=200 process_id=""#;
    assert!(requests[0].contains(created) && !requests[0].contains("replayed"));
    assert!(requests[3].contains(created) && requests[3].contains("replayed=true"));
    assert!(
        requests[1].contains(
            r#"operation="create" entity="product" status=400 reason="the record has faults at product.sku""#
        ),
        "{text}"
    );
    assert!(
        requests[2].contains(
            r#"operation="create" status=401 reason="the API key in the header Auth-Token is wrong""#
        ),
        "{text}"
    );
    assert!(!text.contains("SECRET"), "{text}");
}
