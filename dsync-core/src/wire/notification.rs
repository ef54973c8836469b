//! What the platform tells a connector about the connector's own changes.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Uri};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Refusal;
use super::entity_request::process_id;
use super::headers::{AUTH_TOKEN, PROCESS_ID};
use super::request::parse_object;
use crate::auth::AuthToken;
use crate::envelope::Opaque;
use crate::process::ProcessId;

/// How one of a system's own changes ended, as the platform tells it (PROTOCOL section 6).
///
/// # Examples
///
/// ```
/// use dsync_core::wire::Notification;
///
/// let http = http::Request::post("http://127.0.0.1:8081/notification")
///     .header("Process-Id", "p-1")
///     .body(bytes::Bytes::from_static(
///         br#"{"status":400,"message":"Failed","data":{"notifications":[
///             {"relation_id":7,"status":400,"message":"no such category"}]}}"#,
///     ))?;
/// let notification = Notification::decode(&http)?;
/// assert!(!notification.is_success());
/// assert_eq!(notification.links[0].message, "no such category");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notification {
    /// The process that is told about.
    pub process_id: ProcessId,
    /// 200: the process is complete; anything else: an error (PROTOCOL section 6, a fact).
    pub status: u16,
    /// The platform's words.
    pub message: String,
    /// One entry for each destination that is linked, likely. Empty where nothing was said.
    pub links: Vec<LinkOutcome>,
}

/// How a change ended at one destination.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LinkOutcome {
    /// What the platform calls the destination; its form is unknown.
    pub relation_id: Opaque,
    /// As in [`Notification::status`].
    pub status: u16,
    /// The platform's words.
    pub message: String,
}

impl Notification {
    /// A notification without links.
    #[must_use]
    pub fn new(process_id: ProcessId, status: u16, message: impl Into<String>) -> Self {
        Self {
            process_id,
            status,
            message: message.into(),
            links: Vec::new(),
        }
    }

    /// Whether the process is complete.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == 200
    }

    /// The notification as HTTP, as a platform sends it.
    #[must_use]
    pub fn encode(&self, url: &Uri, auth_token: &AuthToken) -> Request<Bytes> {
        #[derive(Serialize)]
        struct Body<'a> {
            status: u16,
            message: &'a str,
            data: Data<'a>,
        }
        #[derive(Serialize)]
        struct Data<'a> {
            notifications: &'a [LinkOutcome],
        }

        let body = serde_json::to_vec(&Body {
            status: self.status,
            message: &self.message,
            data: Data {
                notifications: &self.links,
            },
        })
        .expect("texts, numbers and raw JSON are always written as JSON");
        post(url, auth_token, &self.process_id, body)
    }

    /// Reads a notification, as leniently as can be: what is odd about its data must not keep a
    /// program from hearing that a change failed.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] where there is no `Process-Id`, no JSON object, or no status.
    pub fn decode(request: &Request<Bytes>) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Link<'a> {
            #[serde(default)]
            relation_id: Opaque,
            #[serde(borrow, default)]
            status: Option<&'a RawValue>,
            #[serde(borrow, default)]
            message: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Data<'a> {
            #[serde(borrow)]
            notifications: Vec<Link<'a>>,
        }
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow, default)]
            status: Option<&'a RawValue>,
            #[serde(borrow, default)]
            message: Option<&'a RawValue>,
            #[serde(borrow, default)]
            data: Option<&'a RawValue>,
        }

        let process_id = process_id(request.headers())?.ok_or(Refusal::HeaderMissing {
            header: PROCESS_ID,
            purpose: "it names the process that is told about",
        })?;
        parse_object(request.body())?;
        let unreadable = |problem: String| Refusal::BodyNotJson { problem };
        let body: Body<'_> = serde_json::from_slice(request.body())
            .map_err(|error| unreadable(error.to_string()))?;
        let status = body.status.and_then(status).ok_or_else(|| {
            unreadable(
                "`status` must be a number: 200 says that the process is complete".to_owned(),
            )
        })?;
        let links = body
            .data
            .and_then(|data| serde_json::from_str::<Data<'_>>(data.get()).ok())
            .map(|data| data.notifications)
            .unwrap_or_default()
            .into_iter()
            .map(|link| LinkOutcome {
                relation_id: link.relation_id,
                // Without one of its own it is as the whole.
                status: link.status.and_then(self::status).unwrap_or(status),
                message: link.message.map(text).unwrap_or_default(),
            })
            .collect();
        Ok(Self {
            process_id,
            status,
            message: body.message.map(text).unwrap_or_default(),
            links,
        })
    }
}

/// `500`, `500.0` or `"500"`.
fn status(raw: &RawValue) -> Option<u16> {
    let number: f64 = raw.get().trim_matches('"').trim().parse().ok()?;
    format!("{number}").parse().ok()
}

/// A text, or whatever else stands there as its JSON.
fn text(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| match raw.get() {
        "null" => String::new(),
        other => other.to_owned(),
    })
}

/// A POST with JSON about a process.
pub(super) fn post(
    url: &Uri,
    auth_token: &AuthToken,
    process_id: &ProcessId,
    body: Vec<u8>,
) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(AUTH_TOKEN, auth_token.to_header());
    headers.insert(PROCESS_ID, process_id.to_header());
    request
}
