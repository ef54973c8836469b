//! Dates in the platform's own formats, for `#[serde(with = "..")]`.
//!
//! DSYNC's own connector writes its dates as `YYYY-MM-DD HH:mm:ss`, the libraries for dates write
//! others. These modules write and read the platform's, so that a layout can state it:
//!
//! | module | format |
//! |---|---|
//! | [`datetime`] | `YYYY-MM-DD HH:mm:ss` |
//! | [`date`] | `YYYY-MM-DD` |
//!
//! They are for the types of chrono, jiff and time, with the features `chrono04`, `jiff1` and `time03`, and
//! for an `Option` of them. With an `Option`, a key that may be missing needs `#[serde(default)]` as
//! well, as everywhere with serde's `with`.
//!
//! - A value with a time zone is written in UTC, one without as it is. What is read is UTC.
//! - Seconds are whole: a fraction is cut off. So a value read back is at most a second earlier.
//! - A year that has not four digits is an error, in both directions.
//!
//! # Examples
//!
#![cfg_attr(feature = "chrono04", doc = "```")]
#![cfg_attr(not(feature = "chrono04"), doc = "```text")]
//! use chrono::{DateTime, Utc};
//! use serde::{Deserialize, Serialize};
//!
//! // With the derive, `#[dsync(type = "date", date_format = "YYYY-MM-DD HH:mm:ss")]` beside it.
//! #[derive(Serialize, Deserialize)]
//! struct Order {
//!     #[serde(with = "dsync_core::dates::datetime")]
//!     created_at: DateTime<Utc>,
//!     #[serde(with = "dsync_core::dates::datetime", default)]
//!     shipped_at: Option<DateTime<Utc>>,
//! }
//!
//! let order: Order = serde_json::from_str(r#"{"created_at":"2024-05-01 12:30:00"}"#)?;
//! assert_eq!(order.created_at.to_rfc3339(), "2024-05-01T12:30:00+00:00");
//! assert_eq!(
//!     serde_json::to_string(&order)?,
//!     r#"{"created_at":"2024-05-01 12:30:00","shipped_at":null}"#
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

mod civil;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use civil::{Calendar, Civil};

/// A type that [`datetime`](mod@datetime) writes and reads: a date with a time, or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no date with a time that `dsync::dates::datetime` knows",
    note = "it knows those of chrono, jiff and time, with the features `chrono04`, `jiff1` and `time03`, and an `Option` of them"
)]
pub trait DateTimeText: text::Text {}

/// A type that [`date`](mod@date) writes and reads: a date, with or without a time, or an `Option` of
/// one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no date that `dsync::dates::date` knows",
    note = "it knows those of chrono, jiff and time, with the features `chrono04`, `jiff1` and `time03`, and an `Option` of them"
)]
pub trait DateText: text::Text {}

/// Writes and reads `YYYY-MM-DD HH:mm:ss`.
pub mod datetime {
    use super::{DateTimeText, Deserializer, Serializer};

    /// Writes the value, in UTC if it has a time zone, without a fraction of a second.
    ///
    /// # Errors
    ///
    /// If the year has not four digits, or the serializer fails.
    pub fn serialize<T: DateTimeText, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.write::<true, _>(serializer)
    }

    /// Reads a value, in UTC.
    ///
    /// # Errors
    ///
    /// If it is no text of this format, or no date that exists.
    pub fn deserialize<'de, T: DateTimeText, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        T::read::<true, _>(deserializer)
    }
}

/// Writes and reads `YYYY-MM-DD`. Of a value with a time only the date is written, and midnight read.
pub mod date {
    use super::{DateText, Deserializer, Serializer};

    /// Writes the date, in UTC if the value has a time zone.
    ///
    /// # Errors
    ///
    /// If the year has not four digits, or the serializer fails.
    pub fn serialize<T: DateText, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.write::<false, _>(serializer)
    }

    /// Reads a date; a time is midnight in UTC.
    ///
    /// # Errors
    ///
    /// If it is no text of this format, or no date that exists.
    pub fn deserialize<'de, T: DateText, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        T::read::<false, _>(deserializer)
    }
}

mod text {
    use super::{Deserializer, Serializer};

    /// Writes and reads, with the time or without. Nobody outside of this crate can implement it.
    pub trait Text: Sized {
        fn write<const TIME: bool, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

        fn read<'de, const TIME: bool, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Self, D::Error>;
    }
}

impl<T: Calendar> text::Text for T {
    fn write<const TIME: bool, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_civil().write::<TIME, S>(serializer)
    }

    fn read<'de, const TIME: bool, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        civil::read::<TIME, T, D>(deserializer)
    }
}

impl<T: Calendar> text::Text for Option<T> {
    fn write<const TIME: bool, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => serializer.serialize_some(&Written::<TIME>(value.to_civil())),
            None => serializer.serialize_none(),
        }
    }

    fn read<'de, const TIME: bool, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let read = Option::<Read<TIME, T>>::deserialize(deserializer)?;
        Ok(read.map(|read| read.0))
    }
}

/// What stands in an `Option` that is written.
struct Written<const TIME: bool>(Civil);

impl<const TIME: bool> Serialize for Written<TIME> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write::<TIME, S>(serializer)
    }
}

/// What stands in an `Option` that is read.
struct Read<const TIME: bool, T>(T);

impl<'de, const TIME: bool, T: Calendar> Deserialize<'de> for Read<TIME, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        civil::read::<TIME, T, D>(deserializer).map(Self)
    }
}

impl<T: DateTimeText + Calendar> DateTimeText for Option<T> {}
impl<T: DateText + Calendar> DateText for Option<T> {}

