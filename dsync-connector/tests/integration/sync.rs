//! Synchronisation without a network.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsync_connector::{Connector, ConnectorBuilder, Context, Handled, Handler, InMemory};
use dsync_core::Clock;
use dsync_core::testing::FakeClock;
use dsync_derive::DsyncEntity;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::{KEY, assert_status};

#[derive(Clone, Debug, Serialize, Deserialize, DsyncEntity)]
struct Item {
    #[dsync(primary_key)]
    id: u32,
}

type Items = InMemory<Item, u32>;

fn items(ids: impl IntoIterator<Item = u32>) -> Items {
    let items = Items::new();
    ids.into_iter().for_each(|id| items.insert(Item { id }));
    items
}

fn builder(handler: impl Handler<Item>, page_size: usize) -> ConnectorBuilder {
    Connector::builder(KEY)
        .entity::<Item>(handler)
        .page_size(page_size)
}

fn connector(handler: impl Handler<Item>, page_size: usize) -> Connector {
    builder(handler, page_size).build().unwrap()
}

async fn get(connector: &Connector, path: &str) -> Response<Bytes> {
    let token = connector.data_layout().endpoints()[0].entity_token();
    let request = http::Request::get(path)
        .header("Auth-Token", KEY)
        .header("Entity-Token", token.as_str())
        .body(Bytes::new())
        .unwrap();
    connector.handle(request).await
}

async fn data(connector: &Connector, path: &str) -> Value {
    let answer = get(connector, path).await;
    assert_status(&answer, 200);
    let mut answer: Value = serde_json::from_slice(answer.body()).unwrap();
    answer["data"].take()
}

async fn total(connector: &Connector) -> u64 {
    data(connector, "/sync/total").await["total"]
        .as_u64()
        .unwrap()
}

