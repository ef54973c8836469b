//! A realtime request: as plain data, and as HTTP.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::{Map, Value};

use super::headers::{AUTH_TOKEN, ENTITY_ID, ENTITY_ID_FIELD, ENTITY_TOKEN, IDEMPOTENCY_KEY};
use super::{Operation, Refusal, json};
use crate::auth::AuthToken;
use crate::entity::EntityId;
use crate::entity::header_text;
use crate::idempotency::IdempotencyKey;
use crate::token::EntityToken;

/// One change of one record, on its way to the platform (PROTOCOL section 4).
///
/// # Examples
///
/// ```
/// use dsync_core::wire::RealtimeRequest;
/// use dsync_core::{AuthToken, EntityId, EntityToken};
///
/// let request = RealtimeRequest::update(EntityToken::new("shop-product-1")?, r#"{"sku":"S-1"}"#)
///     .with_id(EntityId::new("S-1")?, "sku")?;
/// let http = request.encode(
///     &"http://127.0.0.1:8080/api/realtime".parse()?,
///     &AuthToken::new("secret")?,
/// );
/// assert_eq!(http.method(), "PUT");
/// assert_eq!(http.headers()["entity-id-field"], "sku");
/// assert_eq!(RealtimeRequest::decode(&http)?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealtimeRequest {
    operation: Operation,
    entity_token: EntityToken,
    entity_id: Option<EntityId>,
    entity_id_field: Option<String>,
    idempotency_key: Option<IdempotencyKey>,
    body: Bytes,
}

impl RealtimeRequest {
    /// A create. The body is the record's JSON and is sent as it is.
    #[must_use]
    pub fn create(entity_token: EntityToken, record: impl Into<Bytes>) -> Self {
        Self::new(Operation::Create, entity_token, record.into())
    }

    /// An update. The body is the whole record's JSON and is sent as it is.
    #[must_use]
    pub fn update(entity_token: EntityToken, record: impl Into<Bytes>) -> Self {
        Self::new(Operation::Update, entity_token, record.into())
    }

    /// A delete.
    #[must_use]
    pub fn delete(entity_token: EntityToken, id: EntityId) -> Self {
        Self {
            entity_id: Some(id),
            ..Self::new(Operation::Delete, entity_token, Bytes::new())
        }
    }

    fn new(operation: Operation, entity_token: EntityToken, body: Bytes) -> Self {
        Self {
            operation,
            entity_token,
            entity_id: None,
            entity_id_field: None,
            idempotency_key: None,
            body,
        }
    }

    /// Names the record: its id, and the field whose value the id is.
    ///
    /// # Errors
    ///
    /// [`InvalidIdField`] if the field's name cannot travel in a header.
    pub fn with_id(self, id: EntityId, field: impl Into<String>) -> Result<Self, InvalidIdField> {
        Ok(Self {
            entity_id: Some(id),
            entity_id_field: Some(InvalidIdField::checked(field.into())?),
            ..self
        })
    }

    /// Names the record by its id, without the field whose value that is: the platform knows it, likely.
    #[must_use]
    pub fn with_entity_id(self, id: EntityId) -> Self {
        Self {
            entity_id: Some(id),
            ..self
        }
    }

    /// Names the change, so that a peer which knows the key carries out only one of several attempts.
    #[must_use]
    pub fn with_idempotency_key(self, key: IdempotencyKey) -> Self {
        Self {
            idempotency_key: Some(key),
            ..self
        }
    }

    /// What happens to the record.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Which entity the record belongs to.
    #[must_use]
    pub fn entity_token(&self) -> &EntityToken {
        &self.entity_token
    }

    /// Which record is meant, if the request says so.
    #[must_use]
    pub fn entity_id(&self) -> Option<&EntityId> {
        self.entity_id.as_ref()
    }

    /// The field whose value the id is: the shared key if one is set, else the primary key.
    #[must_use]
    pub fn entity_id_field(&self) -> Option<&str> {
        self.entity_id_field.as_deref()
    }

