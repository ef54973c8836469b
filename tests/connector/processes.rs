//! One process takes effect once, however often and from wherever it comes; one record has one change at
//! a time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use dsync::connector::SqliteStore;
use dsync::prelude::*;
use dsync::testing::FakeClock;
use dsync::{
    Connector, ConnectorBuilder, Context, Handled, Handler, HandlerError, SystemState, Update,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::subject::{Folder, KEY, Question, Served, Subject, does, refuses};
use crate::support::conversation::RawAnswer;

const PATH: &str = "/entity/entry";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "processes-entry-1")]
struct Entry {
    #[dsync(primary_key)]
    id: String,
    text: String,
    code: Option<String>,
}

/// Writes down everything that happens, and goes on with it when it is let.
#[derive(Clone)]
struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
    attempts: Arc<AtomicU32>,
}

impl Journal {
    /// That is not waited for.
    fn open() -> Self {
        Self::new(Semaphore::MAX_PERMITS)
    }

    /// That does not go on by itself.
    fn shut() -> Self {
        Self::new(0)
    }

    fn new(permits: usize) -> Self {
        Self {
            lines: Arc::default(),
            gate: Arc::new(Semaphore::new(permits)),
            attempts: Arc::default(),
        }
    }

    fn let_on(&self, changes: usize) {
        self.gate.add_permits(changes);
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn note(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    /// One change, from its begin to its end. What it is told decides how it ends.
    async fn change(&self, context: &Context, id: &str, text: &str) -> Handled<()> {
        self.note(format!("{id} begins {text}"));
        self.gate.acquire().await.unwrap().forget();
        self.attempts.store(context.attempt(), Ordering::Relaxed);
        let is_first = context.attempt() == 1;
        match text {
            "refuse" => return Err(HandlerError::refused("on purpose")),
            "fail once" if is_first => Err(std::io::Error::other("on purpose"))?,
            "panic once" if is_first => panic!("on purpose"),
            "later" => return Err(HandlerError::later("on purpose")),
            _ => {}
        }
        self.note(format!("{id} is {text}"));
        Ok(())
    }

    fn connector(&self, set: impl FnOnce(ConnectorBuilder) -> ConnectorBuilder) -> Subject {
        let builder = Connector::builder(KEY)
            .entity::<Entry>(self.clone())
            .switched_on(true);
        let journal = self.clone();
        Subject::new(set(builder), move || format!("{:?}", journal.lines()))
    }
}

impl Handler<Entry> for Journal {
    type Id = String;

    async fn create(&self, context: &Context, entry: Entry) -> Handled<String> {
        self.change(context, &entry.id, &entry.text).await?;
        Ok(entry.id)
    }

    /// The code of a record is its id in capitals.
    fn finds_by(&self, _field: &str) -> bool {
        true
    }

    async fn find(&self, _: &Context, _: &str, code: &Value) -> Handled<Option<String>> {
        Ok(code.as_str().map(str::to_lowercase))
    }

    async fn update(&self, context: &Context, id: &String, change: Update<Entry>) -> Handled<()> {
        let text: String = change.get("text").expect("every test changes it")?;
        self.change(context, id, &text).await
    }
}

fn create(id: &str, text: &str) -> Question {
    Question::create(PATH, format!(r#"{{"id":"{id}","text":"{text}"}}"#))
}

fn update(id: &str, text: &str) -> Question {
    Question::update(PATH, id, format!(r#"{{"text":"{text}"}}"#))
}

/// A runtime for [`Connector::handle`] alone.
fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(future)
}

type Answering<'a> = Pin<Box<dyn Future<Output = RawAnswer> + 'a>>;

/// Goes as far as it can now.
async fn poll(answering: &mut Answering<'_>) -> Option<RawAnswer> {
    poll_fn(|context| {
        Poll::Ready(match answering.as_mut().poll(context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        })
    })
    .await
}

/// The answer, which needs nobody else to come.
async fn at_once(answering: impl Future<Output = RawAnswer>) -> RawAnswer {
    let mut answering: Answering<'_> = Box::pin(answering);
    poll(&mut answering).await.expect("it waits for something")
}

#[test]
fn ten_at_once_have_one_effect_and_one_answer() {
    let journal = Journal::shut();
    let served = Served::alone(journal.connector(|builder| builder));
    let question = create("a", "1");
    let all_here = Barrier::new(11);
    let answers: Vec<_> = thread::scope(|scope| {
        let askers: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    all_here.wait();
                    served.ask(&question)
                })
            })
            .collect();
        all_here.wait();
        // One effect needs one turn; a second would wait for ever, and fail the test.
        journal.let_on(1);
        askers
            .into_iter()
            .map(|asker| asker.join().unwrap())
            .collect()
    });
    assert_eq!(answers[0].status, 201, "{}", answers[0].text());
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(journal.lines(), ["a begins 1", "a is 1"]);
    // And so it stays.
    assert_eq!(served.ask(&question).body, answers[0].body);
    assert_eq!(journal.lines().len(), 2);
}

/// The same without a network, where it is known who is where.
#[test]
fn who_comes_meanwhile_waits_for_the_first_one() {
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder);
    let question = create("a", "1");
    block_on(async {
        let mut answering: Vec<Answering<'_>> = Vec::new();
        for _ in 0..10 {
            answering.push(Box::pin(subject.handle(&question)));
        }
        for waiting in &mut answering {
            assert_eq!(poll(waiting).await, None);
        }
        assert_eq!(journal.lines(), ["a begins 1"]);

        // The same process with another body, and as another operation.
        let body = question.clone().with_body(r#"{"id":"a","text":"2"}"#);
        let process = |question: Question| question.with("Process-Id", "p-shared");
        // At once, and not after the first one's end.
        assert_eq!(at_once(subject.handle(&body)).await.status, 400);
        let mut first: Answering<'_> = Box::pin(subject.handle_owned(process(update("b", "1"))));
        assert_eq!(poll(&mut first).await, None);
        for other in [update("b", "2"), update("c", "1"), create("b", "1")] {
            let answer = at_once(subject.handle(&process(other))).await;
            assert_eq!(answer.status, 400);
            assert!(
                answer
                    .text()
                    .contains("Process-Id was that of another request")
            );
        }

        journal.let_on(2);
        assert_eq!(first.await.status, 200);
        let mut answers = Vec::new();
        for waiting in answering {
            answers.push(waiting.await);
        }
        for answer in &answers {
            assert_eq!(answer, &answers[0]);
        }
        assert_eq!(answers[0].status, 201);
        // After the end, too.
        assert_eq!(subject.handle(&body).await.status, 400);
        assert_eq!(subject.handle(&process(update("b", "2"))).await.status, 400);
    });
    // Which of the two records ends first is nobody's matter.
    let mut lines = journal.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["a begins 1", "a is 1", "b begins 1", "b is 1"]);
}

