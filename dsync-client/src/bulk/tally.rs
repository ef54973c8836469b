//! What became of the records so far, and what that means for the others.

use dsync_core::EntityId;

use super::lanes::Lanes;
use super::{BulkItem, Job, Progress};
use crate::{Error, Receipt};

#[derive(Debug)]
pub(crate) struct Tally {
    progress: Progress,
    stop_on_error: bool,
    stopped: bool,
}

impl Tally {
    /// A source knows how many records it has if it names one number.
    pub(crate) fn new((low, high): (usize, Option<usize>)) -> Self {
        let total = high.filter(|high| *high == low);
        Self {
            progress: Progress {
                total: total.and_then(|total| u64::try_from(total).ok()),
                ..Progress::default()
            },
            stop_on_error: false,
            stopped: false,
        }
    }

    pub(crate) fn stop_on_error(&mut self) {
        self.stop_on_error = true;
    }

    /// Whether nothing more is to be started.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// Notes that a record was started, but not sent.
    pub(crate) fn hold_back(&mut self) {
        self.progress.held_back += 1;
    }

    /// Notes how a record ended. To be called before the lanes give the next one of its lane, because
    /// after an error nothing may start.
    pub(crate) fn end(
        &mut self,
        lanes: &mut Lanes<Job>,
        index: u64,
        entity_id: Option<EntityId>,
        result: Result<Receipt, Error>,
    ) -> BulkItem {
        match &result {
            Ok(_) => self.progress.accepted += 1,
            Err(_) => {
                self.progress.failed += 1;
                self.stopped |= self.stop_on_error;
            }
        }
        if self.stopped {
            // As many as are on their way at the most.
            self.progress.held_back += lanes.drop_waiting() as u64;
        }
        BulkItem {
            index,
            entity_id,
            result,
        }
    }
}
