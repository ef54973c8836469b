//! A router for programs that have an axum application already.

use std::future::{Future, poll_fn};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use dsync_http::read_body;
use http::{Request, Response};

use crate::Connector;

impl Connector {
    /// The connector as an axum router, which nests anywhere; what was promised is a matter of
    /// [`work`](Self::work). Requests are held to the size and the body time of the builder; the time for
    /// heads and answers is that of the server. A request whose sender goes away is brought to its end.
    ///
    /// Nested below a path, say so by [`base_path`](crate::ConnectorBuilder::base_path) too if an entity's
    /// `endpoint_url` is absolute.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use dsync_connector::Connector;
    /// # async fn f(connector: Connector) -> std::io::Result<()> {
    /// let worker = connector.clone();
    /// tokio::spawn(async move { worker.work().await });
    ///
    /// let app = axum::Router::new()
    ///     .route("/health", axum::routing::get(|| async { "fine" }))
    ///     .nest_service("/dsync", connector.router());
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
    /// axum::serve(listener, app).await
    /// # }
    /// ```
    pub fn router(&self) -> Router {
        let connector = self.clone();
        Router::new().fallback(move |request: Request<Body>| {
            let connector = connector.clone();
            async move { connector.respond(request).await }
        })
    }

    async fn respond(self, request: Request<Body>) -> Response<Body> {
        let (mut head, mut body) = request.into_parts();
        let admitted = match self.admit(&mut head) {
            Ok(admitted) => admitted,
            Err(refused) => return refused.map(Body::from),
        };
        let response = match read_body(&mut body, self.0.max_body, self.0.read_timeout).await {
            Err(why) => self.without_body(why),
            Ok(body) => {
                let request = Request::from_parts(head, body);
                let mut answering = Box::pin(self.answer(admitted, request));
                // A handler that waits for nothing is done by now, and needs no task.
                match poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await {
                    Poll::Ready(response) => response,
                    // A task of its own, which ends by itself and not with its sender's connection.
                    Poll::Pending => match tokio::spawn(answering).await {
                        Ok(response) => response,
                        Err(_) => self.failed_response(),
                    },
                }
            }
        };
        response.map(Body::from)
    }
}
