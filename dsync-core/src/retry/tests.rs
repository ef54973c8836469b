//! The decision over random attempts, and against tables written out.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use proptest::prelude::*;

use super::{
    Attempt, Decision, Outcome, RetryBudget, RetryPolicy, Stop, is_retryable, retry_after,
};
use crate::transport::TransportErrorKind;
use crate::wire::Operation;

const KINDS: [TransportErrorKind; 4] = [
    TransportErrorKind::Connect,
    TransportErrorKind::Timeout,
    TransportErrorKind::AnswerTooLarge,
    TransportErrorKind::Broken,
];

const OPERATIONS: [Operation; 3] = [Operation::Create, Operation::Update, Operation::Delete];

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn headers(retry_after: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", retry_after.parse().unwrap());
    headers
}

fn attempt(operation: Operation, number: u32, outcome: Outcome<'_>) -> Attempt<'_> {
    Attempt {
        operation,
        number,
        elapsed: Duration::ZERO,
        outcome,
        now: now(),
        random: 0,
    }
}

fn answered(status: u16, headers: &HeaderMap) -> Outcome<'_> {
    Outcome::Answered {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
    }
}

/// Any time, those at the ends of the range more often than by chance.
fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (0..200_000_u64).prop_map(Duration::from_millis),
    ]
}

/// Any status, those that are tried again more often than by chance.
fn statuses() -> impl Strategy<Value = u16> {
    prop_oneof![
        3 => prop::sample::select(vec![200, 408, 409, 425, 429, 500, 503]),
        1 => 100..600_u16,
    ]
}

/// `base` doubled so often, at most `longest` and at most a day, by the book.
fn limit(base: Duration, longest: Duration, number: u32) -> Duration {
    let day = Duration::from_secs(86_400);
    // A thousand doublings are beyond any `Duration`, or leave zero what it is.
    (1..number.min(1_000))
        .fold(base, |limit, _| limit.saturating_mul(2))
        .min(longest)
        .min(day)
}

proptest! {
    // Most of them stop for one reason or another, and pauses are what this is about.
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_pause_keeps_every_limit_and_a_stop_has_its_reason(
        max_attempts in prop_oneof![0..40_u32, Just(u32::MAX)],
        (base, longest) in (durations(), durations()),
        (deadline, elapsed) in (durations(), durations()),
        number in prop_oneof![1..=40_u32, Just(u32::MAX - 1), Just(u32::MAX)],
        random in prop_oneof![Just(0), Just(u64::MAX), any::<u64>()],
        asked in prop::option::of(0..100_000_u64),
        as_date: bool,
        status in prop::option::weighted(0.7, statuses()),
        kind in 0..4_usize,
        operation in 0..3_usize,
    ) {
        let policy = RetryPolicy::new()
            .with_max_attempts(max_attempts)
            .with_backoff(base, longest)
            .with_deadline(deadline);
        let text = asked.map(|seconds| if as_date {
            httpdate::fmt_http_date(now() + Duration::from_secs(seconds))
        } else {
            seconds.to_string()
        });
        let headers = text.as_deref().map(headers).unwrap_or_default();
        let outcome = match status {
            Some(status) => answered(status, &headers),
            None => Outcome::NoAnswer(KINDS[kind]),
        };
        let decision = policy.decide(&Attempt {
            elapsed,
            random,
            ..attempt(OPERATIONS[operation], number, outcome)
        });

        let least = match status {
            Some(_) => Duration::from_secs(asked.unwrap_or_default().min(86_400)),
            None => Duration::ZERO,
        };
        let limit = limit(base, longest, number);
        let may_succeed = status.is_none_or(|status| {
            status == 409 && number > 1 || is_retryable(StatusCode::from_u16(status).unwrap())
        });
        match decision {
            Decision::Wait { pause, cost } => {
                prop_assert!(may_succeed);
                prop_assert!(number < max_attempts.max(1));
                prop_assert!(elapsed.saturating_add(pause) < deadline);
                prop_assert!(pause >= least);
                prop_assert!(pause - least < limit || (pause == least && limit.is_zero()));
                prop_assert!(cost > 0);
            }
            Decision::Stop(Stop::Final) => prop_assert!(!may_succeed),
            Decision::Stop(Stop::Attempts) => prop_assert!(number >= max_attempts.max(1)),
            Decision::Stop(Stop::Deadline) => {
                prop_assert!(elapsed.saturating_add(least).saturating_add(limit) >= deadline);
            }
            Decision::Stop(stop) => prop_assert!(false, "{:?}", stop),
        }
    }

    #[test]
    fn jitter_is_full(random: u64) {
        let policy = RetryPolicy::new().with_backoff(Duration::from_secs(8), Duration::from_secs(8));
        let outcome = Outcome::NoAnswer(TransportErrorKind::Broken);
        let decision = policy.decide(&Attempt {
            random,
            ..attempt(Operation::Update, 1, outcome)
        });
        let Decision::Wait { pause, .. } = decision else { panic!("{decision:?}") };
        let expected = 8.0 * (random as f64 / 2_f64.powi(64));
        prop_assert!((pause.as_secs_f64() - expected).abs() < 1e-6);
    }

    #[test]
    fn a_budget_is_never_overdrawn(
        capacity in 0..50_u32,
        steps in prop::collection::vec((any::<bool>(), 0..60_u32), 0..100),
    ) {
        let budget = RetryBudget::new(capacity);
        let mut expected = capacity;
        for (spends, amount) in steps {
            if spends {
                let paid = Decision::Wait { pause: Duration::ZERO, cost: amount }.paid_from(&budget);
                match expected.checked_sub(amount) {
                    Some(left) => {
                        prop_assert_ne!(paid, Decision::Stop(Stop::Budget));
                        expected = left;
                    }
                    None => prop_assert_eq!(paid, Decision::Stop(Stop::Budget)),
                }
            } else {
                budget.earn(amount);
                expected = (expected + amount).min(capacity);
            }
            prop_assert_eq!(budget.tokens(), expected);
        }
    }

    #[test]
    fn no_header_is_a_panic(text in "\\PC{0,40}|[0-9]{1,40}") {
        if let Ok(value) = http::HeaderValue::from_str(&text) {
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value)]);
            let pause = retry_after(&headers, now());
            prop_assert!(pause.is_none_or(|pause| pause <= Duration::from_secs(86_400)));
        }
    }
}

