//! Starting and stopping.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::socket::{connect, good, head, hub, one_answer};
use crate::{Hub, StartError};

fn is_sync<T: Send + Sync>(_: &T) {}

#[tokio::test]
async fn each_hub_has_a_port_and_a_key_of_its_own() {
    let (one, two) = (Hub::start().await.unwrap(), Hub::start().await.unwrap());
    is_sync(&one);
    assert_ne!(one.local_addr().port(), 0);
    assert_ne!(one.local_addr(), two.local_addr());
    assert_ne!(one.auth_token().expose(), two.auth_token().expose());
    let url = format!("http://{}/api/realtime", one.local_addr());
    assert_eq!(one.realtime_url(), url);
    assert!(!format!("{one:?}").contains(one.auth_token().expose()));
}

#[tokio::test]
async fn an_address_of_all_interfaces_has_a_url_to_connect_to() {
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let hub = Hub::builder().bind(any).start().await.unwrap();
    assert!(
        hub.realtime_url().starts_with("http://127.0.0.1:"),
        "{hub:?}"
    );
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Hub::builder().bind(address).start().await.unwrap_err();
    assert!(
        matches!(error, StartError::AddressInUse { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("choose another port"), "{error}");
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    let error = Hub::builder().bind(foreign).start().await.unwrap_err();
    assert!(matches!(error, StartError::Bind { .. }), "{error:?}");
}

/// The address can be had again, so nothing listens there and no thread holds it.
fn is_free(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err() && TcpListener::bind(address).is_ok()
}

#[tokio::test]
async fn dropping_stops_at_once_whatever_is_under_way() {
    let hub = hub().await;
    good(&hub, "S-1");
    let address = hub.local_addr();
    let _idle = connect(&hub);
    let mut sending = connect(&hub);
    sending
        .write_all(head("POST", "Content-Length: 13").as_bytes())
        .unwrap();
    let began = Instant::now();
    drop(hub);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(is_free(address));
}

#[tokio::test]
async fn shutdown_answers_what_has_begun_and_the_records_stay_readable() {
    let hub = hub().await;
    let mut idle = connect(&hub);
    idle.write_all((head("POST", "Content-Length: 13") + r#"{"sku":"S-1"}"#).as_bytes())
        .unwrap();
    one_answer(&mut idle);
    let mut sending = connect(&hub);
    let request = head("POST", "Content-Length: 13\nExpect: 100-continue");
    sending.write_all(request.as_bytes()).unwrap();
    // The hub has begun to read the body.
    one_answer(&mut sending);

    let began = Instant::now();
    let address = hub.local_addr();
    let finish = std::thread::spawn(move || {
        // The shutdown has begun when nobody listens any more.
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        sending.write_all(br#"{"sku":"S-2"}"#).unwrap();
        one_answer(&mut sending)
    });
    hub.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(is_free(hub.local_addr()));
    assert_eq!(hub.records("product").len(), 2);
    assert!(finish.join().unwrap().starts_with("HTTP/1.1 200"));
    hub.shutdown().await;
}

#[test]
fn no_async_runtime_is_needed() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let mut starting = pin!(Hub::start());
    let mut context = Context::from_waker(Waker::noop());
    let hub = loop {
        if let Poll::Ready(hub) = starting.as_mut().poll(&mut context) {
            break hub.unwrap();
        }
        std::thread::yield_now();
    };
    assert!(!is_free(hub.local_addr()));
}
