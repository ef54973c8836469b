//! What a record is to the hub itself, apart from the ids that may change or be ambiguous.

/// Which record: how many were created before it. It never changes, whatever names the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordKey(pub(crate) u64);

/// How many records have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    None,
    One(RecordKey),
    Several,
}

impl FromIterator<RecordKey> for Found {
    fn from_iter<I: IntoIterator<Item = RecordKey>>(keys: I) -> Self {
        let mut keys = keys.into_iter();
        match (keys.next(), keys.next()) {
            (None, _) => Self::None,
            (Some(key), None) => Self::One(key),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}