/// Every operation, with the handlers of a shop: the second time nothing happens, and the answer is the
/// first one's, byte for byte.
#[test]
fn every_change_that_comes_again_is_answered_again() {
    const TEA: &str = r#"{"sku":"S-1","name":"Tea","active":true,"inventory":{"qty":5},"x":1}"#;
    const LATE: &str =
        r#"{"customer":"ann@example.org","paid":true,"lines":[{"sku":"S-9","qty":1}]}"#;

    for subject in [
        Subject::in_memory(|builder| builder.switched_on(true)),
        Subject::sqlite(|builder| builder.switched_on(true)),
    ] {
        for (question, status) in [
            (Question::create("/entity/product", TEA), 201),
            (
                Question::update("/entity/product", "S-1", r#"{"price":1,"y":2}"#),
                200,
            ),
            (Question::create("/entity/order", LATE), 202),
            (Question::delete("/entity/product", "S-1"), 200),
        ] {
            let first = block_on(subject.handle(&question));
            assert_eq!(first.status, status, "{}", first.text());
            let after = subject.dump();
            for _ in 0..3 {
                assert_eq!(block_on(subject.handle(&question)), first);
                assert_eq!(subject.dump(), after, "{question:?}");
            }
            // Also while the entity is switched off.
            let off = Question::new("POST", format!("{}/set_job", question.path));
            assert_eq!(
                block_on(subject.handle(&off.clone().with_body("{}"))).status,
                200
            );
            assert_eq!(block_on(subject.handle(&question)), first);
            let on = off.with_body(r#"{"job_id":"j"}"#);
            assert_eq!(block_on(subject.handle(&on)).status, 200);
        }
    }
}

/// A request whose sender went away does not keep the others waiting.
#[test]
fn if_the_first_is_dropped_the_next_one_is_it() {
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder);
    let question = create("a", "1");
    block_on(async {
        let mut first: Answering<'_> = Box::pin(subject.handle(&question));
        let mut second: Answering<'_> = Box::pin(subject.handle(&question));
        assert_eq!(poll(&mut first).await, None);
        assert_eq!(poll(&mut second).await, None);
        drop(first);
        assert_eq!(poll(&mut second).await, None);
        journal.let_on(1);
        assert_eq!(second.await.status, 201);
    });
    // Nobody knows how far the first one came.
    assert_eq!(journal.attempts.load(Ordering::Relaxed), 2);
}

#[test]
fn a_refusal_is_not_remembered() {
    let journal = Journal::open();
    let served = Served::alone(journal.connector(|builder| builder));
    let process = |question: Question| question.with("Process-Id", "p-1");
    let refused = process(create("a", "refuse"));
    assert_eq!(served.ask(&refused).status, 400);
    assert_eq!(served.ask(&refused).status, 400);
    assert_eq!(journal.lines(), ["a begins refuse", "a begins refuse"]);
    // Nor is one before the handler.
    refuses(&served, &process(create("a", "1").with_body("{}")), 400);
    refuses(&served, &process(create("a", "1").with_body("{")), 400);
    // Mended, it is a first attempt.
    does(&served, &process(create("a", "1")), 201);
    assert_eq!(journal.attempts.load(Ordering::Relaxed), 1);
    assert_eq!(served.ask(&refused).status, 400);
    assert_eq!(journal.lines().len(), 4);
}

#[test]
fn a_failure_is_tried_again_as_a_second_attempt() {
    for (text, panics) in [("fail once", 0), ("panic once", 1)] {
        let journal = Journal::open();
        let served = Served::alone(journal.connector(|builder| builder));
        let question = create("a", text);
        assert_eq!(served.ask(&question).status, 500);
        assert_eq!(served.panics(), panics);
        does(&served, &question, 201);
        assert_eq!(journal.attempts.load(Ordering::Relaxed), 2);
        does(&served, &question, 201);
        let is = format!("a is {text}");
        let begins = format!("a begins {text}");
        assert_eq!(journal.lines(), [&*begins, &*begins, &*is]);
    }
}

/// What was answered before a restart is answered after it, byte for byte; so is what was promised.
#[test]
fn a_restart_forgets_nothing() {
    let folder = Folder::new();
    let journal = Journal::open();
    let connector = || {
        let store = SqliteStore::open(folder.path("connector.db")).unwrap();
        let state = SystemState::open(store.clone()).unwrap();
        journal.connector(|builder| builder.system_state(state).inbox(store))
    };
    let (done, late, failed) = (
        create("a", "1"),
        create("b", "later"),
        create("c", "fail once"),
    );
    let questions = [&done, &late, &failed];
    let before = {
        let subject = connector();
        let before = questions.map(|question| block_on(subject.handle(question)));
        assert_eq!(before.clone().map(|answer| answer.status), [201, 202, 500]);
        assert_eq!(subject.connector.promised(), 1);
        before
    };
    let lines = journal.lines();

    let subject = connector();
    assert_eq!(subject.connector.promised(), 1);
    for (question, before) in [(&done, &before[0]), (&late, &before[1])] {
        assert_eq!(block_on(subject.handle(question)), *before);
        let other = question.clone().with_body(r#"{"id":"a","text":"2"}"#);
        assert_eq!(block_on(subject.handle(&other)).status, 400);
    }
    assert_eq!(journal.lines(), lines);
    // A failure is no answer to be given again.
    assert_eq!(block_on(subject.handle(&failed)).status, 201);
    assert_eq!(journal.attempts.load(Ordering::Relaxed), 2);
    // What is promised goes first.
    assert_eq!(block_on(subject.handle(&update("b", "2"))).status, 202);
    assert_eq!(subject.connector.promised(), 2);
}

/// Twenty changes of one record and two of others, told in this order and let on in another.
fn comes_in_order(subject: &Subject, journal: &Journal) {
    let changes = (0..20).map(|number| update("a", &number.to_string()));
    let questions: Vec<_> = changes
        .chain([update("b", "0"), create("c", "0")])
        .collect();
    block_on(async {
        let mut pending: Vec<Answering<'_>> = Vec::new();
        for question in &questions {
            let mut waiting: Answering<'_> = Box::pin(subject.handle(question));
            assert_eq!(poll(&mut waiting).await, None);
            pending.push(waiting);
        }
        // Where threads carry it out, who is woken first is not who came first.
        pending.reverse();
        journal.let_on(pending.len());
        while !pending.is_empty() {
            // Time for a store's thread.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let mut still = Vec::new();
            for mut waiting in pending {
                match poll(&mut waiting).await {
                    Some(answer) => assert!(answer.status < 300, "{}", answer.text()),
                    None => still.push(waiting),
                }
            }
            pending = still;
        }
    });
    let of_a = journal
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("a "));
    let expected =
        (0..20).flat_map(|number| [format!("a begins {number}"), format!("a is {number}")]);
    assert_eq!(Vec::from_iter(of_a), Vec::from_iter(expected));
}

#[test]
fn one_record_has_one_change_at_a_time_in_the_order_of_arrival() {
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder);
    comes_in_order(&subject, &journal);
    // Different records do not wait for each other.
    let mut first = journal.lines();
    first.truncate(3);
    assert_eq!(first, ["a begins 0", "b begins 0", "c begins 0"]);
}

