//! What every inbox promises.

use std::time::{Duration, SystemTime};

use dsync_core::wire::{EntityRequest, Report};
use dsync_core::{AuthToken, EntityId};
use http::{Request, StatusCode};
use serde_json::value::RawValue;

use super::*;
use crate::inbox::{KEPT_FOR, MemoryInbox, Seen};

macro_rules! both {
    ($($promise:ident)+) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(&super::MemoryInbox::new()).await;
                }
            )+
        }
        mod sqlite {
            $(
                #[tokio::test]
                async fn $promise() {
                    let folder = super::Folder::new();
                    super::$promise(&folder.open()).await;
                }
            )+
        }
    };
}

both! {
    a_process_is_seen_from_begin_to_forget
    a_process_that_begins_again_has_no_answer
    an_answer_without_a_process_is_nothing
    an_answer_is_kept_byte_for_byte
    a_process_is_forgotten_after_seven_days
    a_clock_that_is_set_back_makes_nothing_vanish
    promises_come_in_their_order
    a_promise_is_seen_with_its_answer
    a_promise_is_read_as_it_was
    what_was_tried_is_kept
    settling_takes_the_promise_and_leaves_the_report
    what_there_is_not_is_no_error
    numbers_grow
    reports_are_read_as_they_were
}

async fn a_process_is_seen_from_begin_to_forget(inbox: &dyn Inbox) {
    let id = process("päckchen 😀 \" ' % \\");
    assert_eq!(inbox.seen(&id, time()).await.unwrap(), None);

    inbox.begin(&id, fingerprint(1), 3, time()).await.unwrap();
    let mut seen = Seen {
        request: fingerprint(1),
        attempts: 3,
        answer: None,
    };
    assert_eq!(inbox.seen(&id, time()).await.unwrap(), Some(seen.clone()));

    let ok = answer(200, "{}");
    inbox.answer(&id, ok.status, &ok.body).await.unwrap();
    seen.answer = Some(ok);
    assert_eq!(inbox.seen(&id, time()).await.unwrap(), Some(seen));
    assert_eq!(inbox.seen(&process("other"), time()).await.unwrap(), None);

    inbox.forget(&id).await.unwrap();
    assert_eq!(inbox.seen(&id, time()).await.unwrap(), None);
}

async fn a_process_that_begins_again_has_no_answer(inbox: &dyn Inbox) {
    let id = process("p");
    inbox.begin(&id, fingerprint(1), 1, time()).await.unwrap();
    inbox
        .answer(&id, StatusCode::INTERNAL_SERVER_ERROR, &"no".into())
        .await
        .unwrap();
    inbox.begin(&id, fingerprint(2), 2, time()).await.unwrap();
    let seen = Seen {
        request: fingerprint(2),
        attempts: 2,
        answer: None,
    };
    assert_eq!(inbox.seen(&id, time()).await.unwrap(), Some(seen));
}

async fn an_answer_without_a_process_is_nothing(inbox: &dyn Inbox) {
    let id = process("p");
    inbox
        .answer(&id, StatusCode::OK, &"yes".into())
        .await
        .unwrap();
    assert_eq!(inbox.seen(&id, time()).await.unwrap(), None);
}

async fn an_answer_is_kept_byte_for_byte(inbox: &dyn Inbox) {
    let bodies = [
        Vec::new(),
        (0..=255).collect(),
        b"\0\r\n\xff\xfe 0.10000000000000001".to_vec(),
        vec![7; 3_000_000],
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let id = process(&format!("p-{number}"));
        let answer = answer(207, body);
        inbox.begin(&id, fingerprint(0), 1, time()).await.unwrap();
        inbox
            .answer(&id, answer.status, &answer.body)
            .await
            .unwrap();
        let seen = inbox.seen(&id, time()).await.unwrap().unwrap();
        assert!(seen.answer == Some(answer), "body {number}");
    }
}

