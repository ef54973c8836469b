//! The wire format: realtime requests and their answers, encoded and decoded, as bytes and without
//! I/O. Client and hub use the same functions, so they cannot disagree.
//!
//! | operation | method | `Entity-Id` | body |
//! |---|---|---|---|
//! | create | POST | optional | the record, flat |
//! | update | PUT | optional | the record, whole |
//! | delete | DELETE | required | none |
//!
//! And the other way, from the platform to a connector: [`EntityRequest`], [`Notification`], and the
//! [`Report`] that follows an answer of 202.
//!
//! Bodies are bytes from end to end. A [`serde_json::Value`] may look at them, but is never written
//! back: it would turn the `f32` 0.1 into 0.10000000149011612.

mod answer;
mod entity_request;
pub mod headers;
mod json;
mod notification;
mod numbers;
mod operation;
mod record;
mod refusal;
mod report;
mod request;

pub use answer::{Answer, encode_answer};
pub use entity_request::{EntityRequest, RecordAccess};
pub use notification::{LinkOutcome, Notification};
pub use numbers::NumberProblem;
pub use operation::Operation;
pub use record::{RecordError, check_object, encode_record};
pub use refusal::Refusal;
pub use report::Report;
pub use request::{
    InvalidIdField, RealtimeRequest, authenticate, authenticate_any, decode_operation, parse_object,
};

/// The address of DSYNC's own platform (PROTOCOL section 2, a fact).
pub const DEFAULT_REALTIME_URL: &str = "https://api.dsync.com/api/realtime";
