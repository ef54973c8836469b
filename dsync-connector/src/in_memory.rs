//! A handler that is ready: for tests and first steps.

use std::borrow::Borrow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dsync_core::wire::encode_record;
use dsync_core::{FieldType, Update, read_id};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Context;
use crate::handler::{Handled, Handler, HandlerError, Record, RecordId};
use crate::naming::primary_key;

/// Keeps an entity's records in memory, by their primary keys, whose type is `I`.
///
/// Clones are handles of the same records, so a test keeps one and looks in. An entity whose primary key
/// is read-only gets its ids here: 1, 2, 3 and so on.
///
/// # Examples
///
/// ```
/// # extern crate dsync_core as dsync;
/// # use dsync_derive::DsyncEntity;
/// # use serde::{Deserialize, Serialize};
/// use dsync_connector::{Connector, InMemory};
///
/// #[derive(Clone, Serialize, Deserialize, DsyncEntity)]
/// struct Order {
///     #[dsync(primary_key)]
///     number: u32,
/// }
///
/// let orders = InMemory::<Order, u32>::new();
/// orders.insert(Order { number: 7 });
/// assert_eq!(orders.get(&7).unwrap().number, 7);
/// let connector = Connector::builder("the-api-key")
///     .entity::<Order>(orders)
///     .build()?;
/// # Ok::<(), dsync_connector::BuildError>(())
/// ```
pub struct InMemory<T, I = String>(Arc<Shared<T, I>>);

struct Shared<T, I> {
    records: Mutex<BTreeMap<I, T>>,
    /// The last id that was given. None is given twice, also if its record is gone.
    last: AtomicU64,
}

impl<T, I> InMemory<T, I>
where
    T: Record + Clone,
    I: RecordId + Ord,
{
    /// No records.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            records: Mutex::default(),
            last: AtomicU64::new(0),
        }))
    }

    /// Puts a record in, in the place of one with the same primary key.
    ///
    /// # Panics
    ///
    /// If the primary key is none that an `I` can be read from.
    pub fn insert(&self, record: T) {
        let id = own_id(&record).expect("the record has an id of the type that was stated");
        self.records().insert(id, record);
    }

    /// The record with a primary key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, id: &Q) -> Option<T>
    where
        I: Borrow<Q>,
    {
        self.records().get(id).cloned()
    }

    /// Takes a record out.
    pub fn remove<Q: Ord + ?Sized>(&self, id: &Q) -> Option<T>
    where
        I: Borrow<Q>,
    {
        self.records().remove(id)
    }

    /// All records, ordered by primary key.
    #[must_use]
    pub fn all(&self) -> Vec<T> {
        self.records().values().cloned().collect()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records().len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records().is_empty()
    }
}

impl<T, I> InMemory<T, I> {
    fn records(&self) -> MutexGuard<'_, BTreeMap<I, T>> {
        // Each use is one call on a map, after everything that may fail.
        let records = self.0.records.lock();
        records.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, I> Default for InMemory<T, I>
where
    T: Record + Clone,
    I: RecordId + Ord,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<T, I> Clone for InMemory<T, I> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, I> fmt::Debug for InMemory<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory")
            .field("records", &self.records().len())
            .finish()
    }
}

impl<T, I> Handler<T> for InMemory<T, I>
where
    T: Record + Clone,
    I: RecordId + Ord,
{
    type Id = I;

    async fn create(&self, _context: &Context, record: T) -> Handled<I> {
        let mut records = self.records();
        if !primary_key(T::LAYOUT).is_read_only() {
            let id: I = own_id(&record)?;
            if records.contains_key(&id) {
                let id = serde_json::to_string(&id)?;
                let name = T::LAYOUT.name();
                return Err(HandlerError::refused(format!(
                    "there is a {name} {id} already: update that one"
                )));
            }
            records.insert(id.clone(), record);
            return Ok(id);
        }
        loop {
            let number = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
            let (id, record) = with_id::<T, I>(&record, number)?;
            if let Entry::Vacant(free) = records.entry(id.clone()) {
                free.insert(record);
                return Ok(id);
            }
        }
    }

    async fn read(&self, _context: &Context, id: &I) -> Handled<Option<T>> {
        Ok(self.records().get(id).cloned())
    }

    /// Also one that gives the record another primary key.
    async fn update(&self, context: &Context, id: &I, change: Update<T>) -> Handled<()> {
        let current = self.records().get(id).cloned();
        let merged = change.merge(&current.ok_or_else(HandlerError::not_found)?)?;
        self.store(context, id, merged).await
    }

    async fn store(&self, _context: &Context, id: &I, record: T) -> Handled<()> {
        let new_id: I = own_id(&record)?;
        let mut records = self.records();
        if !records.contains_key(id) {
            return Err(HandlerError::not_found());
        }
        if new_id != *id {
            if records.contains_key(&new_id) {
                return Err(HandlerError::refused(
                    "another record has the new primary key already",
                ));
            }
            records.remove(id);
        }
        records.insert(new_id, record);
        Ok(())
    }

    async fn delete(&self, _context: &Context, id: &I) -> Handled<()> {
        match self.records().remove(id) {
            Some(_) => Ok(()),
            None => Err(HandlerError::not_found()),
        }
    }

    fn finds_by(&self, _field: &str) -> bool {
        true
    }

    async fn find(&self, _context: &Context, field: &str, value: &Value) -> Handled<Option<I>> {
        for (id, record) in &*self.records() {
            let json = encode_record(record)?;
            let values: HashMap<String, Value> = serde_json::from_slice(&json)?;
            if values.get(field).is_some_and(|own| is_same(own, value)) {
                return Ok(Some(id.clone()));
            }
        }
        Ok(None)
    }

    async fn count(&self, _context: &Context) -> Handled<u64> {
        Ok(self.records().len() as u64)
    }

    async fn page(&self, _context: &Context, after: Option<&I>, limit: usize) -> Handled<Vec<T>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.records();
        let following = records.range::<I, _>((from, Bound::Unbounded));
        Ok(following
            .take(limit)
            .map(|(_, record)| record.clone())
            .collect())
    }
}

/// Whether two values are one: 7 and 7.0 are, because the one may come where the other is written.
fn is_same(own: &Value, value: &Value) -> bool {
    match (own, value) {
        (Value::Null, _) => false,
        (Value::Number(own), Value::Number(value)) if own.is_f64() || value.is_f64() => {
            own.as_f64() == value.as_f64()
        }
        _ => own == value,
    }
}

fn own_id<T: Record, I: RecordId>(record: &T) -> Handled<I> {
    let id = record.primary_key().to_entity_id()?;
    Ok(read_id(primary_key(T::LAYOUT), &id)?)
}

/// The record with a number for its id.
fn with_id<T: Record, I: RecordId>(record: &T, number: u64) -> Handled<(I, T)> {
    let primary = primary_key(T::LAYOUT);
    let value = match primary.field_type() {
        FieldType::Number => number.to_string(),
        _ => format!("\"{number}\""),
    };
    let json = encode_record(record)?;
    let mut values: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&json)?;
    values.insert(primary.name().to_owned(), RawValue::from_string(value)?);
    let record: T = serde_json::from_slice(&serde_json::to_vec(&values)?)?;
    Ok((own_id(&record)?, record))
}
