//! One entity of the connector, whatever its record's type is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use dsync_core::wire::{EntityRequest, Operation, RecordAccess, Refusal, encode_record, headers};
use dsync_core::{
    EntityId, EntityLayout, EntityToken, FieldLayout, FieldType, Update, id_text, read_id,
    read_record,
};
use http::StatusCode;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::Context;
use crate::handler::{Handled, Handler, Record};

pub(crate) type Running<'a, T> = Pin<Box<dyn Future<Output = Handled<T>> + Send + 'a>>;

/// An entity with its handler.
pub(crate) trait Entity: Send + Sync {
    fn layout(&self) -> &'static EntityLayout;

    /// Reads a change, and holds it against the layout. Nothing is carried out.
    fn prepare(
        &self,
        request: &EntityRequest,
        shared_key: Option<&str>,
    ) -> Result<Prepared, Refusal>;

    /// The JSON of a record; nothing if there is none.
    fn read<'a>(&'a self, context: &'a Context, named: Named) -> Running<'a, Option<Bytes>>;

    /// Whether records can be found by this field: its handler may not be able to.
    fn finds<'a>(&'a self, context: &'a Context, field: &'static FieldLayout) -> Running<'a, ()>;

    /// The primary key of a record that is named by another field.
    fn locate<'a>(
        &'a self,
        context: &'a Context,
        named: &'a Named,
    ) -> Running<'a, Option<EntityId>>;

    /// The lane of a record, by its primary key.
    fn lane(&self, id: &EntityId) -> String {
        lane(self.layout(), primary_key(self.layout()), id)
    }

    fn count<'a>(&'a self, context: &'a Context) -> Running<'a, u64>;

    /// The records after an id, each with its own.
    fn page<'a>(
        &'a self,
        context: &'a Context,
        after: Option<&'a EntityId>,
        limit: usize,
    ) -> Running<'a, Vec<(EntityId, Box<RawValue>)>>;
}

/// A change that fits the layout, and can be carried out.
pub(crate) struct Prepared {
    /// What the change must not overtake: the record, by each field that names it.
    pub(crate) lanes: Vec<String>,
    /// Which record it is, as far as that is known.
    pub(crate) id: Option<(EntityId, String)>,
    /// How the record is named, where that is not by its primary key: it has to be located.
    pub(crate) named_by: Option<Named>,
    /// Treekeys that the layout does not know.
    pub(crate) unknown_keys: Vec<String>,
    /// Carries it out, given the primary key of a record that had to be located.
    pub(crate) run: Run,
}

type Run = Box<dyn FnOnce(Context, Option<EntityId>) -> Running<'static, Done> + Send + Sync>;

impl Prepared {
    /// The request with the field that its id is read by, so that it means the same record when it is tried
    /// again, whatever the shared key is then.
    pub(crate) fn to_be_kept(&self, request: &EntityRequest) -> EntityRequest {
        let request = request.clone();
        match (&self.id, request.entity_id()) {
            (Some((_, field)), Some(_)) if request.entity_id_field().is_none() => request
                .with_id_field(field)
                .expect("a field of the layout has a name that can travel in a header"),
            _ => request,
        }
    }
}

/// A change that was carried out.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: StatusCode,
    /// `{id field: id}`.
    pub(crate) data: Box<RawValue>,
}

/// How a request names a record.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: EntityId,
    pub(crate) field: &'static FieldLayout,
}

impl Named {
    /// The field that the request states, else the shared key, else the primary key: that is what the
    /// answer to a create told.
    pub(crate) fn new(
        layout: &'static EntityLayout,
        id: &EntityId,
        stated: Option<&str>,
        shared_key: Option<&str>,
    ) -> Result<Self, Refusal> {
        let primary = primary_key(layout);
        let name = stated.or(shared_key).unwrap_or(primary.name());
        let field = if name == primary.name() {
            primary
        } else if Some(name) == shared_key {
            layout
                .fields()
                .iter()
                .find(|field| field.name() == name)
                .ok_or_else(|| unknown_field(name, primary, shared_key))?
        } else {
            return Err(unknown_field(name, primary, shared_key));
        };
        Ok(Self {
            id: id.clone(),
            field,
        })
    }

