//! One entity of the connector, whatever its record's type is.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use dsync_core::wire::{EntityRequest, Operation, RecordAccess, Refusal, encode_record};
use dsync_core::{
    EntityId, EntityLayout, EntityState, EntityToken, Fault, Faults, FieldLayout, FieldType,
    Origin, Update, id_text, read_id, read_record,
};
use http::StatusCode;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::Context;
use crate::handler::{Handled, Handler, Record};
use crate::naming::{
    Named, canonical_value, fault, field, id_value, lane, named_by, primary_key, value_of,
};

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
    fn finds_by(&self, field: &FieldLayout) -> bool;

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
    /// The same by primary keys, of a record that has to be located before its turn by them can come.
    pub(crate) located_lanes: Vec<String>,
    /// Which record it is, as far as that is known.
    pub(crate) id: Option<(EntityId, &'static str)>,
    /// How the record is named, where that is not by its primary key: it has to be located.
    pub(crate) named_by: Option<Named>,
    /// Treekeys that the layout does not know.
    pub(crate) unknown_keys: Vec<String>,
    /// Carries it out, given the primary key of a record that had to be located.
    pub(crate) run: Run,
}

type Run = Box<dyn FnOnce(Context, Option<EntityId>) -> Running<'static, Done> + Send + Sync>;

/// A change that was carried out.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: StatusCode,
    field: &'static str,
    id: Box<RawValue>,
}