async fn page(connector: &Connector, number: u64) -> Vec<u64> {
    let data = data(connector, &format!("/sync/items/{number}")).await;
    let items = data["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_second_run_after_deletions_has_every_record() {
    let items = items(1..=8);
    let connector = connector(items.clone(), 4);
    assert_eq!(total(&connector).await, 8);
    assert_eq!(page(&connector, 1).await, [1, 2, 3, 4]);
    assert_eq!(page(&connector, 2).await, [5, 6, 7, 8]);
    for id in [1, 2, 5, 6] {
        items.remove(&id);
    }
    // So there is one page.
    assert_eq!(total(&connector).await, 4);
    assert_eq!(page(&connector, 1).await, [3, 4, 7, 8]);
}

#[tokio::test]
async fn two_runs_at_once_both_have_every_record() {
    let items = items(1..=5);
    let connector = connector(items.clone(), 2);
    let mut first = page(&connector, 1).await;
    items.remove(&2);
    let mut second = page(&connector, 1).await;
    for number in 2..=4 {
        first.extend(page(&connector, number).await);
        second.extend(page(&connector, number).await);
    }
    assert_eq!(first, [1, 2, 3, 4, 5]);
    assert_eq!(second, [1, 3, 4, 5]);
}

#[tokio::test]
async fn a_page_asked_again_has_what_is_in_it_by_now_and_no_more() {
    let items = items((1..=6).map(|id| id * 100));
    let connector = connector(items.clone(), 2);
    assert_eq!(page(&connector, 1).await, [100, 200]);
    assert_eq!(page(&connector, 2).await, [300, 400]);
    for id in [310, 320, 330, 340, 350] {
        items.insert(Item { id });
    }
    let grown = [300, 310, 320, 330, 340, 350, 400];
    assert_eq!(page(&connector, 2).await, grown);
    items.remove(&400);
    assert_eq!(page(&connector, 2).await, grown[..6]);
    // What follows it is gone, too.
    items.remove(&500);
    items.remove(&600);
    assert_eq!(page(&connector, 2).await, grown[..6]);
    assert_eq!(page(&connector, 3).await, [0; 0]);
}

/// Who asks until a page is empty would miss the rest.
#[tokio::test]
async fn a_page_that_lost_all_its_records_is_not_empty() {
    let items = items(1..=6);
    let connector = connector(items.clone(), 2);
    for number in [1, 2] {
        page(&connector, number).await;
    }
    for id in 1..=4 {
        items.remove(&id);
    }
    assert_eq!(page(&connector, 1).await, [5]);
    assert_eq!(page(&connector, 2).await, [5]);
    assert_eq!(page(&connector, 3).await, [5, 6]);
}

/// A platform that counts asks for no other page, wherever this one ended for somebody else.
#[tokio::test]
async fn the_last_promised_page_takes_what_is_left() {
    let items = items(1..=5);
    let connector = connector(items.clone(), 2);
    for number in [1, 2] {
        page(&connector, number).await;
    }
    items.remove(&1);
    assert_eq!(total(&connector).await, 4);
    assert_eq!(page(&connector, 1).await, [2]);
    assert_eq!(page(&connector, 2).await, [3, 4, 5]);
    // Another one goes on by the ends that it knows.
    assert_eq!(page(&connector, 3).await, [5]);
}

#[tokio::test]
async fn a_last_page_asked_again_ends_where_it_did() {
    let items = items(1..=2);
    let connector = connector(items.clone(), 1);
    total(&connector).await;
    assert_eq!(page(&connector, 1).await, [1]);
    items.insert(Item { id: 3 });
    assert_eq!(page(&connector, 2).await, [2, 3]);
    items.insert(Item { id: 4 });
    assert_eq!(page(&connector, 2).await, [2, 3]);
    assert_eq!(page(&connector, 3).await, [4]);
}

#[tokio::test]
async fn the_total_asked_for_on_the_way_changes_no_end() {
    let items = items(1..=6);
    let connector = connector(items.clone(), 2);
    assert_eq!(page(&connector, 1).await, [1, 2]);
    items.remove(&1);
    total(&connector).await;
    assert_eq!(page(&connector, 1).await, [2]);
    assert_eq!(page(&connector, 2).await, [3, 4]);
}

#[tokio::test]
async fn the_pages_may_come_from_the_last_to_the_first() {
    let items = items(1..=6);
    let connector = connector(items.clone(), 2);
    total(&connector).await;
    assert_eq!(page(&connector, 3).await, [5, 6]);
    // Without it, 3 would be on page 1 by a position.
    items.remove(&1);
    assert_eq!(page(&connector, 2).await, [3, 4]);
    assert_eq!(page(&connector, 1).await, [2]);
    // Now it was given, so that this is a new run.
    assert_eq!(page(&connector, 1).await, [2, 3]);

    // Who counts again begins anew, too.
    assert_eq!(page(&connector, 3).await, [6]);
    items.insert(Item { id: 7 });
    items.remove(&2);
    assert_eq!(total(&connector).await, 5);
    assert_eq!(page(&connector, 3).await, [7]);
    assert_eq!(page(&connector, 2).await, [5, 6]);
    assert_eq!(page(&connector, 1).await, [3, 4]);
}

#[tokio::test]
async fn ten_minutes_in_which_nobody_asks_end_a_run() {
    let (items, clock) = (items(1..=6), FakeClock::new());
    let connector = builder(items.clone(), 2)
        .clock(clock.clone())
        .build()
        .unwrap();
    assert_eq!(page(&connector, 1).await, [1, 2]);
    items.remove(&1);
    clock.sleep(Duration::from_secs(599)).await;
    assert_eq!(page(&connector, 1).await, [2]);
    clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(page(&connector, 1).await, [2, 3]);
}

#[tokio::test]
async fn a_page_that_has_grown_too_much_is_no_silent_loss() {
    let items = items([1, 1_000, 2_000]);
    let connector = connector(items.clone(), 2);
    assert_eq!(page(&connector, 1).await, [1, 1_000]);
    (2..=19).for_each(|id| items.insert(Item { id }));
    assert_eq!(page(&connector, 1).await.len(), 20);
    items.insert(Item { id: 20 });
    assert_status(&get(&connector, "/sync/items/1").await, 500);
    assert_eq!(page(&connector, 1).await, [1, 2]);
}

/// Gives what a test says, whatever it is asked for, and keeps what that was.
#[derive(Clone, Default)]
struct Says {
    pages: Arc<Mutex<Vec<Vec<u32>>>>,
    asked: Arc<Mutex<Vec<Option<u32>>>>,
}

impl Handler<Item> for Says {
    type Id = u32;

    async fn page(&self, _: &Context, after: Option<&u32>, _limit: usize) -> Handled<Vec<Item>> {
        self.asked.lock().unwrap().push(after.copied());
        let mut pages = self.pages.lock().unwrap();
        let page = match pages.len() {
            0 => Vec::new(),
            1 => pages[0].clone(),
            _ => pages.remove(0),
        };
        Ok(page.into_iter().map(|id| Item { id }).collect())
    }
}

#[tokio::test]
async fn a_handler_that_makes_no_progress_is_a_failure() {
    for same in [vec![1, 2], vec![2, 3], vec![2]] {
        let says = Says::default();
        *says.pages.lock().unwrap() = vec![vec![1, 2], same];
        let connector = connector(says.clone(), 2);
        let far = get(&connector, &format!("/sync/items/{}", u64::MAX)).await;
        assert_status(&far, 500);
        assert_eq!(*says.asked.lock().unwrap(), [None, Some(2)]);
    }
}

/// Only the time limit ends it.
#[tokio::test]
async fn a_handler_that_goes_round_in_circles_is_ended() {
    #[derive(Clone)]
    struct Circle;

    impl Handler<Item> for Circle {
        type Id = u32;

        async fn page(&self, _: &Context, after: Option<&u32>, _: usize) -> Handled<Vec<Item>> {
            let id = after.map_or(0, |after| (after + 1) % 3);
            Ok(vec![Item { id }])
        }
    }

    let connector = builder(Circle, 1)
        .handler_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let far = get(&connector, "/sync/items/99999999999");
    let far = tokio::time::timeout(Duration::from_secs(10), far).await;
    assert_status(&far.unwrap(), 500);
}

#[tokio::test]
async fn more_than_the_limit_is_cut() {
    let says = Says::default();
    *says.pages.lock().unwrap() = vec![vec![1, 2, 3], vec![3, 4, 5], vec![5]];
    let connector = connector(says.clone(), 2);
    assert_eq!(page(&connector, 1).await, [1, 2]);
    assert_eq!(page(&connector, 2).await, [3, 4]);
    assert_eq!(page(&connector, 3).await, [5]);
    assert_eq!(*says.asked.lock().unwrap(), [None, Some(2), Some(4)]);
}

#[tokio::test]
async fn a_far_page_lets_others_pass() {
    let connector = builder(items(1..=100_000), 1)
        .handler_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let began = Instant::now();
    let tick = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        began.elapsed()
    };
    let (far, ticked) = tokio::join!(get(&connector, "/sync/items/99999999"), tick);
    assert!(ticked < Duration::from_millis(250), "held for {ticked:?}");
    assert_status(&far, 500);
}

