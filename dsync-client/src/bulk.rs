//! Many records, one request each, several at once.

mod lanes;
mod lineup;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use dsync_core::EntityId;
use futures_core::Stream;
use futures_util::stream::FuturesUnordered;

pub(crate) use self::lineup::{Encode, Ended, Job, Lineup, Taken};
use crate::{Client, Error, Receipt};

/// Sends many records, several at once: made by [`Client::create_all`] and its sisters.
///
/// It is a [`Stream`] of one [`BulkItem`] a record, in the order in which they end. Nothing is sent
/// unless it is polled, by [`Bulk::next`] for instance, and dropping it stops it: what is on its way
/// then may have taken effect or not.
///
/// - Changes of one record, by its id, go out one after the other, in the order of the source. Records
///   without an id have no order.
/// - A record is taken from the source only when there is room: there are never more than
///   [`concurrency`](Self::concurrency) on their way, and as many waiting for another change of their
///   record.
/// - A record that cannot be sent or is not accepted is an item with its error, and the rest goes on;
///   see [`stop_on_error`](Self::stop_on_error).
/// - What is on its way gets on only while it is polled: slow work between two items belongs into a task
///   of its own, or time limits run out meanwhile.
/// - What is polled within the [scope](dsync_core::Origin::scope) of an origin is done because of that
///   origin, wherever the bulk was made: its echoes are not sent, and count as accepted.
///
/// # Examples
///
/// ```
#[doc = include_str!("doc/example.txt")]
/// let products = (1..=100).map(|number| Product { sku: format!("sku-{number}") });
/// let mut bulk = client.create_all(products).concurrency(8);
/// while let Some(item) = bulk.next().await {
///     if let Err(error) = item.result {
///         println!("record {}: {error}", item.index);
///     }
/// }
/// assert_eq!(bulk.progress().to_string(), "100 of 100 accepted");
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent unless it is polled"]
pub struct Bulk<S: Stream> {
    client: Client,
    source: Pin<Box<S>>,
    lineup: Lineup<S::Item>,
    in_flight: FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send>>>,
    /// A record that cannot be encoded. It is told of when what was started before it is on its way.
    unsendable: Option<Ended>,
    /// For those that were started, but not polled yet, when an error stopped the rest.
    stopped: Arc<AtomicBool>,
}

/// What became of one record.
#[derive(Debug)]
#[non_exhaustive]
pub struct BulkItem {
    /// Which record of the source it was, from 0.
    pub index: u64,
    /// The id that named it in its request. Without one, also where it could not be encoded.
    pub entity_id: Option<EntityId>,
    /// The platform's answer, or why there is none.
    pub result: Result<Receipt, Error>,
}

/// How far a [`Bulk`] is. Its `Display` is one line: `1200 of 5000 accepted, 3 failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many records were accepted, or [not sent](Receipt::is_echo) because they came from the
    /// platform.
    pub accepted: u64,
    /// How many were not.
    pub failed: u64,
    /// How many were taken from the source, but not sent, because an error stopped the rest.
    pub held_back: u64,
    /// How many there are, where the source knows.
    pub total: Option<u64>,
}

impl<S: Stream> Bulk<S> {
    pub(crate) fn new(client: Client, encode: Encode<S::Item>, source: S) -> Self {
        Self {
            client,
            lineup: Lineup::new(encode, source.size_hint()),
            source: Box::pin(source),
            in_flight: FuturesUnordered::new(),
            unsendable: None,
            stopped: Arc::default(),
        }
    }

    /// Sets how many requests are on their way at once: 32 without this; zero is 1.
    ///
    /// # Panics
    ///
    /// If something was sent already.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.create_all([product]).concurrency(64);
    /// while bulk.next().await.is_some() {}
    /// # Ok(())
    /// # }
    /// ```
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.lineup.set_concurrency(requests);
        self
    }

    /// Starts nothing more after the first record that fails. What is on its way is waited for; what
    /// was taken from the source and still waited for its turn is not sent, and has no item:
    /// [`Progress::held_back`] counts it.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.create_all([product]).stop_on_error();
    /// while bulk.next().await.is_some() {}
    /// assert_eq!(bulk.progress().held_back, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop_on_error(mut self) -> Self {
        self.lineup.set_stop_on_error();
        self
    }

    /// How far it is.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.create_all([product]);
    /// while bulk.next().await.is_some() {}
    /// assert_eq!(bulk.progress().to_string(), "1 of 1 accepted");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.lineup.progress()
    }

    /// What became of the next record that ends; nothing when all have ended. Dropping the future
    /// loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.create_all([product]);
    /// while let Some(item) = bulk.next().await {
    ///     println!("{}: {:?}", item.index, item.result);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<BulkItem> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<BulkItem>> {
        while self.unsendable.is_none() && self.lineup.has_room() {
            match self.source.as_mut().poll_next(context) {
                Poll::Pending => break,
                Poll::Ready(None) => self.lineup.set_source_ended(),
                Poll::Ready(Some(record)) => {
                    match self.lineup.take(self.client.requests(), &record) {
                        Taken::Start(job) => self.start(job),
                        Taken::Waits => {}
                        Taken::Unsendable(ended) => self.unsendable = Some(ended),
                    }
                }
            }
        }
        loop {
            let item = match Pin::new(&mut self.in_flight).poll_next(context) {
                Poll::Ready(Some(ended)) => {
                    let (item, next) = self.lineup.finish(ended);
                    if let Some(next) = next {
                        self.start(next);
                    }
                    item
                }
                polled => match self.unsendable.take() {
                    Some(ended) => self.lineup.end(ended),
                    None if polled.is_ready() && self.lineup.is_closed() => {
                        return Poll::Ready(None);
                    }
                    // Where nothing is on its way, the source has nothing yet.
                    None => return Poll::Pending,
                },
            };
            self.stopped
                .store(self.lineup.is_stopped(), Ordering::Relaxed);
            if item.is_some() {
                return Poll::Ready(item);
            }
        }
    }

    fn start(&self, job: Job) {
        let (client, stopped) = (self.client.clone(), self.stopped.clone());
        let (change, end) = job.begin();
        self.in_flight.push(Box::pin(async move {
            if stopped.load(Ordering::Relaxed) {
                return end(None);
            }
            end(Some(client.carry(change).await))
        }));
    }
}

/// Nothing in it is pinned in place: the source has a box of its own.
impl<S: Stream> Unpin for Bulk<S> {}

impl<S: Stream> Stream for Bulk<S> {
    type Item = BulkItem;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<BulkItem>> {
        self.get_mut().poll(context)
    }
}

impl<S: Stream> fmt::Debug for Bulk<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("progress", &self.progress())
            .field("in_flight", &self.lineup.in_flight())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.accepted)?;
        if let Some(total) = self.total {
            write!(f, " of {total}")?;
        }
        f.write_str(" accepted")?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.held_back > 0 {
            write!(f, ", {} held back", self.held_back)?;
        }
        Ok(())
    }
}
