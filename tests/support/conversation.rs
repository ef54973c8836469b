//! A connection that says exactly what a test writes, and reads one answer after the other.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a test waits for an answer before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as it came, to the last byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    /// The names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known == name)?;
        Some(value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as the protocol's envelope: four keys, the HTTP status among them, no other.
    #[track_caller]
    pub(crate) fn envelope(&self) -> Value {
        let envelope: Value = serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)));
        let object = envelope.as_object().expect("an envelope is an object");
        let keys: Vec<_> = object.keys().map(String::as_str).collect();
        assert_eq!(keys, ["data", "detail", "message", "status"], "{envelope}");
        assert_eq!(envelope["status"], self.status, "{envelope}");
        assert!(envelope["message"].is_string(), "{envelope}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        envelope
    }
}

pub(crate) struct Conversation {
    stream: TcpStream,
    /// What came and was not read as an answer yet.
    rest: Vec<u8>,
}

impl Conversation {
    pub(crate) fn with(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    /// Whether the server took all of it: one that refuses early may have closed.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends this side; the other one may still answer.
    pub(crate) fn end(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer; nothing if the server closes without one.
    pub(crate) fn hear(&mut self) -> Option<RawAnswer> {
        self.next_answer(true)
    }

    /// The next answer to a HEAD, which has no body whatever its head says.
    pub(crate) fn hear_head(&mut self) -> Option<RawAnswer> {
        self.next_answer(false)
    }

    fn next_answer(&mut self, has_body: bool) -> Option<RawAnswer> {
        let end = loop {
            let end = self.rest.windows(4).position(|four| four == b"\r\n\r\n");
            match end {
                Some(end) => break end,
                None if self.read_more() => {}
                None if self.rest.is_empty() => return None,
                None => panic!("half an answer: {:?}", String::from_utf8_lossy(&self.rest)),
            }
        };
        let head = String::from_utf8(self.rest[..end].to_vec()).unwrap();
        self.rest.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut answer = RawAnswer {
            status,
            headers,
            body: Vec::new(),
        };
        if status == 100 {
            return self.next_answer(has_body);
        }
        if has_body {
            let length = answer.header("content-length").map(str::parse::<usize>);
            let length = length.expect("every answer states its length").unwrap();
            while self.rest.len() < length {
                assert!(self.read_more(), "half a body");
            }
            answer.body = self.rest.drain(..length).collect();
        }
        Some(answer)
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 8192];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) => {
                let is_late = error.kind() == std::io::ErrorKind::WouldBlock;
                assert!(!is_late, "no answer within {PATIENCE:?}");
                false
            }
        }
    }
}
