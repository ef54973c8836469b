//! From a Rust type to its place in the layout.

use std::marker::PhantomData;

use super::{EntityId, InvalidEntityId, ToEntityId};
use crate::layout::{Arity, EntityLayout, FieldLayout, FieldType, Shape};

/// A type that can stand in a field of a record.
///
/// Implemented for the standard library's types, and by the derives for structs. Implement it by
/// hand for a type that serializes as one text, number or boolean.
///
/// # Examples
///
/// ```
/// use dsync_core::{FieldType, FieldValue, Shape};
///
/// /// Serializes as a text such as `EUR`.
/// struct Currency;
///
/// impl FieldValue for Currency {
///     const SHAPE: Shape = Shape::leaf(FieldType::Text);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no DSYNC field type",
    label = "DSYNC cannot tell which of its field types this is",
    note = "for a type of your own: `#[derive(DsyncObject)]` on a struct with named fields, `#[derive(FieldValue)]` on a newtype or an enum of unit variants",
    note = "for anything else: `#[dsync(type = \"text\")]` on the field (or another type, such as `datetime`) says what serde writes, or `#[dsync(skip)]` leaves it out of the layout"
)]
pub trait FieldValue {
    /// What the type contributes to a field that holds it.
    const SHAPE: Shape;

    /// How many values the type stands for. The derives say it outright, because a type that
    /// contains itself has no shape.
    const ARITY: Arity = Self::SHAPE.arity();
}

/// A [`FieldValue`] that can stand in a list.
///
/// Not an `Option`, because a list has no absent items, and not another list, because a treekey has
/// no index that could tell the two levels apart.
#[diagnostic::on_unimplemented(
    message = "a list of `{Self}` has no DSYNC field type",
    label = "this list's items cannot stand in a DSYNC list",
    note = "for a type of your own: `#[derive(DsyncObject)]` on a struct with named fields, `#[derive(FieldValue)]` on a newtype or an enum of unit variants",
    note = "a DSYNC list holds single values: no `Option`, no list",
    note = "`#[dsync(type = \"custom\")]` on the field lists it without looking inside, `#[dsync(skip)]` leaves it out"
)]
pub trait ListItem: FieldValue {}

/// A struct with fields: a part of an entity, or an entity itself.
///
/// Derive it with `#[derive(DsyncObject)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no DSYNC object",
    note = "add `#[derive(DsyncObject)]` to it"
)]
pub trait DsyncObject {
    /// The fields, with keys relative to the place of use.
    const FIELDS: &'static [FieldLayout];
}

/// A struct whose records travel on their own: an endpoint of the data layout.
///
/// Derive it with `#[derive(DsyncEntity)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no DSYNC entity",
    note = "add `#[derive(DsyncEntity)]` to it; a struct with only `DsyncObject` is a part and does not travel alone"
)]
pub trait DsyncEntity: DsyncObject {
    /// The endpoint with its fields.
    const LAYOUT: &'static EntityLayout;

    /// The endpoint with its fields: [`DsyncEntity::LAYOUT`] as a function.
    #[must_use]
    fn layout() -> &'static EntityLayout
    where
        Self: Sized,
    {
        Self::LAYOUT
    }

    /// The record's id, where the entity has a primary key.
    ///
    /// # Errors
    ///
    /// [`InvalidEntityId`] if the primary key's value cannot travel in a header: it is empty, begins
    /// or ends with a blank, or has control characters.
    fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
        Ok(None)
    }
}

/// A struct with a primary key. An entity with one can have a record updated and deleted.
///
/// The derives implement it where a field has `#[dsync(primary_key)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no primary key, so its records cannot be told apart",
    label = "needs an entity with a primary key",
    note = "put `#[dsync(primary_key)]` on the field that identifies a record; a composite key needs a text field that you fill"
)]
pub trait PrimaryKey: DsyncObject {
    /// The primary key's value. Not by an associated type, because that could not be a private one.
    fn primary_key(&self) -> &dyn ToEntityId;
}

/// What a derived [`DsyncEntity::entity_id`] does where there is a primary key.
#[doc(hidden)]
pub fn entity_id<T: PrimaryKey>(record: &T) -> Result<Option<EntityId>, InvalidEntityId> {
    record.primary_key().to_entity_id().map(Some)
}

/// Finds out about the type of a field whose type word the user wrote, also where the type is no
/// [`FieldValue`]: an inherent constant goes before a trait's, so those of [`Declared`] are reached
/// only where the bound does not hold.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: FieldValue + ?Sized> Probe<T> {
    #[doc(hidden)]
    pub const ARITY: Arity = T::ARITY;
    #[doc(hidden)]
    pub const FIELD_TYPE: Option<FieldType> = Some(T::SHAPE.field_type());
    #[doc(hidden)]
    pub const OBJECT: Shape = match T::SHAPE.field_type() {
        FieldType::Object => T::SHAPE,
        _ => Shape::object(&[]).with_arity(T::ARITY),
    };
}

/// See [`Probe`].
#[doc(hidden)]
pub trait Declared {
    #[doc(hidden)]
    const ARITY: Arity = Arity::ONE;
    #[doc(hidden)]
    const FIELD_TYPE: Option<FieldType> = None;
    #[doc(hidden)]
    const OBJECT: Shape = Shape::object(&[]);
}

impl<T: ?Sized> Declared for Probe<T> {}