impl Done {
    /// `{id field: id}`.
    pub(crate) fn data(&self) -> impl Serialize {
        struct Data<'a>(&'static str, &'a RawValue);

        impl Serialize for Data<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut data = serializer.serialize_map(Some(1))?;
                data.serialize_entry(self.0, self.1)?;
                data.end()
            }
        }

        Data(self.field, &self.id)
    }
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
                .map_err(|error| fault(layout, primary, &error))?;
            lanes.push(lane(layout, primary, &own));
            id = Some((own, primary.name()));
        }
        let mut answer_by = primary;
        let mut shared_value = None;
        // What the platform says of a read-only field is dropped.
        let shared_key = shared_key.and_then(|name| field(layout, name));
        if let Some(field) = shared_key.filter(|field| !field.is_read_only())
            && let Some(value) = value_of(request.body(), field.name())
        {
            let shared = named_by(layout, field, &value)?;
            lanes.push(lane(layout, field, &shared));
            answer_by = field;
            shared_value = Some(id_value(field, &shared));
        }
        let handler = self.handler.clone();
        Ok(Prepared {
            lanes,
            located_lanes: Vec::new(),
            id,
            named_by: None,
            unknown_keys,
            run: Box::new(move |context, _| {
                scoped(context.origin.clone(), async move {
                    let id = handler.create(&context, record).await?;
                    let value = match shared_value {
                        Some(value) => value,
                        None => given_id::<T, H>(&id)?,
                    };
                    Ok(Done {
                        status: StatusCode::CREATED,
                        field: answer_by.name(),
                        id: value,
                    })
                })
            }),
        })
    }

    fn update(
        &self,
        request: &EntityRequest,
        named: Named,
        shared_key: Option<&str>,
    ) -> Result<Prepared, Refusal> {
        let layout = T::LAYOUT;
        let change = Update::<T>::read(named.id.clone(), request.body())?;
        let unknown_keys = change.unknown_keys().to_vec();
        self.known(&unknown_keys)?;
        let mut lanes = vec![named.lane(layout)];
        // A change that gives the record another id concerns that one, too.
        let (mut new_id, mut located_lanes) = (None, Vec::new());
        let shared_key = shared_key.and_then(|name| field(layout, name));
        for field in [Some(primary_key(layout)), shared_key]
            .into_iter()
            .flatten()
        {
            let value = change.value(field.name());
            if let Some(value) = value.filter(|value| value.get() != "null") {
                let id = named_by(layout, field, value)?;
                let lane = lane(layout, field, &id);
                if field.is_primary_key() && !named.is_primary() {
                    located_lanes.push(lane);
                } else {
                    lanes.push(lane);
                }
                if field.name() == named.field.name() {
                    new_id = Some(id_value(field, &id));
                }
            }
        }
        let id = Some((named.id.clone(), named.field.name()));
        let handler = self.handler.clone();
        Ok(Prepared {
            lanes,
            located_lanes,
            id,
            named_by: named.unless_primary(),
            unknown_keys,
            run: Box::new(move |context, located| {
                scoped(context.origin.clone(), async move {
                    let id = named.primary_id::<T, H>(located.as_ref())?;
                    handler.update(&context, &id, change).await?;
                    let value = new_id.unwrap_or_else(|| id_value(named.field, &named.id));
                    Ok(done(&named, value))
                })
            }),
        })
    }

    fn delete(&self, named: Named) -> Prepared {
        let handler = self.handler.clone();
        Prepared {
            lanes: vec![named.lane(T::LAYOUT)],
            located_lanes: Vec::new(),
            id: Some((named.id.clone(), named.field.name())),
            named_by: named.unless_primary(),
            unknown_keys: Vec::new(),
            run: Box::new(move |context, located| {
                scoped(context.origin.clone(), async move {
                    let id = named.primary_id::<T, H>(located.as_ref())?;
                    handler.delete(&context, &id).await?;
                    Ok(done(&named, id_value(named.field, &named.id)))
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
            let named = Named::new(T::LAYOUT, id, request.entity_id_field(), shared_key)?;
            self.canonical(named)
        };
        match request.access() {
            RecordAccess::Change(Operation::Create) => self.create(request, shared_key),
            RecordAccess::Change(Operation::Update) => self.update(request, named()?, shared_key),
            RecordAccess::Change(Operation::Delete) => Ok(self.delete(named()?)),
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

    fn finds_by(&self, field: &FieldLayout) -> bool {
        self.handler.finds_by(field.name())
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
            let mut asked = limit;
            loop {
                let mut records = self.handler.page(context, after.as_ref(), asked).await?;
                let got = records.len();
                // The platform could not name these, and the others need not suffer.
                records.retain(|record| match record.primary_key().to_entity_id() {
                    Ok(_) => true,
                    Err(error) => {
                        let entity = T::LAYOUT.name();
                        tracing::warn!(entity, %error, "a record is left out of a synchronisation");
                        false
                    }
                });
                let left_out = got - records.len();
                let is_end = got < asked;
                if !is_end && records.len() < limit && asked > limit.saturating_mul(10) {
                    return Err(std::io::Error::other(
                        "too many records in a row have an id that cannot travel",
                    )
                    .into());
                }
                // Fewer than the limit say that no more follow, so the place of each is filled.
                if !is_end && records.len() < limit {
                    asked += left_out;
                    continue;
                }
                records.truncate(limit);
                let page = records.into_iter().map(|record| {
                    let id = record.primary_key().to_entity_id()?;
                    let json = String::from_utf8(encode_record(&record)?.into())?;
                    Ok((id, RawValue::from_string(json)?))
                });
                return page.collect();
            }
        })
    }
}

impl<T: Record, H: Handler<T>> Handling<T, H> {
    /// The one way of writing an id of which there may be several: a UUID in capitals is the same one. An id
    /// that cannot be one is refused before anything else is done.
    fn canonical(&self, named: Named) -> Result<Named, Refusal> {
        let Named { id, field } = named;
        let id = if field.is_primary_key() {
            let read = read_id::<H::Id>(field, &id)?;
            id_text(&read).unwrap_or(id)
        } else {
            read_id::<Value>(field, &id)?;
            canonical_value(field, id)
        };
        Ok(Named { id, field })
    }
}

/// The work of a handler, within the scope of its origin from its first line on.
fn scoped<'a, T>(
    origin: Option<Origin>,
    work: impl Future<Output = Handled<T>> + Send + 'a,
) -> Running<'a, T> {
    let mut work = Box::pin(work);
    match origin {
        // `Origin::scope` would hold the work, and the record in it, twice.
        Some(origin) => Box::pin(poll_fn(move |context| {
            origin.in_scope(|| work.as_mut().poll(context))
        })),
        None => work,
    }
}

fn done(named: &Named, id: Box<RawValue>) -> Done {
    Done {
        status: StatusCode::OK,
        field: named.field.name(),
        id,
    }
}

/// The id that a handler gave a record, as the layout has it.
fn given_id<T: Record, H: Handler<T>>(id: &H::Id) -> Handled<Box<RawValue>> {
    let value = to_raw_value(id)?;
    let primary = primary_key(T::LAYOUT);
    let is_text = value.get().starts_with('"');
    if is_text == matches!(primary.field_type(), FieldType::Number | FieldType::Boolean) {
        return Err(std::io::Error::other(format!(
            "the handler's `Id` is `{}`, but the primary key {:?} of {:?} is of the type {}: make it that of the field",
            std::any::type_name::<H::Id>(),
            primary.name(),
            T::LAYOUT.name(),
            primary.field_type(),
        ))
        .into());
    }
    Ok(value)
}

/// An entity as the connector knows it.
pub(crate) struct Registered {
    pub(crate) entity: Box<dyn Entity>,
    pub(crate) token: EntityToken,
}

impl Registered {
    /// The field by which the platform names records, where that is not the primary key.
    pub(crate) fn shared_key(&self, known: EntityState) -> Option<String> {
        let primary = primary_key(self.entity.layout()).name();
        known.shared_key.filter(|field| field != primary)
    }
}
