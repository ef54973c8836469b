//! An answer, and what the log may say about it.

use bytes::Bytes;
use dsync_core::Envelope;
use dsync_core::wire::{Refusal, encode_answer};
use http::header::ALLOW;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// What a request was about, as far as it was understood. Neither a key nor a record is in it.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) operation: Option<&'static str>,
    pub(crate) entity: Option<String>,
    pub(crate) process_id: Option<String>,
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
        Self::new(&Envelope::new(status, message), About::default())
    }

    pub(crate) fn refused(refusal: &Refusal, about: About) -> Self {
        Self::new(&refusal.envelope(), about)
    }

    pub(crate) fn with_allow(mut self, methods: &'static str) -> Self {
        let methods = HeaderValue::from_static(methods);
        self.response.headers_mut().insert(ALLOW, methods);
        self
    }
}
