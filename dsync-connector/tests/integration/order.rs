//! The changes of a record keep their order, by whatever it is named.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dsync_connector::{Connector, Context, Handled, Handler, HandlerError, InMemory};
use dsync_core::testing::FakeClock;
use dsync_core::wire::EntityRequest;
use dsync_core::{AuthToken, EntityId, Update};
use dsync_derive::DsyncEntity;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::promises::working;
use crate::support::{KEY, Reports, assert_status, message, post};

#[derive(Clone, Debug, Serialize, Deserialize, DsyncEntity)]
struct Item {
    #[dsync(primary_key)]
    id: u32,
    ean: Option<String>,
    gauge: Option<f64>,
    price: Option<u32>,
}

/// Stores items unless they are locked, and writes down what it was asked for.
#[derive(Clone, Default)]
struct Shop {
    items: InMemory<Item, u32>,
    /// Whether the next changes find their item locked.
    locked: Arc<Mutex<VecDeque<bool>>>,
    /// Whether the next search has to wait.
    cannot_find: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    /// With one item, whose id is 7 and whose EAN is E.
    fn with_item() -> Self {
        let shop = Self::default();
        shop.items.insert(Item {
            id: 7,
            ean: Some("E".to_owned()),
            gauge: None,
            price: None,
        });
        shop
    }

    fn locked(&self, next: impl IntoIterator<Item = bool>) {
        self.locked.lock().unwrap().extend(next);
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn act(&self, line: String) -> Handled<()> {
        self.log.lock().unwrap().push(line);
        match self.locked.lock().unwrap().pop_front() {
            Some(true) => Err(HandlerError::later("locked")),
            _ => Ok(()),
        }
    }
}

impl Handler<Item> for Shop {
    type Id = u32;

    async fn create(&self, context: &Context, item: Item) -> Handled<u32> {
        self.act(format!("create {} #{}", item.id, context.attempt()))?;
        self.items.create(context, item).await
    }

    async fn update(&self, context: &Context, id: &u32, change: Update<Item>) -> Handled<()> {
        let price = change.value("price").map_or("", |price| price.get());
        self.act(format!("update {id} to {price} #{}", context.attempt()))?;
        let current = self.items.get(id).ok_or_else(HandlerError::not_found)?;
        let changed = change.merge(&current)?;
        self.items.store(context, id, changed).await
    }

    fn finds_by(&self, _field: &str) -> bool {
        true
    }