#[cfg(feature = "chrono04")]
mod chrono04 {
    use chrono::{
        DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike as _, Utc,
    };

    use super::{Calendar, Civil, DateText, DateTimeText};

    impl Calendar for NaiveDate {
        fn to_civil(&self) -> Civil {
            NaiveDateTime::from(*self).to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            Self::from_ymd_opt(civil.year, civil.month.into(), civil.day.into())
        }
    }

    impl DateText for NaiveDate {}

    impl Calendar for NaiveDateTime {
        fn to_civil(&self) -> Civil {
            // A month and the like fit into a byte.
            #[expect(clippy::cast_possible_truncation, reason = "none is above 59")]
            Civil {
                year: self.year(),
                month: self.month() as u8,
                day: self.day() as u8,
                hour: self.hour() as u8,
                minute: self.minute() as u8,
                second: self.second() as u8,
            }
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            let (hour, minute) = (civil.hour.into(), civil.minute.into());
            let time = NaiveTime::from_hms_opt(hour, minute, civil.second.into())?;
            Some(NaiveDate::from_civil(civil)?.and_time(time))
        }
    }

    impl DateText for NaiveDateTime {}
    impl DateTimeText for NaiveDateTime {}

    impl<Tz: TimeZone> Calendar for DateTime<Tz>
    where
        Self: From<DateTime<Utc>>,
    {
        fn to_civil(&self) -> Civil {
            self.naive_utc().to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            NaiveDateTime::from_civil(civil).map(|naive| naive.and_utc().into())
        }
    }

    impl<Tz: TimeZone> DateText for DateTime<Tz> where Self: From<DateTime<Utc>> {}
    impl<Tz: TimeZone> DateTimeText for DateTime<Tz> where Self: From<DateTime<Utc>> {}
}

#[cfg(feature = "jiff1")]
mod jiff1 {
    use jiff::civil::{Date, DateTime};
    use jiff::tz::{Offset, TimeZone};
    use jiff::{Timestamp, ZonedDateTime};

    use super::{Calendar, Civil, DateText, DateTimeText};

    impl Calendar for Date {
        fn to_civil(&self) -> Civil {
            self.at(0, 0, 0, 0).to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            DateTime::from_civil(civil).map(DateTime::date)
        }
    }

    impl DateText for Date {}

    impl Calendar for DateTime {
        fn to_civil(&self) -> Civil {
            #[expect(clippy::cast_sign_loss, reason = "only a year may be negative")]
            Civil {
                year: self.year().into(),
                month: self.month() as u8,
                day: self.day() as u8,
                hour: self.hour() as u8,
                minute: self.minute() as u8,
                second: self.second() as u8,
            }
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            let signed = |number: u8| i8::try_from(number).ok();
            Self::new(
                civil.year.try_into().ok()?,
                signed(civil.month)?,
                signed(civil.day)?,
                signed(civil.hour)?,
                signed(civil.minute)?,
                signed(civil.second)?,
                0,
            )
            .ok()
        }
    }

    impl DateText for DateTime {}
    impl DateTimeText for DateTime {}

    impl Calendar for Timestamp {
        fn to_civil(&self) -> Civil {
            Offset::UTC.to_datetime(*self).to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            Offset::UTC.to_timestamp(DateTime::from_civil(civil)?).ok()
        }
    }

    impl DateText for Timestamp {}
    impl DateTimeText for Timestamp {}

    impl Calendar for ZonedDateTime {
        fn to_civil(&self) -> Civil {
            self.timestamp().to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            Timestamp::from_civil(civil).map(|timestamp| Self::new(timestamp, TimeZone::UTC))
        }
    }

    impl DateText for ZonedDateTime {}
    impl DateTimeText for ZonedDateTime {}
}

#[cfg(feature = "time03")]
mod time03 {
    use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset};

    use super::{Calendar, Civil, DateText, DateTimeText};

    impl Calendar for Date {
        fn to_civil(&self) -> Civil {
            self.midnight().to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            Self::from_calendar_date(civil.year, civil.month.try_into().ok()?, civil.day).ok()
        }
    }

    impl DateText for Date {}

    impl Calendar for PrimitiveDateTime {
        fn to_civil(&self) -> Civil {
            Civil {
                year: self.year(),
                month: self.month().into(),
                day: self.day(),
                hour: self.hour(),
                minute: self.minute(),
                second: self.second(),
            }
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            let time = Time::from_hms(civil.hour, civil.minute, civil.second).ok()?;
            Some(Self::new(Date::from_civil(civil)?, time))
        }
    }

    impl DateText for PrimitiveDateTime {}
    impl DateTimeText for PrimitiveDateTime {}

    impl Calendar for OffsetDateTime {
        fn to_civil(&self) -> Civil {
            let utc = self.to_offset(UtcOffset::UTC);
            PrimitiveDateTime::new(utc.date(), utc.time()).to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            PrimitiveDateTime::from_civil(civil).map(PrimitiveDateTime::assume_utc)
        }
    }

    impl DateText for OffsetDateTime {}
    impl DateTimeText for OffsetDateTime {}

    impl Calendar for UtcDateTime {
        fn to_civil(&self) -> Civil {
            PrimitiveDateTime::new(self.date(), self.time()).to_civil()
        }

        fn from_civil(civil: Civil) -> Option<Self> {
            PrimitiveDateTime::from_civil(civil).map(PrimitiveDateTime::as_utc)
        }
    }

    impl DateText for UtcDateTime {}
    impl DateTimeText for UtcDateTime {}
}
