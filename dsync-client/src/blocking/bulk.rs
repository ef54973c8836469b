//! Many records without `await`: the same lanes, polled by an iterator.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use dsync_core::EntityId;

use super::runtime::Runtime;
use crate::bulk::{Encode, Job, Lanes, Tally};
use crate::{BulkItem, Error, Progress, Receipt};

type Panic = Box<dyn Any + Send>;

/// What came back of one request.
struct Ended {
    index: u64,
    entity_id: Option<EntityId>,
    result: Result<Result<Receipt, Error>, Panic>,
}

/// Sends many records, several at once: made by [`Client::create_all`](super::Client::create_all) and
/// its sisters.
///
/// It is an iterator of one [`BulkItem`] a record, in the order in which they end, and keeps the rules
/// of the async [`Bulk`](crate::Bulk). Nothing is sent before the first item is asked for. Dropping it
/// starts nothing more; what is on its way goes on.
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
    encode: Encode<I::Item>,
    source: I,
    source_ended: bool,
    next_index: u64,
    lanes: Lanes<Job>,
    tally: Tally,
    sender: Sender<Ended>,
    receiver: Receiver<Ended>,
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
            encode,
            tally: Tally::new(source.size_hint()),
            source,
            source_ended: false,
            next_index: 0,
            lanes: Lanes::default(),
            sender,
            receiver,
        }
    }

    /// Sets how many requests are on their way at once: 32 without this; zero is 1.
    ///
    /// # Panics
    ///
    /// If something was sent already.
    pub fn concurrency(mut self, requests: usize) -> Self {
        assert!(
            self.next_index == 0,
            "set the concurrency before the first item"
        );
        self.lanes = Lanes::new(requests);
        self
    }

    /// Starts nothing more after the first record that fails, as
    /// [`Bulk::stop_on_error`](crate::Bulk::stop_on_error).
    pub fn stop_on_error(mut self) -> Self {
        self.tally.stop_on_error();
        self
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.tally.progress()
    }

    fn start(&self, Job { index, request }: Job) {
        let (client, sender) = (self.client.clone(), self.sender.clone());
        let entity_id = request.entity_id().cloned();
        self.runtime
            .spawn(async move { client.carry(request).await }, move |result| {
                // An error says that nobody asks any more.
                let _ = sender.send(Ended {
                    index,
                    entity_id,
                    result,
                });
            });
    }
}

impl<I: Iterator> Iterator for Bulk<I> {
    type Item = BulkItem;

    /// # Panics
    ///
    /// With the panic of a transport of your own.
    fn next(&mut self) -> Option<BulkItem> {
        while !self.tally.is_stopped() && !self.source_ended && self.lanes.has_room() {
            let Some(record) = self.source.next() else {
                self.source_ended = true;
                break;
            };
            let index = self.next_index;
            self.next_index += 1;
            match (self.encode)(self.client.requests(), &record) {
                Ok(request) => {
                    let id = request.entity_id().cloned();
                    if let Some(job) = self.lanes.admit(id.as_ref(), Job { index, request }) {
                        self.start(job);
                    }
                }
                Err(error) => {
                    return Some(self.tally.end(&mut self.lanes, index, None, Err(error)));
                }
            }
        }
        if self.lanes.in_flight() == 0 {
            return None;
        }
        let ended = self.receiver.recv().expect("it holds a sender itself");
        let result = ended.result.unwrap_or_else(|panic| resume_unwind(panic));
        let id = ended.entity_id.clone();
        let item = self
            .tally
            .end(&mut self.lanes, ended.index, ended.entity_id, result);
        if let Some(next) = self.lanes.finish(id.as_ref()) {
            self.start(next);
        }
        Some(item)
    }
}

impl<I: Iterator> fmt::Debug for Bulk<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("progress", &self.progress())
            .field("in_flight", &self.lanes.in_flight())
            .finish_non_exhaustive()
    }
}