    async fn find(&self, context: &Context, field: &str, value: &Value) -> Handled<Option<u32>> {
        if self.cannot_find.swap(false, Ordering::Relaxed) {
            return Err(HandlerError::later("the index is being built"));
        }
        self.items.find(context, field, value).await
    }
}

fn connector(shop: &Shop, reports: &Reports) -> Connector {
    Connector::builder(KEY)
        .entity::<Item>(shop.clone())
        .switched_on(true)
        .reports(reports.clone())
        .clock(FakeClock::new())
        .build()
        .unwrap()
}

async fn recognise(connector: &Connector, entity: &str, key: &str) {
    let path = format!("/entity/{entity}/set_sharedkey");
    let answer = post(connector, &path, &format!(r#"{{"shared_key":{key}}}"#)).await;
    assert_status(&answer, 200);
}

async fn send(connector: &Connector, entity: &str, request: &EntityRequest) -> Response<Bytes> {
    let url = format!("http://connector/entity/{entity}").parse().unwrap();
    let key = AuthToken::new(KEY).unwrap();
    connector.handle(request.encode(&url, &key)).await
}

async fn create(connector: &Connector, process: &str, body: &'static str) -> Response<Bytes> {
    let create = EntityRequest::create(process.parse().unwrap(), body);
    send(connector, "item", &create).await
}

/// An update of the item whose field `field` is `id`.
async fn update(
    connector: &Connector,
    process: &str,
    (field, id): (&str, &str),
    body: &'static str,
) -> Response<Bytes> {
    let id = EntityId::new(id).unwrap();
    let update = EntityRequest::update(process.parse().unwrap(), id, body);
    send(connector, "item", &update.with_id_field(field).unwrap()).await
}

#[track_caller]
fn assert_waits(answer: &Response<Bytes>) {
    assert_status(answer, 202);
    assert_eq!(
        message(answer),
        "kept, to be carried out later: an earlier change of the same record waits"
    );
}

#[tokio::test]
async fn a_promise_is_about_the_record_that_was_named_whatever_the_shared_key_is_later() {
    let (shop, reports) = (Shop::with_item(), Reports::default());
    let connector = connector(&shop, &reports);
    recognise(&connector, "item", r#""ean""#).await;
    shop.locked([true]);
    let by_shared_key = EntityRequest::update(
        "p-1".parse().unwrap(),
        EntityId::new("E").unwrap(),
        r#"{"price":1}"#,
    );
    let answer = send(&connector, "item", &by_shared_key).await;
    assert_status(&answer, 202);
    recognise(&connector, "item", "null").await;
    working(&connector, reports.wait_for(1)).await;
    assert_eq!(shop.items.get(&7).unwrap().price, Some(1));
}

#[tokio::test]
async fn a_record_is_not_overtaken_by_another_of_its_names() {
    let (shop, reports) = (Shop::default(), Reports::default());
    let connector = connector(&shop, &reports);
    recognise(&connector, "item", r#""ean""#).await;
    shop.locked([true]);
    let first = create(&connector, "p-1", r#"{"id":7,"ean":"E"}"#).await;
    assert_status(&first, 202);
    assert_waits(&update(&connector, "p-2", ("ean", "E"), r#"{"price":2}"#).await);
    assert_waits(&update(&connector, "p-3", ("id", "7"), r#"{"price":3}"#).await);
    // Of the two that wait for the first, the one by the shared key has to wait once more.
    shop.locked([false, true]);
    working(&connector, reports.wait_for(4)).await;
    assert_eq!(
        shop.log(),
        [
            "create 7 #1",
            "create 7 #2",
            "update 7 to 2 #1",
            "update 7 to 2 #2",
            "update 7 to 3 #1",
        ]
    );
}

#[tokio::test]
async fn who_uses_a_name_waits_for_the_change_that_gives_it() {
    for (old, body, new) in [
        (("id", "7"), r#"{"ean":"F"}"#, ("ean", "F")),
        (("ean", "E"), r#"{"id":9}"#, ("id", "9")),
    ] {
        let (shop, reports) = (Shop::with_item(), Reports::default());
        let connector = connector(&shop, &reports);
        recognise(&connector, "item", r#""ean""#).await;
        shop.locked([true]);
        assert_status(&update(&connector, "p-1", old, body).await, 202);
        assert_waits(&update(&connector, "p-2", new, r#"{"price":2}"#).await);
    }
}

#[tokio::test]
async fn a_promise_whose_record_is_not_found_yet_is_not_overtaken() {
    let (shop, reports) = (Shop::with_item(), Reports::default());
    let connector = connector(&shop, &reports);
    recognise(&connector, "item", r#""ean""#).await;
    shop.cannot_find.store(true, Ordering::Relaxed);
    let answer = update(&connector, "p-1", ("ean", "E"), r#"{"price":1}"#).await;
    assert_status(&answer, 202);
    // It may be about the same record.
    assert_waits(&update(&connector, "p-2", ("id", "7"), r#"{"price":2}"#).await);
    working(&connector, reports.wait_for(2)).await;
    // The search was an attempt, too.
    assert_eq!(shop.log(), ["update 7 to 1 #2", "update 7 to 2 #1"]);
}

#[tokio::test]
async fn a_number_is_one_shared_key_however_it_is_written() {
    let (shop, reports) = (Shop::default(), Reports::default());
    let connector = connector(&shop, &reports);
    recognise(&connector, "item", r#""gauge""#).await;
    shop.locked([true]);
    let first = create(&connector, "p-1", r#"{"id":1,"gauge":1.50}"#).await;
    assert_status(&first, 202);
    assert_waits(&update(&connector, "p-2", ("gauge", "1.5"), "{}").await);
}

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
struct Device {
    #[dsync(primary_key)]
    id: Uuid,
    price: Option<u32>,
}

/// Is never ready for a change.
struct Busy;

impl Handler<Device> for Busy {
    type Id = Uuid;

    async fn update(&self, _: &Context, _: &Uuid, _: Update<Device>) -> Handled<()> {
        Err(HandlerError::later("busy"))
    }
}

#[tokio::test]
async fn a_uuid_is_one_id_in_capitals_too() {
    let connector = Connector::builder(KEY)
        .entity::<Device>(Busy)
        .switched_on(true)
        .build()
        .unwrap();
    let update = |process: &str, id: &str| {
        let id = EntityId::new(id).unwrap();
        EntityRequest::update(process.parse().unwrap(), id, r#"{"price":1}"#)
    };
    let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let first = send(&connector, "device", &update("p-1", id)).await;
    assert_eq!(message(&first), "kept, to be carried out later: busy");
    let id = id.to_uppercase();
    assert_waits(&send(&connector, "device", &update("p-2", &id)).await);
}

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
struct Order {
    #[dsync(primary_key, read_only)]
    #[serde(default)]
    id: u32,
    #[dsync(read_only)]
    #[serde(default)]
    number: Option<String>,
    note: Option<String>,
}

/// Gives an order its number.
struct Numbering(InMemory<Order, u32>);

impl Handler<Order> for Numbering {
    type Id = u32;

    async fn create(&self, context: &Context, order: Order) -> Handled<u32> {
        let number = Some("N-1".to_owned());
        self.0.create(context, Order { number, ..order }).await
    }

    async fn read(&self, context: &Context, id: &u32) -> Handled<Option<Order>> {
        self.0.read(context, id).await
    }

    fn finds_by(&self, _field: &str) -> bool {
        true
    }

    async fn find(&self, context: &Context, field: &str, value: &Value) -> Handled<Option<u32>> {
        self.0.find(context, field, value).await
    }
}

#[tokio::test]
async fn the_answer_to_a_create_names_the_record_as_it_is_found() {
    let connector = Connector::builder(KEY)
        .entity::<Order>(Numbering(InMemory::new()))
        .switched_on(true)
        .build()
        .unwrap();
    recognise(&connector, "order", r#""number""#).await;
    // Not by the number that was sent, which is read-only.
    let body = r#"{"number":"X-9","note":"a"}"#;
    let create = EntityRequest::create("p-1".parse().unwrap(), body);
    let created = send(&connector, "order", &create).await;
    assert_status(&created, 201);

    let answer: Value = serde_json::from_slice(created.body()).unwrap();
    let (field, value) = answer["data"].as_object().unwrap().iter().next().unwrap();
    let id = value.as_str().map_or(value.to_string(), str::to_owned);
    let read = EntityRequest::read("p-2".parse().unwrap(), EntityId::new(id).unwrap());
    let read = read.with_id_field(field).unwrap();
    assert_status(&send(&connector, "order", &read).await, 200);
}
