//! What the platform asks of a connector about one record: as plain data, and as HTTP.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Uri};

use super::headers::{AUTH_TOKEN, ENTITY_ID, ENTITY_ID_FIELD, PROCESS_ID};
use super::request::{entity_id, one};
use super::{InvalidIdField, Operation, Refusal};
use crate::auth::AuthToken;
use crate::entity::EntityId;
use crate::entity::header_text;
use crate::process::ProcessId;

/// What is done with a record of a connector: it is read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordAccess {
    /// The record is asked for.
    Read,
    /// The record is created, updated or deleted.
    Change(Operation),
}

impl RecordAccess {
    /// The HTTP method that stands for it (PROTOCOL section 5).
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Read => Method::GET,
            Self::Change(operation) => operation.method(),
        }
    }

    /// What a method stands for.
    #[must_use]
    pub fn from_method(method: &Method) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::Read),
            _ => Operation::from_method(method).map(Self::Change),
        }
    }

    /// Its name: `read`, `create`, `update` or `delete`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change(operation) => operation.as_str(),
        }
    }
}

/// One request of the platform about one record, at the address of its entity (PROTOCOL section 5).
///
/// # Examples
///
/// ```
/// use dsync_core::wire::{EntityRequest, RecordAccess};
/// use dsync_core::{AuthToken, EntityId};
///
/// let request = EntityRequest::update("p-1".parse()?, EntityId::new("S-1")?, r#"{"price":2}"#);
/// let http = request.encode(
///     &"http://127.0.0.1:8081/entity/product".parse()?,
///     &AuthToken::new("secret")?,
/// );
/// assert_eq!((http.method().as_str(), http.headers()["process-id"].to_str()?), ("PUT", "p-1"));
/// assert_eq!(EntityRequest::decode(&http)?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityRequest {
    access: RecordAccess,
    process_id: ProcessId,
    entity_id: Option<EntityId>,
    entity_id_field: Option<String>,
    body: Bytes,
}

impl EntityRequest {
    /// A create. The body is the record's JSON and is sent as it is.
    #[must_use]
    pub fn create(process_id: ProcessId, record: impl Into<Bytes>) -> Self {
        Self {
            access: RecordAccess::Change(Operation::Create),
            process_id,
            entity_id: None,
            entity_id_field: None,
            body: record.into(),
        }
    }

    /// An update. The body has the keys that change, and is sent as it is.
    #[must_use]
    pub fn update(process_id: ProcessId, id: EntityId, record: impl Into<Bytes>) -> Self {
        Self {
            access: RecordAccess::Change(Operation::Update),
            entity_id: Some(id),
            ..Self::create(process_id, record)
        }
    }

    /// A delete.
    #[must_use]
    pub fn delete(process_id: ProcessId, id: EntityId) -> Self {
        Self {
            access: RecordAccess::Change(Operation::Delete),
            entity_id: Some(id),
            ..Self::create(process_id, Bytes::new())
        }
    }

    /// A read. It carries an empty object: DSYNC's own connector refuses a read without a body
    /// (PROTOCOL section 5, a fact).
    #[must_use]
    pub fn read(process_id: ProcessId, id: EntityId) -> Self {
        Self {
            access: RecordAccess::Read,
            entity_id: Some(id),
            ..Self::create(process_id, Bytes::from_static(b"{}"))
        }
    }

    /// Names the record: a create may say what the platform calls it.
    #[must_use]
    pub fn with_id(self, id: EntityId) -> Self {
        Self {
            entity_id: Some(id),
            ..self
        }
    }

    /// Says which field's value the id is.
    ///
    /// # Errors
    ///
    /// [`InvalidIdField`] if the field's name cannot travel in a header.
    pub fn with_id_field(self, field: impl Into<String>) -> Result<Self, InvalidIdField> {
        Ok(Self {
            entity_id_field: Some(InvalidIdField::checked(field.into())?),
            ..self
        })
    }

    /// What is done with the record.
    #[must_use]
    pub fn access(&self) -> RecordAccess {
        self.access
    }

    /// The name of the process that the request belongs to.
    #[must_use]
    pub fn process_id(&self) -> &ProcessId {
        &self.process_id
    }

    /// Which record is meant. A create may do without.
    #[must_use]
    pub fn entity_id(&self) -> Option<&EntityId> {
        self.entity_id.as_ref()
    }

    /// The field whose value the id is, if the request says so.
    #[must_use]
    pub fn entity_id_field(&self) -> Option<&str> {
        self.entity_id_field.as_deref()
    }

    /// The body, byte for byte; empty for a read and a delete, where it means nothing.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The request as HTTP.
    #[must_use]
    pub fn encode(&self, url: &Uri, auth_token: &AuthToken) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.access.method();
        *request.uri_mut() = url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTH_TOKEN, auth_token.to_header());
        headers.insert(PROCESS_ID, self.process_id.to_header());
        if let Some(id) = &self.entity_id {
            headers.insert(ENTITY_ID, id.to_header());
        }
        if let Some(field) = &self.entity_id_field {
            headers.insert(ENTITY_ID_FIELD, InvalidIdField::header(field));
        }
        request
    }

    /// Reads a request. The key is a matter of [`authenticate_any`](super::authenticate_any), the
    /// entity one of the address, the record one of its layout.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that says what is missing or wrong: the method, `Process-Id`, or, for all but a
    /// create, `Entity-Id`.
    pub fn decode(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let access = RecordAccess::from_method(request.method()).ok_or_else(|| {
            Refusal::MethodNotAllowed {
                method: request.method().clone(),
                allowed: "GET reads, POST creates, PUT updates, DELETE deletes",
            }
        })?;
        let headers = request.headers();
        let process_id = process_id(headers)?.ok_or(Refusal::HeaderMissing {
            header: PROCESS_ID,
            purpose: "it names the process that the request belongs to",
        })?;
        let entity_id = match one(headers, &ENTITY_ID)? {
            Some(value) => Some(entity_id(value)?),
            None if access == RecordAccess::Change(Operation::Create) => None,
            None => {
                return Err(Refusal::HeaderMissing {
                    header: ENTITY_ID,
                    purpose: "it says which record is meant; only a create (the method POST) goes without",
                });
            }
        };
        let entity_id_field = match one(headers, &ENTITY_ID_FIELD)? {
            Some(value) => {
                let field = InvalidIdField::checked(header_text(value).into_owned());
                Some(field.map_err(|error| Refusal::HeaderInvalid {
                    header: ENTITY_ID_FIELD,
                    problem: error.to_string(),
                })?)
            }
            None => None,
        };
        let has_record = match access {
            RecordAccess::Read => false,
            RecordAccess::Change(operation) => operation.has_record(),
        };
        Ok(Self {
            access,
            process_id,
            entity_id,
            entity_id_field,
            body: if has_record {
                request.body().clone()
            } else {
                Bytes::new()
            },
        })
    }
}

/// The header `Process-Id`, where there is one.
pub(super) fn process_id(headers: &http::HeaderMap) -> Result<Option<ProcessId>, Refusal> {
    match one(headers, &PROCESS_ID)? {
        Some(value) => {
            let id = ProcessId::from_header(value).map_err(|error| Refusal::HeaderInvalid {
                header: PROCESS_ID,
                problem: error.to_string(),
            })?;
            Ok(Some(id))
        }
        None => Ok(None),
    }
}
