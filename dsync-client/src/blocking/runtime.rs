//! The thread on which a blocking client's network runs.

use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;

use dsync_core::Origin;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// Starts its thread at the first call, and lets it end when it is dropped. Nobody waits for that end,
/// so it can be dropped anywhere, also inside an async program.
#[derive(Default)]
pub(super) struct Runtime {
    running: Mutex<Option<Running>>,
}

struct Running {
    handle: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Runtime {
    /// Runs a future on the thread, and waits for what it gives.
    ///
    /// # Panics
    ///
    /// If the operating system gives no thread, and with the future's own panic.
    pub(super) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        // A channel of the standard library: Tokio's refuse to block inside a runtime.
        let (sender, receiver) = mpsc::sync_channel(1);
        self.spawn(future, move |ended| {
            // Whoever asked waits below, so somebody takes it.
            let _ = sender.send(ended);
        });
        receiver
            .recv()
            .expect("the thread runs as long as `self` is there")
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Runs a future on the thread, and gives what it came to, or its panic, to a function there. It
    /// runs in the scope of the origin that is the caller's.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        then: impl FnOnce(Result<T, Box<dyn Any + Send>>) + Send + 'static,
    ) {
        let handle = self.handle();
        let task = handle.spawn(within(Origin::current(), future));
        handle.spawn(async move {
            match task.await.map_err(JoinError::try_into_panic) {
                Ok(output) => then(Ok(output)),
                Err(Ok(panic)) => then(Err(panic)),
                // The thread has ended, so nobody waits.
                Err(Err(_)) => {}
            }
        });
    }

    fn handle(&self) -> Handle {
        // Written by one assignment, so a panic elsewhere leaves nothing half done.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get_or_insert_with(start).handle.clone()
    }
}

/// A scope belongs to a thread, so the other one has to enter it, too.
async fn within<F: Future>(origin: Option<Origin>, future: F) -> F::Output {
    match origin {
        Some(origin) => origin.scope(future).await,
        None => future.await,
    }
}

fn start() -> Running {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the operating system gives an event queue");
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::Builder::new()
        .name("dsync-client".to_owned())
        .spawn(move || {
            // An error is the sender's end, which is what is waited for.
            let _ = runtime.block_on(stopped);
        })
        .expect("the operating system gives a thread");
    Running {
        handle,
        _stop: stop,
    }
}
