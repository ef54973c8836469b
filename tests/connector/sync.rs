//! A synchronisation while the shop goes on working: each record that is there throughout comes exactly
//! once.

use std::collections::{BTreeMap, BTreeSet};

use dsync::prelude::*;
use dsync::{Connector, InMemory};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::subject::{KEY, Question, Served, Subject, does, refuses};

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "sync-item-1")]
struct Item {
    #[dsync(primary_key)]
    id: u64,
}

const TOKEN: &str = "sync-item-1";

struct Store {
    subject: Subject,
    items: InMemory<Item, u64>,
}

/// Ids are a thousand apart, so that there is room between them.
const APART: u64 = 1_000;

impl Store {
    fn with(records: u64, page_size: usize) -> Self {
        let items = InMemory::new();
        for number in 1..=records {
            items.insert(Item { id: number * APART });
        }
        let builder = Connector::builder(KEY)
            .entity::<Item>(items.clone())
            .page_size(page_size);
        Self {
            subject: Subject::new(builder, String::new),
            items,
        }
    }

    fn ids(&self) -> BTreeSet<u64> {
        self.items.all().into_iter().map(|item| item.id).collect()
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let answer = runtime.block_on(self.subject.handle(&Question::sync(path, TOKEN)));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.envelope()["data"].take()
    }

    /// How many pages there are, as the connector says.
    fn pages(&self) -> u64 {
        let data = self.get("/sync/total");
        let number = |name: &str| data[name].as_u64().unwrap();
        number("total").div_ceil(number("per_page"))
    }

