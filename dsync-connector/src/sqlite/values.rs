//! Values as columns.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::inbox::KEPT_FOR;

/// A time: nanoseconds since 1970, negative before. The years 1677 and 2262 are as far as it goes; what
/// is beyond is kept as the last that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) SystemTime);

impl Time {
    fn nanoseconds(self) -> i64 {
        match self.0.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos())
                .map_or(i64::MIN, |nanoseconds| -nanoseconds),
        }
    }

    /// What was kept then or earlier may be forgotten now. With a clock that was set back it is little.
    pub(super) fn oldest_kept(now: SystemTime) -> i64 {
        let kept_for = i64::try_from(KEPT_FOR.as_nanos()).unwrap_or(i64::MAX);
        Self(now).nanoseconds().saturating_sub(kept_for)
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.nanoseconds()))
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let nanoseconds = value.as_i64()?;
        let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
        let time = if nanoseconds < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        time.map(Self).ok_or(FromSqlError::OutOfRange(nanoseconds))
    }
}

/// A promise's or a report's number. One that SQLite cannot have given is -1, which names none.
pub(super) struct Number(pub(super) u64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(i64::try_from(self.0).unwrap_or(-1)))
    }
}

impl FromSql for Number {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// The status of an answer or a report.
pub(super) struct Status(pub(super) StatusCode);

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_u16()))
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        StatusCode::from_u16(u16::column_result(value)?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A text that was checked when it came, and is checked again when it is read.
pub(super) struct Checked<T>(pub(super) T);

impl<T: FromStr<Err: std::error::Error + Send + Sync + 'static>> FromSql for Checked<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map(Self)
            .map_err(FromSqlError::other)
    }
}
