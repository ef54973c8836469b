//! The types that have a field type: what serde writes for each fits the layout it gets.

use dsync::testing::assert_layout_matches;
use dsync::{FieldLayout, FieldType, FieldValue, ToEntityId, prelude::DsyncObject};
use serde::Serialize;
use serde_json::{Value, json};

/// One value in a field, and in an `Option`.
#[derive(Serialize, DsyncObject)]
struct One<T> {
    value: T,
    perhaps: Option<T>,
}

/// Holds what serde writes against the type's layout, and both against what is expected.
#[track_caller]
fn written<T: FieldValue + Serialize + Clone>(value: T, expected: Value, word: &str) {
    assert_eq!(serde_json::to_value(&value).unwrap(), expected);
    let shape = T::SHAPE;
    let list = if shape.is_multiple() { "list of " } else { "" };
    assert_eq!(format!("{list}{}", shape.field_type()), word);
    assert_layout_matches([One {
        perhaps: Some(value.clone()),
        value,
    }]);
}

#[track_caller]
fn named(id: impl ToEntityId + Serialize) {
    let text = id.to_entity_id().unwrap();
    assert_eq!(
        serde_json::to_value(&id).unwrap(),
        json!(text.as_str()),
        "an id is its JSON text"
    );
}

mod of_the_standard_library {
    use std::cell::{Cell, RefCell};
    use std::cmp::Reverse;
    use std::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::num::{NonZero, Saturating, Wrapping};
    use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
    use std::sync::{Arc, Mutex, RwLock};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_wrapper_is_the_value_inside() {
        written(Wrapping(7_u8), json!(7), "number");
        written(Saturating(7_u64), json!(7), "number");
        written(Reverse("a"), json!("a"), "text");
        written(Cell::new(true), json!(true), "boolean");
        written(RefCell::new(vec![1_u8]), json!([1]), "list of number");
        written(&Mutex::new(1.5), json!(1.5), "number");
        written(&RwLock::new('a'), json!("a"), "text");
        written::<Box<str>>("a".into(), json!("a"), "text");
        written::<Box<[u8]>>([1, 2].into(), json!([1, 2]), "list of number");
        written(NonZero::new(7_u16).unwrap(), json!(7), "number");
        assert!(<Mutex<Option<u8>> as FieldValue>::SHAPE.is_optional());
        // With serde's feature `rc`, which is off here.
        assert_eq!(<std::rc::Rc<str>>::SHAPE.field_type(), FieldType::Text);
        assert!(<Arc<[u8]>>::SHAPE.is_multiple());
    }

    #[test]
    fn an_atomic_is_its_value() {
        written(&AtomicBool::new(true), json!(true), "boolean");
        written(&AtomicU8::new(1), json!(1), "number");
        written(&AtomicUsize::new(1), json!(1), "number");
    }

    #[test]
    fn lists_maps_and_addresses() {
        written(
            BTreeSet::from(["a", "b"]),
            json!(["a", "b"]),
            "list of text",
        );
        written(BinaryHeap::from([1]), json!([1]), "list of number");
        written(LinkedList::from([true]), json!([true]), "list of boolean");
        written([1.5, 2.0], json!([1.5, 2.0]), "list of number");
        written(BTreeMap::from([(1, "a")]), json!({"1": "a"}), "custom");
        written(json!({"a": [1]}), json!({"a": [1]}), "custom");
        written(serde_json::Number::from(7), json!(7), "number");
        let raw = serde_json::value::RawValue::from_string("[1]".to_owned()).unwrap();
        written(raw, json!([1]), "custom");
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        written(ip, json!("127.0.0.1"), "text");
        named(ip);
        named(Ipv4Addr::LOCALHOST);
        named(SocketAddr::from((ip, 80)));
        named("::1".parse::<IpAddr>().unwrap());
        named("[::1]:80".parse::<SocketAddr>().unwrap());
    }

