//! The layout held against samples of what serde writes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::entity::DsyncObject;
use crate::layout::{FieldLayout, Treekey, validate};

/// Checks that a layout is what serde writes, on samples.
///
/// A derive sees what serde's derive will do, but not what a hand-written `Serialize`, a `with`
/// module or a type of another crate does. Give it samples that show everything: every `Option`
/// with and without a value, every list with items.
///
/// # Panics
///
/// With all that differs:
///
/// - a sample that does not validate against the layout, or has a key that is not in it;
/// - a field of the layout that no sample has, so that nothing is known about it. Below a field of
///   type `custom` nothing is looked at.
///
/// # Examples
///
/// ```
/// use dsync_core::testing::assert_layout_matches;
/// use dsync_core::{DsyncObject, FieldLayout, FieldType, Shape};
///
/// #[derive(serde::Serialize)]
/// struct Price {
///     amount: f64,
///     currency: Option<String>,
/// }
///
/// impl DsyncObject for Price {
///     const FIELDS: &'static [FieldLayout] = &[
///         FieldLayout::new("amount", Shape::leaf(FieldType::Number)),
///         FieldLayout::new("currency", Shape::leaf(FieldType::Text).optional()),
///     ];
/// }
///
/// assert_layout_matches([
///     Price { amount: 9.5, currency: None },
///     Price { amount: 9.5, currency: Some("EUR".to_owned()) },
/// ]);
/// ```
#[track_caller]
pub fn assert_layout_matches<T: DsyncObject + Serialize>(samples: impl IntoIterator<Item = T>) {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    let name = name.rsplit("::").next().unwrap_or(name);
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, sample) in samples.into_iter().enumerate() {
        let number = number + 1;
        let value = match serde_json::to_value(&sample) {
            Ok(value) => value,
            Err(error) => {
                problems.push(format!(
                    "sample {number} cannot be written as JSON: {error}"
                ));
                continue;
            }
        };
        match validate::record(&Treekey::root(name), T::FIELDS, &value) {
            Ok(valid) => problems.extend(
                valid
                    .unknown_keys()
                    .iter()
                    .map(|key| format!("sample {number}: {key} is written, but not in the layout")),
            ),
            Err(faults) => {
                problems.extend(
                    faults
                        .iter()
                        .map(|fault| format!("sample {number}: {fault}")),
                );
            }
        }
        if let Value::Object(map) = &value {
            see(&Treekey::root(name), T::FIELDS, map, &mut seen);
        }
    }
    unseen(&Treekey::root(name), T::FIELDS, &seen, &mut problems);
    assert!(
        problems.is_empty(),
        "the layout of {name} is not what serde writes:\n  {}",
        problems.join("\n  ")
    );
}

/// Notes the treekeys of the fields that a record has.
fn see(
    parent: &Treekey<'_>,
    fields: &[FieldLayout],
    object: &Map<String, Value>,
    seen: &mut BTreeSet<String>,
) {
    for field in fields {
        let treekey = parent.child(field.name());
        let items = match object.get(field.name()) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(items)) if field.is_multiple() => items.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        seen.insert(treekey.to_string());
        for item in items {
            if let Value::Object(object) = item {
                see(&treekey, field.fields(), object, seen);
            }
        }
    }
}

fn unseen(
    parent: &Treekey<'_>,
    fields: &[FieldLayout],
    seen: &BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    for field in fields {
        let treekey = parent.child(field.name());
        if seen.contains(&treekey.to_string()) {
            unseen(&treekey, field.fields(), seen, problems);
        } else {
            problems.push(format!(
                "{treekey} is in the layout, but no sample has a value for it"
            ));
        }
    }
}
