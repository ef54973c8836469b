//! Requests of one process that are here at the same time: one is carried out, the others wait for its
//! answer.

use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dsync_core::ProcessId;
use tokio::sync::watch;

use crate::digest::{Digest, DigestMap, digest};
use crate::inbox::Fingerprint;
use crate::reply::Reply;

/// The processes that are being carried out.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_id: Mutex<DigestMap<Airborne>>,
}

/// The first request of a process.
#[derive(Debug)]
struct Airborne {
    request: Fingerprint,
    /// Where its answer will be. Made for the first who waits for it, which is seldom anybody.
    landing: Option<watch::Sender<Option<Reply>>>,
}

/// What a request is to its process.
#[derive(Debug)]
pub(crate) enum Begin<'a> {
    /// The first: it carries the process out.
    First(Flight<'a>),
    /// The same request is being carried out.
    Same(Follower),
    /// Another request of that process is.
    Other,
}

impl Flights {
    pub(crate) fn begin(&self, id: &ProcessId, request: Fingerprint) -> Begin<'_> {
        let id = digest(id.as_str());
        match self.by_id().entry(id) {
            Entry::Vacant(free) => {
                free.insert(Airborne {
                    request,
                    landing: None,
                });
                Begin::First(Flight {
                    flights: self,
                    id: Some(id),
                })
            }
            Entry::Occupied(held) if held.get().request != request => Begin::Other,
            Entry::Occupied(held) => {
                let landing = &mut held.into_mut().landing;
                let landing = landing.get_or_insert_with(|| watch::Sender::new(None));
                Begin::Same(Follower(landing.subscribe()))
            }
        }
    }

    fn by_id(&self) -> MutexGuard<'_, DigestMap<Airborne>> {
        // Each use is one call on a map.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request that carries a process out. Its end is a drop, so that also a request whose sender has
/// gone makes place for the next.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    flights: &'a Flights,
    /// Nothing once it has landed.
    id: Option<Digest>,
}

impl Flight<'_> {
    /// Gives the answer to all who wait for it.
    pub(crate) fn land(mut self, reply: &Reply) {
        let airborne = self
            .id
            .take()
            .and_then(|id| self.flights.by_id().remove(&id));
        if let Some(landing) = airborne.and_then(|airborne| airborne.landing) {
            landing.send_replace(Some(reply.clone()));
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.flights.by_id().remove(&id);
        }
    }
}

/// A request that waits for the first one's answer.
#[derive(Debug)]
pub(crate) struct Follower(watch::Receiver<Option<Reply>>);

impl Follower {
    /// The answer; nothing if the first was dropped, and somebody else has to be it.
    pub(crate) async fn landed(mut self) -> Option<Reply> {
        let reply = self.0.wait_for(Option::is_some).await.ok()?;
        reply.clone()
    }
}
