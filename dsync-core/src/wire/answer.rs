//! The answer to a request: as plain data, and as HTTP.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::envelope::{Envelope, Opaque};
use crate::faults::Fault;

/// What the platform answered.
///
/// # Examples
///
/// ```
/// use dsync_core::wire::Answer;
///
/// let http = http::Response::new(bytes::Bytes::from_static(
///     br#"{"status":200,"message":"OK","detail":[],"data":{"process_id":"p-1"}}"#,
/// ));
/// let answer = Answer::decode(http);
/// assert!(answer.is_success());
/// assert_eq!(answer.process_id(), Some("p-1"));
/// ```
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    message: Option<String>,
    process_id: Option<String>,
    detail: Opaque,
    data: Opaque,
    is_envelope: bool,
    headers: HeaderMap,
}

impl Answer {
    /// Reads an answer. There is no error: an answer that is no envelope is judged by its HTTP
    /// status, and its text becomes the message; [`Answer::is_envelope`] tells the two apart.
    ///
    /// The envelope is read as leniently as can be, so that no failure is lost because another part
    /// of it is odd: its status may be a text or a float, its message anything.
    ///
    /// The HTTP status and the envelope's `status` differ only by mistake. If one says success (2xx)
    /// and the other failure (4xx, 5xx), the envelope decides, because whoever wrote it knew.
    #[must_use]
    pub fn decode(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let mut answer = Self {
            status: parts.status,
            message: None,
            process_id: None,
            detail: None,
            data: None,
            is_envelope: true,
            headers: parts.headers,
        };
        if body.is_empty() {
            return answer;
        }
        match Loose::read(&body) {
            Some(envelope) => {
                if let Some(stated) = envelope.status.as_deref().and_then(status)
                    && contradict(stated, answer.status)
                {
                    answer.status = stated;
                }
                answer.message = envelope.message.as_deref().and_then(message);
                answer.process_id = envelope.data.as_deref().and_then(process_id);
                answer.detail = envelope.detail;
                answer.data = envelope.data;
            }
            None => {
                answer.is_envelope = false;
                answer.message = excerpt(&body);
            }
        }
        answer
    }

    /// Whether the body was a JSON object, or there was none. If not, something else than a DSYNC
    /// peer answered, a proxy's login page for instance, and a success is none.
    #[must_use]
    pub fn is_envelope(&self) -> bool {
        self.is_envelope
    }

    /// The status that counts.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the status is a success: any 2xx. The SDKs take only 200.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The platform's own words.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The change's name from now on, if the platform gave one.
    #[must_use]
    pub fn process_id(&self) -> Option<&str> {
        self.process_id.as_deref()
    }

    /// The envelope's `detail`, as it came.
    #[must_use]
    pub fn detail(&self) -> Option<&RawValue> {
        self.detail.as_deref()
    }

    /// The envelope's `data`, as it came.
    #[must_use]
    pub fn data(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// The HTTP headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The treekeys of the record's keys that the peer's layout does not know, where it names them
    /// as our hub does (PROTOCOL section 8, ours). Empty otherwise.
    #[must_use]
    pub fn unknown_keys(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Detail {
            unknown_keys: Vec<String>,
        }

        self.detail()
            .and_then(|detail| serde_json::from_str::<Detail>(detail.get()).ok())
            .map(|detail| detail.unknown_keys)
            .unwrap_or_default()
    }

    /// The record's faults, each with its treekey, where the peer says them as our hub does
    /// (PROTOCOL section 8, ours). Empty otherwise.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        #[derive(Deserialize)]
        struct Detail {
            faults: Vec<Fault>,
        }

        self.detail()
            .and_then(|detail| serde_json::from_str::<Detail>(detail.get()).ok())
            .map(|detail| detail.faults)
            .unwrap_or_default()
    }
}

/// An envelope whose parts may be anything.
#[derive(Deserialize)]
struct Loose {
    #[serde(default)]
    status: Opaque,
    #[serde(default)]
    message: Opaque,
    #[serde(default)]
    detail: Opaque,
    #[serde(default)]
    data: Opaque,
}

impl Loose {
    fn read(body: &[u8]) -> Option<Self> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        // serde would read a list as a struct's fields in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        serde_json::from_slice(body).ok()
    }
}

/// `500`, `500.0` or `"500"`.
fn status(raw: &RawValue) -> Option<StatusCode> {
    let text = raw.get().trim_matches('"').trim();
    let number: f64 = text.parse().ok()?;
    StatusCode::from_bytes(number.to_string().as_bytes()).ok()
}

fn message(raw: &RawValue) -> Option<String> {
    let text = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
    Some(text).filter(|text| !text.is_empty())
}

/// Whether one is a success and the other a failure. A redirect is neither.
fn contradict(a: StatusCode, b: StatusCode) -> bool {
    let failure = |status: StatusCode| status.is_client_error() || status.is_server_error();
    (a.is_success() && failure(b)) || (failure(a) && b.is_success())
}

/// `data.process_id` as a text; a number is taken too, because nothing says what it looks like.
fn process_id(data: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        process_id: &'a RawValue,
    }

    let raw = serde_json::from_str::<Data<'_>>(data.get())
        .ok()?
        .process_id;
    match serde_json::from_str(raw.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(_) => Some(raw.get().to_owned()),
        _ => None,
    }
}

/// The start of a body that is no envelope: a proxy's error page, for instance.
fn excerpt(body: &[u8]) -> Option<String> {
    const SHOWN: usize = 300;

    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    match text.char_indices().nth(SHOWN) {
        _ if text.is_empty() => None,
        None => Some(text.to_owned()),
        Some((end, _)) => Some(format!("{} ...", &text[..end])),
    }
}

/// An envelope as HTTP.
///
/// # Errors
///
/// If the data cannot be written as JSON, because a map's key is no text for instance.
pub fn encode_answer<D: Serialize>(
    envelope: &Envelope<D>,
) -> Result<Response<Bytes>, serde_json::Error> {
    let mut response = Response::new(Bytes::from(serde_json::to_vec(envelope)?));
    *response.status_mut() = envelope.status;
    // Exactly this text: the Python SDK compares it whole before it reads the body.
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
