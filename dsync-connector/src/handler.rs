//! What a program does with the records of one entity.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use dsync_core::wire::Refusal;
use dsync_core::{DsyncEntity, Fault, Faults, MergeError, PrimaryKey, Update};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Context;

/// A record that a connector can receive and give out.
///
/// Nobody implements it: a struct has it that derives `DsyncEntity`, with a primary key, `Serialize` and
/// `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a connector's record",
    label = "needs `DsyncEntity` with a primary key, `Serialize` and `Deserialize`",
    note = "#[derive(Serialize, Deserialize, DsyncEntity)], and `#[dsync(primary_key)]` on one field"
)]
pub trait Record:
    DsyncEntity + PrimaryKey + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<T> Record for T where
    T: DsyncEntity + PrimaryKey + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// A type that a record's id can have in a handler: a text, an integer, a newtype or an enum of unit
/// variants with serde's derives, a UUID.
///
/// Nobody implements it. A record's id travels as text in the header `Entity-Id`; a handler gets what the
/// primary key's field type makes of that text, read by the type's own `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a record's id in a handler",
    note = "it needs `Serialize`, `Deserialize` and `Clone`, and must own what it holds"
)]
pub trait RecordId: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<I> RecordId for I where I: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

/// What a handler says: the value that was asked for, or that there is none, and why.
pub type Handled<T> = Result<T, HandlerError>;

