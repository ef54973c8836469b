//! Whatever is called in whatever order: the file says what the memory says, over restarts.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use dsync_core::wire::Report;
use http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::inbox::{KEPT_FOR, MemoryInbox};

#[derive(Clone, Debug)]
enum Act {
    Begin(u8, u8, u32),
    Answer(u8, Vec<u8>),
    Forget(u8),
    Promise(u8, Vec<String>),
    Tried(usize, u32),
    Settle(usize, bool),
    Reported(usize),
    Seen(u8),
    Promised(usize),
    Clock(i64),
    Reopen,
}

fn acts() -> impl Strategy<Value = Act> {
    let id = || 0..5_u8;
    // Hours, to both sides and now and then far.
    let clock = prop_oneof![6 => -48..48_i64, 1 => -1000..1000_i64];
    prop_oneof![
        6 => (id(), any::<u8>(), 1..4_u32).prop_map(|(id, request, n)| Act::Begin(id, request, n)),
        4 => (id(), any::<Vec<u8>>()).prop_map(|(id, body)| Act::Answer(id, body)),
        1 => id().prop_map(Act::Forget),
        4 => (id(), prop::collection::vec("[a-c]", 0..3)).prop_map(|(id, lanes)| Act::Promise(id, lanes)),
        2 => (0..8_usize, 1..9_u32).prop_map(|(promise, n)| Act::Tried(promise, n)),
        3 => (0..8_usize, any::<bool>()).prop_map(|(promise, report)| Act::Settle(promise, report)),
        2 => (0..8_usize).prop_map(Act::Reported),
        6 => id().prop_map(Act::Seen),
        2 => (0..8_usize).prop_map(Act::Promised),
        3 => clock.prop_map(Act::Clock),
        1 => Just(Act::Reopen),
    ]
}

/// Both inboxes, and what a test knows of them.
struct Both {
    folder: Folder,
    memory: MemoryInbox,
    store: Option<SqliteStore>,
    now: SystemTime,
    latest: SystemTime,
    /// When each process was written last.
    written: HashMap<u8, SystemTime>,
    /// The numbers of what is the same in both, each inbox's own.
    promises: Vec<(u64, u64)>,
    reports: Vec<(u64, u64)>,
}

