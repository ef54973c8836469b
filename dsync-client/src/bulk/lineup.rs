//! The course of a bulk, without I/O: which record becomes a request, which request may go out, and what
//! became of it. The async and the blocking bulk both drive this one.

use dsync_core::{DsyncEntity, EntityId};

use super::lanes::Lanes;
use super::{BulkItem, Progress};
use crate::requests::{Change, Requests};
use crate::{Error, Receipt};

/// What makes a request of a record, and what tells records apart.
pub(crate) struct Encode<T> {
    change: fn(&Requests, &T) -> Result<Change, Error>,
    record_id: fn(&T) -> Option<EntityId>,
}

impl<T: DsyncEntity> Encode<T> {
    pub(crate) fn new(change: fn(&Requests, &T) -> Result<Change, Error>) -> Self {
        Self {
            change,
            // An id that cannot be sent is an error of the request.
            record_id: |record| record.entity_id().ok().flatten(),
        }
    }
}

/// A record on its way, or waiting for its turn.
pub(crate) struct Job {
    pub(crate) index: u64,
    /// What tells records apart: the primary key, because a request may name one record once by its
    /// shared key and once, where that is null, by its primary key.
    lane: Option<EntityId>,
    pub(crate) change: Change,
}

/// How a job ended.
pub(crate) struct Ended {
    index: u64,
    lane: Option<EntityId>,
    entity_id: Option<EntityId>,
    /// Nothing where an error stopped it before it was sent.
    result: Option<Result<Receipt, Error>>,
}

impl Job {
    /// The change, and what the job becomes with its result.
    pub(crate) fn begin(
        self,
    ) -> (
        Change,
        impl FnOnce(Option<Result<Receipt, Error>>) -> Ended + Send + 'static,
    ) {
        let entity_id = self.change.request.entity_id().cloned();
        let (index, lane) = (self.index, self.lane);
        let end = move |result| Ended {
            index,
            lane,
            entity_id,
            result,
        };
        (self.change, end)
    }
}

/// What a record became that was taken in.
pub(crate) enum Taken {
    /// It is to be started.
    Start(Job),
    /// It waits for another change of its record.
    Waits,
    /// It cannot be sent; to be given to [`Lineup::end`] in its turn.
    Unsendable(Ended),
}

pub(crate) struct Lineup<T> {
    encode: Encode<T>,
    lanes: Lanes<Job>,
    next_index: u64,
    progress: Progress,
    source_ended: bool,
    stop_on_error: bool,
    stopped: bool,
}

impl<T> Lineup<T> {
    /// A source knows how many records it has if the ends of its size hint are one number.
    pub(crate) fn new(encode: Encode<T>, (low, high): (usize, Option<usize>)) -> Self {
        const CONCURRENCY: usize = 32;

        let total = high.filter(|high| *high == low);
        Self {
            encode,
            lanes: Lanes::new(CONCURRENCY),
            next_index: 0,
            progress: Progress {
                total: total.and_then(|total| u64::try_from(total).ok()),
                ..Progress::default()
            },
            source_ended: false,
            stop_on_error: false,
            stopped: false,
        }
    }

    /// # Panics
    ///
    /// If a record was taken in already.
    pub(crate) fn set_concurrency(&mut self, requests: usize) {
        assert!(
            self.next_index == 0,
            "the concurrency is set before the first record is taken"
        );
        self.lanes = Lanes::new(requests);
    }

    pub(crate) fn set_stop_on_error(&mut self) {
        self.stop_on_error = true;
    }

    pub(crate) fn set_source_ended(&mut self) {
        self.source_ended = true;
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.lanes.in_flight()
    }

    /// Whether an error has stopped the rest.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether no further record will be taken in.
    pub(crate) fn is_closed(&self) -> bool {
        self.stopped || self.source_ended
    }

    /// Whether the source may be asked for a record.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_closed() && self.lanes.has_room()
    }

    pub(crate) fn take(&mut self, requests: &Requests, record: &T) -> Taken {
        let index = self.next_index;
        self.next_index += 1;
        match (self.encode.change)(requests, record) {
            Ok(change) => {
                let named = || change.request.entity_id().cloned();
                let lane = (self.encode.record_id)(record).or_else(named);
                let job = Job {
                    index,
                    lane: lane.clone(),
                    change,
                };
                match self.lanes.admit(lane.as_ref(), job) {
                    Some(job) => Taken::Start(job),
                    None => Taken::Waits,
                }
            }
            Err(error) => Taken::Unsendable(Ended {
                index,
                lane: None,
                entity_id: None,
                result: Some(Err(error)),
            }),
        }
    }

    /// A job has ended: its item, unless it was never sent, and the job that is to be started now.
    pub(crate) fn finish(&mut self, ended: Ended) -> (Option<BulkItem>, Option<Job>) {
        let lane = ended.lane.clone();
        // First what it means for the others, because after an error nothing may start.
        let item = self.end(ended);
        (item, self.lanes.finish(lane.as_ref()))
    }

    /// Notes what became of a record that was never a job, or is none any more.
    pub(crate) fn end(&mut self, ended: Ended) -> Option<BulkItem> {
        let Ended {
            index,
            entity_id,
            result,
            ..
        } = ended;
        let Some(result) = result else {
            self.progress.held_back += 1;
            return None;
        };
        match &result {
            Ok(_) => self.progress.accepted += 1,
            Err(_) => {
                self.progress.failed += 1;
                self.stopped |= self.stop_on_error;
            }
        }
        if self.stopped {
            // As many as may be on their way at the most.
            self.progress.held_back += self.lanes.drop_waiting() as u64;
        }
        Some(BulkItem {
            index,
            entity_id,
            result,
        })
    }
}