async fn a_process_is_forgotten_after_seven_days(inbox: &dyn Inbox) {
    let id = process("p");
    inbox.begin(&id, fingerprint(0), 1, time()).await.unwrap();
    let last = time() + KEPT_FOR - Duration::from_nanos(100);
    assert!(inbox.seen(&id, last).await.unwrap().is_some());
    assert!(inbox.seen(&id, time() + KEPT_FOR).await.unwrap().is_none());

    // Begun anew it is young again.
    inbox.begin(&id, fingerprint(0), 2, last).await.unwrap();
    assert!(inbox.seen(&id, time() + KEPT_FOR).await.unwrap().is_some());
}

async fn a_clock_that_is_set_back_makes_nothing_vanish(inbox: &dyn Inbox) {
    let before_1970 = SystemTime::UNIX_EPOCH - 400 * DAY;
    let clock = [time(), time() - 400 * DAY, before_1970];
    for (number, now) in clock.into_iter().enumerate() {
        let id = process(&format!("p-{number}"));
        inbox.begin(&id, fingerprint(0), 1, now).await.unwrap();
    }
    for number in 0..3 {
        let id = process(&format!("p-{number}"));
        let seen = inbox.seen(&id, before_1970).await.unwrap();
        assert!(seen.is_some(), "p-{number}");
    }
}

async fn promises_come_in_their_order(inbox: &dyn Inbox) {
    let mut numbers = Vec::new();
    for id in ["z", "a", "m"] {
        let promise = promise(id);
        numbers.push(promised(inbox, &promise).await);
    }
    assert!(numbers.is_sorted());
    let promises = inbox.promises().unwrap();
    assert_eq!(
        promises.iter().map(|one| one.number).collect::<Vec<_>>(),
        numbers
    );
    for promised in promises {
        assert_eq!(promised.lanes, ["product/S-1", "product"]);
        assert_eq!((promised.attempts, promised.since), (1, time()));
        assert_eq!(promised.next, time() + DAY);
    }
}

async fn a_promise_is_seen_with_its_answer(inbox: &dyn Inbox) {
    let later = answer(202, "later");
    inbox
        .promise(&promise("p"), fingerprint(9), &later)
        .await
        .unwrap();
    let seen = Seen {
        request: fingerprint(9),
        attempts: 1,
        answer: Some(later),
    };
    assert_eq!(inbox.seen(&process("p"), time()).await.unwrap(), Some(seen));
}

async fn a_promise_is_read_as_it_was(inbox: &dyn Inbox) {
    let id = || EntityId::new("ä/😀").unwrap();
    // What only the platform makes: a create with an id.
    let came = Request::post("/entity/product")
        .header("Process-Id", "p")
        .header("Entity-Id", "7")
        .header("Entity-Id-Field", "id")
        .body(Bytes::from_static(b"\0{}"))
        .unwrap();
    let url = "http://127.0.0.1/entity/product".parse().unwrap();
    let read = EntityRequest::read(process("p"), id());
    let read = read.encode(&url, &AuthToken::new("secret").unwrap());
    let requests = [
        EntityRequest::decode(&came).unwrap(),
        EntityRequest::decode(&read).unwrap(),
        EntityRequest::create(process("p"), vec![b' '; 2_000_000]),
        EntityRequest::update(process("p"), id(), "{\r\n}"),
        EntityRequest::delete(process("p"), id())
            .with_id_field("größe")
            .unwrap(),
    ];
    for request in requests {
        let promise = Promise {
            entity: "a\0b'".to_owned(),
            request,
            lanes: vec!["same".to_owned(), "\0".to_owned(), "same".to_owned()],
            attempts: u32::MAX,
            since: SystemTime::UNIX_EPOCH - DAY,
            next: time(),
        };
        let number = promised(inbox, &promise).await;
        assert!(inbox.promised(number).await.unwrap().unwrap() == promise);
    }
    let none = Promise {
        lanes: Vec::new(),
        ..promise("p")
    };
    let number = promised(inbox, &none).await;
    assert_eq!(inbox.promised(number).await.unwrap(), Some(none));
    let last = inbox.promises().unwrap().pop().unwrap();
    assert_eq!((last.number, last.lanes), (number, Vec::new()));
}

