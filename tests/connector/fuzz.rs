//! Whatever comes, [`Connector::handle`](dsync::Connector::handle) gives one of the protocol's answers,
//! and what it refuses has changed nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dsync::DsyncEntity;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use super::subject::{KEY, Question, Subject};

/// How many requests there are: so many connectors, each with so many requests.
const CONNECTORS: u32 = 250;
const REQUESTS: usize = 80;
const INPUTS: usize = CONNECTORS as usize * REQUESTS;

const STATUSES: [u16; 9] = [200, 201, 202, 400, 401, 404, 405, 406, 413];

const PRODUCTS: [&str; 3] = [
    r#"{"sku":"S-1","name":"Tea","price":1.1,"active":true,"tags":["a"],"inventory":{"qty":5,"min_qty":null}}"#,
    r#"{"sku":"S-2","name":"🙂","price":"2","active":"0","inventory":{"qty":"7"},"colour":{"a":[1]}}"#,
    r#"{"sku":"S-3","name":"","active":1,"tags":["\ud83d\ude42",""],"inventory":{"qty":0},"created_at":7}"#,
];

const ORDERS: [&str; 2] = [
    r#"{"reference":"R-1","customer":"ann@example.org","paid":false,"lines":[{"sku":"S-1","qty":2}]}"#,
    r#"{"id":7,"customer":"bob@example.org","paid":"1","note":null,"lines":[{"sku":"S-2","qty":"1","price":"0.1"}]}"#,
];

const CHANGES: [&str; 4] = [
    r#"{"name":"Coffee","price":null,"created_at":"2001-01-01 00:00:00"}"#,
    r#"{"sku":"S-2"}"#,
    r#"{"note":"soon","reference":"R-1","id":1}"#,
    "{}",
];

const SETTINGS: [&str; 3] = [
    r#"{"job_id":"j-1","shared_key":"reference"}"#,
    r#"{"job_id":"j-1"}"#,
    r#"{"status":200,"message":"OK","data":{"notifications":[{"relation_id":1,"status":200,"message":""}]}}"#,
];

/// What a platform sends: a method, an address, a record's id, a body.
type Plan = (&'static str, String, &'static str, Vec<u8>);

fn planned() -> impl Strategy<Value = Plan> {
    let plan = |method, path, ids: &'static [&'static str], bodies: &'static [&'static str]| {
        let body = select(bodies).prop_map(|body| body.as_bytes().to_vec());
        (Just(method), Just(path), select(ids), body).prop_map(
            |(method, path, id, body): (_, &str, _, _)| (method, path.to_owned(), id, body),
        )
    };
    const SKUS: &[&str] = &["S-1", "S-2", "S-3"];
    const IDS: &[&str] = &["1", "2", "R-1"];
    const NONE: &[&str] = &[""];
    const NOTHING: &[&str] = &["", "{}", "[]"];
    prop_oneof![
        4 => plan("POST", "/entity/product", NONE, &PRODUCTS),
        4 => plan("POST", "/entity/order", NONE, &ORDERS),
        3 => plan("PUT", "/entity/product", SKUS, &CHANGES),
        3 => plan("PUT", "/entity/order", IDS, &CHANGES),
        2 => plan("GET", "/entity/product", SKUS, NOTHING),
        2 => plan("GET", "/entity/order", IDS, NOTHING),
        1 => plan("DELETE", "/entity/product", SKUS, NOTHING),
        1 => plan("DELETE", "/entity/order", IDS, NOTHING),
        1 => plan("POST", "/entity/order/set_sharedkey", NONE, &SETTINGS),
        1 => plan("POST", "/entity/product/set_job", NONE, &SETTINGS),
        1 => plan("POST", "/notification", NONE, &SETTINGS),
        1 => plan("GET", "/sync/items/1", NONE, NOTHING),
    ]
}

fn method() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        9 => select(&["GET", "POST", "PUT", "DELETE"][..]),
        1 => select(&["HEAD", "PATCH", "OPTIONS", "TRACE", "BREW"][..]),
    ]
}

fn path() -> impl Strategy<Value = String> {
    const ROUTES: [&str; 11] = [
        "/entity/product",
        "/entity/order",
        "/entity/product",
        "/entity/order",
        "/entity/product/set_job",
        "/entity/order/set_sharedkey",
        "/datalayout",
        "/notification",
        "/sync/total",
        "/sync/items/1",
        "/sync/items/2",
    ];
    let segment = select(
        &[
            "entity",
            "product",
            "order",
            "sync",
            "items",
            "total",
            "datalayout",
            "set_job",
            "",
            ".",
            "..",
            "%2e%2e",
            "%00",
            "%ff",
            "%",
            "1",
            "0",
            "-1",
            "18446744073709551615",
            ";",
            "x",
        ][..],
    );
    prop_oneof![
        12 => select(&ROUTES[..]).prop_map(str::to_owned),
        2 => vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/"))),
        1 => "/[!-~&&[^#\"<>`{}|^\\\\]]{0,20}".prop_map(|path| path),
        1 => "(/sync/items/)[0-9]{1,25}".prop_map(|path| path),
    ]
}

