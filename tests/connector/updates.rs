//! What a write changes, what it leaves, and what a builder can say about it.

use dsync::prelude::*;
use dsync::{AuthToken, Connector, EntityTokens, InMemory};
use serde::{Deserialize, Serialize};

use super::subject::{KEY, Question, Served, Subject, does, json, refuses};

const PRODUCT: &str = "/entity/product";
const ORDER: &str = "/entity/order";

const TEA: &str = r#"{"sku":"S-1","name":"Tea","price":1.1,"active":true,"tags":["a","b"],"inventory":{"qty":5,"min_qty":2}}"#;

/// In memory, and over SQLite; each holds one product and nothing else.
fn both() -> [Served; 2] {
    [
        Subject::in_memory(|builder| builder.switched_on(true)),
        Subject::sqlite(|builder| builder.switched_on(true)),
    ]
    .map(|subject| {
        let served = Served::alone(subject);
        does(&served, &Question::create(PRODUCT, TEA), 201);
        served
    })
}

/// A record, without what only the shop itself sets.
fn read(served: &Served, path: &str, id: &str) -> serde_json::Value {
    let mut data = does(served, &Question::read(path, id), 200)["data"].take();
    data.as_object_mut().unwrap().remove("created_at");
    data
}

#[test]
fn one_key_changes_one_field() {
    for served in both() {
        for (change, field, now) in [
            (r#"{"name":"Coffee"}"#, "name", r#""Coffee""#),
            (r#"{"price":0.1}"#, "price", "0.1"),
            (r#"{"price":"2.50"}"#, "price", "2.5"),
            (r#"{"price":null}"#, "price", "null"),
            (r#"{"active":"0"}"#, "active", "false"),
            (r#"{"active":"1"}"#, "active", "true"),
            (r#"{"active":0}"#, "active", "false"),
            (r#"{"active":"true"}"#, "active", "true"),
            (r#"{"active":"false"}"#, "active", "false"),
            (r#"{"active":1}"#, "active", "true"),
            // Lists and objects are replaced whole.
            (r#"{"tags":["c"]}"#, "tags", r#"["c"]"#),
            (r#"{"tags":[]}"#, "tags", "[]"),
            (r#"{"tags":null}"#, "tags", "[]"),
            (
                r#"{"inventory":{"qty":"7","min_qty":1}}"#,
                "inventory",
                r#"{"qty":7,"min_qty":1}"#,
            ),
            (
                r#"{"inventory":{"qty":8}}"#,
                "inventory",
                r#"{"qty":8,"min_qty":null}"#,
            ),
        ] {
            let mut expected = read(&served, PRODUCT, "S-1");
            expected[field] = json(now);
            does(&served, &Question::update(PRODUCT, "S-1", change), 200);
            assert_eq!(read(&served, PRODUCT, "S-1"), expected, "{change}");
        }
    }
}

/// The order of the keys says nothing, nor does a key that is as it was.
#[test]
fn several_keys_change_several_fields() {
    for served in both() {
        let change = r#"{"tags":["x"],"sku":"S-1","price":"3"}"#;
        let answer = does(&served, &Question::update(PRODUCT, "S-1", change), 200);
        assert_eq!(answer["data"], json(r#"{"sku":"S-1"}"#));
        assert_eq!(
            read(&served, PRODUCT, "S-1"),
            json(
                r#"{"sku":"S-1","name":"Tea","price":3.0,"active":true,"tags":["x"],"inventory":{"qty":5,"min_qty":2}}"#
            )
        );
    }
}

#[test]
fn what_is_read_only_is_dropped_without_a_word() {
    for served in both() {
        let before = does(&served, &Question::read(PRODUCT, "S-1"), 200);
        for change in [
            r#"{"created_at":"2001-01-01 00:00:00"}"#,
            r#"{"created_at":null}"#,
            r#"{"created_at":{"not":["even",1,"date"]}}"#,
        ] {
            let answer = does(&served, &Question::update(PRODUCT, "S-1", change), 200);
            assert_eq!(answer["detail"], json("{}"), "{change}");
            assert_eq!(
                does(&served, &Question::read(PRODUCT, "S-1"), 200),
                before,
                "{change}"
            );
        }
        // Also in a create.
        let coffee = r#"{"sku":"S-2","name":"Coffee","active":true,"inventory":{"qty":1},"created_at":"2001-01-01 00:00:00"}"#;
        let answer = does(&served, &Question::create(PRODUCT, coffee), 201);
        assert_eq!(answer["detail"], json("{}"));
        let coffee = does(&served, &Question::read(PRODUCT, "S-2"), 200);
        assert_ne!(coffee["data"]["created_at"], "2001-01-01 00:00:00");
    }
}

#[test]
fn the_system_gives_a_read_only_id_and_tells_it() {
    let order = |more: &str| {
        let line = r#""lines":[{"sku":"S-1","qty":1}]"#;
        Question::create(
            ORDER,
            format!(r#"{{"customer":"ann@example.org","paid":"1",{line}{more}}}"#),
        )
    };
    for served in both() {
        for (number, more) in [
            (1, ""),
            (2, r#","id":77"#),
            (3, r#","id":"none""#),
            (4, r#","id":null"#),
        ] {
            let answer = does(&served, &order(more), 201);
            assert_eq!(answer["data"]["id"], number, "{more}");
            assert_eq!(read(&served, ORDER, &number.to_string())["paid"], true);
        }
        // Nor does an update give it another.
        let answer = does(
            &served,
            &Question::update(ORDER, "2", r#"{"id":9,"note":"x"}"#),
            200,
        );
        assert_eq!(answer["data"]["id"], 2);
        assert_eq!(read(&served, ORDER, "2")["note"], "x");
        refuses(&served, &Question::read(ORDER, "9"), 400);
    }
}

#[test]
fn an_id_is_not_given_twice() {
    let order = r#"{"customer":"ann@example.org","paid":true,"lines":[{"sku":"S-1","qty":1}]}"#;
    for served in both() {
        for id in ["1", "2", "3"] {
            let answer = does(&served, &Question::create(ORDER, order), 201);
            assert_eq!(answer["data"]["id"].to_string(), id);
            does(&served, &Question::delete(ORDER, id), 200);
        }
    }
}

/// A record in memory may change its id. One that no header can carry is refused.
#[test]
fn a_new_id_moves_the_record() {
    let [served, _] = both();
    let answer = does(
        &served,
        &Question::update(PRODUCT, "S-1", r#"{"sku":"S-2"}"#),
        200,
    );
    assert_eq!(answer["data"]["sku"], "S-2");
    refuses(&served, &Question::read(PRODUCT, "S-1"), 400);
    assert_eq!(read(&served, PRODUCT, "S-2")["name"], "Tea");
}

#[test]
fn a_new_id_that_no_header_can_carry_is_refused() {
    for served in both() {
        for sku in ["", " ", "S-2 ", r"a\nb", r"\u0000"] {
            let change = format!(r#"{{"sku":"{sku}"}}"#);
            refuses(&served, &Question::update(PRODUCT, "S-1", change), 400);
        }
    }
}

#[test]
fn unknown_keys_are_named_or_refused() {
    let more = TEA.replace(r#""sku":"S-1""#, r#""sku":"S-2","colour":"red""#);
    for served in both() {
        let answer = does(&served, &Question::create(PRODUCT, &*more), 201);
        assert_eq!(
            answer["detail"],
            json(r#"{"unknown_keys":["product.colour"]}"#)
        );
        let change = r#"{"inventory":{"qty":1,"shelf":{"row":1}}}"#;
        let answer = does(&served, &Question::update(PRODUCT, "S-2", change), 200);
        assert_eq!(
            answer["detail"],
            json(r#"{"unknown_keys":["product.inventory.shelf"]}"#)
        );
    }
    for subject in [
        Subject::in_memory(|builder| builder.switched_on(true).strict(true)),
        Subject::sqlite(|builder| builder.switched_on(true).strict(true)),
    ] {
        let served = Served::alone(subject);
        does(&served, &Question::create(PRODUCT, TEA), 201);
        let answer = refuses(&served, &Question::create(PRODUCT, &*more), 400).envelope();
        assert_eq!(answer["detail"]["faults"][0]["treekey"], "product.colour");
        let change = r#"{"price":2,"x":1,"inventory":{"qty":1,"shelf":1}}"#;
        let answer = refuses(&served, &Question::update(PRODUCT, "S-1", change), 400).envelope();
        assert_eq!(answer["detail"]["faults"].as_array().unwrap().len(), 2);
        // What is read-only is known.
        does(
            &served,
            &Question::update(PRODUCT, "S-1", r#"{"created_at":"x"}"#),
            200,
        );
    }
}

#[test]
fn all_faults_of_a_record_are_told_at_once() {
    for served in both() {
        let body = r#"{"sku":7,"price":"free","active":"perhaps","inventory":{"qty":"many"}}"#;
        let answer = refuses(&served, &Question::create(PRODUCT, body), 400).envelope();
        let faults = answer["detail"]["faults"].as_array().unwrap();
        let treekeys: Vec<_> = faults
            .iter()
            .map(|fault| fault["treekey"].as_str().unwrap())
            .collect();
        assert_eq!(
            treekeys,
            [
                "product.sku",
                "product.name",
                "product.price",
                "product.active",
                "product.inventory.qty"
            ]
        );
    }
}

/// An entity at an absolute address: what stands before its path is a matter of the network.
#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(
    entity_token = "updates-note-1",
    endpoint_url = "https://shop.example/dsync/v1/notes"
)]
struct Note {
    #[dsync(primary_key)]
    id: u64,
    text: String,
}

fn notes(base_path: &str) -> Served {
    let builder = Connector::builder(KEY)
        .entity::<Note>(InMemory::<Note, u64>::new())
        .base_path(base_path)
        .sync_path("/connector/sync")
        .switched_on(true);
    Served::alone(Subject::new(builder, String::new))
}

#[test]
fn an_absolute_address_is_served_at_its_path() {
    for (base_path, prefix) in [
        ("/", ""),
        ("/dsync", ""),
        ("/dsync", "/dsync"),
        ("dsync/", "/dsync"),
    ] {
        let served = notes(base_path);
        let layout = does(
            &served,
            &Question::new("GET", format!("{prefix}/datalayout")),
            200,
        );
        let endpoint = &layout["data"]["data_layout"][0];
        assert_eq!(
            endpoint["endpoint_url"],
            "https://shop.example/dsync/v1/notes"
        );
        does(
            &served,
            &Question::create("/dsync/v1/notes", r#"{"id":1,"text":"a"}"#),
            201,
        );
        does(&served, &Question::read("//dsync/v1//notes/", "1"), 200);
        let job = Question::new("POST", "/dsync/v1/notes/set_job").with_body("{}");
        does(&served, &job, 200);
        let total = Question::sync(format!("{prefix}/connector/sync/total"), "updates-note-1");
        assert_eq!(does(&served, &total, 200)["data"]["total"], 1);
        refuses(
            &served,
            &Question::sync(format!("{prefix}/sync/total"), "updates-note-1"),
            404,
        );
    }
}

#[test]
fn an_answer_tells_an_id_as_the_layout_has_it() {
    let served = notes("/");
    let path = "/dsync/v1/notes";
    let create = Question::create(path, r#"{"id":"1","text":"a"}"#);
    assert_eq!(does(&served, &create, 201)["data"], json(r#"{"id":1}"#));
    for (change, id) in [(r#"{"id":"1"}"#, 1), (r#"{"id":"2"}"#, 2)] {
        let answer = does(&served, &Question::update(path, "1", change), 200);
        assert_eq!(answer["data"]["id"], id, "{change}");
    }
    let delete = Question::delete(path, "2");
    assert_eq!(does(&served, &delete, 200)["data"], json(r#"{"id":2}"#));
}

#[test]
fn a_base_path_may_be_there_or_taken_away() {
    let served = Served::alone(Subject::in_memory(|builder| {
        builder.switched_on(true).base_path("/shop/dsync/")
    }));
    for path in [
        "/shop/dsync/datalayout",
        "/datalayout",
        "//shop//dsync//datalayout",
    ] {
        does(&served, &Question::new("GET", path), 200);
    }
    does(
        &served,
        &Question::create("/shop/dsync/entity/product", TEA),
        201,
    );
    does(&served, &Question::read(PRODUCT, "S-1"), 200);
    for path in [
        "/shop/datalayout",
        "/dsync/datalayout",
        "/shop/dsync",
        "/shop/dsync/shop/dsync/datalayout",
    ] {
        refuses(&served, &Question::new("GET", path), 404);
    }
}

/// The tokens of the deployment stand in the layout, and are what a synchronisation names.
#[test]
fn tokens_at_run_time_override_those_in_the_source() {
    let tokens: EntityTokens = serde_json::from_str(r#"{"product":"deployed-product-7"}"#).unwrap();
    let served = Served::alone(Subject::in_memory(|builder| builder.entity_tokens(tokens)));
    let layout = does(&served, &Question::new("GET", "/datalayout"), 200);
    let endpoints = layout["data"]["data_layout"].as_array().unwrap();
    let said: Vec<_> = endpoints
        .iter()
        .map(|endpoint| endpoint["entity_token"].as_str().unwrap())
        .collect();
    let in_the_source = super::schema::Product::layout().entity_token();
    assert_eq!(said[0], "deployed-product-7");
    assert_eq!(said[1], super::schema::Order::layout().entity_token());
    does(
        &served,
        &Question::sync("/sync/total", "deployed-product-7"),
        200,
    );
    does(
        &served,
        &Question::sync("/sync/items/1", "deployed-product-7"),
        200,
    );
    refuses(&served, &Question::sync("/sync/total", in_the_source), 400);
}

/// PROTOCOL section 3: five keys an endpoint, thirteen a field, in their order.
#[test]
fn the_layout_is_published_byte_for_byte() {
    let layout = DataLayout::builder()
        .entity::<super::schema::Product>()
        .entity::<super::schema::Order>()
        .entity::<super::subject::Trouble>()
        .build()
        .unwrap();
    let expected = serde_json::to_string(&Envelope::ok(&layout)).unwrap();
    for subject in [
        Subject::in_memory(|builder| builder),
        Subject::sqlite(|builder| builder),
    ] {
        let served = Served::alone(subject);
        for path in ["/datalayout", "//datalayout"] {
            let answer = served.ask(&Question::new("GET", path));
            assert_eq!((answer.status, answer.text()), (200, &*expected));
            answer.envelope();
        }
    }
}

/// While a key is changed both are taken; then the new one only.
#[test]
fn an_old_key_is_taken_for_a_while() {
    let key = |key: &str| AuthToken::new(key).unwrap();
    let served = Served::alone(Subject::in_memory(|builder| {
        builder.previous_key(key("the-old-one"))
    }));
    let layout = || Question::new("GET", "/datalayout");
    let old = || layout().with("Auth-Token", "the-old-one");
    does(&served, &layout(), 200);
    does(&served, &old(), 200);
    refuses(&served, &layout().with("Auth-Token", "another"), 401);
    refuses(&served, &old().and("Auth-Token", KEY), 401);

    served
        .subject
        .connector
        .accept_keys([key("the-new-one"), key(KEY)]);
    refuses(&served, &old(), 401);
    does(&served, &layout(), 200);
    does(&served, &layout().with("Auth-Token", "the-new-one"), 200);
}
