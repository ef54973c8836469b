//! Which record may go out, and which has to wait for another change of the same record.

use std::collections::{HashMap, VecDeque};

use dsync_core::EntityId;

/// The order of what is on its way: first in, first out for one record, and never two of it at once.
/// Changes without an id have no order.
///
/// Without I/O: it says what to start, whoever asks starts it.
pub(crate) struct Lanes<J> {
    limit: usize,
    in_flight: usize,
    waiting: usize,
    /// An id is here while a change of it is on its way, with those that wait behind it.
    lanes: HashMap<EntityId, VecDeque<J>>,
}

impl<J> Lanes<J> {
    /// So many at once, and as many waiting.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            in_flight: 0,
            waiting: 0,
            lanes: HashMap::new(),
        }
    }

    /// Whether another change may be taken in. Those that wait are bounded too, or a source that has
    /// one record over and over would be read to its end.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < self.limit && self.waiting < self.limit
    }

    /// Takes a change in, and gives it back if it is to be started now.
    pub(crate) fn admit(&mut self, id: Option<&EntityId>, job: J) -> Option<J> {
        if let Some(id) = id {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.push_back(job);
                self.waiting += 1;
                return None;
            }
            self.lanes.insert(id.clone(), VecDeque::new());
        }
        self.in_flight += 1;
        Some(job)
    }

    /// Notes that a change has ended, and gives the one to be started in its place.
    pub(crate) fn finish(&mut self, id: Option<&EntityId>) -> Option<J> {
        self.in_flight -= 1;
        let id = id?;
        match self.lanes.get_mut(id).and_then(VecDeque::pop_front) {
            Some(job) => {
                self.waiting -= 1;
                self.in_flight += 1;
                Some(job)
            }
            None => {
                self.lanes.remove(id);
                None
            }
        }
    }

    /// Forgets what waits, and gives how many that were.
    pub(crate) fn drop_waiting(&mut self) -> usize {
        self.lanes.values_mut().for_each(VecDeque::clear);
        std::mem::take(&mut self.waiting)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use dsync_core::EntityId;
    use proptest::prelude::*;

    use super::Lanes;

    proptest! {
        /// A source of a few ids, some records without one, and endings in any order.
        #[test]
        fn one_record_is_in_order_and_never_twice_on_its_way(
            limit in 1..6_usize,
            source in prop::collection::vec(prop::option::of(0..4_u8), 0..60),
            endings in prop::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            let id = |lane: Option<u8>| lane.map(|lane| EntityId::new(lane).unwrap());
            let mut lanes = Lanes::new(limit);
            let mut source: VecDeque<_> = source.into_iter().enumerate().collect();
            let count = source.len();
            let (mut on_its_way, mut started): (Vec<(usize, Option<u8>)>, _) = (Vec::new(), Vec::new());
            let mut pulled = 0;
            let mut endings = endings.into_iter();
            loop {
                while lanes.has_room() && let Some(job) = source.pop_front() {
                    pulled += 1;
                    if let Some(job) = lanes.admit(id(job.1).as_ref(), job) {
                        on_its_way.push(job);
                        started.push(job);
                    }
                }
                prop_assert!(on_its_way.len() <= limit);
                prop_assert_eq!(lanes.in_flight(), on_its_way.len());
                prop_assert!(pulled - started.len() <= limit, "waiting is bounded");
                let mut ids: Vec<_> = on_its_way.iter().filter_map(|job| job.1).collect();
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), on_its_way.iter().filter(|job| job.1.is_some()).count());
                if on_its_way.is_empty() {
                    break;
                }
                let ending = endings.next().expect("each job ends once");
                let (_, lane) = on_its_way.swap_remove(ending.index(on_its_way.len()));
                if let Some(job) = lanes.finish(id(lane).as_ref()) {
                    on_its_way.push(job);
                    started.push(job);
                }
            }
            prop_assert_eq!(started.len(), count, "all are started");
            let mut last = HashMap::new();
            for (index, lane) in started {
                if let Some(lane) = lane {
                    prop_assert!(last.insert(lane, index).is_none_or(|before| before < index));
                }
            }
            prop_assert!(lanes.lanes.is_empty());
        }
    }
}