    fn is_primary(&self) -> bool {
        self.field.is_primary_key()
    }

    fn unless_primary(&self) -> Option<Self> {
        (!self.is_primary()).then(|| self.clone())
    }

    /// The handler's id of the record: what names it, or what it was located by that.
    fn primary_id<T: Record, H: Handler<T>>(
        &self,
        located: Option<&EntityId>,
    ) -> Result<H::Id, Refusal> {
        read_id(primary_key(T::LAYOUT), located.unwrap_or(&self.id))
    }

    fn lane(&self, layout: &EntityLayout) -> String {
        lane(layout, self.field, &self.id)
    }
}

fn unknown_field(name: &str, primary: &FieldLayout, shared_key: Option<&str>) -> Refusal {
    let problem = match shared_key {
        Some(shared_key) => format!(
            "records are named by {:?} or the shared key {shared_key:?}, not by {name:?}",
            primary.name()
        ),
        None => format!(
            "records are named by {:?}, not by {name:?}: no shared key is set",
            primary.name()
        ),
    };
    Refusal::HeaderInvalid {
        header: headers::ENTITY_ID_FIELD,
        problem,
    }
}

/// One record, named by one field. A line break cannot be in either text.
fn lane(layout: &EntityLayout, field: &FieldLayout, id: &EntityId) -> String {
    format!("{}\n{}\n{id}", layout.name(), field.name())
}

