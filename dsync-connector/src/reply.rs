//! An answer of the connector, and what the log may say about it.

use bytes::Bytes;
use dsync_core::wire::Refusal;
use dsync_core::{Envelope, Fault};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::handler::{FAILED, HandlerError, Kind};
use crate::inbox::KeptAnswer;

/// Status, body, and at most one header beside the content type.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    header: Option<(HeaderName, HeaderValue)>,
    /// Why it is no success, for the log. Neither a key nor a record is in it.
    pub(crate) reason: Option<String>,
}

impl Reply {
    pub(crate) fn new<D: Serialize>(envelope: &Envelope<D>) -> Self {
        let body = serde_json::to_vec(envelope)
            .expect("the connector's envelopes have text keys only, so they are always JSON");
        Self {
            status: envelope.status,
            body: body.into(),
            header: None,
            reason: None,
        }
    }

    /// A success that has something to say about keys that the layout does not know.
    pub(crate) fn done<D: Serialize>(status: StatusCode, data: D, unknown_keys: &[String]) -> Self {
        #[derive(Serialize)]
        struct Detail<'a> {
            unknown_keys: &'a [String],
        }

        let mut envelope = Envelope {
            status,
            ..Envelope::ok(data)
        };
        if !unknown_keys.is_empty() {
            envelope = envelope
                .with_detail(&Detail { unknown_keys })
                .expect("a list of texts is always written as JSON");
        }
        Self::new(&envelope)
    }

    /// An answer that has nothing but a message.
    pub(crate) fn plain(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            reason: (!status.is_success()).then(|| message.clone()),
            ..Self::new(&Envelope::new(status, message))
        }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self {
            reason: Some(reason(refusal)),
            ..Self::new(&refusal.envelope())
        }
    }

    /// What a handler's error is to the platform. [`Kind::Later`] is one only where nothing can be kept.
    pub(crate) fn of_error(entity: &str, error: &HandlerError) -> Self {
        if let Kind::NotAccepted(refusal) = &error.0 {
            return Self::refused(refusal);
        }
        let status = if error.is_refusal() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        let reply = Self::plain(status, error.for_the_platform(entity));
        match &error.0 {
            // The handler's words may be about the record.
            Kind::Refused(_) | Kind::Later { .. } => Self {
                reason: Some("the handler does not do it".to_owned()),
                ..reply
            },
            _ => reply,
        }
    }

    pub(crate) fn failed() -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
    }

    /// The answer to a change that is kept for later.
    pub(crate) fn promised(reason: &str) -> Self {
        let message = format!("kept, to be carried out later: {reason}");
        Self {
            reason: Some("it is to be carried out later".to_owned()),
            ..Self::plain(StatusCode::ACCEPTED, message)
        }
    }

    pub(crate) fn with_allow(self, methods: &'static str) -> Self {
        self.with_header(ALLOW, HeaderValue::from_static(methods))
    }

    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    pub(crate) fn kept(&self) -> KeptAnswer {
        KeptAnswer {
            status: self.status,
            // A copy, because a part of a buffer would hold all of it for a week.
            body: Bytes::copy_from_slice(&self.body),
        }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        // Exactly this text: a peer may compare it whole before it reads the body.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

impl From<KeptAnswer> for Reply {
    fn from(kept: KeptAnswer) -> Self {
        Self {
            status: kept.status,
            body: kept.body,
            header: None,
            reason: None,
        }
    }
}

/// A refusal for the log: what it says to the sender, without the values of the record.
fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Record(faults) => {
            let mut treekeys: Vec<_> = faults.iter().map(Fault::treekey).collect();
            treekeys.dedup();
            treekeys.truncate(10);
            format!("the record has faults at {}", treekeys.join(", "))
        }
        Refusal::BodyNotJson { .. } => "the body is not JSON that can be read".to_owned(),
        Refusal::HeaderInvalid { header, .. } => format!("the header {header} is wrong"),
        // The others say nothing of a record.
        _ => refusal.to_string(),
    }
}
