//! One connection of a client: its requests in turn, and what becomes of each.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{Method, Response};
use tokio::net::TcpStream;

use super::message::{Head, Peer};
use super::{Fault, Seen, Shared};

const GARBAGE: &[u8] = b"\x16\x03\x01 this is no HTTP\r\n\r\n";

/// Serves it until one side closes it or a fault does.
pub(super) async fn serve(shared: &Shared, stream: TcpStream, connection: u64) -> io::Result<()> {
    let mut client = Peer::new(stream)?;
    let mut hub = Hub {
        address: shared.hub,
        peer: None,
    };
    let mut close_at_next = false;
    for number_on_connection in 0.. {
        let head = tokio::select! {
            // What the hub closes is closed for the client too.
            () = hub.closed() => return Ok(()),
            head = client.head() => head?,
        };
        let seen = shared.see(connection, number_on_connection, &head);
        if close_at_next {
            client.message(head.request_len()).await?;
            return Ok(());
        }

        let fault = shared.ask(&seen);
        if matches!(fault, Fault::ResetBeforeReading) {
            return client.reset();
        }
        let request = client.message(head.request_len()).await?;
        let answer = if fault.has_effect() {
            hub.ask(&request, &seen.method).await?
        } else {
            Bytes::new()
        };
        match fault {
            Fault::Forward => client.write(&answer).await?,
            Fault::CloseIdle => {
                client.write(&answer).await?;
                close_at_next = true;
            }
            Fault::HalfAnswer => return client.write(&answer[..answer.len() / 2]).await,
            Fault::Garbage => return client.write(GARBAGE).await,
            Fault::Answer(response) | Fault::AnswerAfterForwarding(response) => {
                client.write(&encode(&response)).await?;
                if head.says_close() || says_close(&response) {
                    return Ok(());
                }
            }
            Fault::Stall => {
                client.closed().await;
                return Ok(());
            }
            Fault::ResetBeforeReading | Fault::DropAfterReading | Fault::DropAnswer => {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Shared {
    fn see(&self, connection: u64, number_on_connection: u64, head: &Head) -> Seen {
        let header = |name| head.header(name).map(str::to_owned);
        let method = head.method();
        let mut all = self.seen.lock().unwrap();
        let seen = Seen {
            connection,
            number_on_connection,
            total: all.len() as u64,
            method,
            idempotency_key: header("idempotency-key"),
            auth_token: header("auth-token"),
        };
        all.push(seen.clone());
        seen
    }

    fn ask(&self, seen: &Seen) -> Fault {
        // After a panic of the policy the proxy ends; what still asks is only to fail as well.
        let mut policy = self.policy.lock().expect("the policy has panicked");
        policy(seen)
    }
}

/// The client's own connection to the hub, made when it is first needed.
struct Hub {
    address: SocketAddr,
    peer: Option<Peer>,
}

impl Hub {
    async fn ask(&mut self, request: &[u8], method: &Method) -> io::Result<Bytes> {
        let peer = match &mut self.peer {
            Some(peer) => peer,
            none => none.insert(Peer::new(connect(self.address).await?)?),
        };
        // A hub that refuses early may have answered and closed before all was sent.
        let _ = peer.write(request).await;
        let head = peer.head().await?;
        peer.message(head.answer_len(method)).await
    }

    async fn closed(&mut self) {
        match &mut self.peer {
            Some(peer) => peer.closed().await,
            None => std::future::pending().await,
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await;
    if let Err(error) = &stream {
        // Anything but a hub that is away is the machine's, and a test should not go on without.
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
    }
    stream
}

fn encode(response: &Response<Bytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    write!(bytes, "HTTP/1.1 {} {reason}\r\n", status.as_u16()).unwrap();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !response.headers().contains_key(CONTENT_LENGTH) {
        write!(bytes, "content-length: {}\r\n", response.body().len()).unwrap();
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}

fn says_close(response: &Response<Bytes>) -> bool {
    response
        .headers()
        .get(CONNECTION)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}