#[test]
fn the_order_is_that_of_arrival_with_a_file_too() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.path("connector.db")).unwrap();
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder.inbox(store));
    comes_in_order(&subject, &journal);
}

#[test]
fn a_record_has_one_turn_whatever_it_is_named_by() {
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder);
    block_on(async {
        let set = Question::new("POST", "/entity/entry/set_sharedkey");
        let set = set.with_body(r#"{"shared_key":"code"}"#);
        assert_eq!(subject.handle(&set).await.status, 200);

        let by_id = update("a", "1").with("Entity-Id-Field", "id");
        let by_code = update("A", "2").with("Entity-Id-Field", "code");
        let mut first: Answering<'_> = Box::pin(subject.handle(&by_id));
        let mut second: Answering<'_> = Box::pin(subject.handle(&by_code));
        assert_eq!(poll(&mut first).await, None);
        assert_eq!(poll(&mut second).await, None);
        assert_eq!(journal.lines(), ["a begins 1"]);
        journal.let_on(2);
        assert_eq!((first.await.status, second.await.status), (200, 200));
    });
    let lines = ["a begins 1", "a is 1", "a begins 2", "a is 2"];
    assert_eq!(journal.lines(), lines);
}

/// Over real sockets: the second change of a record begins after the first one's end, those of others
/// do not wait.
#[test]
fn a_slow_record_holds_up_no_other() {
    let journal = Journal::shut();
    let served = Served::alone(journal.connector(|builder| builder));
    let begun = |line: &str| {
        while !journal.lines().iter().any(|known| known == line) {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| served.ask(&update("a", "1")));
        begun("a begins 1");
        let second = scope.spawn(|| served.ask(&update("a", "2")));
        let other = scope.spawn(|| served.ask(&update("b", "1")));
        begun("b begins 1");
        journal.let_on(3);
        for answer in [first, second, other] {
            assert_eq!(answer.join().unwrap().status, 200);
        }
    });
    let of_a: Vec<_> = journal
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("a "))
        .collect();
    assert_eq!(of_a, ["a begins 1", "a is 1", "a begins 2", "a is 2"]);
}