/// Bytes that a header's value may have.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![8 => 32_u8..127, 1 => 128_u8..=255, 1 => Just(b'\t')];
    vec(byte, 0..12)
}

fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let token = super::schema::Product::layout().entity_token();
    let good = select(vec![
        ("Process-Id", "p-1"),
        ("Process-Id", "p-2"),
        ("Entity-Id", "S-1"),
        ("Entity-Id", "S-2"),
        ("Entity-Id", "1"),
        ("Entity-Id", "R-1"),
        ("Entity-Id-Field", "sku"),
        ("Entity-Id-Field", "reference"),
        ("Entity-Id-Field", "id"),
        ("Entity-Token", token),
        ("Auth-Token", KEY),
        ("Content-Length", "7"),
        ("Content-Length", "99999999999"),
    ]);
    let name = select(
        &[
            "Process-Id",
            "Entity-Id",
            "Entity-Id-Field",
            "Entity-Token",
            "Auth-Token",
            "X",
        ][..],
    );
    prop_oneof![
        6 => good.prop_map(|(name, value)| (name, value.as_bytes().to_vec())),
        1 => (name, value()),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| format!("{value:?}")),
        "\"[ -!#-\\[\\]-~]{0,6}\"".prop_map(|text| text),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key = select(
            &[
                "sku",
                "name",
                "price",
                "active",
                "tags",
                "inventory",
                "qty",
                "lines",
                "id",
                "x",
            ][..],
        );
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((key, inner), 0..5).prop_map(|entries| {
                let entries = entries
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

fn mutated(mut bytes: Vec<u8>, changes: Vec<(prop::sample::Index, u8, u8)>) -> Vec<u8> {
    for (at, byte, kind) in changes {
        let at = at.index(bytes.len() + 1);
        match kind {
            0 => bytes.insert(at, byte),
            1 => bytes.truncate(at),
            _ if at < bytes.len() => bytes[at] = byte,
            _ => {}
        }
    }
    bytes
}

fn junk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => json().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..40),
        1 => Just(vec![b' '; 3_000]),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    // Each part of a plan may become another one.
    let changes = vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..4);
    (
        planned(),
        prop::option::weighted(0.05, method()),
        prop::option::weighted(0.1, path()),
        prop::option::weighted(0.2, changes),
        prop::option::weighted(0.2, junk()),
        vec(header(), 0..3),
        0..20_u8,
    )
        .prop_map(|(planned, method, path, changes, junk, headers, rest)| {
            let (planned_method, planned_path, id, body) = planned;
            let (method, path) = (
                method.unwrap_or(planned_method),
                path.unwrap_or(planned_path),
            );
            let mut question = match rest {
                0 => Question::new(method, path),
                _ => Question::of_record(method, &path),
            };
            if !id.is_empty() {
                question = question.with("Entity-Id", id);
            }
            if method == "GET" {
                let token = super::schema::Product::layout().entity_token();
                question = question.with("Entity-Token", token);
            }
            // Most have none; now and then one is there twice.
            if rest >= 14 {
                for (name, value) in headers {
                    question = match rest {
                        19 => question.and(name, value),
                        _ => question.with(name, value),
                    };
                }
            }
            let body = junk.unwrap_or(body);
            question.with_body(match changes {
                Some(changes) => mutated(body, changes),
                None => body,
            })
        })
}

#[test]
fn every_input_has_an_answer_and_a_refusal_changes_nothing() {
    const { assert!(INPUTS == 20_000) };
    let seen = RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: CONNECTORS,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let inputs = (vec(question(), REQUESTS), any::<bool>(), any::<bool>());
    let tested = runner.run(&inputs, |(questions, is_on, is_strict)| {
        let subject = Subject::in_memory(|builder| {
            let builder = builder.switched_on(is_on).strict(is_strict);
            builder.max_body(2_000)
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut before = subject.dump();
            for question in questions {
                let answer = subject.handle(&question).await;
                let said = || format!("{question:?}: {} {}", answer.status, answer.text());
                prop_assert!(STATUSES.contains(&answer.status), "{}", said());
                answer.envelope();
                prop_assert!(!answer.text().contains(KEY), "{}", said());
                let after = subject.dump();
                prop_assert!(answer.status < 400 || after == before, "{}", said());
                before = after;
                *seen.borrow_mut().entry(answer.status).or_insert(0) += 1;
            }
            Ok(())
        })
    });
    if let Err(error) = tested {
        panic!("{error}");
    }
    // What is thrown in reaches everything.
    let seen = seen.into_inner();
    assert!(seen.values().sum::<usize>() >= INPUTS, "{seen:?}");
    for status in STATUSES {
        assert!(
            seen.get(&status).is_some_and(|times| *times >= 50),
            "{seen:?}"
        );
    }
}
