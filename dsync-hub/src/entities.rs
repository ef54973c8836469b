//! Everything the hub holds: the entities that are registered, each with its records.

use std::collections::HashMap;

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest, Refusal, parse_object};
use dsync_core::{DataLayout, Endpoint, EntityToken, Fault, Faults, Field};
use serde_json::{Map, Value};

use crate::answered::shown;
use crate::identity::{self, Identity, SharedName, text_of};
use crate::record_key::{Found, RecordKey};
use crate::records::{KeptUnder, Records, StoredRecord};
use crate::shared_key::value_in;

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
                Some(&index) => {
                    self.all[index].endpoint = endpoint.clone();
                    self.all[index].records.forget_shared_keys();
                }
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
        if let Some(SharedName { field, .. }) = &identity.shared {
            let field_type = identity::field(&self.endpoint, field).and_then(Field::field_type);
            self.records.track(field, field_type);
        }

        let body = request.body().clone();
        match (request.operation(), record) {
            (Operation::Create, Some(record)) => self.create(identity, process_id, record, body)?,
            (Operation::Update, Some(record)) => self.update(identity, record, body)?,
            // Only a delete has no record.
            (Operation::Delete, _) | (_, None) => {
                let key = self.find(&identity)?;
                self.records.remove(key);
            }
        }
        Ok(unknown_keys)
    }

    fn create(
        &mut self,
        identity: Identity,
        process_id: &str,
        record: &Map<String, Value>,
        body: Bytes,
    ) -> Result<(), Refusal> {
        if let Some(id) = &identity.own
            && self.with_id(id) != Found::None
        {
            return Err(self.exists(self.key_name(), id));
        }
        if let Some(SharedName { field, id, .. }) = &identity.shared
            && self.records.with_shared_key(field, id) != Found::None
        {
            return Err(self.exists(field, id));
        }
        let kept_under = match (identity.own, &identity.shared) {
            (Some(id), _) => KeptUnder::Id(id),
            (None, Some(SharedName { field, id, .. })) => KeptUnder::SharedKey {
                field: field.clone(),
                id: id.clone(),
            },
            (None, None) => KeptUnder::ProcessId(process_id.to_owned()),
        };
        self.records
            .insert(kept_under, identity.shared, record, body);
        Ok(())
    }

    fn update(
        &mut self,
        identity: Identity,
        record: &Map<String, Value>,
        body: Bytes,
    ) -> Result<(), Refusal> {
        let key = self.find(&identity)?;
        if let Some(primary) = &identity.primary {
            if identity.shared.is_some() {
                self.refuse_other_primary_key(key, primary)?;
            }
            if self
                .records
                .with_own_id(primary)
                .is_some_and(|held| held != key)
            {
                return Err(self.exists(self.key_name(), primary));
            }
        }
        if let Some(SharedName { field, new_id, .. }) = &identity.shared
            && let Some(new_id) = new_id
            && self.records.with_shared_key(field, new_id) != Found::None
        {
            return Err(self.exists(field, new_id));
        }
        let kept_under = identity.primary.map(KeptUnder::Id);
        self.records
            .replace(key, kept_under, identity.shared, record, body);
        Ok(())
    }

    /// The one held record that an update or a delete means.
    fn find(&self, identity: &Identity) -> Result<RecordKey, Refusal> {
        let (found, field, id) = match (&identity.shared, &identity.own) {
            (Some(SharedName { field, id, .. }), _) => {
                (self.records.with_shared_key(field, id), &**field, id)
            }
            (None, Some(id)) => (self.with_id(id), self.key_name(), id),
            (None, None) => return Err(Refusal::NoId),
        };
        match found {
            Found::One(key) => Ok(key),
            Found::None => Err(self.no_such_record(field, id)),
            Found::Several => Err(Refusal::Ambiguous {
                entity: self.name().to_owned(),
                field: field.to_owned(),
                id: id.clone(),
            }),
        }
    }

    /// What an id means that comes without a shared key's name: the primary key or, in an entity
    /// that has none, whatever a record is kept under.
    fn with_id(&self, id: &str) -> Found {
        match self.endpoint.primary_key() {
            Some(_) => self.records.with_own_id(id).into_iter().collect(),
            None => self.records.kept_under(id),
        }
    }

    /// A record that is named by a shared key may get a primary key if it came without, but no
    /// other one: a different primary key there means that the shared key found the wrong record.
    fn refuse_other_primary_key(&self, key: RecordKey, primary: &str) -> Result<(), Refusal> {
        let (Some(field), Some(held)) = (self.endpoint.primary_key(), self.records.get(key)) else {
            return Ok(());
        };
        let in_body = value_in(&held.body, field.name())
            .and_then(|value| text_of(field.field_type(), &value).ok());
        let held = match (in_body, &held.kept_under) {
            (Some(id), _) => id,
            (None, KeptUnder::Id(id)) => id.clone(),
            (None, KeptUnder::SharedKey { .. } | KeptUnder::ProcessId(_)) => return Ok(()),
        };
        if held == primary {
            return Ok(());
        }
        let fault = Fault::new(
            format!("{}.{}", self.endpoint.treekey(), field.name()),
            format!(
                "is {:?}, but the record that is meant has {:?}: an update by another field cannot change the primary key",
                shown(primary),
                shown(&held)
            ),
        );
        Err(Refusal::Record(fault.into()))
    }

    fn exists(&self, field: &str, id: &str) -> Refusal {
        Refusal::RecordExists {
            entity: self.name().to_owned(),
            field: field.to_owned(),
            id: id.to_owned(),
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
