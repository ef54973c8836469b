//! What a connector tells the platform about a change that it answered with 202.

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Refusal;
use super::entity_request::process_id;
use super::headers::PROCESS_ID;
use super::notification::post;
use super::request::parse_object;
use crate::auth::AuthToken;
use crate::envelope::{Envelope, Opaque};
use crate::process::ProcessId;

/// How it stands with a change that the connector promised to carry out later (PROTOCOL sections 4 and
/// 6): 202 after a try that failed; in the end 201 or 200 with the record's id, or 500 if it gives up.
///
/// # Examples
///
/// ```
/// use dsync_core::AuthToken;
/// use dsync_core::wire::Report;
///
/// let report = Report::new("p-1".parse()?, http::StatusCode::CREATED, "OK")
///     .with_data(serde_json::value::to_raw_value(&serde_json::json!({"sku": "S-1"}))?);
/// let http = report.encode(
///     &"https://api.dsync.com/api/realtime".parse()?,
///     &AuthToken::new("secret")?,
/// );
/// assert_eq!(http.uri(), "https://api.dsync.com/api/realtime/notification");
/// assert_eq!(http.body(), r#"{"status":201,"message":"OK","data":{"sku":"S-1"}}"#);
/// assert_eq!(Report::decode(&http)?.status, 201);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The process that the change belongs to.
    pub process_id: ProcessId,
    /// 202, 201, 200 or 500.
    pub status: StatusCode,
    /// What happened, for people.
    pub message: String,
    /// `{id field: id}` of a record that was changed; nothing is written as `{}`.
    pub data: Opaque,
}

impl Report {
    /// A report without data.
    #[must_use]
    pub fn new(process_id: ProcessId, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            process_id,
            status,
            message: message.into(),
            data: None,
        }
    }

    /// Sets the data: `{id field: id}`.
    #[must_use]
    pub fn with_data(self, data: Box<RawValue>) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

    /// Whether it is the last one about its process: any but 202.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.status != StatusCode::ACCEPTED
    }

    /// The report as HTTP: to `{realtime}/notification`.
    #[must_use]
    pub fn encode(&self, realtime_url: &Uri, auth_token: &AuthToken) -> Request<Bytes> {
        #[derive(Serialize)]
        struct Empty {}
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Data<'a> {
            Some(&'a RawValue),
            None(Empty),
        }
        #[derive(Serialize)]
        struct Body<'a> {
            status: u16,
            message: &'a str,
            data: Data<'a>,
        }

        let body = serde_json::to_vec(&Body {
            status: self.status.as_u16(),
            message: &self.message,
            data: self
                .data
                .as_deref()
                .map_or(Data::None(Empty {}), Data::Some),
        })
        .expect("a text, a number and raw JSON are always written as JSON");
        post(&address(realtime_url), auth_token, &self.process_id, body)
    }

    /// Reads a report, as a platform gets it.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] where there is no `Process-Id`, or no JSON object with a status.
    pub fn decode(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let process_id = process_id(request.headers())?.ok_or(Refusal::HeaderMissing {
            header: PROCESS_ID,
            purpose: "it names the process that is reported on",
        })?;
        parse_object(request.body())?;
        let envelope: Envelope =
            serde_json::from_slice(request.body()).map_err(|error| Refusal::BodyNotJson {
                problem: error.to_string(),
            })?;
        Ok(Self {
            process_id,
            status: envelope.status,
            message: envelope.message,
            data: envelope.data,
        })
    }
}

/// Where reports go: below the realtime address, whatever stands behind its path.
fn address(realtime_url: &Uri) -> Uri {
    let mut parts = realtime_url.clone().into_parts();
    let path = realtime_url.path().trim_end_matches('/');
    let path = match realtime_url.query() {
        Some(query) => format!("{path}/notification?{query}"),
        None => format!("{path}/notification"),
    };
    parts.path_and_query = Some(
        path.parse()
            .expect("a path with letters behind it is a path"),
    );
    Uri::from_parts(parts).expect("an address keeps being one with a longer path")
}
