//! A date and time as text, whichever library it comes from.

use std::fmt;

use serde::{Deserialize, Deserializer, Serializer, de, ser};

/// What a calendar and a clock show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i32,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
}

/// What a library says about one of its types.
pub(super) trait Calendar: Sized {
    /// In UTC, without the fraction of a second.
    fn to_civil(&self) -> Civil;

    /// Nothing if there is no such day or time.
    fn from_civil(civil: Civil) -> Option<Self>;
}

fn tokens(with_time: bool) -> &'static str {
    if with_time {
        "YYYY-MM-DD HH:mm:ss"
    } else {
        "YYYY-MM-DD"
    }
}

impl Civil {
    pub(super) fn write<const TIME: bool, S: Serializer>(
        self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if !(0..=9999).contains(&self.year) {
            return Err(ser::Error::custom(format_args!(
                "the year {} does not fit into {}",
                self.year,
                tokens(TIME)
            )));
        }
        serializer.collect_str(&Shown::<TIME>(self))
    }

    /// Nothing where a digit or a sign is not where it has to be.
    fn parse(text: &str, with_time: bool) -> Option<Self> {
        let pattern = tokens(with_time).bytes();
        let fits = text.len() == pattern.len()
            && text.bytes().zip(pattern).all(|(byte, token)| {
                if token.is_ascii_alphabetic() {
                    byte.is_ascii_digit()
                } else {
                    byte == token
                }
            });
        if !fits {
            return None;
        }
        let two = |at: usize| text[at..at + 2].parse().ok();
        let time = |at: usize| if with_time { two(at) } else { Some(0) };
        Some(Self {
            year: text[..4].parse().ok()?,
            month: two(5)?,
            day: two(8)?,
            hour: time(11)?,
            minute: time(14)?,
            second: time(17)?,
        })
    }
}

struct Shown<const TIME: bool>(Civil);

impl<const TIME: bool> fmt::Display for Shown<TIME> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.0;
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        if TIME {
            write!(f, " {hour:02}:{minute:02}:{second:02}")?;
        }
        Ok(())
    }
}

pub(super) fn read<'de, const TIME: bool, T: Calendar, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    Civil::parse(&text, TIME)
        .and_then(T::from_civil)
        .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &Expected(TIME)))
}

struct Expected(bool);

impl de::Expected for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a date that exists, as {}", tokens(self.0))
    }
}