/// A handler that never ends holds up nobody for ever.
#[test]
fn a_handler_has_its_time() {
    let journal = Journal::shut();
    let limit = Duration::from_millis(100);
    let served = Served::alone(journal.connector(|builder| builder.handler_timeout(limit)));
    let question = create("a", "1");
    assert_eq!(served.ask(&question).status, 500);
    assert_eq!(journal.lines(), ["a begins 1"]);
    // Neither its record nor its process is taken.
    journal.let_on(2);
    does(&served, &update("a", "2"), 200);
    does(&served, &question, 201);
    assert_eq!(journal.attempts.load(Ordering::Relaxed), 2);
    assert_eq!(served.panics(), 0);
}

#[test]
fn a_test_with_a_clock_of_its_own_may_have_a_handler_that_waits() {
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder.clock(FakeClock::new()));
    let question = create("a", "1");
    block_on(async {
        let mut answering: Answering<'_> = Box::pin(subject.handle(&question));
        assert_eq!(poll(&mut answering).await.map(|answer| answer.status), None);
        journal.let_on(1);
        assert_eq!(answering.await.status, 201);
    });
}

/// The sender goes away in the midst of it: what has begun comes to its end, and its answer is kept.
#[test]
fn who_goes_away_finds_the_answer_later() {
    for nested in [false, true] {
        let journal = Journal::shut();
        let subject = journal.connector(|builder| builder);
        let served = if nested {
            Served::nested(subject)
        } else {
            Served::alone(subject)
        };
        let question = create("a", "1");
        let mut conversation = crate::support::conversation::Conversation::with(served.address);
        // Closed with an answer that was not read, a connection is not ended but broken.
        conversation.say(&served.bytes(&Question::new("GET", "/datalayout")));
        conversation.say(&served.bytes(&question));
        while journal.lines().is_empty() {
            thread::yield_now();
        }
        drop(conversation);
        // Time for the server to see it.
        thread::sleep(Duration::from_millis(20));
        journal.let_on(1);
        does(&served, &question, 201);
        assert_eq!(journal.lines(), ["a begins 1", "a is 1"]);
    }
}

/// Reads are no changes: they wait for nothing, and the process of a change may read.
#[test]
fn a_read_has_no_turn() {
    let journal = Journal::shut();
    let subject = journal.connector(|builder| builder);
    block_on(async {
        let change = update("a", "1").with("Process-Id", "p-1");
        let mut changing: Answering<'_> = Box::pin(subject.handle(&change));
        assert_eq!(poll(&mut changing).await, None);
        let read = Question::read(PATH, "a").with("Process-Id", "p-1");
        // This handler cannot read, and says so at once.
        let answer = pin!(subject.handle(&read)).await;
        assert_eq!(answer.status, 400);
        journal.let_on(1);
        assert_eq!(changing.await.status, 200);
    });
}