async fn what_was_tried_is_kept(inbox: &dyn Inbox) {
    let promise = promise("p");
    let number = promised(inbox, &promise).await;
    let next = time() + 3 * DAY;
    inbox.tried(number, 5, next).await.unwrap();
    let tried = Promise {
        attempts: 5,
        next,
        ..promise
    };
    assert_eq!(inbox.promised(number).await.unwrap(), Some(tried));
    let promised = inbox.promises().unwrap().remove(0);
    assert_eq!((promised.attempts, promised.next), (5, next));
}

async fn settling_takes_the_promise_and_leaves_the_report(inbox: &dyn Inbox) {
    let mut numbers = Vec::new();
    for id in ["a", "b"] {
        numbers.push(promised(inbox, &promise(id)).await);
    }
    let report = Report::new(process("a"), StatusCode::CREATED, "OK");
    let kept = inbox.settle(numbers[0], Some(&report), time()).await;
    let kept = kept.unwrap().unwrap();
    assert_eq!(inbox.settle(numbers[1], None, time()).await.unwrap(), None);

    assert!(inbox.promises().unwrap().is_empty());
    assert_eq!(inbox.promised(numbers[0]).await.unwrap(), None);
    let reports = inbox.reports().unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].number, reports[0].since), (kept, time()));
    assert_eq!(reports[0].report.process_id, process("a"));
    // The answer to the process stays.
    assert!(inbox.seen(&process("a"), time()).await.unwrap().is_some());

    inbox.reported(kept).await.unwrap();
    assert!(inbox.reports().unwrap().is_empty());
}

async fn what_there_is_not_is_no_error(inbox: &dyn Inbox) {
    for number in [0, 77, u64::MAX] {
        inbox.tried(number, 1, time()).await.unwrap();
        inbox.reported(number).await.unwrap();
        assert_eq!(inbox.promised(number).await.unwrap(), None);
        assert_eq!(inbox.settle(number, None, time()).await.unwrap(), None);
    }
    inbox.forget(&process("p")).await.unwrap();
    assert!(inbox.promises().unwrap().is_empty());
    assert!(inbox.reports().unwrap().is_empty());
}

async fn numbers_grow(inbox: &dyn Inbox) {
    let (mut last_promise, mut last_report) = (0, 0);
    for id in ["a", "b", "c"] {
        let number = promised(inbox, &promise(id)).await;
        assert!(number > last_promise);
        last_promise = number;
        let report = Report::new(process(id), StatusCode::OK, "OK");
        let kept = inbox.settle(number, Some(&report), time()).await;
        let kept = kept.unwrap().unwrap();
        assert!(kept > last_report);
        last_report = kept;
        inbox.reported(kept).await.unwrap();
    }
}

async fn reports_are_read_as_they_were(inbox: &dyn Inbox) {
    let json = r#" {"f32":0.10000000000000001, "t":"\u0000ä"}"#;
    let written = [
        Report::new(process("p"), StatusCode::OK, "a\0b\r\n😀"),
        Report::new(process("q"), StatusCode::INTERNAL_SERVER_ERROR, "")
            .with_data(RawValue::from_string(json.to_owned()).unwrap()),
    ];
    for report in &written {
        inbox.settle(0, Some(report), time()).await.unwrap();
    }
    let read = inbox.reports().unwrap();
    assert_eq!(read.len(), 2);
    for (read, written) in read.iter().zip(&written) {
        assert_eq!(read.report.process_id, written.process_id);
        assert_eq!(read.report.status, written.status);
        assert_eq!(read.report.message, written.message);
        assert_eq!(
            read.report.data.as_deref().map(RawValue::get),
            written.data.as_deref().map(RawValue::get)
        );
    }
}
