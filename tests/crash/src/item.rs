//! The records that are sent.

use std::fmt::{self, Display};
use std::str::FromStr;

use dsync::prelude::*;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, EntityToken};
use dsync_outbox::ChangeId;
use serde::Serialize;

use crate::Failed;

/// A record whose every byte follows from its id and its version.
#[derive(Clone, Debug, Serialize, DsyncEntity)]
#[dsync(entity_token = "crash-item-1")]
pub struct Item {
    #[dsync(primary_key)]
    sku: String,
    version: u64,
    filling: String,
}

impl Item {
    /// The record in a version.
    #[must_use]
    pub fn new(sku: &str, version: u64) -> Self {
        Self {
            sku: sku.to_owned(),
            version,
            filling: "filling ".repeat(usize::try_from(version * 7 % 97).unwrap_or(0)),
        }
    }

    /// What is sent of it.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and a number are always JSON")
    }

    /// A change of it by its bytes, which says nothing of being whole.
    ///
    /// # Errors
    ///
    /// If its id cannot travel.
    pub fn request(&self, operation: Operation) -> Result<RealtimeRequest, Failed> {
        let token: EntityToken = Self::LAYOUT.entity_token().parse()?;
        let id = EntityId::new(&self.sku)?;
        let request = match operation {
            Operation::Create => RealtimeRequest::create(token, self.json()),
            Operation::Update => RealtimeRequest::update(token, self.json()),
            Operation::Delete => RealtimeRequest::delete(token, id.clone()),
        };
        Ok(request.with_id(id, "sku")?)
    }
}

/// A change that was acknowledged: a line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub id: ChangeId,
    /// The record's id.
    pub sku: String,
    /// The record's version; that of a delete says only in which order it was made.
    pub version: u64,
    /// What happened to it.
    pub operation: Operation,
    /// Whether the outbox has said that there is nothing to send.
    pub needs_no_sending: bool,
}

impl Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            sku,
            version,
            operation,
            needs_no_sending,
        } = self;
        let operation = operation.as_str();
        write!(
            f,
            "kept {id} {sku} {version} {operation} {needs_no_sending}"
        )
    }
}

impl FromStr for Kept {
    type Err = Failed;

    fn from_str(line: &str) -> Result<Self, Failed> {
        let words: Vec<_> = line.split(' ').collect();
        let ["kept", id, sku, version, operation, needs_no_sending] = words[..] else {
            return Err(format!("no acknowledgement: {line}").into());
        };
        let operations = [Operation::Create, Operation::Update, Operation::Delete];
        let operation = operations
            .into_iter()
            .find(|known| known.as_str() == operation);
        Ok(Self {
            id: id.parse()?,
            sku: sku.to_owned(),
            version: version.parse()?,
            operation: operation.ok_or("no operation")?,
            needs_no_sending: needs_no_sending.parse()?,
        })
    }
}

/// The acknowledgements among the lines of a ledger.
#[must_use]
pub fn kept(lines: &[String]) -> Vec<Kept> {
    lines.iter().filter_map(|line| line.parse().ok()).collect()
}
