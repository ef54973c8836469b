//! PROTOCOL sections 3, 5 and 6 as a table: every operation and every answer, over real sockets, by every
//! door and with handlers in memory and over SQLite.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use dsync::retry::RetryPolicy;
use dsync::wire::RealtimeRequest;
use dsync::{EntityToken, OwnProcess};

use super::subject::{KEY, Question, Served, Subject, json};

const PRODUCT: &str = "/entity/product";
const ORDER: &str = "/entity/order";
const TROUBLE: &str = "/entity/trouble";
const PRODUCT_TOKEN: &str = "receive-2-product-c2f4de3a90b84e0f8b7a5ce19d2f6a31";

const TEA: &str = r#"{"sku":"S-1","name":"Tea","price":1.1,"active":true,"tags":["a"],"inventory":{"qty":5,"min_qty":null}}"#;
const TEA_ORDER: &str =
    r#"{"customer":"ann@example.org","paid":false,"lines":[{"sku":"S-1","qty":2}]}"#;
const LATE_ORDER: &str =
    r#"{"customer":"ann@example.org","paid":false,"lines":[{"sku":"S-9","qty":2}]}"#;

/// What an answer's body has to be.
enum Body {
    /// These bytes.
    Bytes(&'static str),
    /// An envelope whose message has this text in it.
    Says(&'static str),
    /// A success with this data, whatever the system itself has set in it.
    Data(&'static str),
}

struct Row {
    name: &'static str,
    question: Question,
    status: u16,
    body: Body,
    /// A header beside those that every answer has.
    header: Option<(&'static str, &'static str)>,
}

impl Row {
    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }
}

fn row(name: &'static str, question: Question, status: u16, body: Body) -> Row {
    Row {
        name,
        question,
        status,
        body,
        header: None,
    }
}

fn ok(name: &'static str, question: Question, data: &'static str) -> Row {
    row(name, question, 200, Body::Data(data))
}

fn done(name: &'static str, question: Question, status: u16, body: &'static str) -> Row {
    row(name, question, status, Body::Bytes(body))
}

fn refused(name: &'static str, question: Question, status: u16, says: &'static str) -> Row {
    row(name, question, status, Body::Says(says))
}

const EMPTY: &str = r#"{"status":200,"message":"OK","detail":{},"data":null}"#;
const SKU: &str = r#"{"status":200,"message":"OK","detail":{},"data":{"sku":"S-1"}}"#;
const CREATED: &str = r#"{"status":201,"message":"OK","detail":{},"data":{"sku":"S-1"}}"#;

/// In the order in which they are asked: later ones build on earlier ones.
fn table() -> Vec<Row> {
    let mut rows = before_the_job();
    rows.extend(records());
    rows.extend(refusals());
    rows.extend(synchronisation());
    rows.extend(settings());
    rows.extend(notifications());
    rows
}

fn before_the_job() -> Vec<Row> {
    let create = || Question::create(PRODUCT, TEA);
    vec![
        refused(
            "no job yet",
            create(),
            406,
            "\"product\" is not switched on: give it a job first",
        ),
        refused(
            "no job, an update",
            Question::update(PRODUCT, "S-1", "{}"),
            406,
            "not switched on",
        ),
        refused(
            "no job, a delete",
            Question::delete(PRODUCT, "S-1"),
            406,
            "not switched on",
        ),
        refused(
            "reading needs no job",
            Question::read(PRODUCT, "S-1"),
            400,
            "there is no such product",
        ),
        row(
            "set_job",
            Question::new("POST", "/entity/product/set_job").with_body(r#"{"job_id":"j-1"}"#),
            200,
            Body::Says("product is switched on"),
        ),
        row(
            "set_job without one",
            Question::new("POST", "/entity/product/set_job").with_body("{}"),
            200,
            Body::Says("product is switched off"),
        ),
        refused("switched off", create(), 406, "not switched on"),
        row(
            "set_job with null",
            Question::new("POST", "/entity/product/set_job").with_body(r#"{"job_id":null}"#),
            200,
            Body::Says("off"),
        ),
        row(
            "set_job with a number, by PUT",
            Question::new("PUT", "/entity/product/set_job").with_body(r#"{"job_id":7}"#),
            200,
            Body::Says("on"),
        ),
        row(
            "set_job without a body",
            Question::new("POST", "/entity/order/set_job"),
            200,
            Body::Says("order is switched off"),
        ),
        row(
            "set_job of another",
            Question::new("POST", "/entity/order/set_job").with_body(r#"{"job_id":"j-2"}"#),
            200,
            Body::Says("order is switched on"),
        ),
        row(
            "set_job of the third",
            Question::new("POST", "/entity/trouble/set_job").with_body(r#"{"job_id":"j-3"}"#),
            200,
            Body::Says("on"),
        ),
        refused(
            "set_job with a list",
            Question::new("POST", "/entity/product/set_job").with_body("[]"),
            400,
            "a flat JSON object",
        ),
        refused(
            "set_job, broken",
            Question::new("POST", "/entity/product/set_job").with_body("{"),
            400,
            "not JSON that can be read",
        ),
    ]
}

fn records() -> Vec<Row> {
    vec![
        done("create", Question::create(PRODUCT, TEA), 201, CREATED),
        ok("read", Question::read(PRODUCT, "S-1"), TEA),
        ok(
            "read with a body",
            Question::read(PRODUCT, "S-1").with_body("{}"),
            TEA,
        ),
        ok(
            "read, the field stated",
            Question::read(PRODUCT, "S-1").with("Entity-Id-Field", "sku"),
            TEA,
        ),
        done(
            "update one field",
            Question::update(PRODUCT, "S-1", r#"{"price":2}"#),
            200,
            SKU,
        ),
        ok(
            "only that has changed",
            Question::read(PRODUCT, "S-1"),
            r#"{"sku":"S-1","name":"Tea","price":2.0,"active":true,"tags":["a"],"inventory":{"qty":5,"min_qty":null}}"#,
        ),
        done(
            "update nothing",
            Question::update(PRODUCT, "S-1", "{}"),
            200,
            SKU,
        ),
        done(
            "update with an unknown key",
            Question::update(
                PRODUCT,
                "S-1",
                r#"{"colour":"red","inventory":{"qty":5,"shelf":1}}"#,
            ),
            200,
            r#"{"status":200,"message":"OK","detail":{"unknown_keys":["product.inventory.shelf","product.colour"]},"data":{"sku":"S-1"}}"#,
        ),
        done(
            "create an order, whose id is given here",
            Question::create(ORDER, TEA_ORDER),
            201,
            r#"{"status":201,"message":"OK","detail":{},"data":{"id":1}}"#,
        ),
        ok(
            "read it by that id",
            Question::read(ORDER, "1"),
            r#"{"id":1,"reference":null,"customer":"ann@example.org","paid":false,"note":null,"lines":[{"sku":"S-1","qty":2,"price":null}]}"#,
        ),
        done(
            "another order",
            Question::create(ORDER, TEA_ORDER),
            201,
            r#"{"status":201,"message":"OK","detail":{},"data":{"id":2}}"#,
        ),
        row(
            "an order of an unknown product",
            Question::create(ORDER, LATE_ORDER),
            202,
            Body::Says("kept, to be carried out later: "),
        ),
        done(
            "delete the order, with a body that means nothing",
            Question::delete(ORDER, "1").with_body("[]"),
            200,
            r#"{"status":200,"message":"OK","detail":{},"data":{"id":1}}"#,
        ),
        refused(
            "read it then",
            Question::read(ORDER, "1"),
            400,
            "there is no such order",
        ),
        done("delete", Question::delete(PRODUCT, "S-1"), 200, SKU),
        refused(
            "delete again",
            Question::delete(PRODUCT, "S-1"),
            400,
            "there is no such product",
        ),
        done("create again", Question::create(PRODUCT, TEA), 201, CREATED),
    ]
}

fn refusals() -> Vec<Row> {
    let create = || Question::create(PRODUCT, TEA.replace("S-1", "S-2"));
    let read = || Question::read(PRODUCT, "S-1");
    let update = |body: &str| Question::update(PRODUCT, "S-1", body);
    let layout = || Question::new("GET", "/datalayout");
    vec![
        // 401: before anything else is looked at.
        refused(
            "no key",
            create().without("Auth-Token"),
            401,
            "the header Auth-Token is missing",
        ),
        refused(
            "a wrong key",
            create().with("Auth-Token", "key-of-the-connectoR"),
            401,
            "is wrong",
        ),
        refused(
            "a shorter key",
            create().with("Auth-Token", "key"),
            401,
            "is wrong",
        ),
        refused(
            "a longer key",
            create().with("Auth-Token", "key-of-the-connector-2"),
            401,
            "is wrong",
        ),
        refused(
            "an empty key",
            create().with("Auth-Token", ""),
            401,
            "is wrong",
        ),
        refused("two keys", create().and("Auth-Token", KEY), 401, "is wrong"),
        refused(
            "no key, the layout",
            layout().without("Auth-Token"),
            401,
            "is missing",
        ),
        refused(
            "no key, a wrong method",
            Question::new("PATCH", PRODUCT).without("Auth-Token"),
            401,
            "is missing",
        ),
        refused(
            "no key, a page",
            Question::sync("/sync/items/1", PRODUCT_TOKEN).without("Auth-Token"),
            401,
            "is missing",
        ),
        refused(
            "no key, a notification",
            Question::new("POST", "/notification").without("Auth-Token"),
            401,
            "is missing",
        ),
        refused(
            "no key, a job",
            Question::new("POST", "/entity/product/set_job").without("Auth-Token"),
            401,
            "is missing",
        ),
        refused(
            "no key, a shared key",
            Question::new("POST", "/entity/product/set_sharedkey").without("Auth-Token"),
            401,
            "is missing",
        ),
        // 404
        refused(
            "an unknown address",
            Question::new("GET", "/entity/category"),
            404,
            "there is nothing at \"/entity/category\"",
        ),
        refused(
            "the root",
            Question::new("GET", "/"),
            404,
            "there is nothing at \"/\"",
        ),
        refused(
            "an id in the path",
            Question::read("/entity/product/S-1", "S-1"),
            404,
            "there is nothing at",
        ),
        refused(
            "another case",
            Question::new("GET", "/DataLayout"),
            404,
            "there is nothing at",
        ),
        // 405
        refused(
            "PATCH",
            Question::new("PATCH", PRODUCT),
            405,
            "POST creates, PUT updates",
        )
        .header("allow", "GET, POST, PUT, DELETE"),
        refused(
            "an invented method",
            Question::new("FROBNICATE", PRODUCT),
            405,
            "FROBNICATE does nothing here",
        )
        .header("allow", "GET, POST, PUT, DELETE"),
        refused(
            "POST datalayout",
            Question::new("POST", "/datalayout"),
            405,
            "GET reads",
        )
        .header("allow", "GET"),
        refused(
            "GET notification",
            Question::new("GET", "/notification"),
            405,
            "POST tells",
        )
        .header("allow", "POST"),
        refused(
            "GET set_job",
            Question::new("GET", "/entity/product/set_job"),
            405,
            "POST sets",
        )
        .header("allow", "POST, PUT, PATCH"),
        refused(
            "DELETE set_sharedkey",
            Question::new("DELETE", "/entity/product/set_sharedkey"),
            405,
            "POST sets",
        )
        .header("allow", "POST, PUT, PATCH"),
        refused(
            "POST sync/total",
            Question::new("POST", "/sync/total"),
            405,
            "GET reads",
        )
        .header("allow", "GET"),
        refused(
            "PUT sync/items/1",
            Question::new("PUT", "/sync/items/1"),
            405,
            "GET reads",
        )
        .header("allow", "GET"),
        // 400: headers
        refused(
            "no Process-Id",
            create().without("Process-Id"),
            400,
            "the header Process-Id is missing: ",
        ),
        refused(
            "no Process-Id, a read",
            read().without("Process-Id"),
            400,
            "the header Process-Id is missing: ",
        ),
        refused(
            "an empty Process-Id",
            create().with("Process-Id", ""),
            400,
            "the header Process-Id is wrong: ",
        ),
        refused(
            "two Process-Ids",
            create().and("Process-Id", "p"),
            400,
            "it is there more than once",
        ),
        refused(
            "no Entity-Id, a read",
            read().without("Entity-Id"),
            400,
            "the header Entity-Id is missing: ",
        ),
        refused(
            "no Entity-Id, an update",
            update("{}").without("Entity-Id"),
            400,
            "the header Entity-Id is missing: ",
        ),
        refused(
            "no Entity-Id, a delete",
            Question::delete(PRODUCT, "S-1").without("Entity-Id"),
            400,
            "the header Entity-Id is missing: ",
        ),
        refused(
            "two Entity-Ids",
            read().and("Entity-Id", "S-1"),
            400,
            "it is there more than once",
        ),
        refused(
            "an unknown field",
            read().with("Entity-Id-Field", "colour"),
            400,
            "records are named by \"sku\", not by \"colour\"",
        ),
        refused(
            "a field that is no key",
            update("{}").with("Entity-Id-Field", "name"),
            400,
            "no shared key is set",
        ),
        refused(
            "an id of the wrong type",
            Question::read(ORDER, "seven"),
            400,
            "\"seven\" cannot be the id of a record: it must be a number",
        ),
        refused(
            "an id beyond the type",
            Question::delete(ORDER, "4294967296"),
            400,
            "cannot be the id of a record",
        ),
        // 400: bodies
        refused("no body", create().with_body(""), 400, "but is empty"),
        refused(
            "a list",
            create().with_body("[]"),
            400,
            "but is a list: send one record a request",
        ),
        refused("null", create().with_body("null"), 400, "but is null"),
        refused(
            "broken JSON",
            create().with_body(r#"{"sku":"S-2""#),
            400,
            "the body is not JSON that can be read: ",
        ),
        refused(
            "a missing field",
            create().with_body(r#"{"sku":"S-2","name":"x","active":true}"#),
            400,
            "product.inventory is required, but is missing",
        ),
        refused(
            "a wrong type",
            update(r#"{"price":"free"}"#),
            400,
            "product.price must be a number, but is the text \"free\"",
        ),
        refused(
            "null in a required field",
            update(r#"{"active":null}"#),
            400,
            "product.active is required, but is null",
        ),
        refused(
            "null for a part of a part",
            update(r#"{"inventory":{"qty":null}}"#),
            400,
            "product.inventory.qty is required, but is null",
        ),
        refused(
            "a part without its part",
            update(r#"{"inventory":{}}"#),
            400,
            "product.inventory.qty is required, but is missing",
        ),
        refused(
            "a number that the type cannot hold",
            update(r#"{"inventory":{"qty":-1}}"#),
            400,
            "product.inventory.qty cannot be read: ",
        ),
        refused(
            "wrapped in its name",
            create().with_body(format!(r#"{{"product":{TEA}}}"#)),
            400,
            "product.sku is required, but is missing",
        ),
        // 400: the handler
        refused(
            "created twice",
            Question::create(PRODUCT, TEA),
            400,
            "already",
        ),
        refused(
            "update of nothing",
            Question::update(PRODUCT, "S-7", "{}"),
            400,
            "there is no such product",
        ),
        refused(
            "a rule of the shop",
            Question::create(ORDER, TEA_ORDER.replace(r#"{"sku":"S-1","qty":2}"#, "")),
            400,
            "order.lines an order has at least one line",
        ),
        refused(
            "a refusal with a reason",
            Question::create(TROUBLE, r#"{"id":"refuse"}"#),
            400,
            "the reason for people",
        ),
        refused(
            "a handler without an operation",
            Question::update(TROUBLE, "x", "{}"),
            400,
            "this connector cannot do that",
        ),
        // 413
        refused(
            "too large",
            create().with_body(" ".repeat(MAX_BODY + 1)),
            413,
            "the body is too large: the limit is 4096 bytes",
        ),
        refused(
            "too large, a read",
            read().with_body(" ".repeat(MAX_BODY + 1)),
            413,
            "the body is too large",
        ),
        // 500
        refused(
            "an error of the program",
            Question::create(TROUBLE, r#"{"id":"fail"}"#),
            500,
            "the connector failed at this request: its log has more",
        ),
        refused(
            "a panic of the program",
            Question::create(TROUBLE, r#"{"id":"panic"}"#),
            500,
            "the connector failed at this request: its log has more",
        ),
    ]
}

fn synchronisation() -> Vec<Row> {
    vec![
        done("count", Question::sync("/sync/total", PRODUCT_TOKEN), 200, r#"{"status":200,"message":"OK","detail":{},"data":{"total":1,"per_page":100}}"#),
        ok("a page", Question::sync("/sync/items/1", PRODUCT_TOKEN), r#"{"items":[{"sku":"S-1","name":"Tea","price":1.1,"active":true,"tags":["a"],"inventory":{"qty":5,"min_qty":null}}]}"#).header("entity-id-field", "sku"),
        done("a page past the end", Question::sync("/sync/items/2", PRODUCT_TOKEN), 200, r#"{"status":200,"message":"OK","detail":{},"data":{"items":[]}}"#).header("entity-id-field", "sku"),
        refused("page 0", Question::sync("/sync/items/0", PRODUCT_TOKEN), 400, "\"0\" is no page: pages are numbered from 1"),
        refused("page -1", Question::sync("/sync/items/-1", PRODUCT_TOKEN), 400, "\"-1\" is no page"),
        refused("page +1", Question::sync("/sync/items/+1", PRODUCT_TOKEN), 400, "\"+1\" is no page"),
        refused("page x", Question::sync("/sync/items/x", PRODUCT_TOKEN), 400, "\"x\" is no page"),
        refused("page 10^30", Question::sync("/sync/items/1000000000000000000000000000000", PRODUCT_TOKEN), 400, "is no page"),
        refused("a page of nothing", Question::sync("/sync/items/1", "").without("Entity-Token"), 400, "the header Entity-Token is missing"),
        refused("a count of nothing", Question::sync("/sync/total", "").without("Entity-Token"), 400, "the header Entity-Token is missing"),
        refused("a page of an unknown entity", Question::sync("/sync/items/1", "no-such-token"), 400, "no entity has the token \"no-such-token\""),
        refused("two tokens", Question::sync("/sync/items/1", PRODUCT_TOKEN).and("Entity-Token", PRODUCT_TOKEN), 400, "it is there more than once"),
        refused("no page", Question::sync("/sync/items", PRODUCT_TOKEN), 404, "there is nothing at"),
        refused("a handler that cannot count", Question::sync("/sync/total", "connector-trouble-1"), 400, "this connector cannot do that"),
    ]
}

fn settings() -> Vec<Row> {
    let set = |body: &str| Question::new("POST", "/entity/order/set_sharedkey").with_body(body);
    vec![
        refused(
            "a shared key that is no field",
            set(r#"{"shared_key":"colour"}"#),
            400,
            "\"colour\" is no field of order",
        ),
        refused(
            "a shared key that is a list",
            set(r#"{"shared_key":"lines"}"#),
            400,
            "\"lines\" is no field of order that could name a record",
        ),
        refused(
            "a shared key that is no text",
            set(r#"{"shared_key":7}"#),
            400,
            "must be the name of a field",
        ),
        row(
            "set_sharedkey",
            set(r#"{"shared_key":"reference"}"#),
            200,
            Body::Says("order is recognised by reference"),
        ),
        done(
            "a create answers with it",
            Question::create(
                ORDER,
                TEA_ORDER.replace(r#"{"customer"#, r#"{"reference":"R-1","customer"#),
            ),
            201,
            r#"{"status":201,"message":"OK","detail":{},"data":{"reference":"R-1"}}"#,
        ),
        done(
            "an update names by it",
            Question::update(ORDER, "R-1", r#"{"note":"soon"}"#),
            200,
            r#"{"status":200,"message":"OK","detail":{},"data":{"reference":"R-1"}}"#,
        ),
        ok(
            "so does a read",
            Question::read(ORDER, "R-1").with("Entity-Id-Field", "reference"),
            r#"{"id":3,"reference":"R-1","customer":"ann@example.org","paid":false,"note":"soon","lines":[{"sku":"S-1","qty":2,"price":null}]}"#,
        ),
        ok(
            "and still by its own id",
            Question::read(ORDER, "3").with("Entity-Id-Field", "id"),
            r#"{"id":3,"reference":"R-1","customer":"ann@example.org","paid":false,"note":"soon","lines":[{"sku":"S-1","qty":2,"price":null}]}"#,
        ),
        refused(
            "nobody has it",
            Question::delete(ORDER, "R-2"),
            400,
            "there is no such order",
        ),
        row(
            "pages say so",
            Question::sync(
                "/sync/items/1",
                "receive-2-order-7d80a3c1f5e249b6b1d94e7f02c86ad5",
            ),
            200,
            Body::Says("OK"),
        )
        .header("entity-id-field", "reference"),
        row(
            "cleared",
            set("{}"),
            200,
            Body::Says("order has no shared key"),
        ),
        refused(
            "then it names nothing",
            Question::read(ORDER, "R-1").with("Entity-Id-Field", "reference"),
            400,
            "no shared key is set",
        ),
    ]
}

fn notifications() -> Vec<Row> {
    let tell = |id: &str, body: &str| {
        Question::new("POST", "/notification")
            .with("Process-Id", id)
            .with_body(body)
    };
    let complete = r#"{"status":200,"message":"Complete","data":{"notifications":[{"relation_id":7,"status":200,"message":"OK"}]}}"#;
    vec![
        refused(
            "an unknown process",
            tell("nobody", complete),
            400,
            "it is unknown, or complete already",
        ),
        refused(
            "no process",
            tell("x", complete).without("Process-Id"),
            400,
            "the header Process-Id is missing",
        ),
        refused(
            "no status",
            tell("own-1", r#"{"message":"Complete"}"#),
            400,
            "`status` must be a number",
        ),
        refused("no object", tell("own-1", "[]"), 400, "but is a list"),
        refused("no body", tell("own-1", ""), 400, "but is empty"),
        done("a process is complete", tell("own-1", complete), 200, EMPTY),
        refused(
            "once only",
            tell("own-1", complete),
            400,
            "it is unknown, or complete already",
        ),
        done(
            "a process has failed",
            tell("own-2", r#"{"status":"500","message":null,"data":[]}"#),
            200,
            EMPTY,
        ),
    ]
}

const MAX_BODY: usize = 4096;

/// Changes of this system that are under way.
fn send_own_changes(subject: &Subject) {
    let token = EntityToken::new(PRODUCT_TOKEN).unwrap();
    let change = RealtimeRequest::update(token, "{}");
    for id in ["own-1", "own-2"] {
        let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let process = OwnProcess::new(id.parse().unwrap(), &change, now);
        subject.connector.state().add_process(process).unwrap();
    }
}

fn ask_everything(served: &Served) {
    send_own_changes(&served.subject);
    for row in table() {
        let before = served.subject.dump();
        let answer = served.ask(&row.question);
        let name = row.name;
        assert_eq!(answer.status, row.status, "{name}: {}", answer.text());
        let envelope = answer.envelope();
        match row.body {
            Body::Bytes(bytes) => assert_eq!(answer.text(), bytes, "{name}"),
            Body::Says(says) => {
                let message = envelope["message"].as_str().unwrap();
                assert!(message.contains(says), "{name}: {message}");
            }
            Body::Data(data) => {
                let prefix = r#"{"status":200,"message":"OK","detail":{},"data":{"#;
                assert!(
                    answer.text().starts_with(prefix),
                    "{name}: {}",
                    answer.text()
                );
                assert_eq!(
                    of_the_sender(envelope["data"].clone()),
                    json(data),
                    "{name}"
                );
            }
        }
        for header in ["allow", "entity-id-field"] {
            let expected = row.header.filter(|(name, _)| *name == header);
            assert_eq!(
                answer.header(header),
                expected.map(|(_, value)| value),
                "{name}"
            );
        }
        assert!(!answer.text().contains(KEY), "{name}");
        assert!(
            !answer.text().contains("secret"),
            "{name}: {}",
            answer.text()
        );
        if row.status >= 400 {
            assert_eq!(served.subject.dump(), before, "{name}");
        }
    }
    // It was the one that is on purpose.
    assert_eq!(served.panics(), 1);
}

/// A record, or a page of them, without what only the system itself sets.
fn of_the_sender(mut data: serde_json::Value) -> serde_json::Value {
    let object = data.as_object_mut().unwrap();
    object.remove("created_at");
    if let Some(items) = object.get_mut("items") {
        for item in items.as_array_mut().unwrap() {
            *item = of_the_sender(item.take());
        }
    }
    data
}

/// An order that came before its product is carried out by itself, once.
#[test]
fn what_was_answered_202_is_done_in_the_end() {
    let soon = RetryPolicy::new()
        .with_max_attempts(u32::MAX)
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2));
    for served in [
        Served::alone(Subject::in_memory(|builder| {
            builder.switched_on(true).retry(soon.clone())
        })),
        Served::nested(Subject::in_memory(|builder| {
            builder.switched_on(true).retry(soon.clone())
        })),
        Served::alone(Subject::sqlite(|builder| {
            builder.switched_on(true).retry(soon.clone())
        })),
    ] {
        let order = Question::create(ORDER, TEA_ORDER);
        let promised = served.ask(&order);
        assert_eq!(promised.status, 202);
        assert_eq!(served.ask(&order).body, promised.body);
        assert_eq!(served.subject.connector.promised(), 1);
        assert_eq!(served.ask(&Question::create(PRODUCT, TEA)).status, 201);
        while served.subject.connector.promised() > 0 {
            thread::yield_now();
        }
        assert_eq!(served.ask(&Question::read(ORDER, "1")).status, 200);
        assert_eq!(served.ask(&Question::read(ORDER, "2")).status, 400);
        // Its process was answered already, and is so again.
        assert_eq!(served.ask(&order).body, promised.body);
        assert_eq!(served.subject.connector.promised(), 0);
    }
}

/// Who listens hears each end once; an error there is no end.
#[test]
fn the_end_of_an_own_process_is_told_until_it_is_heard() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = heard.clone();
    let served = Served::alone(Subject::in_memory(|builder| {
        builder.on_notification(move |ended| {
            let mut heard = listener.lock().unwrap();
            let links: Vec<_> = ended
                .notification
                .links
                .iter()
                .map(|link| link.status)
                .collect();
            heard.push(format!(
                "{} {:?} {} {:?}",
                ended.process.process_id, ended.process.operation, ended.notification.status, links
            ));
            let is_first = heard.len() == 1;
            async move {
                if is_first {
                    Err(std::io::Error::other("on purpose"))?;
                }
                Ok(())
            }
        })
    }));
    send_own_changes(&served.subject);
    let tell = Question::new("POST", "/notification")
        .with("Process-Id", "own-1")
        .with_body(r#"{"status":500,"message":"no","data":{"notifications":[{"status":400},{}]}}"#);
    assert_eq!(served.ask(&tell).status, 500);
    assert_eq!(served.ask(&tell).status, 200);
    assert_eq!(served.ask(&tell).status, 400);
    let line = "own-1 Update 500 [400, 500]";
    assert_eq!(*heard.lock().unwrap(), [line, line]);
    let state = served.subject.connector.state();
    let outcome = |id: &str| {
        let process = state.process(&id.parse().unwrap()).unwrap();
        process.unwrap().outcome
    };
    assert_eq!((outcome("own-1"), outcome("own-2")), (Some(500), None));
}

#[test]
fn every_row_in_memory_by_its_own_server() {
    ask_everything(&Served::alone(Subject::in_memory(|builder| {
        builder.max_body(MAX_BODY)
    })));
}

#[test]
fn every_row_in_memory_nested_in_an_application() {
    ask_everything(&Served::nested(Subject::in_memory(|builder| {
        builder.max_body(MAX_BODY)
    })));
}

#[test]
fn every_row_over_sqlite() {
    ask_everything(&Served::alone(Subject::sqlite(|builder| {
        builder.max_body(MAX_BODY)
    })));
}