pub(crate) fn primary_key(layout: &'static EntityLayout) -> &'static FieldLayout {
    layout
        .primary_key()
        .expect("`build` has seen that there is one")
}

/// A handler, and the type of the record that it handles.
pub(crate) struct Handling<T, H> {
    handler: Arc<H>,
    strict: bool,
    record: std::marker::PhantomData<fn() -> T>,
}

impl<T, H> Handling<T, H> {
    pub(crate) fn new(handler: H, strict: bool) -> Self {
        Self {
            handler: Arc::new(handler),
            strict,
            record: std::marker::PhantomData,
        }
    }

    fn known(&self, unknown_keys: &[String]) -> Result<(), Refusal> {
        use dsync_core::{Fault, Faults};

        let mut faults = unknown_keys
            .iter()
            .filter(|_| self.strict)
            .map(|key| Fault::new(key, "is not a field of the data layout"));
        let Some(first) = faults.next() else {
            return Ok(());
        };
        let mut all = Faults::from(first);
        all.extend(faults);
        Err(Refusal::Record(all))
    }
}

impl<T: Record, H: Handler<T>> Handling<T, H> {
    fn create(
        &self,
        request: &EntityRequest,
        shared_key: Option<&str>,
    ) -> Result<Prepared, Refusal> {
        let layout = T::LAYOUT;
        let received = read_record::<T>(request.body())?;
        let unknown_keys = received.unknown_keys().to_vec();
        self.known(&unknown_keys)?;
        let record = received.into_record();
        let primary = primary_key(layout);
        let mut lanes = Vec::new();
        let mut id = None;
        // The system gives a read-only one itself, so the record has none yet.
        if !primary.is_read_only() {
            let own = record
                .primary_key()
                .to_entity_id()
                .map_err(|error| fault(layout, primary, &error.to_string()))?;
            lanes.push(lane(layout, primary, &own));
            id = Some((own, primary.name().to_owned()));
        }
        let mut answer_by = primary;
        let mut shared_value = None;
        if let Some(field) = shared_key.and_then(|name| field(layout, name))
            && let Some((value, text)) = value_of(request.body(), field.name())
        {
            if let Some(text) = text {
                lanes.push(lane(layout, field, &text));
            }
            answer_by = field;
            shared_value = Some(value);
        }
        let handler = self.handler.clone();
        Ok(Prepared {
            lanes,
            id,
            named_by: None,
            unknown_keys,
            run: Box::new(move |context, _| {
                Box::pin(async move {
                    let id = handler.create(&context, record).await?;
                    let value = match shared_value {
                        Some(value) => value,
                        None => to_raw_value(&id)?,
                    };
                    Ok(Done {
                        status: StatusCode::CREATED,
                        data: id_data(answer_by.name(), &value)?,
                    })
                })
            }),
        })
    }

    fn update(&self, request: &EntityRequest, named: Named) -> Result<Prepared, Refusal> {
        let layout = T::LAYOUT;
        let change = Update::<T>::read(named.id.clone(), request.body())?;
        let unknown_keys = change.unknown_keys().to_vec();
        self.known(&unknown_keys)?;
        let mut lanes = vec![named.lane(layout)];
        // A change that gives the record another id concerns that one, too.
        let new_id = value_of_update(&change, named.field.name());
        if let Some((_, Some(text))) = &new_id {
            lanes.push(lane(layout, named.field, text));
        }
        let id = Some((named.id.clone(), named.field.name().to_owned()));
        let handler = self.handler.clone();
        Ok(Prepared {
            lanes,
            id,
            named_by: named.unless_primary(),
            unknown_keys,
            run: Box::new(move |context, located| {
                Box::pin(async move {
                    let id = named.primary_id::<T, H>(located.as_ref())?;
                    handler.update(&context, &id, change).await?;
                    let value = match new_id {
                        Some((value, _)) => value,
                        None => id_value(&named)?,
                    };
                    done(&named, &value)
                })
            }),
        })
    }

    fn delete(&self, named: Named) -> Prepared {
        let handler = self.handler.clone();
        Prepared {
            lanes: vec![named.lane(T::LAYOUT)],
            id: Some((named.id.clone(), named.field.name().to_owned())),
            named_by: named.unless_primary(),
            unknown_keys: Vec::new(),
            run: Box::new(move |context, located| {
                Box::pin(async move {
                    let id = named.primary_id::<T, H>(located.as_ref())?;
                    handler.delete(&context, &id).await?;
                    done(&named, &id_value(&named)?)
                })
            }),
        }
    }
}

impl<T: Record, H: Handler<T>> Entity for Handling<T, H> {
    fn layout(&self) -> &'static EntityLayout {
        T::LAYOUT
    }

    fn prepare(
        &self,
        request: &EntityRequest,
        shared_key: Option<&str>,
    ) -> Result<Prepared, Refusal> {
        let named = || {
            let id = request
                .entity_id()
                .expect("a request that is no create has one");
            Named::new(T::LAYOUT, id, request.entity_id_field(), shared_key)
        };
        match request.access() {
            RecordAccess::Change(Operation::Create) => self.create(request, shared_key),
            RecordAccess::Change(Operation::Update) => {
                let named = named()?;
                self.check_id(&named)?;
                self.update(request, named)
            }
            RecordAccess::Change(Operation::Delete) => {
                let named = named()?;
                self.check_id(&named)?;
                Ok(self.delete(named))
            }
            RecordAccess::Read => unreachable!("a read is no change"),
        }
    }

    fn read<'a>(&'a self, context: &'a Context, named: Named) -> Running<'a, Option<Bytes>> {
        Box::pin(async move {
            let located = self.locate(context, &named).await?;
            if !named.is_primary() && located.is_none() {
                return Ok(None);
            }
            let id = named.primary_id::<T, H>(located.as_ref())?;
            match self.handler.read(context, &id).await? {
                Some(record) => Ok(Some(encode_record(&record)?)),
                None => Ok(None),
            }
        })
    }

    fn finds<'a>(&'a self, context: &'a Context, field: &'static FieldLayout) -> Running<'a, ()> {
        Box::pin(async move {
            self.handler
                .find(context, field.name(), &Value::Null)
                .await
                .map(drop)
        })
    }

    fn locate<'a>(
        &'a self,
        context: &'a Context,
        named: &'a Named,
    ) -> Running<'a, Option<EntityId>> {
        Box::pin(async move {
            if named.is_primary() {
                return Ok(None);
            }
            let value: Value = read_id(named.field, &named.id)?;
            let found = self
                .handler
                .find(context, named.field.name(), &value)
                .await?;
            Ok(match found {
                Some(id) => Some(id_text(&id)?),
                None => None,
            })
        })
    }

    fn count<'a>(&'a self, context: &'a Context) -> Running<'a, u64> {
        Box::pin(self.handler.count(context))
    }

    fn page<'a>(
        &'a self,
        context: &'a Context,
        after: Option<&'a EntityId>,
        limit: usize,
    ) -> Running<'a, Vec<(EntityId, Box<RawValue>)>> {
        Box::pin(async move {
            let after: Option<H::Id> = match after {
                Some(id) => Some(read_id(primary_key(T::LAYOUT), id)?),
                None => None,
            };
            let records = self.handler.page(context, after.as_ref(), limit).await?;
            records
                .into_iter()
                .map(|record| {
                    let id = record.primary_key().to_entity_id()?;
                    let json = encode_record(&record)?;
                    let json = String::from_utf8(json.into())?;
                    Ok((id, RawValue::from_string(json)?))
                })
                .collect()
        })
    }
}

