//! Whether a body fits its layout and can be given to serde as it is.
//!
//! One pass that builds nothing: it is what stands between a connector and the speed of serde alone. It
//! decides nothing: where it says no, for whatever reason, the body takes the long way through
//! [`thoroughly`](super::checked::thoroughly), which finds out why.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::layout::lenient::is_number;
use crate::layout::validate::Extent;
use crate::layout::{FieldLayout, FieldType};

/// Whether the body is one record of these fields: every value fits, no key is unknown, stands twice, or
/// is one of a read-only field.
pub(super) fn fits(fields: &[FieldLayout], body: &[u8], extent: Extent) -> bool {
    let mut json = serde_json::Deserializer::from_slice(body);
    (&mut json)
        .deserialize_map(Object { fields, extent })
        .is_ok()
        && json.end().is_ok()
}

#[derive(Clone, Copy)]
struct Object<'a> {
    fields: &'a [FieldLayout],
    extent: Extent,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        let mut likely = 0;
        while let Some(position) = object.next_key_seed(Key {
            fields: self.fields,
            likely,
        })? {
            let field = &self.fields[position];
            if field.is_read_only() || !seen.insert(position) {
                return Err(no());
            }
            object.next_value_seed(Field(field))?;
            likely = position + 1;
        }
        let is_missing = |(position, field): (usize, &FieldLayout)| {
            field.is_required() && !seen.contains(position)
        };
        if self.extent == Extent::Whole && self.fields.iter().enumerate().any(is_missing) {
            return Err(no());
        }
        Ok(())
    }
}

/// A key, as the position of its field.
struct Key<'a> {
    fields: &'a [FieldLayout],
    /// Where it is if the keys stand in the order of the fields.
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        let is_it = |field: &FieldLayout| field.name() == key;
        if self.fields.get(self.likely).is_some_and(is_it) {
            return Ok(self.likely);
        }
        self.fields.iter().position(is_it).ok_or_else(no)
    }
}

/// The positions of the fields that were there. No allocation below 128 of them.
#[derive(Default)]
struct Seen {
    first: u128,
    others: HashSet<usize>,
}

impl Seen {
    /// Whether it is new.
    fn insert(&mut self, position: usize) -> bool {
        match Self::bit(position) {
            Some(bit) => {
                let is_new = self.first & bit == 0;
                self.first |= bit;
                is_new
            }
            None => self.others.insert(position),
        }
    }

    fn contains(&self, position: usize) -> bool {
        match Self::bit(position) {
            Some(bit) => self.first & bit != 0,
            None => self.others.contains(&position),
        }
    }

    fn bit(position: usize) -> Option<u128> {
        1_u128.checked_shl(u32::try_from(position).ok()?)
    }
}

/// A field's value.
struct Field<'a>(&'a FieldLayout);

/// A field's value if it is no list, or an item of it if it is one.
struct One<'a>(&'a FieldLayout);

/// A value about which the layout says nothing.
struct Anything;

macro_rules! seeds {
    ($($seed:ty),+) => {
        $(
            impl<'de> DeserializeSeed<'de> for $seed {
                type Value = ();

                fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                    deserializer.deserialize_any(self)
                }
            }
        )+
    };
}

seeds!(Field<'_>, One<'_>, Anything);

/// What the three visitors of values hand on, each to its own function.
macro_rules! scalars {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value that fits")
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
            self.scalar(Scalar::Bool)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
            self.scalar(Scalar::Number { is_bit: value <= 1 })
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
            self.scalar(Scalar::Number { is_bit: false })
        }

        fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
            self.scalar(Scalar::Number { is_bit: false })
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
            self.scalar(Scalar::Text(value))
        }

        fn visit_unit<E: Error>(self) -> Result<(), E> {
            self.scalar(Scalar::Null)
        }
    };
}

enum Scalar<'a> {
    Null,
    Bool,
    Number { is_bit: bool },
    Text(&'a str),
}

impl Field<'_> {
    fn scalar<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        match value {
            Scalar::Null if self.0.is_required() => Err(no()),
            Scalar::Null => Ok(()),
            _ if self.0.field_type() == FieldType::Custom => Ok(()),
            _ if self.0.is_multiple() => Err(no()),
            value => One(self.0).scalar(value),
        }
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.0.field_type() == FieldType::Custom {
            return Anything.visit_seq(items);
        }
        if !self.0.is_multiple() {
            return Err(no());
        }
        while let Some(()) = items.next_element_seed(One(self.0))? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        if self.0.is_multiple() && self.0.field_type() != FieldType::Custom {
            return Err(no());
        }
        One(self.0).visit_map(object)
    }
}

impl One<'_> {
    fn scalar<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        let fits = match self.0.field_type() {
            FieldType::Text
            | FieldType::Url
            | FieldType::Email
            | FieldType::Date
            | FieldType::Time
            | FieldType::Datetime => matches!(value, Scalar::Text(_)),
            FieldType::Number => match value {
                Scalar::Number { .. } => true,
                Scalar::Text(text) => is_number(text),
                Scalar::Null | Scalar::Bool => false,
            },
            FieldType::Boolean => match value {
                Scalar::Bool => true,
                Scalar::Number { is_bit } => is_bit,
                Scalar::Text(text) => matches!(text, "true" | "false" | "0" | "1"),
                Scalar::Null => false,
            },
            FieldType::Math => matches!(value, Scalar::Text(_) | Scalar::Number { .. }),
            FieldType::Object => false,
            FieldType::Custom => true,
        };
        if fits { Ok(()) } else { Err(no()) }
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    scalars!();

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        match self.0.field_type() {
            FieldType::Object if !self.0.fields().is_empty() => Object {
                fields: self.0.fields(),
                extent: Extent::Whole,
            }
            .visit_map(object),
            FieldType::Object | FieldType::Custom => Anything.visit_map(object),
            _ => Err(no()),
        }
    }
}

impl Anything {
    fn scalar<E>(self, _: Scalar<'_>) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = ();

    scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(()) = items.next_element_seed(Self)? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        // No key may stand twice, wherever it is.
        let mut seen = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            object.next_value_seed(Self)?;
            if !seen.insert(key) {
                return Err(no());
            }
        }
        Ok(())
    }
}

/// Nobody reads it: the long way finds out what is wrong.
fn no<E: Error>() -> E {
    E::custom("takes the long way")
}
