//! The server's promises, over a real socket.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsync_http::{Limits, NoBody, Service, read_body, serve};
use http::{Request, Response, StatusCode, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(10);

/// Far beyond what the operating system holds for a reader.
const LONG_ANSWER: usize = 96 * 1024 * 1024;

/// Does what the path says.
#[derive(Debug)]
struct Probe {
    begun: Semaphore,
    /// Each permit lets one answer of `/wait` go on.
    gate: Semaphore,
    ended: Semaphore,
    answers: AtomicUsize,
}

fn response(status: u16, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

impl Service for Probe {
    type Admitted = String;

    fn admit(&self, head: &mut request::Parts) -> Result<String, Response<Bytes>> {
        match head.uri.path() {
            "/refused" => Err(response(403, "refused")),
            "/panic-at-the-head" => panic!("a test of what a panic does"),
            path => Ok(path.to_owned()),
        }
    }

    fn wants_body(&self, path: &String) -> bool {
        path != "/unread"
    }

    fn no_body(&self, path: String, why: NoBody) -> Response<Bytes> {
        assert_ne!(path, "/panic-without-body", "a test of what a panic does");
        response(400, why.to_string())
    }

    // No `async fn`: the first panic is to come before there is a future.
    fn answer(
        self: Arc<Self>,
        path: String,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send {
        assert_ne!(path, "/panic", "a test of what a panic does");
        async move {
            self.begun.add_permits(1);
            match path.as_str() {
                "/panic-later" => {
                    tokio::task::yield_now().await;
                    panic!("a test of what a panic does")
                }
                "/wait" => self.gate.acquire().await.unwrap().forget(),
                "/long" => return response(200, vec![b'x'; LONG_ANSWER]),
                _ => {}
            }
            self.answers.fetch_add(1, Ordering::SeqCst);
            self.ended.add_permits(1);
            response(200, request.into_body())
        }
    }

    fn panicked(&self) -> Response<Bytes> {
        response(500, "panicked")
    }
}

struct Server {
    probe: Arc<Probe>,
    address: SocketAddr,
    stop: Arc<Notify>,
    served: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let probe = Arc::new(Probe {
            begun: Semaphore::new(0),
            gate: Semaphore::new(0),
            ended: Semaphore::new(0),
            answers: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let shutdown = async move { stopped.notified().await };
        let served = tokio::spawn(serve(listener, probe.clone(), limits, shutdown));
        Self {
            probe,
            address,
            stop,
            served,
        }
    }

    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Everything that comes until the connection ends.
    async fn exchange(&self, request: &str) -> String {
        rest(self.send(request).await).await
    }

    async fn stop(self) {
        self.stop.notify_one();
        timeout(LONG, self.served).await.unwrap().unwrap();
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let read = timeout(LONG, stream.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    answer
}

async fn passed(semaphore: &Semaphore) {
    let permit = timeout(LONG, semaphore.acquire()).await;
    permit.unwrap().unwrap().forget();
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_whether_or_not_its_length_is_stated() {
    let server = Server::start(Limits::default().with_max_body(5)).await;
    for (body, answer) in [("12345", "12345"), ("123456", "longer than the limit")] {
        let length = body.len();
        let chunked = format!(
            "POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        );
        for request in [post("/", body), chunked] {
            let came = server.exchange(&request).await;
            assert!(came.ends_with(answer), "{request}: {came}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn who_waits_to_send_a_body_that_is_too_long_is_refused_and_not_asked_for_it() {
    let server = Server::start(Limits::default().with_max_body(5)).await;
    let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n";
    let answer = server.exchange(head).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn who_sends_a_long_body_can_read_why_it_is_not_wanted() {
    let server = Server::start(Limits::default().with_max_body(5)).await;
    let body = "x".repeat(4 << 20);
    for (path, answer) in [
        ("/refused", "refused"),
        ("/", "longer than the limit"),
        ("/unread", "\r\n\r\n"),
    ] {
        let came = server.exchange(&post(path, &body)).await;
        assert!(came.ends_with(answer), "{path}: {came}");
    }
    server.stop().await;
}

#[tokio::test]
async fn slow_senders_and_those_that_go_away_are_not_waited_for() {
    let limits = Limits::default().with_read_timeout(Duration::from_millis(50));
    let server = Server::start(limits).await;
    let began = Instant::now();
    assert_eq!(server.exchange("POST / HTTP/1.1\r\nHost").await, "");
    let head = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12";
    let answer = server.exchange(head).await;
    assert!(answer.ends_with("did not come in time"), "{answer}");
    let mut leaving = server.send(head).await;
    leaving.shutdown().await.unwrap();
    let answer = rest(leaving).await;
    assert!(answer.ends_with("the body is incomplete"), "{answer}");
    assert!(began.elapsed() < LONG);
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_goes_on_reading_has_the_time_it_takes() {
    let limit = Duration::from_secs(1);
    let server = Server::start(Limits::default().with_read_timeout(limit)).await;
    let mut stream = server.send(&post("/long", "")).await;
    let (began, mut chunk, mut got) = (Instant::now(), vec![0; 4 * 1024 * 1024], 0);
    loop {
        let read = timeout(LONG, stream.read(&mut chunk)).await;
        match read.unwrap().unwrap() {
            0 => break,
            read => got += read,
        }
        // Slower than the limit in all, and far from it at any time.
        if got < LONG_ANSWER && began.elapsed() < 2 * limit {
            tokio::time::sleep(Duration::from_millis(70)).await;
        }
    }
    assert!(
        began.elapsed() > limit,
        "it was not slow: {:?}",
        began.elapsed()
    );
    assert!(got > LONG_ANSWER, "{got}");
    server.stop().await;
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_next_request_of_the_connection_is_served() {
    let server = Server::start(Limits::default().with_max_body(5)).await;
    for (path, body) in [
        ("/panic", ""),
        ("/panic-later", ""),
        ("/panic-at-the-head", ""),
        ("/panic-without-body", "6"),
    ] {
        // One whose body was not read has its connection closed, so that is another one.
        let panics = format!("POST {path} HTTP/1.1\r\nContent-Length: ");
        if body.is_empty() {
            let answers = server
                .exchange(&(panics + "0\r\n\r\n" + &post("/", "next")))
                .await;
            assert!(answers.starts_with("HTTP/1.1 500"), "{path}: {answers}");
            assert!(
                answers.contains("panickedHTTP/1.1 200"),
                "{path}: {answers}"
            );
            assert!(answers.ends_with("next"), "{path}: {answers}");
        } else {
            let answer = server.exchange(&post(path, "123456")).await;
            assert!(answer.starts_with("HTTP/1.1 500"), "{path}: {answer}");
        }
    }
    assert!(server.exchange(&post("/", "next")).await.ends_with("next"));
    server.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_the_answer_that_is_under_way() {
    let server = Server::start(Limits::default()).await;
    let waiting = server.send(&post("/wait", "late")).await;
    // It has no request, so it is not waited for.
    let idle = server.send("").await;
    passed(&server.probe.begun).await;
    server.stop.notify_one();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rest(idle).await, "");
    assert!(!server.served.is_finished());
    server.probe.gate.add_permits(1);
    assert!(rest(waiting).await.ends_with("late"));
    timeout(LONG, server.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn after_the_grace_nothing_is_waited_for() {
    let limits = Limits::default().with_grace(Duration::from_millis(20));
    let server = Server::start(limits).await;
    let waiting = server.send(&post("/wait", "never")).await;
    passed(&server.probe.begun).await;
    let probe = server.probe.clone();
    server.stop().await;
    assert_eq!(rest(waiting).await, "");
    // It was dropped, and its hold on the service with it.
    assert_eq!(Arc::strong_count(&probe), 1);
    assert_eq!(probe.answers.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_has_begun_is_carried_out_though_its_sender_goes_away() {
    let server = Server::start(Limits::default()).await;
    for reset in [false, true] {
        let stream = server.send(&post("/wait", "")).await;
        passed(&server.probe.begun).await;
        if reset {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
        server.probe.gate.add_permits(1);
        passed(&server.probe.ended).await;
    }
    assert_eq!(server.probe.answers.load(Ordering::SeqCst), 2);
    server.stop().await;
}

/// The one case in which hyper drops an answer: `100 Continue` cannot be written any more.
#[tokio::test]
async fn what_has_begun_is_carried_out_though_its_connection_breaks() {
    let server = Server::start(Limits::default()).await;
    let request = "POST /wait HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nlate";
    let stream = server.send("").await;
    // Nothing runs in between: the server sees the request and its connection's end at once.
    assert_eq!(stream.try_write(request.as_bytes()).unwrap(), request.len());
    stream.set_zero_linger().unwrap();
    drop(stream);
    passed(&server.probe.begun).await;

    // It is waited for as any other.
    server.stop.notify_one();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.served.is_finished());
    server.probe.gate.add_permits(1);
    passed(&server.probe.ended).await;
    timeout(LONG, server.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_connection_more_than_the_limit_waits_until_another_has_ended() {
    let server = Server::start(Limits::default().with_max_connections(1)).await;
    let first = server.send(&post("/wait", "first")).await;
    passed(&server.probe.begun).await;
    let second = server.send(&post("/", "second")).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.probe.begun.available_permits(), 0);
    server.probe.gate.add_permits(1);
    assert!(rest(first).await.ends_with("first"));
    assert!(rest(second).await.ends_with("second"));
    server.stop().await;
}

#[tokio::test]
async fn a_body_of_another_server_is_read_the_same_way() {
    let mut body = http_body_util::Full::new(Bytes::from_static(b"12345"));
    assert_eq!(read_body(&mut body, 4, LONG).await, Err(NoBody::TooLarge));
    assert_eq!(read_body(&mut body, 5, LONG).await.unwrap(), "12345");
}