impl Both {
    fn new() -> Self {
        let folder = Folder::new();
        Self {
            store: Some(folder.open()),
            folder,
            memory: MemoryInbox::new(),
            now: time(),
            latest: time(),
            written: HashMap::new(),
            promises: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn write(&mut self, id: u8) {
        self.written.insert(id, self.now);
        self.latest = self.latest.max(self.now);
    }

    /// Whether a process may be forgotten, now or since the clock was where it is not any more.
    fn may_be_forgotten(&self, id: u8) -> bool {
        self.written.get(&id).is_some_and(|written| {
            let latest = self.latest.max(self.now);
            latest
                .duration_since(*written)
                .is_ok_and(|age| age >= KEPT_FOR)
        })
    }

    async fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        let id_of = |id: u8| process(&format!("p-{id}"));
        let store = self.store.clone().unwrap();
        match act {
            Act::Begin(id, request, n) => {
                self.write(id);
                let (id, request) = (id_of(id), fingerprint(request));
                for inbox in [&self.memory as &dyn Inbox, &store] {
                    inbox.begin(&id, request, n, self.now).await.unwrap();
                }
            }
            Act::Answer(id, body) if !self.may_be_forgotten(id) => {
                let answer = answer(200, body);
                for inbox in [&self.memory as &dyn Inbox, &store] {
                    inbox
                        .answer(&id_of(id), answer.status, &answer.body)
                        .await
                        .unwrap();
                }
            }
            Act::Forget(id) => {
                for inbox in [&self.memory as &dyn Inbox, &store] {
                    inbox.forget(&id_of(id)).await.unwrap();
                }
                self.written.remove(&id);
            }
            Act::Promise(id, lanes) => {
                let promise = Promise {
                    lanes,
                    since: self.now,
                    next: self.now,
                    ..promise(id_of(id).as_str())
                };
                let mut numbers = Vec::new();
                for inbox in [&self.memory as &dyn Inbox, &store] {
                    numbers.push(promised(inbox, &promise).await);
                }
                self.promises.push((numbers[0], numbers[1]));
                self.write(id);
            }
            Act::Tried(promise, n) => {
                if let Some(&(memory, file)) = self.promises.get(promise) {
                    self.memory.tried(memory, n, self.now).await.unwrap();
                    store.tried(file, n, self.now).await.unwrap();
                }
            }
            Act::Settle(promise, has_report) => {
                let report = Report::new(process("r"), StatusCode::OK, format!("{promise}"));
                let report = has_report.then_some(&report);
                if let Some(&(memory, file)) = self.promises.get(promise) {
                    let memory = self.memory.settle(memory, report, self.now).await.unwrap();
                    let file = store.settle(file, report, self.now).await.unwrap();
                    prop_assert_eq!(memory.is_some(), file.is_some());
                    self.reports.extend(memory.zip(file));
                }
            }
            Act::Reported(report) => {
                if let Some(&(memory, file)) = self.reports.get(report) {
                    self.memory.reported(memory).await.unwrap();
                    store.reported(file).await.unwrap();
                }
            }
            Act::Seen(id) if !self.may_be_forgotten(id) => {
                let memory = self.memory.seen(&id_of(id), self.now).await.unwrap();
                let file = store.seen(&id_of(id), self.now).await.unwrap();
                prop_assert_eq!(&memory, &file);
                prop_assert_eq!(file.is_some(), self.written.contains_key(&id));
            }
            Act::Promised(promise) => {
                if let Some(&(memory, file)) = self.promises.get(promise) {
                    let memory = self.memory.promised(memory).await.unwrap();
                    prop_assert_eq!(memory, store.promised(file).await.unwrap());
                }
            }
            Act::Clock(hours) => {
                let by = Duration::from_secs(hours.unsigned_abs() * 60 * 60);
                self.now = if hours < 0 {
                    self.now - by
                } else {
                    self.now + by
                };
            }
            Act::Reopen => {
                drop(store);
                self.store = None;
                self.store = Some(self.folder.open());
            }
            Act::Answer(..) | Act::Seen(_) => {}
        }
        Ok(())
    }

    fn lists_are_equal(&self) -> Result<(), TestCaseError> {
        let store = self.store.as_ref().unwrap();
        let mut memory = self.memory.promises().unwrap();
        for promised in &mut memory {
            let same = |(number, _): &&(u64, u64)| *number == promised.number;
            promised.number = self.promises.iter().find(same).unwrap().1;
        }
        prop_assert_eq!(memory, store.promises().unwrap());

        let numbers = |reports: Vec<crate::inbox::KeptReport>| {
            let kept = reports.into_iter();
            kept.map(|kept| (kept.number, kept.since, kept.report.message))
                .collect::<Vec<_>>()
        };
        let mut memory = numbers(self.memory.reports().unwrap());
        for (number, ..) in &mut memory {
            let same = |(memory, _): &&(u64, u64)| memory == number;
            *number = self.reports.iter().find(same).unwrap().1;
        }
        prop_assert_eq!(memory, numbers(store.reports().unwrap()));
        Ok(())
    }

    /// A process whose promise is not settled is there, however old it is.
    async fn promised_are_seen(&self, forgotten: &[u8]) -> Result<(), TestCaseError> {
        let store = self.store.as_ref().unwrap();
        for promised in store.promises().unwrap() {
            let promise = store.promised(promised.number).await.unwrap().unwrap();
            let id = promise.request.process_id();
            if forgotten
                .iter()
                .any(|number| id.as_str() == format!("p-{number}"))
            {
                continue;
            }
            prop_assert!(store.seen(id, self.now).await.unwrap().is_some(), "{}", id);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_file_says_what_the_memory_says(acts in prop::collection::vec(acts(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut both = Both::new();
            let mut forgotten = Vec::new();
            for act in acts {
                if let Act::Forget(id) = act {
                    forgotten.push(id);
                }
                both.act(act).await?;
            }
            both.lists_are_equal()?;
            both.promised_are_seen(&forgotten).await?;
            both.act(Act::Reopen).await?;
            both.lists_are_equal()?;
            both.promised_are_seen(&forgotten).await
        })?;
    }
}