    fn page(&self, number: u64) -> Vec<u64> {
        let data = self.get(&format!("/sync/items/{number}"));
        let items = data["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_u64().unwrap()).collect()
    }

    /// One run. `meanwhile` may change what it likes after each page, and give another answer to it.
    fn run(
        &self,
        platform: Platform,
        mut meanwhile: impl FnMut(u64, Vec<u64>) -> Vec<u64>,
    ) -> Vec<u64> {
        let pages = (platform != Platform::UntilEmpty).then(|| self.pages());
        let mut got = Vec::new();
        let mut number = 0;
        loop {
            number += 1;
            if platform == Platform::CountsPages && Some(number) > pages {
                return got;
            }
            let first = self.page(number);
            let end = first.last().copied();
            let page = meanwhile(number, first);
            if platform != Platform::CountsPages && page.is_empty() {
                return got;
            }
            got.extend_from_slice(without_the_next(&page, end));
            assert!(number < 10_000, "it has no end");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    /// Asks for one page after the other until one is empty.
    UntilEmpty,
    /// The same, but asks for the total first.
    CountsAndUntilEmpty,
    /// Asks for exactly as many pages as the total makes.
    CountsPages,
}

const PLATFORMS: [Platform; 3] = [
    Platform::UntilEmpty,
    Platform::CountsAndUntilEmpty,
    Platform::CountsPages,
];

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Meanwhile {
    /// A new record, somewhere.
    Insert(u64),
    /// A new record near the end of the last page: before it, or right after it.
    InsertNear(i64),
    /// One record less: the so-manieth of those that are there.
    Delete(usize),
    /// The last of the page that was just given.
    DeleteLastOfPage,
    /// The page is asked again.
    AskAgain,
}

fn meanwhile(records: u64) -> impl Strategy<Value = Meanwhile> {
    prop_oneof![
        2 => (0..(records + 2) * APART).prop_map(Meanwhile::Insert),
        2 => (-3_000_i64..3_000).prop_map(Meanwhile::InsertNear),
        3 => any::<usize>().prop_map(Meanwhile::Delete),
        1 => Just(Meanwhile::DeleteLastOfPage),
        1 => Just(Meanwhile::AskAgain),
    ]
}

/// Runs each platform, and judges what they got. After each of the first pages something happens.
fn each_comes_once(records: u64, page_size: usize, events: &[Vec<Meanwhile>], runs: usize) {
    let is_insert =
        |event: &&Meanwhile| matches!(event, Meanwhile::Insert(_) | Meanwhile::InsertNear(_));
    let inserts = events.iter().flatten().filter(is_insert).count();
    for platform in PLATFORMS {
        // The last page takes what nine more pages could hold, and no more than that is promised.
        if platform == Platform::CountsPages && inserts > 9 * page_size {
            continue;
        }
        let store = Store::with(records, page_size);
        for run in 1..=runs {
            let mut throughout = store.ids();
            let got = store.run(platform, |number, mut page| {
                let events = usize::try_from(number - 1)
                    .ok()
                    .and_then(|at| events.get(at));
                for event in events.into_iter().flatten() {
                    page = store.let_happen(event, number, page);
                    throughout = throughout.intersection(&store.ids()).copied().collect();
                }
                page
            });
            judge(&format!("{platform:?}, run {run}"), &throughout, &got);
        }
    }
}

fn judge(who: &str, throughout: &BTreeSet<u64>, got: &[u64]) {
    let mut times = BTreeMap::new();
    for id in got {
        *times.entry(id).or_insert(0) += 1;
    }
    let wrong: Vec<_> = throughout
        .iter()
        .map(|id| (id, times.get(id).copied().unwrap_or(0)))
        .filter(|(_, times)| *times != 1)
        .collect();
    assert!(wrong.is_empty(), "{who}: {wrong:?}");
}

impl Store {
    /// The page as the platform has it afterwards.
    fn let_happen(&self, event: &Meanwhile, number: u64, page: Vec<u64>) -> Vec<u64> {
        let last = page.last().copied().unwrap_or(0);
        match *event {
            Meanwhile::Insert(id) => self.items.insert(Item { id }),
            Meanwhile::InsertNear(apart) => {
                if let Some(id) = last.checked_add_signed(apart) {
                    self.items.insert(Item { id });
                }
            }
            Meanwhile::Delete(position) => {
                let ids = self.ids();
                let id = ids.iter().nth(position % ids.len().max(1)).copied();
                id.map(|id| self.items.remove(&id));
            }
            Meanwhile::DeleteLastOfPage => drop(self.items.remove(&last)),
            // It asks because the first answer did not come.
            Meanwhile::AskAgain => return self.page(number),
        }
        page
    }
}

/// A page that has nothing left gives the one record that follows, which its own page gives again.
fn without_the_next(page: &[u64], end: Option<u64>) -> &[u64] {
    match page {
        [next] if end.is_some_and(|end| *next > end) => &[],
        page => page,
    }
}

/// One of two that ask at the same time, each until a page is empty.
struct Way {
    number: u64,
    throughout: BTreeSet<u64>,
    got: Vec<u64>,
    has_reached_end: bool,
    is_over: bool,
}

impl Way {
    fn new(store: &Store) -> Self {
        Self {
            number: 0,
            throughout: store.ids(),
            got: Vec::new(),
            has_reached_end: false,
            is_over: false,
        }
    }
}

/// The second one begins after so many steps, and then each step says whose turn it is.
fn both_get_each_once(
    records: u64,
    page_size: usize,
    begins: usize,
    steps: &[(usize, Vec<Meanwhile>)],
) {
    let store = Store::with(records, page_size);
    let mut ways = vec![Way::new(&store)];
    // What was settled about the pages.
    let mut ends = BTreeMap::new();
    for step in 0.. {
        // Once the first has seen the end, whoever asks for page 1 begins a new run.
        let first = &ways[0];
        let is_too_late = first.has_reached_end && !first.is_over;
        let has_second = ways.len() == 2;
        let begins_now = !has_second && step >= begins && !is_too_late;
        if begins_now {
            if first.is_over {
                ends.clear();
            }
            ways.push(Way::new(&store));
        }
        let (turn, events) = steps
            .get(step)
            .map_or((step, &[][..]), |(turn, events)| (*turn, events));
        let turn = if begins_now { 1 } else { turn % ways.len() };
        let open = [turn, ways.len() - 1 - turn]
            .into_iter()
            .find(|way| !ways[*way].is_over);
        let Some(turn) = open else {
            if ways.len() == 2 {
                break;
            }
            continue;
        };

        ways[turn].number += 1;
        let number = ways[turn].number;
        assert!(number < 10_000, "it has no end");
        let mut page = store.page(number);
        ways[turn].has_reached_end |= page.len() < page_size;
        if let Some(last) = page.last() {
            ends.entry(number).or_insert(*last);
        }
        for event in events {
            // Page 1 may be one of a new run, as may be whatever comes after it.
            if matches!(event, Meanwhile::AskAgain) && (number == 1 || ways.len() == 1) {
                continue;
            }
            page = store.let_happen(event, number, page);
            let ids = store.ids();
            for way in ways.iter_mut().filter(|way| !way.is_over) {
                way.throughout.retain(|id| ids.contains(id));
            }
        }
        let way = &mut ways[turn];
        way.is_over = page.is_empty();
        let page = without_the_next(&page, ends.get(&number).copied());
        way.got.extend_from_slice(page);
    }
    for (way, who) in ways.iter().zip(["the first", "the second"]) {
        judge(who, &way.throughout, &way.got);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Small ones, where the ends meet.
    #[test]
    fn each_record_that_stays_comes_exactly_once(
        (records, page_size, events) in (0_u64..40, 1_usize..9).prop_flat_map(|(records, page_size)| {
            let events = prop::collection::vec(prop::collection::vec(meanwhile(records), 0..4), 1..8);
            (Just(records), Just(page_size), events)
        })
    ) {
        each_comes_once(records, page_size, &events, 1);
    }

    #[test]
    fn a_second_run_is_as_good_as_the_first(
        (records, page_size, events) in (0_u64..20, 1_usize..6).prop_flat_map(|(records, page_size)| {
            let events = prop::collection::vec(prop::collection::vec(meanwhile(records), 0..3), 1..6);
            (Just(records), Just(page_size), events)
        })
    ) {
        each_comes_once(records, page_size, &events, 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_runs_at_once_both_get_each_record_once(
        (records, page_size, begins, steps) in (0_u64..30, 1_usize..6).prop_flat_map(|(records, page_size)| {
            // A page takes nine times more than it had, and no more than that.
            let steps = 1..(9 * page_size).min(24);
            let events = prop::collection::vec(meanwhile(records), 0..2);
            let steps = prop::collection::vec((0_usize..2, events), steps);
            (Just(records), Just(page_size), 1_usize..8, steps)
        })
    ) {
        both_get_each_once(records, page_size, begins, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_thousand_records_in_pages_of_seven(
        events in prop::collection::vec(prop::collection::vec(meanwhile(1_000), 0..2), 140..144)
    ) {
        each_comes_once(1_000, 7, &events, 1);
    }
}

#[test]
fn what_came_between_two_runs_is_in_the_second() {
    for platform in PLATFORMS {
        let store = Store::with(1, 7);
        assert_eq!(store.run(platform, |_, page| page), [APART]);
        store.items.insert(Item { id: 2 * APART });
        let got = store.run(platform, |_, page| page);
        assert_eq!(got, [APART, 2 * APART], "{platform:?}");
    }
}

#[test]
fn a_page_asked_again_is_the_same() {
    let store = Store::with(20, 7);
    let first = store.page(1);
    assert_eq!(first.len(), 7);
    assert_eq!(store.page(1), first);
    let second = store.page(2);
    assert_eq!(store.page(2), second);
    assert_eq!(store.page(1), first);
    // Something new behind it changes nothing.
    store.items.insert(Item { id: 7 * APART + 1 });
    assert_eq!(store.page(1), first);
}

/// What later pages have brought already is not brought again.
#[test]
fn an_earlier_page_asked_again_ends_where_it_did() {
    let store = Store::with(40, 7);
    let pages = [1, 2, 3].map(|number| store.page(number));
    store.items.remove(&(10 * APART));
    let mut without = pages[1].clone();
    without.retain(|id| *id != 10 * APART);
    assert_eq!(store.page(2), without);
    assert_eq!(store.page(3), pages[2]);
    assert_eq!(store.page(4).first(), Some(&(22 * APART)));
}

#[test]
fn pages_may_be_asked_in_any_order() {
    let store = Store::with(100, 7);
    let mut got = Vec::new();
    for number in (1..=store.pages()).rev() {
        got.extend(store.page(number));
    }
    got.sort_unstable();
    assert_eq!(got, Vec::from_iter(store.ids()));

    for number in [u64::MAX, 1_000, 15, 3, 16, 1, u64::MAX - 1] {
        store.page(number);
    }
    for past in [16, 17, 1_000, u64::MAX] {
        assert!(store.page(past).is_empty(), "{past}");
    }
}

#[test]
fn no_record_is_a_page_without_items() {
    let store = Store::with(0, 7);
    assert_eq!(store.pages(), 0);
    for number in [1, 2, u64::MAX] {
        assert!(store.page(number).is_empty());
    }
    store.items.insert(Item { id: 5 });
    assert_eq!(store.page(1), [5]);
}

/// Over a real socket, with records whose order is that of text.
#[test]
fn ids_that_are_texts_come_in_their_own_order_and_once() {
    for subject in [
        Subject::in_memory(|builder| builder.switched_on(true).page_size(2)),
        Subject::sqlite(|builder| builder.switched_on(true).page_size(2)),
    ] {
        let served = Served::alone(subject);
        let mut skus = ["10", "9", "a", "A", "ä", "🙂", "Z z", "'"];
        for sku in skus {
            let body =
                format!(r#"{{"sku":"{sku}","name":"x","active":true,"inventory":{{"qty":1}}}}"#);
            does(&served, &Question::create("/entity/product", body), 201);
        }
        skus.sort_unstable();
        let token = super::schema::Product::layout().entity_token();
        let mut got = Vec::new();
        for number in 1..=4 {
            let page = Question::sync(format!("/sync/items/{number}"), token);
            let answer = served.ask(&page);
            assert_eq!(answer.header("entity-id-field"), Some("sku"));
            let items = answer.envelope()["data"]["items"].take();
            let items = items.as_array().unwrap().iter();
            got.extend(items.map(|item| item["sku"].as_str().unwrap().to_owned()));
        }
        assert_eq!(got, skus);
        let past = Question::sync("/sync/items/5", token);
        assert_eq!(
            does(&served, &past, 200)["data"]["items"],
            serde_json::json!([])
        );
        for page in [
            "0",
            "-1",
            "x",
            "1.0",
            "1e1",
            "%20",
            "1000000000000000000000000000000",
        ] {
            refuses(
                &served,
                &Question::sync(format!("/sync/items/{page}"), token),
                400,
            );
        }
        refuses(&served, &Question::new("GET", "/sync/items/1"), 400);
        refuses(&served, &Question::new("GET", "/sync/total"), 400);
    }
}
