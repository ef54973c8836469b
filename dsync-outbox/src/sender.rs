//! The sender: takes changes out of an outbox and has them carried to the platform.

mod attempt;
mod builder;
mod clock;
mod control;
mod course;
mod driver;
mod failure;
mod forgetting;
mod hold;
mod lease;
mod log;
mod pause;
mod steps;
#[cfg(test)]
mod tests;
mod trouble;

use std::sync::Arc;

use tokio::sync::oneshot;

pub use self::builder::{AfterRefusal, SenderBuilder};
use self::control::Control;
use crate::{StoreError, StoreErrorKind};

/// A sender at work. Dropping it asks it to stop, and waits for nothing.
///
/// # Examples
///
/// ```
#[doc = include_str!("doc/example.txt")]
/// let sender = outbox.sender(client).spawn().await?;
/// outbox.create(&product).await?;
/// outbox.flush(Duration::from_secs(10)).await?;
/// sender.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sender {
    control: Arc<Control>,
    ended: oneshot::Receiver<Result<(), StoreError>>,
}

impl Sender {
    fn new(control: Arc<Control>, ended: oneshot::Receiver<Result<(), StoreError>>) -> Self {
        Self { control, ended }
    }

    /// Tries now whatever waits for the platform or pauses: for a program that knows of a new key, or that
    /// the network is back. A change that waits after its own failure waits on.
    pub fn resume(&self) {
        self.control.resume.notify_one();
    }

    /// Whether nothing is sent because the platform refuses the key, or the way there:
    /// see [`Event::Paused`](crate::Event::Paused).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.control.is_paused()
    }

    /// Stops: begins nothing more, waits for the attempts under way to end, settles them, and gives the
    /// lease back. What is pending stays so.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store was given up, or has failed for some seconds at the end. What could not be
    /// settled is pending, and will be sent once more with the same idempotency key. Also if
    /// the sender has panicked, or its runtime is gone.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        self.control.stop.notify_one();
        (&mut self.ended).await.unwrap_or_else(|_| {
            Err(StoreError::new(
                StoreErrorKind::Other,
                "the sender ended before its time, because its runtime was shut down or it panicked: what was not settled is pending, so start another one",
            ))
        })
    }

    /// As [`stop`](Self::stop), for programs without a runtime. On a thread of a Tokio runtime that
    /// the sender needs in order to end, it would wait for ever.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub fn stop_blocking(self) -> Result<(), StoreError> {
        pollster::block_on(self.stop())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.control.stop.notify_one();
    }
}
