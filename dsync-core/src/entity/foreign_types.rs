//! Types of other crates as field values, each crate behind a feature named with its major version.
//!
//! A `date_format` stands only where a type is always written in it. That is so for plain dates: for
//! years of four digits, as serde writes them. Dates with a time have a fraction where they need one; the
//! with-modules of [`dates`](crate::dates) write them without.

#[allow(
    unused_imports,
    reason = "which of them are needed depends on the features"
)]
use super::{
    id::{EntityId, InvalidEntityId, ToEntityId},
    traits::{FieldValue, ListItem},
};
#[allow(
    unused_imports,
    reason = "which of them are needed depends on the features"
)]
use crate::layout::{Arity, FieldType, Shape};

#[allow(unused_macros, reason = "it depends on the features")]
macro_rules! leaf {
    ($field_type:ident: $($type:ty),+ $(,)?) => {
        $(
            impl FieldValue for $type {
                const SHAPE: Shape = Shape::leaf(FieldType::$field_type);
            }
            impl ListItem for $type {}
        )+
    };
}

#[allow(unused_macros, reason = "it depends on the features")]
macro_rules! plain_date {
    ($type:ty) => {
        impl FieldValue for $type {
            const SHAPE: Shape = Shape::leaf(FieldType::Date).with_date_format("YYYY-MM-DD");
        }
        impl ListItem for $type {}
    };
}

#[allow(unused_macros, reason = "it depends on the features")]
macro_rules! named_by_its_text {
    ($($type:ty),+ $(,)?) => {
        $(
            impl ToEntityId for $type {
                fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
                    EntityId::new(self)
                }
            }
        )+
    };
}

#[cfg(feature = "chrono04")]
mod chrono04 {
    use chrono::{DateTime, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Weekday};

    use super::*;

    plain_date!(NaiveDate);
    leaf!(Time: NaiveTime);
    leaf!(Datetime: NaiveDateTime);
    leaf!(Text: Month, Weekday);

    impl<Tz: TimeZone> FieldValue for DateTime<Tz> {
        const SHAPE: Shape = Shape::leaf(FieldType::Datetime);
    }

    impl<Tz: TimeZone> ListItem for DateTime<Tz> {}
}

#[cfg(feature = "jiff1")]
mod jiff1 {
    use jiff::civil::{Date, DateTime, Time};
    use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime};

    use super::*;

    plain_date!(Date);
    leaf!(Time: Time);
    // A zoned one has the zone's name in brackets at its end.
    leaf!(Datetime: DateTime, Timestamp, ZonedDateTime);
    leaf!(Text: SignedDuration, Span);
}

// With its feature `serde-human-readable`, which ours turns on, the crate writes texts.
#[cfg(feature = "time03")]
mod time03 {
    use time::{
        Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset, Weekday,
    };

    use super::*;

    plain_date!(Date);
    leaf!(Time: Time);
    leaf!(Datetime: OffsetDateTime, PrimitiveDateTime, UtcDateTime);
    leaf!(Text: Month, UtcOffset, Weekday);
}

// A text unless one of the crate's own features makes it a number; a number may travel as either.
#[cfg(feature = "rust_decimal1")]
mod rust_decimal1 {
    use super::*;

    leaf!(Number: rust_decimal::Decimal);
}

#[cfg(feature = "url2")]
mod url2 {
    use super::*;

    leaf!(Url: url::Url);
    named_by_its_text!(url::Url);
}

#[cfg(feature = "uuid1")]
mod uuid1 {
    use uuid::fmt::{Braced, Hyphenated, Simple, Urn};
    use uuid::{NonNilUuid, Uuid};

    use super::*;

    leaf!(Text: Uuid, NonNilUuid, Braced, Hyphenated, Simple, Urn);
    named_by_its_text!(Uuid, NonNilUuid, Braced, Hyphenated, Simple, Urn);
}

#[cfg(feature = "indexmap2")]
mod indexmap2 {
    use indexmap::{IndexMap, IndexSet};

    use super::*;

    impl<K, V, S> FieldValue for IndexMap<K, V, S> {
        const SHAPE: Shape = Shape::leaf(FieldType::Custom);
    }

    impl<K, V, S> ListItem for IndexMap<K, V, S> {}

    impl<T: ListItem, S> FieldValue for IndexSet<T, S> {
        const SHAPE: Shape = T::SHAPE.multiple();
        const ARITY: Arity = T::ARITY.multiple();
    }
}

#[cfg(feature = "smallvec1")]
mod smallvec1 {
    use smallvec::{Array, SmallVec};

    use super::*;

    impl<A: Array<Item: ListItem>> FieldValue for SmallVec<A> {
        const SHAPE: Shape = <A::Item as FieldValue>::SHAPE.multiple();
        const ARITY: Arity = <A::Item as FieldValue>::ARITY.multiple();
    }
}

#[cfg(feature = "arrayvec07")]
mod arrayvec07 {
    use arrayvec::{ArrayString, ArrayVec};

    use super::*;

    impl<T: ListItem, const CAPACITY: usize> FieldValue for ArrayVec<T, CAPACITY> {
        const SHAPE: Shape = T::SHAPE.multiple();
        const ARITY: Arity = T::ARITY.multiple();
    }

    impl<const CAPACITY: usize> FieldValue for ArrayString<CAPACITY> {
        const SHAPE: Shape = Shape::leaf(FieldType::Text);
    }

    impl<const CAPACITY: usize> ListItem for ArrayString<CAPACITY> {}

    impl<const CAPACITY: usize> ToEntityId for ArrayString<CAPACITY> {
        fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
            EntityId::new(self)
        }
    }
}