/// Stores the records of one entity, and gives them out.
///
/// Every method has a default that says that the connector cannot do it, so a handler is as long as what
/// it can do. With [`read`](Self::read) and [`store`](Self::store) it has [`update`](Self::update).
///
/// # What the connector sees to
///
/// The API key, the headers, whether the entity is switched on; that the record fits its layout, with
/// numbers and booleans that came as texts made what they are, and without read-only fields. One process
/// is carried out once however often it comes, and one record has one change at a time, in the order in
/// which they came.
///
/// # What a handler should know
///
/// One type may handle several entities. Whoever calls it himself then says which:
/// `Handler::<Product>::read(&shop, ..)`.
///
/// A process is at least once: if the program dies between the handler's end and the connector's note of
/// it, the same change comes again, and [`Context::attempt`] is more than 1. A panic is answered 500.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Mutex;
///
/// # extern crate dsync_core as dsync;
/// use dsync_connector::{Context, Handled, Handler, HandlerError};
/// use dsync_derive::DsyncEntity;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize, DsyncEntity)]
/// struct Product {
///     #[dsync(primary_key)]
///     sku: String,
///     price: Option<f64>,
/// }
///
/// #[derive(Default)]
/// struct Shop {
///     products: Mutex<BTreeMap<String, Product>>,
/// }
///
/// impl Handler<Product> for Shop {
///     type Id = String;
///
///     async fn create(&self, _context: &Context, product: Product) -> Handled<String> {
///         let sku = product.sku.clone();
///         let mut products = self.products.lock().unwrap();
///         if products.contains_key(&sku) {
///             return Err(HandlerError::refused(format!("there is a product {sku:?} already")));
///         }
///         products.insert(sku.clone(), product);
///         Ok(sku)
///     }
///
///     async fn read(&self, _context: &Context, sku: &String) -> Handled<Option<Product>> {
///         Ok(self.products.lock().unwrap().get(sku).cloned())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{T}`",
    note = "implement `Handler<{T}>` for it; `InMemory::<{T}>::new()` is a ready one for tests"
)]
pub trait Handler<T: Record>: Send + Sync + 'static {
    /// What names a record: the type of the entity's primary key.
    type Id: RecordId;

    /// Takes a new record, and gives its id: the record's own, or the one that the system gave it.
    ///
    /// # Errors
    ///
    /// [`HandlerError`]: refused, later, or any error of the program.
    fn create(
        &self,
        context: &Context,
        record: T,
    ) -> impl Future<Output = Handled<Self::Id>> + Send {
        let _ = (context, record);
        async { Err(HandlerError::unsupported("create")) }
    }

    /// Gives a record out; nothing if there is none.
    ///
    /// # Errors
    ///
    /// [`HandlerError`], where an answer cannot be had.
    fn read(
        &self,
        context: &Context,
        id: &Self::Id,
    ) -> impl Future<Output = Handled<Option<T>>> + Send {
        let _ = (context, id);
        async { Err(HandlerError::unsupported("read")) }
    }

    /// Puts a whole record in the place of the one with this id. The default of
    /// [`update`](Self::update) ends with it.
    ///
    /// # Errors
    ///
    /// [`HandlerError`]: refused, later, or any error of the program;
    /// [`HandlerError::not_found`] if there is no such record.
    fn store(
        &self,
        context: &Context,
        id: &Self::Id,
        record: T,
    ) -> impl Future<Output = Handled<()>> + Send {
        let _ = (context, id, record);
        async { Err(HandlerError::unsupported("update")) }
    }

    /// Carries out an update, which is often partial: the platform maps some fields, likely.
    ///
    /// The default reads the record, merges the change into it, and stores the whole. It refuses a change that
    /// gives the record another primary key: a handler that allows it has to take the old one away, and to
    /// know its own work again if an attempt was interrupted (see [`Context::attempt`]), so it implements
    /// this.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    fn update(
        &self,
        context: &Context,
        id: &Self::Id,
        change: Update<T>,
    ) -> impl Future<Output = Handled<()>> + Send {
        async move {
            if change.changes_primary_key() {
                let name = T::LAYOUT.name();
                return Err(HandlerError::refused(format!(
                    "the primary key of a {name} cannot be changed here: delete it, and create another"
                )));
            }
            let current = self.read(context, id).await?;
            let current = current.ok_or_else(HandlerError::not_found)?;
            let merged = change.merge(&current)?;
            self.store(context, id, merged).await
        }
    }

    /// Deletes a record.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    fn delete(&self, context: &Context, id: &Self::Id) -> impl Future<Output = Handled<()>> + Send {
        let _ = (context, id);
        async { Err(HandlerError::unsupported("delete")) }
    }

    /// Whether [`find`](Self::find) can find records by a field. A shared key that it cannot is refused.
    fn finds_by(&self, field: &str) -> bool {
        let _ = field;
        false
    }

    /// Finds the record that has a value in a field: asked where the platform has set a shared key, and
    /// names records by it. It is asked twice for each change, so it should be quick; and no two records
    /// should have the same value.
    ///
    /// # Errors
    ///
    /// [`HandlerError`], where an answer cannot be had.
    fn find(
        &self,
        context: &Context,
        field: &str,
        value: &Value,
    ) -> impl Future<Output = Handled<Option<Self::Id>>> + Send {
        let _ = (context, field, value);
        async { Err(HandlerError::unsupported("find")) }
    }

    /// Counts the records, for a synchronisation.
    ///
    /// # Errors
    ///
    /// [`HandlerError`], where an answer cannot be had.
    fn count(&self, context: &Context) -> impl Future<Output = Handled<u64>> + Send {
        let _ = context;
        async { Err(HandlerError::unsupported("count")) }
    }

    /// Gives out the records that come next: at most `limit` of those whose primary key is greater than
    /// `after`, or from the first one on, ordered by primary key.
    ///
    /// Fewer than `limit` say that no more follow. The record `after` itself is not among them.
    ///
    /// By key and not by position, so that records which come and go between two pages shift nothing:
    /// `select .. where id > ?1 order by id limit ?2`.
    ///
    /// # Errors
    ///
    /// [`HandlerError`], where an answer cannot be had.
    fn page(
        &self,
        context: &Context,
        after: Option<&Self::Id>,
        limit: usize,
    ) -> impl Future<Output = Handled<Vec<T>>> + Send {
        let _ = (context, after, limit);
        async { Err(HandlerError::unsupported("page")) }
    }
}

/// What the platform is told of an error of the program.
pub(crate) const FAILED: &str = "the connector failed at this request: its log has more";