/// What was walked so far is not lost: whoever asks again gets there in the end.
#[tokio::test]
async fn a_walk_that_was_ended_goes_on_where_it_was() {
    let connector = builder(items(1..=100_000), 5)
        .handler_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    for _ in 0..1_000 {
        let last = get(&connector, "/sync/items/20000").await;
        if last.status() == 200 {
            assert_eq!(page(&connector, 20_000).await.last(), Some(&100_000));
            return;
        }
    }
    panic!("it does not get there");
}

/// Both read the same page before either has settled its end.
#[tokio::test(start_paused = true)]
async fn two_that_read_a_page_at_the_same_time_agree_on_its_end() {
    #[derive(Clone)]
    struct Slow(Items, Arc<Mutex<Vec<u64>>>);

    impl Handler<Item> for Slow {
        type Id = u32;

        async fn page(&self, c: &Context, after: Option<&u32>, limit: usize) -> Handled<Vec<Item>> {
            let got = self.0.page(c, after, limit).await;
            let pause = self.1.lock().unwrap().pop().unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            got
        }
    }

    // The first answer comes later than the second, or before it.
    for (pauses, pages) in [
        (vec![20, 100], [vec![1, 2, 3], vec![1, 3]]),
        (vec![100, 20], [vec![1, 2], vec![1]]),
    ] {
        let items = items(1..=5);
        let connector = connector(Slow(items.clone(), Arc::new(Mutex::new(pauses))), 2);
        let (one, (), two) = tokio::join!(
            page(&connector, 1),
            async { assert!(items.remove(&2).is_some()) },
            page(&connector, 1)
        );
        // The first one reads on, to where the second one's page ends: 2 is gone by then, but was read.
        assert_eq!([one, two], pages);
    }
}
