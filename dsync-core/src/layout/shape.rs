//! What a Rust type contributes to the field that holds it.

use super::{FieldLayout, FieldType};

/// The part of a field that follows from its Rust type alone: its type, whether it is a list,
/// whether it may be absent, and the fields below it.
///
/// # Examples
///
/// ```
/// use dsync_core::{FieldType, FieldValue};
///
/// let shape = <Option<Vec<u32>> as FieldValue>::SHAPE;
/// assert_eq!(shape.field_type(), FieldType::Number);
/// assert!(shape.is_multiple() && shape.is_optional());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    field_type: FieldType,
    multiple: bool,
    optional: bool,
    fields: &'static [FieldLayout],
}

impl Shape {
    /// A single, required value of one of the types that have no fields below them.
    #[must_use]
    pub const fn leaf(field_type: FieldType) -> Self {
        Self {
            field_type,
            multiple: false,
            optional: false,
            fields: &[],
        }
    }

    /// A single, required object with these fields.
    #[must_use]
    pub const fn object(fields: &'static [FieldLayout]) -> Self {
        Self {
            field_type: FieldType::Object,
            multiple: false,
            optional: false,
            fields,
        }
    }

    /// The same value, in a list.
    #[must_use]
    pub const fn multiple(self) -> Self {
        Self {
            multiple: true,
            ..self
        }
    }

    /// The same value, which may be absent.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    /// The same list-ness and optionality, with a type that the user declared. The fields below
    /// stay only if the declared type still is an object.
    #[must_use]
    pub const fn declared(self, field_type: FieldType) -> Self {
        Self {
            field_type,
            fields: if matches!(field_type, FieldType::Object) {
                self.fields
            } else {
                &[]
            },
            ..self
        }
    }

    /// The field's type.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        self.field_type
    }

    /// Whether the value is a list.
    #[must_use]
    pub const fn is_multiple(&self) -> bool {
        self.multiple
    }

    /// Whether the value may be absent or null.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.optional
    }

    /// The fields below, with keys relative to this one. Empty unless the type is `object`.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldLayout] {
        self.fields
    }
}
