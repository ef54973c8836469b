//! An answer, and what the log may say about it.

use bytes::Bytes;
use dsync_core::wire::headers::IDEMPOTENCY_REPLAYED;
use dsync_core::wire::{Refusal, encode_answer};
use dsync_core::{Envelope, Fault};
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

/// What a request was about, as far as it was understood. Neither a key nor a record is in it.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) operation: Option<&'static str>,
    pub(crate) entity: Option<String>,
    pub(crate) process_id: Option<String>,
    /// Why it was refused.
    pub(crate) reason: Option<String>,
    /// Whether an earlier attempt took effect, and not this one.
    pub(crate) replayed: bool,
}

/// What the answer to a change that took effect says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) process_id: String,
    /// Treekeys of the record's keys that its layout does not know.
    pub(crate) unknown_keys: Vec<String>,
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
        let refused = Self::new(&refusal.envelope(), about);
        match refusal {
            Refusal::InProgress => refused.with_header(RETRY_AFTER, "1"),
            _ => refused,
        }
    }

    /// A success, which is the same text whenever it is given again.
    pub(crate) fn accepted(accepted: Accepted, replayed: bool, about: About) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            process_id: &'a str,
        }
        #[derive(Serialize)]
        struct Detail<'a> {
            unknown_keys: &'a [String],
        }

        let Accepted {
            process_id,
            unknown_keys,
        } = accepted;
        let mut envelope = Envelope::ok(Data {
            process_id: &process_id,
        });
        if !unknown_keys.is_empty() {
            envelope = envelope
                .with_detail(&Detail {
                    unknown_keys: &unknown_keys,
                })
                .expect("a list of texts is always written as JSON");
        }
        // The envelope borrows what the log gets.
        let mut answered = Self::new(&envelope, About::default());
        answered.about = About {
            process_id: Some(process_id),
            replayed,
            ..about
        };
        if replayed {
            answered.with_header(IDEMPOTENCY_REPLAYED, "true")
        } else {
            answered
        }
    }

    pub(crate) fn with_allow(self, methods: &'static str) -> Self {
        self.with_header(ALLOW, methods)
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        let value = HeaderValue::from_static(value);
        self.response.headers_mut().insert(name, value);
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