impl<T: Record, H: Handler<T>> Handling<T, H> {
    /// An id that cannot be one is refused before anything else is done.
    fn check_id(&self, named: &Named) -> Result<(), Refusal> {
        if named.is_primary() {
            read_id::<H::Id>(named.field, &named.id).map(drop)
        } else {
            read_id::<Value>(named.field, &named.id).map(drop)
        }
    }
}

fn done(named: &Named, value: &RawValue) -> Handled<Done> {
    Ok(Done {
        status: StatusCode::OK,
        data: id_data(named.field.name(), value)?,
    })
}

/// The JSON of an id that came as text.
fn id_value(named: &Named) -> Handled<Box<RawValue>> {
    let json = match named.field.field_type() {
        FieldType::Number | FieldType::Boolean => named.id.as_str().to_owned(),
        _ => serde_json::to_string(named.id.as_str())?,
    };
    Ok(RawValue::from_string(json)?)
}

/// `{field: value}`.
fn id_data(field: &str, value: &RawValue) -> Handled<Box<RawValue>> {
    let field = serde_json::to_string(field)?;
    Ok(RawValue::from_string(format!("{{{field}:{value}}}"))?)
}

/// The value of a field in a record, and its text where it can name the record.
fn value_of(record: &[u8], field: &str) -> Option<(Box<RawValue>, Option<EntityId>)> {
    let values: std::collections::HashMap<String, &RawValue> =
        serde_json::from_slice(record).ok()?;
    named_by(values.get(field)?)
}

fn value_of_update<T: Record>(
    change: &Update<T>,
    field: &str,
) -> Option<(Box<RawValue>, Option<EntityId>)> {
    named_by(change.value(field)?)
}

fn named_by(value: &RawValue) -> Option<(Box<RawValue>, Option<EntityId>)> {
    let text = match serde_json::from_str(value.get()).ok()? {
        Value::Null => return None,
        Value::String(text) => EntityId::new(text).ok(),
        Value::Array(_) | Value::Object(_) => None,
        Value::Bool(_) | Value::Number(_) => EntityId::new(value.get()).ok(),
    };
    Some((value.to_owned(), text))
}

fn field(layout: &'static EntityLayout, name: &str) -> Option<&'static FieldLayout> {
    layout.fields().iter().find(|field| field.name() == name)
}

fn fault(layout: &EntityLayout, field: &FieldLayout, problem: &str) -> Refusal {
    use dsync_core::{Fault, Faults};

    let treekey = format!("{}.{}", layout.name(), field.name());
    Refusal::Record(Faults::from(Fault::new(treekey, problem)))
}

/// An entity as the connector knows it.
pub(crate) struct Registered {
    pub(crate) entity: Box<dyn Entity>,
    pub(crate) token: EntityToken,
}
