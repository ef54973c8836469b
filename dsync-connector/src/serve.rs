//! A server of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dsync_http::{Limits, NoBody, Service};
use http::{Request, Response, request};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::Connector;
use crate::connector::Admitted;

impl Connector {
    /// Serves at a listener, and [carries out](Self::work) what was promised, until `shutdown` is ready:
    /// then it takes nothing new, and answers what has begun, for at most ten seconds.
    ///
    /// It speaks plain HTTP/1.1: TLS is a matter of what stands before it. Sizes and times are those of the
    /// builder; a request whose sender goes away is brought to its end.
    ///
    /// # Examples
    ///
    /// ```
    /// # extern crate dsync_core as dsync;
    /// # use dsync_derive::DsyncEntity;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Serialize, Deserialize, DsyncEntity)]
    /// # struct Product { #[dsync(primary_key)] sku: String }
    /// use dsync_connector::{Connector, InMemory};
    /// use tokio::net::TcpListener;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let connector = Connector::builder("the-api-key")
    ///     .entity::<Product>(InMemory::<Product>::new())
    ///     .build()?;
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// println!("listening at {}", listener.local_addr()?);
    /// let stop = async { /* tokio::signal::ctrl_c().await */ };
    /// connector.serve(listener, stop).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let limits = Limits::default()
            .with_max_body(self.0.max_body)
            .with_max_connections(self.0.max_connections)
            .with_read_timeout(self.0.read_timeout)
            .with_grace(Duration::from_secs(10));
        let serving = dsync_http::serve(listener, Arc::new(Served(self.clone())), limits, shutdown);
        // A task of its own, so that a handler that holds its thread holds up no connection. It has no end of
        // its own; what it was at is tried again after the next start.
        let worker = self.clone();
        let mut working = JoinSet::new();
        working.spawn(async move { worker.work().await });
        serving.await;
    }
}

struct Served(Connector);

impl Service for Served {
    type Admitted = Admitted;

    fn admit(&self, head: &mut request::Parts) -> Result<Admitted, Response<Bytes>> {
        self.0.admit(head)
    }

    fn no_body(&self, _admitted: Admitted, why: NoBody) -> Response<Bytes> {
        self.0.without_body(why)
    }

    fn answer(
        self: Arc<Self>,
        admitted: Admitted,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send {
        self.0.answer(admitted, request)
    }

    fn panicked(&self) -> Response<Bytes> {
        self.0.failed_response()
    }
}
