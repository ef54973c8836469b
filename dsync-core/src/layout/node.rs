//! What a field of the static tree and a field of the owned model have in common, so that
//! validating, checking and writing are one function each and cannot disagree.

use serde_json::value::RawValue;

use super::FieldType;

/// A field, wherever it is kept.
pub(crate) trait FieldNode: Sized {
    fn name(&self) -> &str;

    /// The type's word, also where it is none of the eleven.
    fn type_name(&self) -> &str;

    /// The type, or nothing where a foreign layout names one that does not exist.
    fn field_type(&self) -> Option<FieldType>;

    fn is_multiple(&self) -> bool;
    fn is_required(&self) -> bool;
    fn is_primary_key(&self) -> bool;
    fn date_format(&self) -> Option<&str>;
    fn description(&self) -> Option<&str>;
    fn foreign_key(&self) -> ForeignKey<'_>;
    fn fields(&self) -> &[Self];

    /// The treekey that a foreign layout states, right or wrong.
    fn stated_treekey(&self) -> Option<&str> {
        None
    }

    /// A key whose format is unknown: `id`, `value`, `functions` or `bool_settings`.
    fn opaque(&self, _key: OpaqueKey) -> Option<&RawValue> {
        None
    }

    /// Keys of a foreign layout that PROTOCOL.md does not know.
    fn extra(&self) -> &[(String, Box<RawValue>)] {
        &[]
    }
}

/// What stands in `foreign_key`.
pub(crate) enum ForeignKey<'a> {
    None,
    Text(&'a str),
    Treekey { entity: &'a str, field: &'a str },
    Raw(&'a RawValue),
}

/// The keys that are carried as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpaqueKey {
    Id,
    Value,
    Functions,
    BoolSettings,
}