    /// serde writes these as structs, so they have fields.
    #[test]
    fn times_and_ranges_are_objects() {
        fn fields<T: DsyncObject>() -> Vec<(&'static str, &'static str, bool)> {
            let each = |field: &FieldLayout| {
                (
                    field.name(),
                    field.field_type().as_str(),
                    field.is_required(),
                )
            };
            T::FIELDS.iter().map(each).collect()
        }

        written(
            Duration::from_millis(1500),
            json!({"secs": 1, "nanos": 500_000_000}),
            "object",
        );
        written(
            SystemTime::UNIX_EPOCH,
            json!({"secs_since_epoch": 0, "nanos_since_epoch": 0}),
            "object",
        );
        written(1..3, json!({"start": 1, "end": 3}), "object");
        written('a'..='c', json!({"start": "a", "end": "c"}), "object");
        written(1.., json!({"start": 1}), "object");
        written(..3, json!({"end": 3}), "object");
        written(
            vec![Some(1.5)..None, None..Some(2.0)],
            json!([{"start": 1.5, "end": null}, {"start": null, "end": 2.0}]),
            "list of object",
        );
        assert_eq!(
            fields::<Duration>(),
            [("secs", "number", true), ("nanos", "number", true)]
        );
        assert_eq!(
            fields::<std::ops::Range<Option<char>>>(),
            [("start", "text", false), ("end", "text", false)]
        );
    }
}

#[cfg(feature = "foreign-types")]
mod of_other_crates {
    use super::*;

    /// The date_format, which stands only where every value is written in it.
    fn format<T: FieldValue>() -> Option<&'static str> {
        FieldLayout::new("value", T::SHAPE).date_format()
    }

    #[test]
    fn chrono() {
        use chrono::{DateTime, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, Utc};

        let day = NaiveDate::from_ymd_opt(2024, 5, 1).unwrap();
        let time = NaiveTime::from_hms_milli_opt(12, 30, 0, 250).unwrap();
        written(day, json!("2024-05-01"), "date");
        written(vec![day], json!(["2024-05-01"]), "list of date");
        written(time, json!("12:30:00.250"), "time");
        let naive = day.and_time(time);
        written(naive, json!("2024-05-01T12:30:00.250"), "datetime");
        written(
            naive.and_utc(),
            json!("2024-05-01T12:30:00.250Z"),
            "datetime",
        );
        let offset = FixedOffset::east_opt(2 * 3600).unwrap();
        written(
            naive.and_local_timezone(offset).unwrap(),
            json!("2024-05-01T12:30:00.250+02:00"),
            "datetime",
        );
        written(Month::May, json!("May"), "text");
        assert_eq!(format::<NaiveDate>(), Some("YYYY-MM-DD"));
        assert_eq!(format::<Option<Vec<NaiveDate>>>(), Some("YYYY-MM-DD"));
        assert_eq!(format::<NaiveTime>(), None);
        assert_eq!(format::<NaiveDateTime>(), None);
        assert_eq!(format::<DateTime<Utc>>(), None);

        #[derive(DsyncObject)]
        #[expect(dead_code, reason = "only its type is looked at")]
        struct Formats {
            plain: Option<NaiveDate>,
            #[dsync(date_format = "YYYY-M-D")]
            said: NaiveDate,
            #[dsync(type = "text")]
            no_date: NaiveDate,
        }
        let formats = Formats::FIELDS.iter().map(FieldLayout::date_format);
        assert!(formats.eq([Some("YYYY-MM-DD"), Some("YYYY-M-D"), None]));
    }

    #[test]
    fn jiff() {
        use jiff::civil::{Date, date, time};
        use jiff::{SignedDuration, Timestamp, ZonedDateTime, tz::TimeZone};

        written(date(2024, 5, 1), json!("2024-05-01"), "date");
        written(time(12, 30, 0, 0), json!("12:30:00"), "time");
        written(
            date(2024, 5, 1).at(12, 30, 0, 0),
            json!("2024-05-01T12:30:00"),
            "datetime",
        );
        let timestamp = Timestamp::UNIX_EPOCH;
        written(timestamp, json!("1970-01-01T00:00:00Z"), "datetime");
        written(
            ZonedDateTime::new(timestamp, TimeZone::UTC),
            json!("1970-01-01T00:00:00+00:00[UTC]"),
            "datetime",
        );
        written(SignedDuration::from_secs(90), json!("PT1M30S"), "text");
        assert_eq!(format::<Date>(), Some("YYYY-MM-DD"));
        assert_eq!(format::<Timestamp>(), None);
    }

    #[test]
    fn time() {
        use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime};

        let day = Date::from_calendar_date(2024, Month::May, 1).unwrap();
        let time = Time::from_hms(12, 30, 0).unwrap();
        written(day, json!("2024-05-01"), "date");
        written(time, json!("12:30:00.0"), "time");
        written(
            PrimitiveDateTime::new(day, time),
            json!("2024-05-01 12:30:00.0"),
            "datetime",
        );
        written(
            OffsetDateTime::UNIX_EPOCH,
            json!("1970-01-01 00:00:00.0 +00:00:00"),
            "datetime",
        );
        let utc = UtcDateTime::UNIX_EPOCH;
        written(utc, serde_json::to_value(utc).unwrap(), "datetime");
        written(Month::May, json!("May"), "text");
        assert_eq!(format::<Date>(), Some("YYYY-MM-DD"));
        assert_eq!(format::<PrimitiveDateTime>(), None);
    }

    #[test]
    fn one_word_types() {
        let decimal: rust_decimal::Decimal = "-9.50".parse().unwrap();
        written(decimal, json!("-9.50"), "number");
        written(
            rust_decimal::Decimal::MAX,
            json!(rust_decimal::Decimal::MAX.to_string()),
            "number",
        );
        let url: url::Url = "https://example.org/ä".parse().unwrap();
        written(url.clone(), json!("https://example.org/%C3%A4"), "url");
        named(url);
        let uuid = uuid::Uuid::from_u128(7);
        written(uuid, json!("00000000-0000-0000-0000-000000000007"), "text");
        named(uuid);
        named(uuid.simple());
        named(uuid.urn());
        named(uuid.braced());
        named(uuid.hyphenated());
    }

    #[test]
    fn collections() {
        use indexmap::{IndexMap, IndexSet};

        written(IndexMap::from([("a", 1)]), json!({"a": 1}), "custom");
        written(IndexSet::from(["a"]), json!(["a"]), "list of text");
        let small: smallvec::SmallVec<[u8; 4]> = smallvec::smallvec![1, 2];
        written(small, json!([1, 2]), "list of number");
        written(
            arrayvec::ArrayVec::from([1, 2]),
            json!([1, 2]),
            "list of number",
        );
        let text = arrayvec::ArrayString::<4>::from("a").unwrap();
        written(text, json!("a"), "text");
        named(text);
    }
}

