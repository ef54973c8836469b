//! The names of the protocol's headers (PROTOCOL section 2). HTTP compares them without case.

use http::HeaderName;

/// The API key of the system.
pub const AUTH_TOKEN: HeaderName = HeaderName::from_static("auth-token");
/// The token of the entity that a request is about.
pub const ENTITY_TOKEN: HeaderName = HeaderName::from_static("entity-token");
/// The id of the record that a request is about.
pub const ENTITY_ID: HeaderName = HeaderName::from_static("entity-id");
/// The name of the field whose value `Entity-Id` is.
pub const ENTITY_ID_FIELD: HeaderName = HeaderName::from_static("entity-id-field");
/// The name of a process: one change on its way.
pub const PROCESS_ID: HeaderName = HeaderName::from_static("process-id");
/// The name of a change, the same for every attempt at it (PROTOCOL section 8, ours).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `true` on an answer that was given before and is given again (PROTOCOL section 8, ours).
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
