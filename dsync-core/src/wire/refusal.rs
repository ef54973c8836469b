//! Why a request is refused: a type with a status and a message for the caller.

use http::{HeaderName, Method, StatusCode};
use serde::Serialize;

use crate::envelope::Envelope;
use crate::faults::{Fault, Faults};
use crate::shown::cut;

/// Why a request is refused.
///
/// 401 for the API key, 405 for the method, 406 for an entity that is not switched on, 413 for the size,
/// 409 and 422 for the idempotency key, and 400 for everything else. The message says what to do; no API
/// key is ever in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no `Auth-Token`.
    #[error("the header Auth-Token is missing: send the API key of the system in it")]
    KeyMissing,
    /// The key is another one.
    #[error("the API key in the header Auth-Token is wrong")]
    KeyWrong,
    /// The method stands for no operation.
    #[error("the method {} is no operation: POST creates, PUT updates, DELETE deletes", cut(.method.as_str()))]
    Method {
        /// The method.
        method: Method,
    },
    /// The address knows other methods.
    #[error("the method {} does nothing here: {allowed}", cut(.method.as_str()))]
    MethodNotAllowed {
        /// The method.
        method: Method,
        /// What the methods of the address do.
        allowed: &'static str,
    },
    /// The entity has no job, so its connector takes no writes (PROTOCOL section 1, a fact).
    #[error("the entity {entity:?} is not switched on: give it a job first (set_job)")]
    NotSwitchedOn {
        /// The entity's name.
        entity: String,
    },
    /// The name of one process came with another request.
    #[error(
        "the Process-Id was that of another request: every change needs one of its own, and only the same request may repeat it"
    )]
    ProcessIdReused,
    /// A report on a process that this connector did not begin, or of which it was told already.
    #[error("the process {:?} is not one of this system's that are under way: it is unknown, or complete already", cut(.process_id))]
    NoSuchProcess {
        /// The process id.
        process_id: String,
    },
    /// A header that the operation needs is not there.
    #[error("the header {} is missing: {purpose}", title(.header))]
    HeaderMissing {
        /// The header.
        header: HeaderName,
        /// What it is for.
        purpose: &'static str,
    },
    /// A header is there more than once, or with a value that it cannot have.
    #[error("the header {} is wrong: {problem}", title(.header))]
    HeaderInvalid {
        /// The header.
        header: HeaderName,
        /// What is wrong with its value.
        problem: String,
    },
    /// The body is larger than the receiver takes.
    #[error("the body is too large: the limit is {limit} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended before the body did.
    #[error("the body is incomplete: the connection ended before all of it came")]
    BodyIncomplete,
    /// The body is not JSON.
    #[error("the body is not JSON that can be read: {problem}")]
    BodyNotJson {
        /// What the parser says, with line and column.
        problem: String,
    },
    /// The body is JSON, but not one record.
    #[error(
        "the body must be one record as a flat JSON object, not wrapped in its entity's name, but is {found}"
    )]
    BodyNotObject {
        /// What it is instead.
        found: &'static str,
    },
    /// No entity has this token.
    #[error(
        "no entity has the token {:?}: it must be an entity_token of the data layout that is known here",
        cut(.token)
    )]
    UnknownEntityToken {
        /// The token that came.
        token: String,
    },
    /// The record does not fit its layout.
    #[error("the record does not fit the data layout: {0}")]
    Record(Faults),
    /// The record's own field says something else than `Entity-Id`.
    #[error(
        "the header Entity-Id says {:?}, but the record's {field:?} is {:?}: they must be the same",
        cut(.header),
        cut(.record)
    )]
    IdsDiffer {
        /// The field that `Entity-Id` stands for.
        field: String,
        /// The header's value.
        header: String,
        /// The record's value.
        record: String,
    },
    /// Neither a header nor the record says which record is meant.
    #[error("nothing says which record is meant: send the header Entity-Id")]
    NoId,
    /// An update or a delete of something that is not there.
    #[error("there is no {entity} with the {field} {:?}: it was never created, or is deleted already", cut(.id))]
    NoSuchRecord {
        /// The entity's name.
        entity: String,
        /// The field that identifies the record.
        field: String,
        /// Its value.
        id: String,
    },
    /// A create of something that is there already, or an update that would give a record the id of
    /// another one.
    #[error("there is a {entity} with the {field} {:?} already: update that one, or take another value", cut(.id))]
    RecordExists {
        /// The entity's name.
        entity: String,
        /// The field that identifies the record.
        field: String,
        /// Its value.
        id: String,
    },
    /// More than one record has the value that the request names.
    #[error("more than one {entity} has the {field} {:?}: name one by a field whose value only it has", cut(.id))]
    Ambiguous {
        /// The entity's name.
        entity: String,
        /// The field that the request names.
        field: String,
        /// Its value.
        id: String,
    },
    /// An earlier attempt at the same change is not yet answered (PROTOCOL section 8, ours).
    #[error(
        "an earlier request with the same Idempotency-Key is still being carried out: ask again in a moment"
    )]
    InProgress,
    /// The key of one change came with another (PROTOCOL section 8, ours).
    #[error(
        "the Idempotency-Key was that of another request: every change needs a key of its own, and every attempt at it the same"
    )]
    IdempotencyKeyReused,
}

impl Refusal {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::KeyMissing | Self::KeyWrong => StatusCode::UNAUTHORIZED,
            Self::Method { .. } | Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotSwitchedOn { .. } => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InProgress => StatusCode::CONFLICT,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer's envelope. Every fault of a record stands in `detail.faults`, each with its
    /// treekey (PROTOCOL section 8, ours).
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        #[derive(Serialize)]
        struct Detail<'a> {
            faults: Vec<&'a Fault>,
            omitted: usize,
        }

        let envelope = Envelope::new(self.status(), self.to_string());
        match self {
            Self::Record(faults) => envelope
                .with_detail(&Detail {
                    faults: faults.iter().collect(),
                    omitted: faults.omitted(),
                })
                .expect("texts and a number are always written as JSON"),
            _ => envelope,
        }
    }
}

/// A header's name as the protocol's texts write it: `Entity-Token`.
fn title(header: &HeaderName) -> String {
    header
        .as_str()
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect::<Vec<_>>()
        .join("-")
}
