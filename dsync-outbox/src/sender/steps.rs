//! The steps of a lease: one at a time, and what is settled with them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::{Advanced, Claim, Event, Lease, Settled, StoreError};

/// An attempt that has ended, and is not on stable storage yet.
pub(super) struct Due {
    pub(super) settled: Settled,
    /// What is told when it is.
    pub(super) event: Option<Event>,
}

/// What came of a step.
pub(super) enum Stepped {
    /// These are settled, and others claimed, up to a limit.
    Advanced {
        advanced: Advanced,
        settled: Vec<Due>,
        limit: usize,
    },
    /// Whether there may be news.
    News(bool),
    /// Nothing was settled.
    Failed(StoreError),
}

type Step = Pin<Box<dyn Future<Output = (Box<dyn Lease>, Outcome)> + Send>>;

enum Outcome {
    Advanced(Result<Advanced, StoreError>, usize),
    News(Result<bool, StoreError>),
}

/// A lease, and the step that is under way with it.
pub(super) struct Steps {
    /// It is away while a step is under way.
    lease: Option<Box<dyn Lease>>,
    step: Option<Step>,
    /// What is settled with the step.
    settling: Vec<Due>,
    /// What is to be settled with the next one.
    due: Vec<Due>,
}

impl Steps {
    pub(super) fn new(lease: Box<dyn Lease>) -> Self {
        Self {
            lease: Some(lease),
            step: None,
            settling: Vec::new(),
            due: Vec::new(),
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.lease.is_some()
    }

    pub(super) fn add(&mut self, due: Due) {
        self.due.push(due);
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Begins to settle all that is due, and to claim, if no step is under way.
    pub(super) fn advance(&mut self, claim: Claim) {
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        self.settling = std::mem::take(&mut self.due);
        let settled = self.settling.iter().map(|due| due.settled.clone());
        let settled = settled.collect();
        self.step = Some(Box::pin(async move {
            let advanced = lease.advance(settled, claim).await;
            (lease, Outcome::Advanced(advanced, claim.limit))
        }));
    }

    /// Begins to ask for news, if no step is under way.
    pub(super) fn ask_for_news(&mut self) {
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        self.step = Some(Box::pin(async move {
            let news = lease.has_news().await;
            (lease, Outcome::News(news))
        }));
    }

    /// The end of the step that is under way, if there is one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stepped> {
        let Some(step) = &mut self.step else {
            return Poll::Pending;
        };
        let (lease, outcome) = ready!(step.as_mut().poll(cx));
        self.step = None;
        self.lease = Some(lease);
        let settled = std::mem::take(&mut self.settling);
        Poll::Ready(match outcome {
            Outcome::Advanced(Ok(advanced), limit) => Stepped::Advanced {
                advanced,
                settled,
                limit,
            },
            Outcome::Advanced(Err(error), _) => {
                // In their order, before what has ended meanwhile.
                self.due.splice(0..0, settled);
                Stepped::Failed(error)
            }
            Outcome::News(Ok(news)) => Stepped::News(news),
            Outcome::News(Err(error)) => Stepped::Failed(error),
        })
    }
}
