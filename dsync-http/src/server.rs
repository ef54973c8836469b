//! Listens, and serves connections until it is told to stop.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limits::Limits;
use crate::request;
use crate::service::Service;
use crate::underway::Underway;
use crate::write_limit::WriteLimit;

/// Serves until `shutdown` is ready, then frees the port and answers what has begun, for at most the
/// [grace](Limits::with_grace). What is left then is dropped.
///
/// It needs a tokio runtime with timers and I/O. Dropping the future stops at once, answers that are
/// under way included.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    // Ended by the end of its sender.
    let (serving, told) = watch::channel(());
    let most = limits.max_connections().unwrap_or(usize::MAX);
    // Dropped at the end of this function, which ends what is left.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = shutdown.as_mut() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, _)) => {
                    let (service, limits) = (service.clone(), limits.clone());
                    connections.spawn(connection(stream, service, limits, told.clone()));
                }
                // Out of file descriptors, most likely: it passes when connections end.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
        }
    }
    drop(listener);
    drop(serving);
    // After the grace nothing is waited for.
    let _ = timeout(limits.grace(), async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

async fn connection<S: Service>(
    stream: TcpStream,
    service: Arc<S>,
    limits: Limits,
    told: watch::Receiver<()>,
) {
    let underway = Underway::default();
    converse(stream, &service, &limits, &underway, told).await;
    underway.finish().await;
}

async fn converse<S: Service>(
    stream: TcpStream,
    service: &Arc<S>,
    limits: &Limits,
    underway: &Underway,
    mut told: watch::Receiver<()>,
) {
    // An answer is one small write; waiting to fill a packet only delays it.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| async {
        Ok::<_, Infallible>(request::answer(service, limits, underway, request).await)
    });
    let stream = WriteLimit::new(stream, limits.read_timeout());
    let mut connection = pin!(
        http1::Builder::new()
            // What a head may have, key or not: hyper's own limit is six times this.
            .max_buf_size(64 * 1024)
            .timer(TokioTimer::new())
            .header_read_timeout(limits.read_timeout())
            // A sender that has closed its side still gets its answer.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), answer)
    );
    let broken = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = told.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = broken {
        tracing::debug!(%error, "connection");
    }
}