    /// The name of the change, the same for every attempt at it.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.idempotency_key.as_ref()
    }

    /// The record's JSON, byte for byte; empty for a delete.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The request as HTTP.
    #[must_use]
    pub fn encode(&self, realtime_url: &Uri, auth_token: &AuthToken) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.operation.method();
        *request.uri_mut() = realtime_url.clone();
        let headers = request.headers_mut();
        headers.reserve(6);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTH_TOKEN, auth_token.to_header());
        headers.insert(ENTITY_TOKEN, self.entity_token.to_header());
        if let Some(id) = &self.entity_id {
            headers.insert(ENTITY_ID, id.to_header());
        }
        if let Some(field) = &self.entity_id_field {
            headers.insert(ENTITY_ID_FIELD, InvalidIdField::header(field));
        }
        if let Some(key) = &self.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, key.to_header());
        }
        request
    }

    /// Reads a request. The key is a matter of [`authenticate`], the record one of
    /// [`parse_object`] and of the layout.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that says what is missing or wrong: the method, `Entity-Token`, or, for a
    /// delete, `Entity-Id`.
    pub fn decode(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let operation = decode_operation(request.method())?;
        let headers = request.headers();

        let token = one(headers, &ENTITY_TOKEN)?.ok_or(Refusal::HeaderMissing {
            header: ENTITY_TOKEN,
            purpose: "it says which entity the record belongs to",
        })?;
        let entity_token = EntityToken::new(header_text(token).into_owned()).map_err(|error| {
            Refusal::HeaderInvalid {
                header: ENTITY_TOKEN,
                problem: error.to_string(),
            }
        })?;

        let entity_id = match one(headers, &ENTITY_ID)? {
            Some(value) => Some(entity_id(value)?),
            None if operation == Operation::Delete => {
                return Err(Refusal::HeaderMissing {
                    header: ENTITY_ID,
                    purpose: "a delete (the method DELETE) needs the id of the record; an update is sent with PUT",
                });
            }
            None => None,
        };

        let entity_id_field =
            one(headers, &ENTITY_ID_FIELD)?.map(|value| header_text(value).into_owned());

        let idempotency_key = match one(headers, &IDEMPOTENCY_KEY)? {
            Some(value) => Some(IdempotencyKey::new(header_text(value)).map_err(|error| {
                Refusal::HeaderInvalid {
                    header: IDEMPOTENCY_KEY,
                    problem: error.to_string(),
                }
            })?),
            None => None,
        };

        Ok(Self {
            operation,
            entity_token,
            entity_id,
            entity_id_field,
            idempotency_key,
            // DSYNC's own connector sends `[]` with a delete: it means nothing.
            body: if operation.has_record() {
                request.body().clone()
            } else {
                Bytes::new()
            },
        })
    }
}

pub(super) fn entity_id(value: &HeaderValue) -> Result<EntityId, Refusal> {
    EntityId::from_header(value).map_err(|error| Refusal::HeaderInvalid {
        header: ENTITY_ID,
        problem: error.to_string(),
    })
}

/// A field's name that cannot travel in the header `Entity-Id-Field`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the field name {field:?} cannot travel in the header Entity-Id-Field: it is empty, begins or ends with a blank, or has a control character"
)]
pub struct InvalidIdField {
    field: String,
}

impl InvalidIdField {
    pub(super) fn checked(field: String) -> Result<String, Self> {
        if field.is_empty() || field.trim() != field || field.contains(char::is_control) {
            return Err(Self { field });
        }
        Ok(field)
    }

    /// The header of a name that was [`checked`](Self::checked).
    pub(super) fn header(field: &str) -> HeaderValue {
        HeaderValue::from_bytes(field.as_bytes())
            .expect("it has no control character, and no other byte is illegal")
    }
}

/// Checks the API key of a request, before anything else is looked at.
///
/// # Errors
///
/// [`Refusal::KeyMissing`] or [`Refusal::KeyWrong`], both of status 401.
pub fn authenticate(headers: &HeaderMap, auth_token: &AuthToken) -> Result<(), Refusal> {
    authenticate_any(headers, std::slice::from_ref(auth_token))
}

/// Checks the API key of a request against several: the old and the new one, while a key is being
/// changed. All are compared, whichever fits.
///
/// # Errors
///
/// [`Refusal::KeyMissing`] or [`Refusal::KeyWrong`], both of status 401.
///
/// # Examples
///
/// ```
/// use dsync_core::AuthToken;
/// use dsync_core::wire::authenticate_any;
///
/// let keys = [AuthToken::new("new")?, AuthToken::new("old")?];
/// let mut headers = http::HeaderMap::new();
/// assert!(authenticate_any(&headers, &keys).is_err());
/// headers.insert("auth-token", "old".parse()?);
/// assert!(authenticate_any(&headers, &keys).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn authenticate_any(headers: &HeaderMap, auth_tokens: &[AuthToken]) -> Result<(), Refusal> {
    let mut presented = headers.get_all(AUTH_TOKEN).iter();
    let fits = |key: &HeaderValue| {
        let compared = auth_tokens
            .iter()
            .map(|known| known.matches(key.as_bytes()));
        compared.fold(false, std::ops::BitOr::bitor)
    };
    match (presented.next(), presented.next()) {
        (None, _) => Err(Refusal::KeyMissing),
        (Some(key), None) if fits(key) => Ok(()),
        // Two keys are no key: whoever sits in between may look at the other one.
        _ => Err(Refusal::KeyWrong),
    }
}

/// The operation that a request's method stands for.
///
/// # Errors
///
/// [`Refusal::Method`] with the status 405.
pub fn decode_operation(method: &Method) -> Result<Operation, Refusal> {
    Operation::from_method(method).ok_or_else(|| Refusal::Method {
        method: method.clone(),
    })
}

/// Looks into a body that has to be one record. The bytes stay what is kept.
///
/// # Errors
///
/// [`Refusal::BodyNotJson`], also where a key stands twice, and [`Refusal::BodyNotObject`].
pub fn parse_object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Err(Refusal::BodyNotObject { found: "empty" });
    }
    let value = json::read(body).map_err(|error| Refusal::BodyNotJson {
        problem: error.to_string(),
    })?;
    let found = match value {
        Value::Object(map) => return Ok(map),
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list: send one record a request",
    };
    Err(Refusal::BodyNotObject { found })
}

/// The one value of a header; a header that is there twice means two things.
pub(super) fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Refusal::HeaderInvalid {
            header: name.clone(),
            problem: "it is there more than once".to_owned(),
        }),
    }
}