/// Why a handler has not done what it was asked for.
///
/// Any error of the program becomes one by `?`. It is answered 500, and its text is for the log only;
/// what [`refused`](Self::refused) and [`later`](Self::later) say goes to the platform.
///
/// # Examples
///
/// ```
/// use dsync_connector::{Handled, HandlerError};
///
/// fn reserve(stock: &str) -> Handled<u32> {
///     if stock.is_empty() {
///         return Err(HandlerError::later("the warehouse does not answer"));
///     }
///     Ok(stock.parse::<u32>()?) // what cannot be parsed is answered 500
/// }
/// # let _ = reserve("");
/// ```
#[derive(Debug)]
pub struct HandlerError(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Later {
        reason: String,
        pause: Option<Duration>,
    },
    Refused(String),
    NotAccepted(Refusal),
    NotFound,
    Unsupported(&'static str),
    Failed(Box<dyn StdError + Send + Sync>),
    Panicked,
    TooSlow(Duration),
    Unsurvived,
}

impl HandlerError {
    /// The change cannot be carried out now. The connector keeps it, answers 202, tries again by itself
    /// and reports the outcome. A read or a page cannot be kept: there it is answered 500.
    pub fn later(reason: impl Into<String>) -> Self {
        Self(Kind::Later {
            reason: reason.into(),
            pause: None,
        })
    }

    /// Sets how long the connector waits at least before it tries again, after [`later`](Self::later). At the
    /// first time that is waited for whatever the policy says; later it may be a reason to give up.
    #[must_use]
    pub fn with_pause(mut self, least: Duration) -> Self {
        if let Kind::Later { pause, .. } = &mut self.0 {
            *pause = Some(least);
        }
        self
    }

    /// The change will not be carried out: 400 with this reason, for the platform's users.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self(Kind::Refused(reason.into()))
    }

    /// The change will not be carried out because of one field, named by its treekey
    /// (`treekey!(Product.price)`): 400, with the fault in `detail`.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = dsync_connector::HandlerError::fault("product.price", "must not fall below the cost");
    /// ```
    pub fn fault(treekey: impl Into<String>, message: impl Into<String>) -> Self {
        Self::from_refusal(Refusal::Record(Faults::from(Fault::new(treekey, message))))
    }

    /// There is no such record: 400, as the protocol has no other status for it.
    #[must_use]
    pub fn not_found() -> Self {
        Self(Kind::NotFound)
    }

    /// Whether the handler did not come to its own end, so that some of the change may have happened.
    pub(crate) fn may_have_taken_effect(&self) -> bool {
        matches!(
            self.0,
            Kind::Failed(_) | Kind::Panicked | Kind::TooSlow(_) | Kind::Unsurvived
        )
    }

    /// What the platform may be told of it.
    pub(crate) fn for_the_platform(&self, entity: &str) -> String {
        match &self.0 {
            Kind::Later { reason, .. } | Kind::Refused(reason) => reason.clone(),
            Kind::NotAccepted(refusal) => refusal.to_string(),
            Kind::NotFound => {
                format!("there is no such {entity}: it was never created, or is deleted already")
            }
            Kind::Unsupported(what) => {
                format!("this connector cannot do that: its handler of {entity:?} has no `{what}`")
            }
            Kind::Failed(_) | Kind::Panicked | Kind::TooSlow(_) | Kind::Unsurvived => {
                FAILED.to_owned()
            }
        }
    }

    pub(crate) fn unsupported(what: &'static str) -> Self {
        Self(Kind::Unsupported(what))
    }

    pub(crate) fn panicked() -> Self {
        Self(Kind::Panicked)
    }

    /// Every try was made, and the program did not come to the end of the last one.
    pub(crate) fn unsurvived() -> Self {
        Self(Kind::Unsurvived)
    }

    /// Whether it says later.
    #[must_use]
    pub fn is_later(&self) -> bool {
        matches!(self.0, Kind::Later { .. })
    }

    /// Whether it is final: refused, not found, or not supported. What is neither that nor later is a failure
    /// of the program.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !self.is_later() && !self.may_have_taken_effect()
    }

    fn from_refusal(refusal: Refusal) -> Self {
        Self(Kind::NotAccepted(refusal))
    }
}

/// An error of the program, which is not to be seen by the platform. A [`Refusal`], that of a change
/// which cannot be merged for instance, stays one.
impl<E: StdError + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let error: Box<dyn StdError + Send + Sync> = Box::new(error);
        let error = match error.downcast::<Refusal>() {
            Ok(refusal) => return Self::from_refusal(*refusal),
            Err(error) => error,
        };
        match error.downcast::<MergeError>().map(|error| *error) {
            Ok(MergeError::Change(refusal)) => Self::from_refusal(refusal),
            // The record that is stored is at fault.
            Ok(error) => Self(Kind::Failed(Box::new(error))),
            Err(error) => Self(Kind::Failed(error)),
        }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Later { reason, .. } | Kind::Refused(reason) => f.write_str(reason),
            Kind::NotAccepted(refusal) => refusal.fmt(f),
            Kind::NotFound => f.write_str("there is no such record"),
            Kind::Unsupported(what) => write!(f, "the handler has no `{what}`"),
            Kind::Failed(error) => error.fmt(f),
            Kind::Panicked => f.write_str("the handler panicked"),
            Kind::TooSlow(limit) => write!(f, "the handler took longer than {limit:?}"),
            Kind::Unsurvived => f.write_str("the program did not outlive the last attempt"),
        }
    }
}
