//! Serves a DSYNC program over HTTP/1.1, with limits on size and time.
//!
//! A program is a [`Service`]: it looks at a request's head before the body is read, and answers
//! when it is there. [`serve`] does the rest, on the caller's tokio runtime, within [`Limits`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use dsync_http::{Limits, NoBody, Service, serve};
//! use http::{Request, Response, StatusCode, request};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::sync::oneshot;
//!
//! fn empty(status: StatusCode) -> Response<Bytes> {
//!     let mut response = Response::new(Bytes::new());
//!     *response.status_mut() = status;
//!     response
//! }
//!
//! /// Answers with the body that came.
//! struct Echo;
//!
//! impl Service for Echo {
//!     type Admitted = ();
//!
//!     fn admit(&self, head: &mut request::Parts) -> Result<(), Response<Bytes>> {
//!         match head.uri.path() {
//!             "/echo" => Ok(()),
//!             _ => Err(empty(StatusCode::NOT_FOUND)),
//!         }
//!     }
//!
//!     fn no_body(&self, (): (), why: NoBody) -> Response<Bytes> {
//!         empty(match why {
//!             NoBody::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
//!             NoBody::Incomplete => StatusCode::BAD_REQUEST,
//!             NoBody::TooSlow => StatusCode::REQUEST_TIMEOUT,
//!         })
//!     }
//!
//!     async fn answer(self: Arc<Self>, (): (), request: Request<Bytes>) -> Response<Bytes> {
//!         Response::new(request.into_body())
//!     }
//!
//!     fn panicked(&self) -> Response<Bytes> {
//!         empty(StatusCode::INTERNAL_SERVER_ERROR)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let (stop, stopped) = oneshot::channel::<()>();
//! let server = tokio::spawn(serve(listener, Arc::new(Echo), Limits::default(), async {
//!     let _ = stopped.await;
//! }));
//!
//! let mut stream = TcpStream::connect(address).await?;
//! let request = "POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
//! stream.write_all(request.as_bytes()).await?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"));
//!
//! drop(stop);
//! server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it sees to
//!
//! - A head, a body and the reading of an answer each have their time; a body has its size, however
//!   its length is stated.
//! - A refused sender can read why: what it still sends is thrown away for a while, and a side that
//!   it has closed ends nothing.
//! - An answer that has begun is carried to its end, though its sender goes away.
//! - A panic is the answer of one request, and no connection's end.
//! - A shutdown answers what has begun.

#![forbid(unsafe_code)]

mod body;
mod limits;
mod request;
mod server;
mod service;
mod underway;
mod write_limit;

pub use body::{NoBody, read_body};
pub use limits::Limits;
pub use server::serve;
pub use service::Service;
