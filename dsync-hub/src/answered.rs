//! An answer, and what the log may say about it.

use bytes::Bytes;
use dsync_core::wire::{Refusal, encode_answer};
use dsync_core::{Envelope, Fault};
use http::header::ALLOW;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// What a request was about, as far as it was understood. Neither a key nor a record is in it.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) operation: Option<&'static str>,
    pub(crate) entity: Option<String>,
    pub(crate) process_id: Option<String>,
    /// Why it was refused.
    pub(crate) reason: Option<String>,
}

/// The start of what came: as much as shows a mistake, and not an answer as long as the request.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 100;

    text.chars().take(SHOWN).collect()
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Bytes>,
    pub(crate) about: About,
}

impl Answered {
    pub(crate) fn new<D: Serialize>(envelope: &Envelope<D>, about: About) -> Self {
        let response = encode_answer(envelope)
            .expect("the hub's envelopes have text keys only, so they are always JSON");
        Self { response, about }
    }

    /// An answer that has nothing but a message.
    pub(crate) fn plain(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        let about = About {
            reason: Some(message.clone()),
            ..About::default()
        };
        Self::new(&Envelope::new(status, message), about)
    }

    pub(crate) fn refused(refusal: &Refusal, about: About) -> Self {
        let about = About {
            reason: Some(reason(refusal)),
            ..about
        };
        Self::new(&refusal.envelope(), about)
    }

    pub(crate) fn with_allow(mut self, methods: &'static str) -> Self {
        let methods = HeaderValue::from_static(methods);
        self.response.headers_mut().insert(ALLOW, methods);
        self
    }
}

/// A refusal for the log: what its message says to the sender, without the values of the record.
fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Record(faults) => {
            let mut treekeys: Vec<_> = faults.iter().map(Fault::treekey).collect();
            treekeys.dedup();
            format!("the record has faults at {}", shown(&treekeys.join(", ")))
        }
        Refusal::BodyNotJson { .. } => "the body is not JSON that can be read".to_owned(),
        Refusal::HeaderInvalid { header, .. } => format!("the header {header} is wrong"),
        Refusal::IdsDiffer { field, .. } => {
            format!("Entity-Id and the record's {field:?} are not the same")
        }
        Refusal::NoSuchRecord { entity, field, .. } => {
            format!("there is no such {entity}, by its {field}")
        }
        Refusal::RecordExists { entity, field, .. } => {
            format!("there is such a {entity} already, by its {field}")
        }
        Refusal::Ambiguous { entity, field, .. } => {
            format!("there is more than one such {entity}, by its {field}")
        }
        // The others say nothing of a record.
        _ => refusal.to_string(),
    }
}
