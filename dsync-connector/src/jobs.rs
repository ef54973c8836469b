//! What the platform sets on an entity: its job, and its shared key.

use bytes::Bytes;
use dsync_core::wire::{Refusal, parse_object};
use dsync_core::{FieldLayout, FieldType};
use http::{Request, StatusCode};
use serde_json::{Map, Value};

use crate::Connector;
use crate::entity::Registered;
use crate::handler::HandlerError;
use crate::reply::Reply;

impl Connector {
    /// `entity/<name>/set_job`: with a job the entity is switched on, without one it is off.
    pub(crate) fn set_job(
        &self,
        entity: &Registered,
        request: &Request<Bytes>,
    ) -> Result<Reply, Refusal> {
        let name = entity.entity.layout().name();
        let job = match setting(request.body())?.remove("job_id") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
            // Nothing says what it looks like.
            Some(other) => Some(other.to_string()),
        };
        let is_on = job.is_some();
        Ok(match self.0.state.set_job(name, job) {
            Ok(()) => {
                let said = if is_on { "on" } else { "off" };
                Reply::plain(StatusCode::OK, format!("{name} is switched {said}"))
            }
            Err(error) => self.not_kept(&error),
        })
    }

    /// `entity/<name>/set_sharedkey`: the field by which both sides recognise a record.
    pub(crate) fn set_shared_key(
        &self,
        entity: &Registered,
        request: &Request<Bytes>,
    ) -> Result<Reply, Refusal> {
        let layout = entity.entity.layout();
        let key = match setting(request.body())?.remove("shared_key") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
            Some(_) => {
                return Ok(Reply::plain(
                    StatusCode::BAD_REQUEST,
                    "the shared_key must be the name of a field, a text",
                ));
            }
        };
        if let Some(key) = &key {
            // As a treekey, or as the keys of a record are written.
            let prefix = format!("{}.", layout.name());
            let field = key.strip_prefix(&prefix).unwrap_or(key);
            let field = layout.fields().iter().find(|known| known.name() == field);
            let Some(field) = field.filter(|field| names_records(field)) else {
                let shown: String = key.chars().take(100).collect();
                return Ok(Reply::plain(
                    StatusCode::BAD_REQUEST,
                    format!(
                        "{shown:?} is no field of {} that could name a record: it must be one of the first level with a single text or number",
                        layout.name()
                    ),
                ));
            };
            if !field.is_primary_key() && !entity.entity.finds_by(field) {
                let error = HandlerError::unsupported("find");
                return Ok(Reply::of_error(layout.name(), &error));
            }
            return Ok(self.keep_shared_key(layout.name(), Some(field.name())));
        }
        Ok(self.keep_shared_key(layout.name(), None))
    }

    fn keep_shared_key(&self, entity: &str, key: Option<&str>) -> Reply {
        match self.0.state.set_shared_key(entity, key.map(str::to_owned)) {
            Ok(()) => {
                let message = match key {
                    Some(key) => format!("{entity} is recognised by {key}"),
                    None => format!("{entity} has no shared key"),
                };
                Reply::plain(StatusCode::OK, message)
            }
            Err(error) => self.not_kept(&error),
        }
    }
}

/// The body of a setting. None is as good as an empty one.
fn setting(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    parse_object(body)
}

/// Whether a field's value has one text, and more than two of them.
fn names_records(field: &FieldLayout) -> bool {
    !field.is_multiple()
        && !matches!(
            field.field_type(),
            FieldType::Boolean | FieldType::Object | FieldType::Math | FieldType::Custom
        )
}
