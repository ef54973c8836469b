//! Everything the hub holds: the entities that are registered, each with its records.

use std::collections::HashMap;

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest, Refusal, parse_object};
use dsync_core::{DataLayout, Endpoint, EntityToken, Fault, Faults, Field};
use serde_json::Value;

use crate::identity::Identity;
use crate::records::{Found, Records, StoredRecord, field_text};

#[derive(Debug, Default)]
pub(crate) struct Entities {
    /// In the order in which they were registered.
    all: Vec<Entity>,
    by_token: HashMap<EntityToken, usize>,
}

/// An endpoint and its records.
#[derive(Debug)]
pub(crate) struct Entity {
    endpoint: Endpoint,
    records: Records,
}

impl Entities {
    /// Takes a layout, or nothing of it.
    pub(crate) fn register(&mut self, data_layout: &DataLayout) -> Result<(), Faults> {
        data_layout.check()?;
        let faults = data_layout
            .endpoints()
            .iter()
            .filter_map(|endpoint| self.clash(endpoint));
        if let Some(faults) = collect(faults) {
            return Err(faults);
        }

        for endpoint in data_layout.endpoints() {
            match self.by_token.get(endpoint.entity_token()) {
                // No clash, so it is the entity of the same name; its records stay.
                Some(&index) => self.all[index].endpoint = endpoint.clone(),
                None => {
                    self.by_token
                        .insert(endpoint.entity_token().clone(), self.all.len());
                    self.all.push(Entity {
                        endpoint: endpoint.clone(),
                        records: Records::default(),
                    });
                }
            }
        }
        Ok(())
    }

    /// What is wrong with an endpoint, given those that are registered. An entity is its name and
    /// its token together: requests carry the one, people read the other.
    fn clash(&self, endpoint: &Endpoint) -> Option<Fault> {
        let (name, token) = (endpoint.entity_name(), endpoint.entity_token());
        let problem = self.all.iter().find_map(|Entity { endpoint: held, .. }| {
            match (held.entity_name() == name, held.entity_token() == token) {
                (true, false) => Some(format!(
                    "has the entity token {token}, but is registered with {}: a token stays, because requests carry it",
                    held.entity_token()
                )),
                (false, true) => Some(format!(
                    "has the entity token {token}, which is that of {}: a token is unique within a system",
                    held.entity_name()
                )),
                _ => None,
            }
        })?;
        Some(Fault::new(endpoint.treekey(), problem))
    }

    /// The entity that a request is about.
    pub(crate) fn by_token(&mut self, token: &EntityToken) -> Result<&mut Entity, Refusal> {
        match self.by_token.get(token) {
            Some(&index) => Ok(&mut self.all[index]),
            None => Err(Refusal::UnknownEntityToken {
                token: token.as_str().to_owned(),
            }),
        }
    }

    fn by_name(&self, name: &str) -> Option<&Entity> {
        self.all
            .iter()
            .find(|entity| entity.endpoint.entity_name() == name)
    }

    pub(crate) fn record(&self, entity: &str, id: &str) -> Option<Bytes> {
        self.by_name(entity)?.records.body(id).cloned()
    }

    pub(crate) fn records(&self, entity: &str) -> Vec<StoredRecord> {
        self.by_name(entity)
            .map(|entity| entity.records.list())
            .unwrap_or_default()
    }

    /// All records as JSON, one a line. Put together as text, because a record that went through a
    /// `Value` would not be the bytes that came.
    pub(crate) fn dump(&self) -> String {
        let mut json = String::from("{\"entities\":[");
        for (index, Entity { endpoint, records }) in self.all.iter().enumerate() {
            json.push_str(if index > 0 { ",\n" } else { "\n" });
            json.push_str("{\"entity_name\":");
            json.push_str(&quoted(endpoint.entity_name()));
            json.push_str(",\"entity_token\":");
            json.push_str(&quoted(endpoint.entity_token().as_str()));
            json.push_str(",\"records\":[");
            for (index, StoredRecord { entity_id, body }) in records.list().iter().enumerate() {
                json.push_str(if index > 0 { ",\n" } else { "\n" });
                json.push_str("{\"entity_id\":");
                json.push_str(&quoted(entity_id));
                json.push_str(",\"record\":");
                json.push_str(
                    std::str::from_utf8(body).expect("it was parsed as JSON, which is UTF-8"),
                );
                json.push('}');
            }
            json.push_str("]}");
        }
        json.push_str("]}");
        json
    }
}

