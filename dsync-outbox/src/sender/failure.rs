//! Why an attempt was not accepted, in words that are short enough to be kept.

use std::error::Error;
use std::fmt::Write;

use dsync_core::Carried;
use dsync_core::retry::Stop;
use dsync_core::wire::Answer;
use http::StatusCode;
use http::header::LOCATION;
use serde_json::value::RawValue;

use super::attempt::Attempted;
use crate::Failure;

/// A page of a proxy may come as a message, and is kept with every attempt.
const LONGEST_MESSAGE: usize = 1_000;

/// Half of it would be no JSON, so a longer one is left out.
const LONGEST_DETAIL: usize = 8 * 1024;

/// Why an attempt was not accepted.
pub(super) fn failure(attempted: &Attempted) -> Failure {
    match attempted {
        Attempted::Carried(Carried::Refused { status, answer }) => {
            let detail = answer
                .detail()
                .map(RawValue::get)
                .filter(|detail| detail.len() <= LONGEST_DETAIL);
            Failure::new(cut(words(*status, answer)))
                .with_answer(status.as_u16(), detail.map(str::to_owned))
        }
        Attempted::Carried(Carried::NoAnswer(error)) => Failure::new(cut(with_causes(error))),
        Attempted::Carried(Carried::NoAuthToken(error)) => {
            let message = format!("there is no API key to send: {}", with_causes(&**error));
            Failure::new(cut(message))
        }
        Attempted::Carried(_) => {
            Failure::new("the attempt was not accepted, in a way that is not known here")
        }
        Attempted::Panicked(message) => {
            Failure::new(cut(format!("the attempt panicked: {message}")))
        }
    }
}

/// The same failure, with the reason why there is no other attempt.
pub(super) fn last(failure: Failure, stop: Stop, attempts: u32) -> Failure {
    let Failure { message, .. } = &failure;
    let message = match stop {
        Stop::Create => {
            format!(
                "it may have taken effect, and creates are not to be repeated, so look at the platform, then retry or drop it: {message}"
            )
        }
        Stop::Attempts => format!("given up after {attempts} attempts: {message}"),
        Stop::Deadline => {
            format!("given up after {attempts} attempts, at the deadline: {message}")
        }
        _ => return failure,
    };
    Failure {
        message: cut(message),
        ..failure
    }
}

fn words(status: StatusCode, answer: &Answer) -> String {
    if status.is_success() {
        let excerpt = answer.message().unwrap_or("a text");
        return format!(
            "the answer is none of DSYNC's: does a login page or a proxy stand before the platform? {excerpt}"
        );
    }
    if status.is_redirection() {
        let location = answer.headers().get(LOCATION);
        let location = location
            .and_then(|to| to.to_str().ok())
            .unwrap_or("elsewhere");
        return format!(
            "answered with {status}, a redirect to {location}, which is not followed: set the realtime address to the right one"
        );
    }
    match answer.message() {
        Some(page) if !answer.is_envelope() && matches!(status.as_u16(), 404 | 405) => format!(
            "another server answered with {status}: set the realtime address to the platform's. {page}"
        ),
        Some(message) => message.to_owned(),
        None => format!("answered with {status}, without a message"),
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_MESSAGE) {
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}
