//! Finds the numbers that JSON cannot carry, before a record is written.
//!
//! A serializer that writes nothing: it walks the record, knows the path to where it is, and stops
//! at the first float that is not finite or integer that does not fit 64 bits. serde_json would
//! write the one as null, and readers would round the other.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize, Serializer};

use super::record::RecordError;

/// What is wrong with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumberProblem {
    /// NaN or an infinity.
    NotFinite {
        /// `NaN`, `inf` or `-inf`.
        number: String,
    },
    /// An integer below -2^63 or above 2^64 - 1.
    Beyond64Bits {
        /// The integer in decimal.
        number: String,
    },
}

impl Display for NumberProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { number } => write!(f, "is {number}, and JSON has no such number"),
            Self::Beyond64Bits { number } => write!(
                f,
                "is {number}, and integers beyond 64 bits are not read exactly everywhere: send it as a text"
            ),
        }
    }
}

pub(super) fn check<T: Serialize + ?Sized>(record: &T) -> Result<(), RecordError> {
    match record.serialize(Walk { path: None }) {
        Ok(()) => Ok(()),
        Err(Stop::Number { path, problem }) => Err(RecordError::Number { path, problem }),
        Err(Stop::Custom(message)) => Err(RecordError::Serialize { message }),
    }
}

/// Where the walk is: the innermost key, and what is around it.
#[derive(Clone, Copy)]
struct Path<'a> {
    around: Option<&'a Path<'a>>,
    key: &'a str,
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(around) = self.around {
            write!(f, "{around}.")?;
        }
        f.write_str(self.key)
    }
}

#[derive(Debug)]
enum Stop {
    Number {
        path: String,
        problem: NumberProblem,
    },
    Custom(String),
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { path, problem } => write!(f, "{path} {problem}"),
            Self::Custom(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    path: Option<&'a Path<'a>>,
}

impl Walk<'_> {
    fn stop(self, problem: NumberProblem) -> Stop {
        Stop::Number {
            path: self.path.map(Path::to_string).unwrap_or_default(),
            problem,
        }
    }

    fn enter<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<(), Stop> {
        value.serialize(Walk {
            path: Some(&Path {
                around: self.path,
                key,
            }),
        })
    }
}

macro_rules! fine {
    ($($method:ident: $type:ty),+ $(,)?) => {
        $(
            fn $method(self, _: $type) -> Result<(), Stop> {
                Ok(())
            }
        )+
    };
}

impl<'a> Serializer for Walk<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = WalkMap<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fine! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_i128(self, value: i128) -> Result<(), Stop> {
        if i64::try_from(value).is_ok() || u64::try_from(value).is_ok() {
            return Ok(());
        }
        Err(self.stop(NumberProblem::Beyond64Bits {
            number: value.to_string(),
        }))
    }

    fn serialize_u128(self, value: u128) -> Result<(), Stop> {
        if u64::try_from(value).is_ok() {
            return Ok(());
        }
        Err(self.stop(NumberProblem::Beyond64Bits {
            number: value.to_string(),
        }))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        if value.is_finite() {
            return Ok(());
        }
        Err(self.stop(NumberProblem::NotFinite {
            number: value.to_string(),
        }))
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        self.enter(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<WalkMap<'a>, Stop> {
        Ok(WalkMap {
            walk: self,
            key: String::new(),
        })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Stop> {
        Ok(self)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! items {
    ($($trait:ident $method:ident),+ $(,)?) => {
        $(
            impl ser::$trait for Walk<'_> {
                type Ok = ();
                type Error = Stop;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                    value.serialize(*self)
                }

                fn end(self) -> Result<(), Stop> {
                    Ok(())
                }
            }
        )+
    };
}

items! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

macro_rules! fields {
    ($($trait:ident),+ $(,)?) => {
        $(
            impl ser::$trait for Walk<'_> {
                type Ok = ();
                type Error = Stop;

                fn serialize_field<T: Serialize + ?Sized>(
                    &mut self,
                    key: &'static str,
                    value: &T,
                ) -> Result<(), Stop> {
                    self.enter(key, value)
                }

                fn end(self) -> Result<(), Stop> {
                    Ok(())
                }
            }
        )+
    };
}

fields!(SerializeStruct, SerializeStructVariant);

/// A map's key may be of any type; where it is a text, it belongs to the path.
struct WalkMap<'a> {
    walk: Walk<'a>,
    key: String,
}

impl ser::SerializeMap for WalkMap<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = match serde_json::to_value(key) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(other) => other.to_string(),
            // What is wrong with it, serde_json says when it writes the record.
            Err(_) => String::new(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.walk.enter(&self.key, value)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}
