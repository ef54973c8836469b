//! DSYNC's data layout, treekeys, tokens and wire format, without I/O and without a runtime.
//!
//! A program that exchanges records uses the facade `dsync`, which re-exports this. Depend on this
//! crate to build a transport, a store or a platform of your own.
//!
//! In reading order:
//!
//! - [`layout`]: the static tree that the derives make, treekeys, and a record held against them;
//! - [`entity`]: the traits between a Rust struct and its layout, and a record's id;
//! - [`model`]: layouts known only at run time, and the data layout of a whole system;
//! - [`wire`]: realtime requests and answers as bytes, and the envelope around them;
//! - [`ChangeEncoder`]: from a typed record to such a request;
//! - [`read_record`], [`Update`], [`read_id`]: what was received, as the types that it stands for;
//! - [`SystemState`], [`Origin`]: what a system's client and its connector tell each other;
//! - [`dates`]: the platform's formats of dates, for serde's `with`;
//! - [`retry`]: whether a change that was not accepted is sent again, and when;
//! - [`Transport`], [`Carrier`], [`Reporter`], [`StateStore`], [`Clock`], [`AuthTokenProvider`]: the seams
//!   where I/O begins;
//! - [`testing`]: for the tests of programs that send.
//!
//! "PROTOCOL section 3" and the like name sections of `docs/PROTOCOL.md` in the repository, which says
//! of each statement whether it is a fact, likely, unknown, or our own addition.

#![forbid(unsafe_code)]

mod auth;
mod auth_provider;
mod carrier;
mod change;
mod clock;
pub mod dates;
pub mod entity;
mod envelope;
mod faults;
mod idempotency;
pub mod layout;
pub mod model;
mod origin;
mod process;
mod received;
mod reporter;
pub mod retry;
mod shown;
mod state;
mod suggest;
pub mod testing;
mod token;
mod transport;
pub mod wire;

pub use auth::{AuthToken, InvalidAuthToken};
pub use auth_provider::{AuthTokenProvider, Providing};
pub use carrier::{Carried, Carrier, Carrying, KeyCheck};
pub use change::{ChangeEncoder, ChangeError};
pub use clock::{Clock, Sleeping};
pub use entity::{
    DsyncEntity, DsyncObject, EntityId, FieldValue, InvalidEntityId, ListItem, PrimaryKey,
    ToEntityId,
};
pub use envelope::{Envelope, Opaque};
pub use faults::{Fault, Faults};
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use layout::{
    Arity, EntityLayout, FieldLayout, FieldType, Shape, Treekey, UnknownFieldType, ValidRecord,
};
pub use model::{DataLayout, DataLayoutBuilder, Endpoint, Field};
pub use origin::Origin;
pub use process::{InvalidProcessId, ProcessId};
pub use received::{MergeError, Received, UnfitId, Update, id_text, read_id, read_record};
pub use reporter::{ReportError, Reporter, Reporting};
pub use state::{
    EntityState, OwnProcess, SendingGuard, StateError, StateStore, Switch, SwitchWatch, SystemState,
};
pub use token::{EntityToken, EntityTokens, InvalidEntityToken};
pub use transport::{Sending, TimeLimit, Transport, TransportError, TransportErrorKind};

/// What generated code calls. Not for people: it may change with any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::entity::{Declared, Probe, entity_id};
    pub use crate::layout::const_checks::{check_date_format, check_declared, check_reference};
    pub use crate::layout::join::{Part, count, join};
    pub use crate::layout::treekey::{treekey_bytes, treekey_len, treekey_text};
}
