//! What no platform sends: each gets a right answer, changes nothing, and the next one is served.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use dsync::ConnectorBuilder;

use super::subject::{KEY, Question, Served, Subject, does, json, refuses};
use crate::support::conversation::Conversation;

const PRODUCT: &str = "/entity/product";
const ORDER: &str = "/entity/order";
const TEA: &str = r#"{"sku":"S-1","name":"Tea","active":true,"inventory":{"qty":5}}"#;

/// In memory, and over SQLite; each holds one product.
fn both(read_timeout: Duration) -> [Served; 2] {
    let set = |builder: ConnectorBuilder| builder.switched_on(true).read_timeout(read_timeout);
    [Subject::in_memory(set), Subject::sqlite(set)].map(|subject| {
        let served = Served::alone(subject);
        does(&served, &Question::create(PRODUCT, TEA), 201);
        served
    })
}

/// Nothing has panicked, and the next request is served.
#[track_caller]
fn is_well(served: &Served, after: &str) {
    assert_eq!(served.panics(), 0, "{after}");
    let answer = served.ask(&Question::new("GET", "/datalayout"));
    assert_eq!(answer.status, 200, "{after}");
}

/// A product with some more keys, or other ones.
fn product(sku: &str, more: &str) -> String {
    format!(r#"{{"sku":"{sku}","name":"Tea","active":true,"inventory":{{"qty":5}}{more}}}"#)
}

fn create(more: &str) -> Question {
    Question::create(PRODUCT, product("S-2", more))
}

fn refused() -> Vec<(&'static str, Question, u16)> {
    let read = || Question::read(PRODUCT, "S-1");
    let update = |body: &str| Question::update(PRODUCT, "S-1", body);
    let path = |path: &str| Question::new("GET", path);
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    vec![
        ("no key", create("").without("Auth-Token"), 401),
        (
            "a wrong key of the same length",
            create("").with("Auth-Token", "x".repeat(KEY.len())),
            401,
        ),
        (
            "a key of 60 KB",
            create("").with("Auth-Token", "x".repeat(60_000)),
            401,
        ),
        (
            "a key in Latin-1",
            create("").with("Auth-Token", b"key\xe4".to_vec()),
            401,
        ),
        (
            "the key and another",
            create("").and("Auth-Token", "x"),
            401,
        ),
        ("the key twice", create("").and("Auth-Token", KEY), 401),
        ("no Process-Id", create("").without("Process-Id"), 400),
        ("two Process-Ids", create("").and("Process-Id", "p"), 400),
        (
            "a Process-Id of 10 KB",
            create("").with("Process-Id", "p".repeat(10_240)),
            400,
        ),
        (
            "a Process-Id with a tab",
            create("").with("Process-Id", "a\tb"),
            400,
        ),
        ("no Entity-Id", read().without("Entity-Id"), 400),
        ("an empty Entity-Id", read().with("Entity-Id", ""), 400),
        (
            "an Entity-Id with a tab",
            read().with("Entity-Id", "a\tb"),
            400,
        ),
        (
            "an Entity-Id of 60 KB",
            read().with("Entity-Id", "x".repeat(60_000)),
            400,
        ),
        (
            "an Entity-Id in Latin-1",
            read().with("Entity-Id", b"Gr\xf6\xdfe".to_vec()),
            400,
        ),
        (
            "an Entity-Id-Field in Latin-1",
            read().with("Entity-Id-Field", b"\xe4".to_vec()),
            400,
        ),
        (
            "an id that is SQL",
            Question::delete(PRODUCT, "' or 1=1 --"),
            400,
        ),
        (
            "a field that is SQL",
            Question::delete(PRODUCT, "x").with("Entity-Id-Field", "1=1 or sku"),
            400,
        ),
        ("an id with a fraction", Question::delete(ORDER, "1.0"), 400),
        ("an id in another form", Question::delete(ORDER, "0x1"), 400),
        ("an id below zero", Question::delete(ORDER, "-1"), 400),
        ("broken JSON", create("").with_body("{]"), 400),
        (
            "half JSON",
            create("").with_body(&TEA[..TEA.len() - 2]),
            400,
        ),
        (
            "two records",
            create("").with_body(format!("{TEA}{TEA}")),
            400,
        ),
        ("a text", create("").with_body("\"sku\""), 400),
        ("a number", create("").with_body("1"), 400),
        ("a blank", create("").with_body(" "), 400),
        (
            "a byte order mark",
            create("").with_body(format!("\u{feff}{TEA}")),
            400,
        ),
        (
            "UTF-16",
            create("").with_body(
                TEA.encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>(),
            ),
            400,
        ),
        (
            "no UTF-8",
            create("").with_body(b"{\"sku\":\"\xff\"}".to_vec()),
            400,
        ),
        ("a NUL", create("").with_body("{\"sku\":\"a\0b\"}"), 400),
        ("a list", update("[]"), 400),
        ("null", update("null"), 400),
        ("a number for a text", update(r#"{"name":7}"#), 400),
        ("a list for a text", update(r#"{"name":["Tea"]}"#), 400),
        ("a list for an object", update(r#"{"inventory":[]}"#), 400),
        (
            "a list with an object for an object",
            update(r#"{"inventory":[{"qty":5}]}"#),
            400,
        ),
        ("an object for a list", update(r#"{"tags":{}}"#), 400),
        ("a text for a list", update(r#"{"tags":"a"}"#), 400),
        ("a list of lists", update(r#"{"tags":[["a"]]}"#), 400),
        ("a null in a list", update(r#"{"tags":[null]}"#), 400),
        ("2 for a boolean", update(r#"{"active":2}"#), 400),
        ("\"yes\" for a boolean", update(r#"{"active":"yes"}"#), 400),
        ("an empty text for a number", update(r#"{"price":""}"#), 400),
        ("a blank before a number", update(r#"{"price":" 1"}"#), 400),
        ("a comma in a number", update(r#"{"price":"1,5"}"#), 400),
        ("NaN", update(r#"{"price":NaN}"#), 400),
        ("\"NaN\"", update(r#"{"price":"NaN"}"#), 400),
        ("\"inf\"", update(r#"{"price":"inf"}"#), 400),
        ("1e400", update(r#"{"price":1e400}"#), 400),
        ("\"1e400\"", update(r#"{"price":"1e400"}"#), 400),
        (
            "1e400 in an unknown key",
            update(r#"{"colour":1e400}"#),
            400,
        ),
        (
            "u64::MAX for a u32",
            update(r#"{"inventory":{"qty":18446744073709551615}}"#),
            400,
        ),
        (
            "2^32 for a u32",
            update(r#"{"inventory":{"qty":4294967296}}"#),
            400,
        ),
        (
            "a fraction for a u32",
            update(r#"{"inventory":{"qty":1.5}}"#),
            400,
        ),
        (
            "below zero for a u32",
            update(r#"{"inventory":{"qty":-1}}"#),
            400,
        ),
        ("half a surrogate", update(r#"{"name":"\ud800"}"#), 400),
        ("the other half", update(r#"{"name":"\udc00x"}"#), 400),
        (
            "half a surrogate in an unknown key",
            update(r#"{"x":"\ud800"}"#),
            400,
        ),
        ("half a surrogate as a key", update(r#"{"\ud800":1}"#), 400),
        ("half an escape", update(r#"{"name":"\u00"}"#), 400),
        (
            "a NUL in an id",
            create("").with_body(product(r"a\u0000b", "")),
            400,
        ),
        ("an empty id", create("").with_body(product("", "")), 400),
        (
            "a blank at the end of an id",
            create("").with_body(product("S-2 ", "")),
            400,
        ),
        (
            "a line break in an id",
            create("").with_body(product(r"a\r\nAuth-Token: x", "")),
            400,
        ),
        (
            "a list of numbers for texts",
            update(&format!(r#"{{"tags":[{}1]}}"#, "1,".repeat(9_999))),
            400,
        ),
        (
            "a depth of 1,000",
            update(&format!(r#"{{"x":{}}}"#, deep(1_000))),
            400,
        ),
        (
            "a depth of 1,000 in a field",
            update(&format!(r#"{{"tags":{}}}"#, deep(1_000))),
            400,
        ),
        (
            "a depth of 100,000",
            update(&format!(r#"{{"x":{}}}"#, deep(100_000))),
            400,
        ),
        (
            "a depth of 100,000 without an end",
            update(&format!(r#"{{"x":{}"#, "[".repeat(100_000))),
            400,
        ),
        (
            "a depth of 100,000 in a setting",
            Question::new("POST", "/entity/product/set_job").with_body(deep(100_000)),
            400,
        ),
        (
            "a depth of 100,000 in a notification",
            Question::new("POST", "/notification")
                .with("Process-Id", "p")
                .with_body(format!(r#"{{"status":200,"data":{}}}"#, deep(100_000))),
            400,
        ),
        ("a key twice", update(r#"{"price":1,"price":2}"#), 400),
        (
            "a key twice, one escaped",
            update(r#"{"price":1,"pric\u0065":2}"#),
            400,
        ),
        (
            "a key twice below",
            update(r#"{"inventory":{"qty":1,"qty":2}}"#),
            400,
        ),
        ("an unknown key twice", update(r#"{"x":1,"x":2}"#), 400),
        (
            "an unknown key twice, far below",
            update(r#"{"x":[{"y":{"z":1,"z":1}}]}"#),
            400,
        ),
        (
            "a read-only key twice",
            update(r#"{"created_at":1,"created_at":2}"#),
            400,
        ),
        ("an unknown method", Question::new("BREW", PRODUCT), 405),
        ("HEAD", Question::new("HEAD", "/datalayout"), 405),
        ("OPTIONS", Question::new("OPTIONS", PRODUCT), 405),
        ("TRACE", Question::new("TRACE", PRODUCT), 405),
        ("two dots", path("/entity/../datalayout"), 404),
        ("two dots at the start", path("/../datalayout"), 404),
        ("one dot", path("/./datalayout"), 404),
        ("two dots, encoded", path("/entity/%2e%2e/datalayout"), 404),
        (
            "two dots, encoded twice",
            path("/entity/%252e%252e/datalayout"),
            404,
        ),
        ("a slash, encoded", path("/entity%2Fproduct"), 404),
        ("a slash in front, encoded", path("/%2Fdatalayout"), 404),
        ("a back slash", path("/entity\\product"), 404),
        ("a NUL, encoded", path("/datalayout%00"), 404),
        ("a NUL in front, encoded", path("/%00/datalayout"), 404),
        (
            "a line break, encoded",
            path("/datalayout%0d%0aX:%20y"),
            404,
        ),
        ("a semicolon", path("/datalayout;x=1"), 404),
        ("a full stop", path("/datalayout."), 404),
        ("no UTF-8, encoded", path("/%ff"), 404),
        ("half an encoding", path("/datalayout%"), 404),
        ("another case", path("/DATALAYOUT"), 404),
        ("a blank, encoded", path("/datalayout%20"), 404),
        (
            "a path of 60 KB",
            path(&format!("/{}", "x".repeat(60_000))),
            404,
        ),
        ("a path of 30,000 segments", path(&"/x".repeat(30_000)), 404),
        (
            "a page with 60 KB of digits",
            Question::sync(format!("/sync/items/{}", "9".repeat(60_000)), "t"),
            400,
        ),
    ]
}

#[test]
fn each_is_refused_and_changes_nothing() {
    for served in both(Duration::from_secs(30)) {
        for (name, question, status) in refused() {
            let answer = refuses(&served, &question, status);
            if question.method != "HEAD" {
                answer.envelope();
            }
            assert!(answer.body.len() < 20_000, "{name}: {}", answer.body.len());
            is_well(&served, name);
        }
    }
}

/// What looks odd, and is right.
#[test]
fn each_is_taken_as_it_is() {
    for served in both(Duration::from_secs(30)) {
        for (more, field, read) in [
            (r#","price":0.1"#, "price", "0.1"),
            (r#","price":"0.1""#, "price", "0.1"),
            (
                r#","price":9007199254740993"#,
                "price",
                "9007199254740992.0",
            ),
            (
                r#","price":18446744073709551615"#,
                "price",
                "18446744073709552000.0",
            ),
            (r#","price":1E+5"#, "price", "100000.0"),
            (r#","price":1e-400"#, "price", "0.0"),
            (r#","price":null"#, "price", "null"),
            (r#","tags":null"#, "tags", "[]"),
            (r#","tags":["\ud83d\ude42🙂"]"#, "tags", r#"["🙂🙂"]"#),
            (r#","tags":["a\u0000b",""]"#, "tags", r#"["a\u0000b",""]"#),
            (r#","__proto__":{"active":false}"#, "active", "true"),
            (r#","":1"#, "active", "true"),
            (
                r#","constructor":[],"sku.x":1,"product":{}"#,
                "active",
                "true",
            ),
        ] {
            does(&served, &create(more), 201);
            let answer = does(&served, &Question::read(PRODUCT, "S-2"), 200);
            assert_eq!(answer["data"][field], json(read), "{more}");
            does(&served, &Question::delete(PRODUCT, "S-2"), 200);
        }
        // Both forms of a header's text name the same record.
        does(
            &served,
            &Question::create(PRODUCT, product("Größe 🙂/é", "")),
            201,
        );
        does(&served, &Question::read(PRODUCT, "Größe 🙂/é"), 200);
        does(
            &served,
            &Question::create(PRODUCT, product("Größe", "")),
            201,
        );
        let latin1 = Question::read(PRODUCT, "").with("Entity-Id", b"Gr\xf6\xdfe".to_vec());
        let latin1 = latin1.with("Process-Id", b"Proze\xdf".to_vec());
        assert_eq!(does(&served, &latin1, 200)["data"]["sku"], "Größe");
        for path in [
            "//datalayout",
            "/datalayout/",
            "///datalayout//",
            "/data%6Cayout",
            "/datalayout?x=/../y",
        ] {
            does(&served, &Question::new("GET", path), 200);
        }
        is_well(&served, "what is right");
    }
}

#[test]
fn large_is_no_fault() {
    for served in both(Duration::from_secs(30)) {
        let tags = format!(r#","tags":[{}"x"]"#, r#""x","#.repeat(9_999));
        does(&served, &create(&tags), 201);
        let read = does(&served, &Question::read(PRODUCT, "S-2"), 200);
        assert_eq!(read["data"]["tags"].as_array().unwrap().len(), 10_000);

        let name = "x".repeat(1024 * 1024);
        let body = format!(r#"{{"name":"{name}"}}"#);
        does(&served, &Question::update(PRODUCT, "S-2", body), 200);
        let read = does(&served, &Question::read(PRODUCT, "S-2"), 200);
        assert_eq!(read["data"]["name"], name);
        is_well(&served, "large");
    }
}

#[test]
fn long_names_are_not_repeated_in_full() {
    let [served, _] = both(Duration::from_secs(30));
    let long = "x".repeat(20_000);
    let keys: Vec<_> = (0..50)
        .map(|number| format!("\"{number}{long}\":1"))
        .collect();
    let unknown = format!("{{{}}}", keys.join(","));
    let mut questions = vec![
        Question::update(PRODUCT, "S-1", unknown),
        Question::update(PRODUCT, "S-1", format!(r#"{{"price":"{long}"}}"#)),
        Question::update(PRODUCT, "S-1", format!(r#"{{"{long}":1,"{long}":2}}"#)),
        Question::read(PRODUCT, "S-1").with("Entity-Id-Field", long.clone()),
        Question::read(PRODUCT, &long),
        Question::new("POST", "/entity/product/set_sharedkey")
            .with_body(format!(r#"{{"shared_key":"{long}"}}"#)),
        Question::sync("/sync/total", &long),
        Question::sync(format!("/sync/items/{long}"), "t"),
        Question::new("GET", format!("/{long}")),
        Question::new("POST", "/notification")
            .with("Process-Id", "p".repeat(255))
            .with_body(format!(r#"{{"status":200,"message":"{long}"}}"#)),
    ];
    questions.push(create("").with("Process-Id", long.clone()));
    let mut wrong = Vec::new();
    for question in questions {
        let answer = served.ask(&question);
        answer.envelope();
        if answer.body.len() > 15_000 {
            let start: String = answer.text().chars().take(150).collect();
            wrong.push(format!("{}: {start}", answer.body.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_million_keys_are_counted_and_not_repeated() {
    let [served, _] = both(Duration::from_secs(30));
    let mut body = String::from(r#"{"price":2"#);
    for number in 0..1_000_000 {
        write!(body, ",\"{number:x}\":0").unwrap();
    }
    body.push('}');
    let answer = does(&served, &Question::update(PRODUCT, "S-1", body), 200);
    let unknown = answer["detail"]["unknown_keys"].as_array().unwrap();
    assert!((1..=50).contains(&unknown.len()), "{}", unknown.len());
    is_well(&served, "a million keys");
}

/// What a request written by hand is answered.
enum Answered {
    /// By the connector.
    Envelope(u16),
    /// By the HTTP library, which has no envelope: what came is no request.
    Bare(u16),
    /// The connection is closed.
    Not,
}

struct ByHand {
    name: &'static str,
    bytes: Vec<u8>,
    answered: Answered,
}

fn by_hand(name: &'static str, bytes: impl Into<Vec<u8>>, answered: Answered) -> ByHand {
    ByHand {
        name,
        bytes: bytes.into(),
        answered,
    }
}

/// A create up to its length.
fn head(rest: &str) -> Vec<u8> {
    let mut head = create("").head("");
    head.extend_from_slice(rest.as_bytes());
    head
}

fn written_by_hand() -> Vec<ByHand> {
    let body = product("S-2", "");
    let (length, half) = (body.len(), &body[..20]);
    vec![
        by_hand(
            "11 MiB are stated",
            head("Content-Length: 11534336\r\n\r\n"),
            Answered::Envelope(413),
        ),
        by_hand(
            "100 MiB are stated",
            head("Content-Length: 104857600\r\n\r\n"),
            Answered::Envelope(413),
        ),
        by_hand(
            "the most is stated",
            head("Content-Length: 18446744073709551615\r\n\r\n"),
            // The library keeps that number for itself.
            Answered::Bare(431),
        ),
        by_hand(
            "more than the most is stated",
            head("Content-Length: 18446744073709551616\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "a length below zero",
            head("Content-Length: -1\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "two lengths",
            head(&format!(
                "Content-Length: {length}\r\nContent-Length: 2\r\n\r\n{body}"
            )),
            Answered::Bare(400),
        ),
        by_hand(
            "less than was stated, then the end",
            head(&format!("Content-Length: {length}\r\n\r\n{half}")),
            Answered::Envelope(400),
        ),
        by_hand(
            "nothing of what was stated",
            head(&format!("Content-Length: {length}\r\n\r\n")),
            Answered::Envelope(400),
        ),
        by_hand(
            "a chunk that is too short",
            head(&format!("Transfer-Encoding: chunked\r\n\r\nff\r\n{body}")),
            Answered::Envelope(400),
        ),
        by_hand(
            "a chunk whose size is none",
            head(&format!("Transfer-Encoding: chunked\r\n\r\nxyz\r\n{body}")),
            Answered::Envelope(400),
        ),
        by_hand(
            "no last chunk",
            head(&format!(
                "Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n"
            )),
            Answered::Envelope(400),
        ),
        by_hand(
            "an unknown encoding",
            head(&format!("Transfer-Encoding: gzip\r\n\r\n{body}")),
            Answered::Bare(400),
        ),
        by_hand(
            "no method",
            " /datalayout HTTP/1.1\r\n\r\n",
            Answered::Bare(400),
        ),
        by_hand("no version", "GET /datalayout\r\n\r\n", Answered::Bare(400)),
        by_hand(
            "another version",
            "GET /datalayout HTTP/3.0\r\n\r\n",
            Answered::Bare(400),
        ),
        by_hand(
            "the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Answered::Not,
        ),
        by_hand(
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            Answered::Bare(400),
        ),
        by_hand("bytes", vec![0xff; 5_000], Answered::Bare(400)),
        by_hand(
            "a blank in the path",
            "GET /data layout HTTP/1.1\r\n\r\n",
            Answered::Bare(400),
        ),
        by_hand(
            "a NUL in the path",
            "GET /datalayout\0 HTTP/1.1\r\n\r\n",
            Answered::Bare(400),
        ),
        by_hand(
            "a line feed in a header",
            head("Entity-Id: a\nX\r\nContent-Length: 0\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "a carriage return in a header",
            head("Entity-Id: a\rb\r\nContent-Length: 0\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "a NUL in a header",
            head("Entity-Id: a\0b\r\nContent-Length: 0\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "a header on two lines",
            head("Entity-Id: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "a blank before the colon",
            head("Entity-Id : a\r\nContent-Length: 0\r\n\r\n"),
            Answered::Bare(400),
        ),
        by_hand(
            "a key after a line break",
            head("X: a\r\nAuth-Token: second\r\nContent-Length: 0\r\n\r\n"),
            Answered::Envelope(401),
        ),
        by_hand(
            "a hundred and more headers",
            head(&"X: y\r\n".repeat(200)),
            Answered::Bare(431),
        ),
        by_hand(
            "a header of 1 MB",
            head(&format!("X: {}\r\n\r\n", "y".repeat(1_000_000))),
            Answered::Bare(431),
        ),
        by_hand(
            "a path of 70 KB",
            format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)),
            Answered::Bare(414),
        ),
        by_hand(
            "every star",
            format!("OPTIONS * HTTP/1.1\r\nHost: x\r\nAuth-Token: {KEY}\r\n\r\n"),
            Answered::Envelope(404),
        ),
        by_hand(
            "a proxy's CONNECT",
            format!("CONNECT shop:80 HTTP/1.1\r\nHost: x\r\nAuth-Token: {KEY}\r\n\r\n"),
            Answered::Envelope(404),
        ),
        by_hand("nothing", "", Answered::Not),
        by_hand("half a head", &head("")[..30], Answered::Not),
    ]
}

#[test]
fn what_is_no_request_changes_nothing() {
    for served in both(Duration::from_secs(30)) {
        let mut wrong = Vec::new();
        for ByHand {
            name,
            bytes,
            answered,
        } in written_by_hand()
        {
            let before = served.subject.dump();
            let mut conversation = Conversation::with(served.address);
            conversation.say(&bytes);
            conversation.end();
            let answer = conversation.hear();
            let (status, has_envelope) = match answered {
                Answered::Envelope(status) => (Some(status), true),
                Answered::Bare(status) => (Some(status), false),
                Answered::Not => (None, false),
            };
            if answer.as_ref().map(|answer| answer.status) != status {
                wrong.push(format!("{name}: {answer:?}, not {status:?}"));
            } else if let Some(answer) = answer.filter(|_| has_envelope) {
                answer.envelope();
            }
            assert_eq!(served.subject.dump(), before, "{name}");
            is_well(&served, name);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// What is left of a body whose length was stated too short is no request, whatever it looks like.
#[test]
fn the_rest_of_a_body_is_not_carried_out() {
    for served in both(Duration::from_secs(30)) {
        let before = served.subject.dump();
        let mut conversation = Conversation::with(served.address);
        conversation.say(&head(&format!(
            "Content-Length: 10\r\n\r\n{}",
            product("S-2", "")
        )));
        assert_eq!(conversation.hear().unwrap().status, 400);
        // It has no blank where a method would end.
        assert_eq!(conversation.hear().map(|answer| answer.status), Some(400));
        assert_eq!(conversation.hear(), None);
        assert_eq!(served.subject.dump(), before);

        // Two lengths, of which one hides a second request: nobody may see that one.
        let hidden = served.bytes(&Question::delete(PRODUCT, "S-1"));
        let mut both = head(&format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            hidden.len() + 5
        ));
        both.extend_from_slice(&hidden);
        let mut conversation = Conversation::with(served.address);
        conversation.say(&both);
        assert_eq!(conversation.hear().unwrap().status, 400);
        while conversation.hear().is_some() {}
        assert_eq!(
            served.subject.dump(),
            before,
            "a hidden request was carried out"
        );
        is_well(&served, "a lie about a length");
    }
}

#[test]
fn an_old_client_and_a_client_that_asks_first_are_answered() {
    for served in both(Duration::from_secs(30)) {
        let mut conversation = Conversation::with(served.address);
        let body = product("S-2", "");
        conversation.say(
            format!(
                "POST {PRODUCT} HTTP/1.0\r\nAuth-Token: {KEY}\r\nProcess-Id: old\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        assert_eq!(conversation.hear().unwrap().status, 201);
        assert_eq!(conversation.hear(), None, "HTTP/1.0 closes");

        // Two at once on one connection are answered one after the other.
        let (first, second) = (
            Question::read(PRODUCT, "S-1"),
            Question::read(PRODUCT, "S-2"),
        );
        let mut conversation = Conversation::with(served.address);
        conversation.say(&[served.bytes(&first), served.bytes(&second)].concat());
        for sku in ["S-1", "S-2"] {
            assert_eq!(conversation.hear().unwrap().envelope()["data"]["sku"], sku);
        }

        // The body comes after the server has said that it wants it.
        let body = product("S-3", "");
        conversation.say(&head(&format!(
            "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )));
        thread::sleep(Duration::from_millis(20));
        conversation.say(body.as_bytes());
        assert_eq!(conversation.hear().unwrap().status, 201);
        is_well(&served, "HTTP");
    }
}

/// A sender that stops, or hardly goes on, is sent away in time.
#[test]
fn who_is_slow_is_not_waited_for() {
    const LIMIT: Duration = Duration::from_millis(150);

    for served in both(LIMIT) {
        let before = served.subject.dump();
        let body = product("S-2", "");
        let stated = format!("Content-Length: {}\r\n\r\n", body.len());

        let began = Instant::now();
        let mut silent = Conversation::with(served.address);
        silent.say(&head(&format!("{stated}{}", &body[..20])));
        // Meanwhile another one says a byte now and then.
        let mut slow = Conversation::with(served.address);
        slow.say(&head(&stated));
        for byte in body.bytes().take(20) {
            thread::sleep(LIMIT / 10);
            slow.say(&[byte]);
        }
        for mut conversation in [silent, slow] {
            let answer = conversation.hear().unwrap();
            assert_eq!(answer.status, 408);
            answer.envelope();
        }
        // A head has its own time; half a one is no request, so it has no answer.
        let mut half = Conversation::with(served.address);
        half.say(&head("")[..40]);
        assert_eq!(half.hear(), None);
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(served.subject.dump(), before);
        is_well(&served, "slow senders");
    }
}

/// As many bytes as the test likes, in chunks and without a stated length.
fn send_chunks(served: &Served, bytes: usize) -> u16 {
    const CHUNK: usize = 64 * 1024;

    let mut conversation = Conversation::with(served.address);
    conversation.say(&head("Transfer-Encoding: chunked\r\n\r\n"));
    let mut chunk = format!("{CHUNK:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + CHUNK, b' ');
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..bytes / CHUNK {
        if !conversation.say(&chunk) {
            break;
        }
    }
    conversation.say(b"0\r\n\r\n");
    conversation.hear().map_or(0, |answer| {
        answer.envelope();
        answer.status
    })
}

/// Measured in a process of its own, whose largest size Linux reports.
#[cfg(target_os = "linux")]
#[test]
fn a_body_without_an_end_needs_no_memory() {
    use std::process::Command;
    use std::{env, fs};

    const BYTES: &str = "DSYNC_TEST_CHUNKS";
    const NAME: &str = "connector::hostile::a_body_without_an_end_needs_no_memory";

    if let Ok(bytes) = env::var(BYTES) {
        let served = Served::alone(Subject::in_memory(|builder| builder.switched_on(true)));
        let before = served.subject.dump();
        assert_eq!(send_chunks(&served, bytes.parse().unwrap()), 413);
        assert_eq!(served.subject.dump(), before);
        is_well(&served, "chunks");
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.unwrap().trim().trim_end_matches(" kB");
        // What a passing test prints is not shown, so it is told by a file.
        fs::write(env::var("DSYNC_TEST_PEAK").unwrap(), peak).unwrap();
        return;
    }
    let peaks = [11, 100].map(|mebibytes: usize| {
        let file = env::temp_dir().join(format!("dsync-peak-{}-{mebibytes}", std::process::id()));
        let output = Command::new(env::current_exe().unwrap())
            .args([NAME, "--exact"])
            .env(BYTES, (mebibytes * 1024 * 1024).to_string())
            .env("DSYNC_TEST_PEAK", &file)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        let peak: u64 = fs::read_to_string(&file).unwrap().parse().unwrap();
        fs::remove_file(file).unwrap();
        peak
    });
    assert!(
        peaks[1] * 10 <= peaks[0] * 12,
        "{peaks:?} KiB for 11 and 100 MiB"
    );
}
