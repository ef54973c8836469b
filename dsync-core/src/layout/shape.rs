//! What a Rust type contributes to the field that holds it.

use super::{FieldLayout, FieldType};

/// The part of a field that follows from its Rust type alone: its type, whether it is a list,
/// whether it may be absent, how a date is written, and the fields below it.
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
    arity: Arity,
    date_format: Option<&'static str>,
    fields: &'static [FieldLayout],
}

/// How many values a Rust type stands for: whether it is a list, and whether it may be absent.
///
/// It is known apart from the rest of a [`Shape`], so that a type word on a field that closes a
/// circle of types does not have to walk the circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    multiple: bool,
    optional: bool,
}

impl Arity {
    /// One value, which is there.
    pub const ONE: Self = Self {
        multiple: false,
        optional: false,
    };

    /// A list of such values. It is there, whatever its items are.
    #[must_use]
    pub const fn multiple(self) -> Self {
        let _ = self;
        Self {
            multiple: true,
            optional: false,
        }
    }

    /// The same, but it may be absent.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

impl Shape {
    /// A single, required value of one of the types that have no fields below them.
    #[must_use]
    pub const fn leaf(field_type: FieldType) -> Self {
        Self {
            field_type,
            arity: Arity::ONE,
            date_format: None,
            fields: &[],
        }
    }

    /// A single, required object with these fields.
    #[must_use]
    pub const fn object(fields: &'static [FieldLayout]) -> Self {
        Self {
            field_type: FieldType::Object,
            arity: Arity::ONE,
            date_format: None,
            fields,
        }
    }

    /// The same value, in a list.
    #[must_use]
    pub const fn multiple(self) -> Self {
        self.with_arity(self.arity.multiple())
    }

    /// The same value, which may be absent.
    #[must_use]
    pub const fn optional(self) -> Self {
        self.with_arity(self.arity.optional())
    }

    /// The same value with another arity.
    #[must_use]
    pub const fn with_arity(self, arity: Arity) -> Self {
        Self { arity, ..self }
    }

    /// The same value, a date that is always written in this format, in moment.js tokens
    /// (`YYYY-MM-DD`).
    #[must_use]
    pub const fn with_date_format(self, format: &'static str) -> Self {
        Self {
            date_format: Some(format),
            ..self
        }
    }

    /// The field's type.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        self.field_type
    }

    /// How many values the type stands for.
    #[must_use]
    pub const fn arity(&self) -> Arity {
        self.arity
    }

    /// Whether the value is a list.
    #[must_use]
    pub const fn is_multiple(&self) -> bool {
        self.arity.multiple
    }

    /// Whether the value may be absent or null.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.arity.optional
    }

    /// The format of a date, where the Rust type is always written in one.
    #[must_use]
    pub const fn date_format(&self) -> Option<&'static str> {
        self.date_format
    }

    /// The fields below, with keys relative to this one. Empty unless the type is `object`.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldLayout] {
        self.fields
    }
}
