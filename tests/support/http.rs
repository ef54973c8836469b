//! HTTP by hand, so that a test can send what no HTTP library would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dsync::Envelope;

/// An answer as it came over the socket.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) envelope: Envelope,
}

/// Sends the bytes, closes this side's half if asked to, and reads until the server closes.
pub(crate) fn exchange(server: SocketAddr, request: &[u8], close: bool) -> Answer {
    let mut stream = TcpStream::connect(server).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // A server that refuses early may have closed before all was sent.
    let _ = stream.write_all(request);
    if close {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        envelope: serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body:?}")),
    }
}

/// A request to the realtime address with these headers and this body.
pub(crate) fn request(method: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("{method} /api/realtime HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    request
}

/// The head and the body of a message, where the head is there.
pub(crate) fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((
        String::from_utf8(bytes[..end].to_vec()).unwrap(),
        &bytes[end + 4..],
    ))
}

/// Whether a message has as much body as its head says.
pub(crate) fn is_complete(bytes: &[u8]) -> bool {
    let Some((head, body)) = split(bytes) else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    body.len() >= length
}
