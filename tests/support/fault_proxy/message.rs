//! HTTP/1.1 messages off a socket, one after the other, their bytes untouched.
//!
//! As much of HTTP as the hub and its clients use. Anything else is a panic and no guess.

use std::io;

use bytes::{Bytes, BytesMut};
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection, and what has come on it and is not yet taken.
pub(super) struct Peer {
    stream: TcpStream,
    arrived: BytesMut,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        // Each message is one write; waiting to fill a packet only delays it.
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            arrived: BytesMut::new(),
        })
    }

    /// Waits for a whole head, and leaves it where it is.
    pub(super) async fn head(&mut self) -> io::Result<Head> {
        loop {
            let end = self.arrived.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                return Ok(Head::new(&self.arrived[..end + 4]));
            }
            self.read().await?;
        }
    }

    /// Waits for a message of this length, and takes it.
    pub(super) async fn message(&mut self, len: usize) -> io::Result<Bytes> {
        while self.arrived.len() < len {
            self.read().await?;
        }
        Ok(self.arrived.split_to(len).freeze())
    }

    async fn read(&mut self) -> io::Result<()> {
        self.arrived.reserve(8 * 1024);
        match self.stream.read_buf(&mut self.arrived).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits until the other side closes. Whatever it sends is lost.
    pub(super) async fn closed(&mut self) {
        while self.read().await.is_ok() {
            self.arrived.clear();
        }
    }

    pub(super) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// The head of a request or an answer.
pub(super) struct Head {
    text: String,
    /// The text's own length differs where the bytes are not UTF-8.
    len: usize,
}

impl Head {
    fn new(bytes: &[u8]) -> Self {
        Self {
            text: String::from_utf8_lossy(bytes).into_owned(),
            len: bytes.len(),
        }
    }

    pub(super) fn method(&self) -> Method {
        let line = self.text.lines().next().unwrap_or_default();
        assert!(line.ends_with(" HTTP/1.1"), "no HTTP/1.1 request: {line:?}");
        let (method, _) = line.split_once(' ').unwrap();
        method.parse().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(its_name, _)| its_name.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    pub(super) fn says_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// How long the request is, its body included.
    pub(super) fn request_len(&self) -> usize {
        for unknown in ["transfer-encoding", "expect"] {
            assert!(
                self.header(unknown).is_none(),
                "the proxy does not know {unknown}: {}",
                self.text
            );
        }
        self.len + self.content_length().unwrap_or(0)
    }

    /// How long the answer to such a request is, its body included.
    pub(super) fn answer_len(&self, to: &Method) -> usize {
        let no_body = [" 204 ", " 304 "]
            .iter()
            .any(|status| self.text["HTTP/1.1".len()..].starts_with(status));
        if no_body || to == Method::HEAD {
            return self.len;
        }
        let body = self
            .content_length()
            .unwrap_or_else(|| panic!("an answer without a length: {}", self.text));
        self.len + body
    }

    fn content_length(&self) -> Option<usize> {
        self.header("content-length")
            .map(|length| length.parse().unwrap())
    }
}
