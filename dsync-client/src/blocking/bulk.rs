//! Many records without `await`: the same lineup, driven by an iterator.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use super::runtime::Runtime;
use crate::bulk::{Encode, Ended, Job, Lineup, Taken};
use crate::{BulkItem, Progress};

type Panic = Box<dyn Any + Send>;

/// Sends many records, several at once: made by [`Client::create_all`](super::Client::create_all) and
/// its sisters.
///
/// It is an iterator of one [`BulkItem`] a record, in the order in which they end, and keeps the rules
/// of the async [`Bulk`](crate::Bulk). Nothing is sent before the first item is asked for. Dropping it
/// starts nothing more; what is on its way goes on. What is asked for within the scope of an
/// [`Origin`](dsync_core::Origin) is done because of it.
///
/// # Examples
///
/// ```
#[doc = include_str!("../doc/blocking.txt")]
/// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
/// let products = (1..=100).map(|number| Product { sku: format!("sku-{number}") });
/// let mut bulk = client.create_all(products).concurrency(8);
/// for item in &mut bulk {
///     if let Err(error) = item.result {
///         println!("record {}: {error}", item.index);
///     }
/// }
/// assert_eq!(bulk.progress().accepted, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is sent unless it is iterated over"]
pub struct Bulk<I: Iterator> {
    client: crate::Client,
    runtime: Arc<Runtime>,
    source: I,
    lineup: Lineup<I::Item>,
    sender: Sender<Result<Ended, Panic>>,
    receiver: Receiver<Result<Ended, Panic>>,
}

impl<I: Iterator> Bulk<I> {
    pub(super) fn new(
        client: crate::Client,
        runtime: Arc<Runtime>,
        encode: Encode<I::Item>,
        source: I,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            client,
            runtime,
            lineup: Lineup::new(encode, source.size_hint()),
            source,
            sender,
            receiver,
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
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// let mut bulk = client.create_all([product]).concurrency(64);
    /// for _ in &mut bulk {}
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.lineup.set_concurrency(requests);
        self
    }

    /// Starts nothing more after the first record that fails, as
    /// [`Bulk::stop_on_error`](crate::Bulk::stop_on_error).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// let mut bulk = client.create_all([product]).stop_on_error();
    /// for _ in &mut bulk {}
    /// assert_eq!(bulk.progress().held_back, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// let mut bulk = client.create_all([product]);
    /// for _ in &mut bulk {}
    /// assert_eq!(bulk.progress().to_string(), "1 of 1 accepted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.lineup.progress()
    }

    fn start(&self, job: Job) {
        let (client, sender) = (self.client.clone(), self.sender.clone());
        let (change, end) = job.begin();
        let sending = async move { end(Some(client.carry(change).await)) };
        self.runtime.spawn(sending, move |ended| {
            // An error says that nobody asks any more.
            let _ = sender.send(ended);
        });
    }
}

impl<I: Iterator> Iterator for Bulk<I> {
    type Item = BulkItem;

    /// # Panics
    ///
    /// With the panic of a transport of your own.
    fn next(&mut self) -> Option<BulkItem> {
        while self.lineup.has_room() {
            let Some(record) = self.source.next() else {
                self.lineup.set_source_ended();
                break;
            };
            match self.lineup.take(self.client.requests(), &record) {
                Taken::Start(job) => self.start(job),
                Taken::Waits => {}
                Taken::Unsendable(ended) => return self.lineup.end(ended),
            }
        }
        if self.lineup.in_flight() == 0 {
            return None;
        }
        let ended = self.receiver.recv().expect("it holds a sender itself");
        let (item, next) = self
            .lineup
            .finish(ended.unwrap_or_else(|panic| resume_unwind(panic)));
        if let Some(next) = next {
            self.start(next);
        }
        item
    }
}

impl<I: Iterator> fmt::Debug for Bulk<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("progress", &self.progress())
            .field("in_flight", &self.lineup.in_flight())
            .finish_non_exhaustive()
    }
}