#[test]
fn the_statuses_that_are_tried_again() {
    let none = HeaderMap::new();
    for status in 100..=999 {
        let again = matches!(status, 408 | 425 | 429 | 200..=299 | 500 | 502..=504 | 506..=599);
        assert_eq!(
            is_retryable(StatusCode::from_u16(status).unwrap()),
            again,
            "{status}"
        );
        for (number, again) in [(1, again), (2, again || status == 409)] {
            let decision = RetryPolicy::new().decide(&attempt(
                Operation::Update,
                number,
                answered(status, &none),
            ));
            match decision {
                Decision::Wait { .. } => assert!(again, "{status}"),
                Decision::Stop(stop) => {
                    assert!(!again, "{status}");
                    assert_eq!(stop, Stop::Final);
                }
            }
        }
    }
}

#[test]
fn a_create_that_may_have_taken_effect() {
    let none = HeaderMap::new();
    let policy = RetryPolicy::new().with_retry_creates(false);
    for kind in KINDS {
        let decision = policy.decide(&attempt(Operation::Create, 1, Outcome::NoAnswer(kind)));
        let is_repeated = matches!(decision, Decision::Wait { .. });
        assert_eq!(is_repeated, kind == TransportErrorKind::Connect, "{kind:?}");
    }
    for status in [200, 408, 425, 429, 500, 503] {
        let outcome = answered(status, &none);
        let expected_wait = matches!(status, 425 | 429);
        match policy.decide(&attempt(Operation::Create, 1, outcome)) {
            Decision::Wait { .. } => assert!(expected_wait, "{status}"),
            Decision::Stop(stop) => assert_eq!((expected_wait, stop), (false, Stop::Create)),
        }
        for operation in [Operation::Update, Operation::Delete] {
            let decision = policy.decide(&attempt(operation, 1, outcome));
            assert!(matches!(decision, Decision::Wait { .. }), "{status}");
        }
    }
}

#[test]
fn numbers_at_the_end_of_their_range_overflow_nothing() {
    let outcome = Outcome::NoAnswer(TransportErrorKind::Broken);
    let policy = RetryPolicy::new()
        .with_max_attempts(u32::MAX)
        .with_deadline(Duration::MAX);
    for (base, longest, seconds) in [
        (Duration::MAX, Duration::MAX, 86_400),
        (Duration::MAX, Duration::from_secs(8), 8),
        (Duration::from_secs(1), Duration::MAX, 86_400),
        (Duration::ZERO, Duration::MAX, 0),
    ] {
        let decision = policy.clone().with_backoff(base, longest).decide(&Attempt {
            random: u64::MAX,
            ..attempt(Operation::Update, u32::MAX - 1, outcome)
        });
        let Decision::Wait { pause, .. } = decision else {
            panic!("{decision:?}")
        };
        let limit = Duration::from_secs(seconds);
        assert!(pause <= limit && limit - pause < Duration::from_micros(1));
    }
    let last = policy.decide(&attempt(Operation::Update, u32::MAX, outcome));
    assert_eq!(last, Decision::Stop(Stop::Attempts));
}

#[test]
fn a_budget_is_not_overdrawn_by_many_at_once() {
    let budget = RetryBudget::new(500);
    let spend = || (0..1_000).filter(|_| budget.spend(5)).count();
    let paid: usize = std::thread::scope(|scope| {
        let all = [(); 4].map(|()| scope.spawn(spend));
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!((paid, budget.tokens()), (100, 0));
}

#[test]
fn a_time_out_costs_more() {
    let cost = |kind| match RetryPolicy::new().decide(&attempt(
        Operation::Update,
        1,
        Outcome::NoAnswer(kind),
    )) {
        Decision::Wait { cost, .. } => cost,
        Decision::Stop(stop) => panic!("{stop:?}"),
    };
    assert_eq!(cost(TransportErrorKind::Timeout), 10);
    assert_eq!(cost(TransportErrorKind::Broken), 5);
}

#[test]
fn retry_after_in_all_its_forms() {
    for (text, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("86401", Some(86_400)),
        ("99999999999999999999999", Some(86_400)),
        ("-1", None),
        ("+7", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        // 1_800_000_000 is Fri, 15 Jan 2027 08:00:00 GMT.
        ("Fri, 15 Jan 2027 08:00:30 GMT", Some(30)),
        ("Fri, 15 Jan 2027 07:59:59 GMT", Some(0)),
        ("Friday, 15-Jan-27 08:01:00 GMT", Some(60)),
        ("Fri Jan 15 08:02:00 2027", Some(120)),
        ("Thu, 15 Jan 2037 08:00:00 GMT", Some(86_400)),
    ] {
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(retry_after(&headers(text), now()), expected, "{text:?}");
    }
}