#[cfg(feature = "foreign-types")]
mod dates {
    use std::fmt::Debug;

    use dsync::dates::{DateText, DateTimeText, date, datetime};
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize, DsyncObject, Debug)]
    #[serde(bound = "T: DateTimeText, Option<T>: DateTimeText")]
    struct Moment<T> {
        #[serde(with = "datetime")]
        #[dsync(type = "date", date_format = "YYYY-MM-DD HH:mm:ss")]
        at: T,
        #[serde(with = "datetime", default)]
        #[dsync(type = "datetime", date_format = "YYYY-MM-DD HH:mm:ss")]
        perhaps: Option<T>,
    }

    #[derive(Serialize, Deserialize, DsyncObject, Debug)]
    #[serde(bound = "T: DateText, Option<T>: DateText")]
    struct Day<T> {
        #[serde(with = "date")]
        #[dsync(type = "date", date_format = "YYYY-MM-DD")]
        at: T,
        #[serde(with = "date", default)]
        #[dsync(type = "date", date_format = "YYYY-MM-DD")]
        perhaps: Option<T>,
    }

    /// Writes a value, reads it back, and writes that again.
    fn round_trip<T>(value: T, whole_seconds: T, text: &str)
    where
        T: DateTimeText + DateText + Clone + Debug + PartialEq,
        Option<T>: DateTimeText + DateText,
    {
        let moment = Moment {
            at: value.clone(),
            perhaps: Some(value.clone()),
        };
        let json = serde_json::to_value(&moment).unwrap();
        assert_eq!(json, json!({"at": text, "perhaps": text}));
        let read: Moment<T> = serde_json::from_value(json).unwrap();
        assert_eq!(read.at, whole_seconds);
        assert_eq!(read.perhaps, Some(whole_seconds));
        assert_layout_matches([moment, read]);

        let day = json!({"at": &text[..10], "perhaps": null});
        let written = serde_json::to_value(Day {
            at: value,
            perhaps: None,
        });
        assert_eq!(written.unwrap(), day);
        let read: Day<T> = serde_json::from_value(day.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), day);
    }

    fn fraction() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), 0..1_000_000_000_u32]
    }

    proptest! {
        /// From the first second of the year 0 to the last one of the year 9999.
        #[test]
        fn every_second_with_four_digits_survives(
            seconds in -62_167_219_200_i64..=253_402_300_799,
            fraction in fraction(),
            offset in -43_200_i32..=43_200,
        ) {
            use chrono::{DateTime, FixedOffset, Utc};

            let value = DateTime::<Utc>::from_timestamp(seconds, fraction).unwrap();
            let whole = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap();
            let text = whole.format("%Y-%m-%d %H:%M:%S").to_string();
            round_trip(value, whole, &text);
            round_trip(value.naive_utc(), whole.naive_utc(), &text);
            let zone = FixedOffset::east_opt(offset).unwrap();
            round_trip(value.with_timezone(&zone), whole.with_timezone(&zone), &text);

            // jiff's last timestamps are a day earlier.
            if let Ok(jiff_whole) = jiff::Timestamp::from_second(seconds) {
                let jiff_value = jiff_whole + jiff::SignedDuration::from_nanos(fraction.into());
                round_trip(jiff_value, jiff_whole, &text);
                let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(offset).unwrap());
                let zoned = |timestamp| jiff::ZonedDateTime::new(timestamp, zone.clone());
                round_trip(zoned(jiff_value), zoned(jiff_whole), &text);
                let civil = |timestamp| jiff::tz::Offset::UTC.to_datetime(timestamp);
                round_trip(civil(jiff_value), civil(jiff_whole), &text);
            }

            let time_whole = time::UtcDateTime::from_unix_timestamp(seconds).unwrap();
            let time_value = time_whole.replace_nanosecond(fraction).unwrap();
            round_trip(time_value, time_whole, &text);
            let zone = time::UtcOffset::from_whole_seconds(offset).unwrap();
            if let (Some(value), Some(whole)) =
                (time_value.checked_to_offset(zone), time_whole.checked_to_offset(zone))
            {
                round_trip(value, whole, &text);
            }
            let plain = |utc: time::UtcDateTime| time::PrimitiveDateTime::new(utc.date(), utc.time());
            round_trip(plain(time_value), plain(time_whole), &text);
        }

        /// Whatever is read was written so: there is one text for a second.
        #[test]
        fn no_other_text_is_read(text in "[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]|[ -~]{19}|\\PC{0,19}") {
            let json = json!({"at": text});
            if let Ok(read) = serde_json::from_value::<Moment<chrono::NaiveDateTime>>(json.clone()) {
                prop_assert_eq!(&serde_json::to_value(&read).unwrap()["at"], &text);
            }
            if let Ok(read) = serde_json::from_value::<Moment<jiff::Timestamp>>(json.clone()) {
                prop_assert_eq!(&serde_json::to_value(&read).unwrap()["at"], &text);
            }
            if let Ok(read) = serde_json::from_value::<Moment<time::UtcDateTime>>(json) {
                prop_assert_eq!(&serde_json::to_value(&read).unwrap()["at"], &text);
            }
        }
    }

    #[test]
    fn plain_dates_are_written_as_they_are() {
        let text = json!({"at": "0007-05-01", "perhaps": "2024-02-29"});
        let chrono: Day<chrono::NaiveDate> = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&chrono).unwrap(), text);
        let jiff: Day<jiff::civil::Date> = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&jiff).unwrap(), text);
        let time: Day<time::Date> = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&time).unwrap(), text);
        assert_layout_matches([chrono]);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_says_why() {
        let moment = |at: Value| {
            serde_json::from_value::<Moment<chrono::NaiveDateTime>>(json!({"at": at}))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            moment(json!("2024-02-30 00:00:00")),
            r#"invalid value: string "2024-02-30 00:00:00", expected a date that exists, as YYYY-MM-DD HH:mm:ss"#
        );
        assert!(moment(json!(null)).contains("null"));
        let late = chrono::NaiveDate::from_ymd_opt(10_000, 1, 1).unwrap();
        let error = serde_json::to_value(Day {
            at: late,
            perhaps: None,
        });
        assert_eq!(
            error.unwrap_err().to_string(),
            "the year 10000 does not fit into YYYY-MM-DD"
        );
    }
}
