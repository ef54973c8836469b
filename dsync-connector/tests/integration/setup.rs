//! What a connector can be told, and what is wrong with it.

use bytes::Bytes;
use dsync_connector::{BuildError, Connector, Context, Handled, Handler, InMemory};
use dsync_core::wire::EntityRequest;
use dsync_core::{EntityId, Switch};
use dsync_derive::DsyncEntity;
use http::Request;
use serde::{Deserialize, Serialize};

use crate::support::{KEY, Product, Scripted, assert_status, create, message, post, send};

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(endpoint_url = "/datalayout")]
struct Misplaced {
    #[dsync(primary_key)]
    id: u32,
}

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(endpoint_url = "https://shop.example/")]
struct Nowhere {
    #[dsync(primary_key)]
    id: u32,
}

#[test]
fn all_faults_of_the_addresses_are_told_at_once() {
    let error = Connector::builder(KEY)
        .entity::<Misplaced>(InMemory::<Misplaced, u32>::new())
        .entity::<Nowhere>(InMemory::<Nowhere, u32>::new())
        .build()
        .unwrap_err();
    let BuildError::DataLayout(faults) = error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 2, "{faults}");
}

#[test]
fn a_connector_needs_a_key_and_an_entity() {
    let no_entity = Connector::builder(KEY).build().unwrap_err();
    assert!(
        no_entity.to_string().contains("at least one"),
        "{no_entity}"
    );
    let no_key = Connector::builder("").build().unwrap_err();
    assert_eq!(no_key.to_string(), "the API key is empty");
}

/// Can do nothing.
struct Nothing;

impl Handler<Product> for Nothing {
    type Id = String;
}

#[tokio::test]
async fn what_a_handler_cannot_do_is_said() {
    let connector = Connector::builder(KEY)
        .entity::<Product>(Nothing)
        .switched_on(true)
        .build()
        .unwrap();
    let id = || EntityId::new("S-1").unwrap();
    let process = || "p-1".parse().unwrap();
    for (request, method) in [
        (create("p-1", "S-1"), "create"),
        (EntityRequest::read(process(), id()), "read"),
        (EntityRequest::update(process(), id(), "{}"), "read"),
        (EntityRequest::delete(process(), id()), "delete"),
    ] {
        let answer = send(&connector, &request).await;
        assert_status(&answer, 400);
        assert_eq!(
            message(&answer),
            format!("this connector cannot do that: its handler of \"product\" has no `{method}`")
        );
    }
    let answer = post(
        &connector,
        "/entity/product/set_sharedkey",
        r#"{"shared_key":"price"}"#,
    )
    .await;
    assert_status(&answer, 400);
    assert!(message(&answer).contains("no `find`"));
}