impl Entity {
    pub(crate) fn name(&self) -> &str {
        self.endpoint.entity_name()
    }

    /// Does what a request says, or nothing at all. Gives the treekeys of the record's keys that
    /// its layout does not know.
    pub(crate) fn change(
        &mut self,
        request: &RealtimeRequest,
        process_id: &str,
    ) -> Result<Vec<String>, Refusal> {
        let (record, unknown_keys) = if request.operation().has_record() {
            let record = Value::Object(parse_object(request.body())?);
            let valid = self.endpoint.validate(&record).map_err(Refusal::Record)?;
            (Some(record), valid.unknown_keys().to_vec())
        } else {
            (None, Vec::new())
        };
        let record = record.as_ref().and_then(Value::as_object);
        let identity = Identity::read(&self.endpoint, request, record)?;

        match request.operation() {
            Operation::Create => self.create(identity, process_id, request.body().clone())?,
            Operation::Update => self.update(identity, request.body().clone())?,
            Operation::Delete => {
                let key = self.find(&identity)?;
                self.records.remove(&key);
            }
        }
        Ok(unknown_keys)
    }

    fn create(&mut self, identity: Identity, process_id: &str, body: Bytes) -> Result<(), Refusal> {
        let (key, key_field) = match (identity.primary, identity.named) {
            (Some(key), _) => (key, None),
            (None, Some(key)) => (key, identity.shared_key),
            (None, None) => (process_id.to_owned(), None),
        };
        self.refuse_held(&key, key_field.as_deref())?;
        self.records.insert(key, key_field, body);
        Ok(())
    }

    fn update(&mut self, identity: Identity, body: Bytes) -> Result<(), Refusal> {
        let key = self.find(&identity)?;
        let new_key = match identity.primary {
            // Only a record that was found by its shared key can differ here.
            Some(primary) if primary != key => {
                self.refuse_other_primary_key(&key, &primary)?;
                self.refuse_held(&primary, None)?;
                primary
            }
            _ => key.clone(),
        };
        self.records.replace(&key, new_key, body);
        Ok(())
    }

    /// The key of the one held record that an update or a delete means.
    fn find(&self, identity: &Identity) -> Result<String, Refusal> {
        if let (Some(field), Some(id)) = (&identity.shared_key, &identity.named) {
            return match self.records.find_by(field, id) {
                Found::One(key) => Ok(key.to_owned()),
                Found::None => Err(self.no_such_record(field, id)),
                Found::Several => Err(Refusal::Ambiguous {
                    entity: self.name().to_owned(),
                    field: field.clone(),
                    id: id.clone(),
                }),
            };
        }
        let key = identity
            .primary
            .as_ref()
            .or(identity.named.as_ref())
            .ok_or(Refusal::NoId)?;
        if self.records.contains(key) {
            Ok(key.clone())
        } else {
            Err(self.no_such_record(self.key_name(), key))
        }
    }

    fn refuse_held(&self, key: &str, key_field: Option<&str>) -> Result<(), Refusal> {
        if !self.records.contains(key) {
            return Ok(());
        }
        Err(Refusal::RecordExists {
            entity: self.name().to_owned(),
            field: key_field.unwrap_or(self.key_name()).to_owned(),
            id: key.to_owned(),
        })
    }

    /// A record that came without its primary key may get one later, but never another one.
    fn refuse_other_primary_key(&self, key: &str, primary: &str) -> Result<(), Refusal> {
        let field = self.key_name();
        let held = self
            .records
            .body(key)
            .and_then(|body| field_text(body, field));
        match held {
            Some(held) if held != primary => {
                let fault = Fault::new(
                    format!("{}.{field}", self.endpoint.treekey()),
                    format!(
                        "is {primary:?}, but the record that is meant has {held:?}: an update cannot change the primary key"
                    ),
                );
                Err(Refusal::Record(fault.into()))
            }
            _ => Ok(()),
        }
    }

    fn no_such_record(&self, field: &str, id: &str) -> Refusal {
        Refusal::NoSuchRecord {
            entity: self.name().to_owned(),
            field: field.to_owned(),
            id: id.to_owned(),
        }
    }

    /// What a message calls the value that a record is kept under.
    fn key_name(&self) -> &str {
        self.endpoint.primary_key().map_or("Entity-Id", Field::name)
    }
}

fn collect(mut faults: impl Iterator<Item = Fault>) -> Option<Faults> {
    let mut all = Faults::from(faults.next()?);
    all.extend(faults);
    Some(all)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
