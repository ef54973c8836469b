//! A server of one test: it does what its script says, once, and fails loudly.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dsync_client::{Client, ClientBuilder};
use dsync_core::retry::RetryPolicy;

use super::KEY;

/// Longer than anything here takes, shorter than a person's patience.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Server<T> {
    port: u16,
    script: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Server<T> {
    /// Runs the script in a thread that is named after the test.
    pub(crate) fn start(script: impl FnOnce(&Listener) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = thread::current().name().unwrap_or("test").to_owned();
        let script = thread::Builder::new()
            .name(format!("server of {name}"))
            .spawn(move || script(&Listener(listener)))
            .unwrap();
        Self {
            port,
            script: Some(script),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/realtime", self.port)
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder(KEY)
            .realtime_url(self.url())
            .retry(RetryPolicy::never())
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// What the script gives. Its panic becomes the test's.
    pub(crate) fn finish(mut self) -> T {
        let script = self.script.take().expect("a server finishes once");
        script
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl<T> Drop for Server<T> {
    fn drop(&mut self) {
        assert!(
            self.script.is_none() || thread::panicking(),
            "the test has to call `finish`, or a fault of the server goes unseen"
        );
    }
}

pub(crate) struct Listener(TcpListener);

impl Listener {
    pub(crate) fn accept(&self) -> Connection {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(connection) = self.try_accept() {
                return connection;
            }
            assert!(Instant::now() < end, "nobody connected to the server");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What somebody asked who has been here by now, if anybody was.
    pub(crate) fn visitor(&self) -> Option<String> {
        self.try_accept().map(|mut connection| connection.request())
    }

    fn try_accept(&self) -> Option<Connection> {
        self.0.set_nonblocking(true).unwrap();
        match self.0.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Some(Connection(stream))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("accept: {error}"),
        }
    }
}

pub(crate) struct Connection(TcpStream);

impl Connection {
    /// The bytes of one request: its head, and as much body as that announces.
    pub(crate) fn request(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0
                .read_exact(&mut byte)
                .expect("the request ended before its head did");
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).expect("the head is UTF-8");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0
            .read_exact(&mut body)
            .expect("the request ended before its body did");
        head + &String::from_utf8(body).expect("the body is UTF-8")
    }

    /// Whatever comes first, up to 1,000 bytes.
    #[cfg(feature = "rustls")]
    pub(crate) fn anything(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1000];
        let length = self.0.read(&mut bytes).expect("nothing came");
        bytes.truncate(length);
        bytes
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the peer is there");
    }

    /// Sends what the peer may no longer want to read, and says whether it went out.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    pub(crate) fn answer(&mut self, status: &str, body: &str) {
        self.send(format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
    }

    /// Waits until the client closes.
    pub(crate) fn wait_for_close(&mut self) {
        let mut rest = Vec::new();
        // A reset is a close too.
        let _ = self.0.read_to_end(&mut rest);
    }
}