#[tokio::test]
async fn an_entity_takes_writes_when_it_has_a_job() {
    let handler = Scripted::default();
    let connector = Connector::builder(KEY)
        .entity::<Product>(handler.clone())
        .build()
        .unwrap();
    let job = "/entity/product/set_job";
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 406);
    assert_status(&post(&connector, job, r#"{"job_id":"j-1"}"#).await, 200);
    let state = connector.state().entity("product");
    assert_eq!(
        (state.switch, state.job_id.as_deref()),
        (Switch::On, Some("j-1"))
    );
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 201);
    for off in ["{}", "", r#"{"job_id":null}"#, r#"{"job_id":""}"#] {
        assert_status(&post(&connector, job, r#"{"job_id":7}"#).await, 200);
        assert_status(&post(&connector, job, off).await, 200);
        assert_status(&send(&connector, &create("p-2", "S-2")).await, 406);
    }
    // What took effect was answered, whatever the switch says now.
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 201);
    assert_eq!(handler.log(), ["create S-1 #1"]);
    for wrong in ["[]", "7", "{"] {
        assert_status(&post(&connector, job, wrong).await, 400);
    }
}

#[tokio::test]
async fn a_shared_key_names_records() {
    let products = InMemory::<Product>::new();
    products.insert(Product {
        sku: "S-1".to_owned(),
        price: Some(7.0),
    });
    let connector = Connector::builder(KEY)
        .entity::<Product>(products.clone())
        .switched_on(true)
        .build()
        .unwrap();
    let set = "/entity/product/set_sharedkey";
    for wrong in [r#"{"shared_key":"colour"}"#, r#"{"shared_key":7}"#] {
        assert_status(&post(&connector, set, wrong).await, 400);
    }
    let key = r#"{"shared_key":"product.price"}"#;
    assert_status(&post(&connector, set, key).await, 200);
    assert_eq!(
        connector.state().entity("product").shared_key.as_deref(),
        Some("price")
    );
    let process = |text: &str| text.parse().unwrap();
    let id = |text: &str| EntityId::new(text).unwrap();
    let delete = EntityRequest::delete(process("p-1"), id("8"));
    assert_status(&send(&connector, &delete).await, 400);
    // By the primary key, where the request says so.
    let read = EntityRequest::read(process("p-2"), id("S-1"));
    let by_sku = read.with_id_field("sku").unwrap();
    assert_status(&send(&connector, &by_sku).await, 200);
    let other = EntityRequest::read(process("p-2"), id("S-1")).with_id_field("colour");
    assert_status(&send(&connector, &other.unwrap()).await, 400);
    let delete = EntityRequest::delete(process("p-3"), id("7"));
    let answer = send(&connector, &delete).await;
    assert_status(&answer, 200);
    assert!(
        answer.body().ends_with(br#""data":{"price":7}}"#),
        "{answer:?}"
    );
    assert!(products.is_empty());

    let create = EntityRequest::create(process("p-4"), r#"{"sku":"S-2","price":1.50}"#);
    let answer = send(&connector, &create).await;
    assert!(
        answer.body().ends_with(br#""data":{"price":1.5}}"#),
        "{answer:?}"
    );
    assert_status(&post(&connector, set, "{}").await, 200);
    assert_eq!(connector.state().entity("product").shared_key, None);
}

/// Gives out what cannot be written as JSON.
struct Broken;

impl Handler<Product> for Broken {
    type Id = String;

    async fn read(&self, _context: &Context, sku: &String) -> Handled<Option<Product>> {
        assert!(sku != "panic", "on purpose");
        Ok(Some(Product {
            sku: sku.clone(),
            price: Some(f64::NAN),
        }))
    }
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_is_a_500_and_tells_nothing() {
    let connector = Connector::builder(KEY)
        .entity::<Product>(Broken)
        .build()
        .unwrap();
    for sku in ["panic", "S-1"] {
        let read = EntityRequest::read("p-1".parse().unwrap(), EntityId::new(sku).unwrap());
        let answer = send(&connector, &read).await;
        assert_status(&answer, 500);
        assert_eq!(
            message(&answer),
            "the connector failed at this request: its log has more"
        );
    }
    let layout = Request::get("//datalayout")
        .header("auth-token", KEY)
        .body(Bytes::new())
        .unwrap();
    assert_status(&connector.handle(layout).await, 200);
}

/// Has a second field that names records, and a read that lets others pass.
#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
struct Counter {
    #[dsync(primary_key)]
    id: u32,
    ean: Option<String>,
    a: u32,
    b: u32,
}

#[derive(Clone)]
struct Slow(InMemory<Counter, u32>);

impl Handler<Counter> for Slow {
    type Id = u32;

    async fn read(&self, context: &Context, id: &u32) -> Handled<Option<Counter>> {
        let read = self.0.read(context, id).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        read
    }

    async fn store(&self, context: &Context, id: &u32, record: Counter) -> Handled<()> {
        self.0.store(context, id, record).await
    }

    fn finds_by(&self, _field: &str) -> bool {
        true
    }

    async fn find(
        &self,
        context: &Context,
        field: &str,
        value: &serde_json::Value,
    ) -> Handled<Option<u32>> {
        self.0.find(context, field, value).await
    }
}

#[tokio::test]
async fn a_record_has_one_change_at_a_time_by_whatever_field_it_is_named() {
    let counters = InMemory::<Counter, u32>::new();
    counters.insert(Counter {
        id: 7,
        ean: Some("E".to_owned()),
        a: 0,
        b: 0,
    });
    let connector = Connector::builder(KEY)
        .entity::<Counter>(Slow(counters.clone()))
        .switched_on(true)
        .build()
        .unwrap();
    let set = "/entity/counter/set_sharedkey";
    assert_status(&post(&connector, set, r#"{"shared_key":"ean"}"#).await, 200);
    let update = |process: &str, id: &str, field: &str, body: &'static str| {
        let id = EntityId::new(id).unwrap();
        let update = EntityRequest::update(process.parse().unwrap(), id, body);
        let url = "http://connector/entity/counter".parse().unwrap();
        let key = dsync_core::AuthToken::new(KEY).unwrap();
        connector.handle(update.with_id_field(field).unwrap().encode(&url, &key))
    };
    let (first, second) = tokio::join!(
        update("p-1", "7", "id", r#"{"a":1}"#),
        update("p-2", "E", "ean", r#"{"b":1}"#),
    );
    assert_status(&first, 200);
    assert_status(&second, 200);
    let counter = counters.get(&7).unwrap();
    assert_eq!((counter.a, counter.b), (1, 1));
}
