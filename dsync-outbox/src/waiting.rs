//! Waiting for changes to end, in this program or in another one that sends.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use tokio::time::{Instant, sleep};

use crate::{ChangeId, Counts, Ending, Flushed, Outbox, OutboxStore, State, StoreError};

/// How often is looked for what another program has sent. In this one there is a bell, which the blocking
/// calls do not hear.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

impl<S: OutboxStore + ?Sized> Outbox<S> {
    /// Waits until a change has ended, whoever sends it, and says how. One that is held behind a dead letter
    /// has not ended.
    ///
    /// How it ended is remembered for some time: see [`SenderBuilder::remember`](crate::SenderBuilder::remember).
    /// It needs a Tokio runtime with time enabled.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_outbox::Ending;
    ///
    /// let sender = outbox.sender(client).spawn().await?;
    /// let kept = outbox.create(&product).await?;
    /// let ending = outbox.ended(kept.id().unwrap()).await?;
    /// assert!(matches!(ending, Ending::Delivered { process_id: Some(id) } if id == "p-1"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ended(&self, id: ChangeId) -> Result<Ending, StoreError> {
        loop {
            let mut bell = pin!(self.shared.ended.notified());
            // From now on no ring is missed.
            bell.as_mut().enable();
            if let Some(ending) = self.ending(id).await? {
                return Ok(ending);
            }
            select(bell, pin!(sleep(LOOK_EVERY))).await;
        }
    }

    /// How a change has ended, if it has.
    pub(crate) async fn ending(&self, id: ChangeId) -> Result<Option<Ending>, StoreError> {
        let Some(entry) = self.store.show(id).await? else {
            return Ok(Some(Ending::Unknown));
        };
        Ok(match entry.state {
            State::Pending | State::Held { .. } => None,
            State::Delivered { process_id } => Some(Ending::Delivered { process_id }),
            State::Superseded { by } => Some(Ending::Superseded { by }),
            State::Dead { holds } => Some(Ending::Dead {
                holds,
                failure: entry.failure,
            }),
            State::Dropped => Some(Ending::Dropped),
        })
    }

    /// Waits until every change that is pending now has ended, whoever sends it, but not longer than the
    /// deadline. It does not wait for what is held behind a dead letter.
    ///
    /// It sends nothing itself: that is a [sender's](Outbox::sender) matter. It needs a Tokio runtime with
    /// time enabled.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// outbox.create(&product).await?;
    /// let flushed = outbox.flush(Duration::ZERO).await?;
    /// assert_eq!(flushed.pending, 1); // nobody sends
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self, deadline: Duration) -> Result<Flushed, StoreError> {
        // Not the moment of its end, because the longest deadline has none.
        let begun = Instant::now();
        let Some(flush) = self.begin_flush().await? else {
            return Ok(Flushed::default());
        };
        loop {
            let mut bell = pin!(self.shared.ended.notified());
            bell.as_mut().enable();
            let left = deadline.saturating_sub(begun.elapsed());
            if left.is_zero() || !self.store.is_moving(flush.last).await? {
                return self.end_flush(flush).await;
            }
            select(bell, pin!(sleep(left.min(LOOK_EVERY)))).await;
        }
    }

    /// What there is to wait for; nothing where no change was ever put in.
    pub(crate) async fn begin_flush(&self) -> Result<Option<Flush>, StoreError> {
        let Some(last) = self.store.last().await? else {
            return Ok(None);
        };
        let before = self.store.counts(Some(last)).await?;
        Ok(Some(Flush { last, before }))
    }

    pub(crate) async fn end_flush(&self, flush: Flush) -> Result<Flushed, StoreError> {
        let Flush { last, before } = flush;
        let now = self.store.counts(Some(last)).await?;
        let died = now.dead.saturating_sub(before.dead);
        Ok(Flushed {
            delivered: before.pending.saturating_sub(now.pending + died),
            pending: now.pending,
            dead: now.dead,
        })
    }
}

/// A flush that has begun.
pub(crate) struct Flush {
    /// The last change that it waits for.
    pub(crate) last: ChangeId,
    before: Counts,
}
