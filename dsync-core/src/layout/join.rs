//! The fields of a struct that has flattened ones: put together in constant evaluation, so that
//! nothing that reads a layout has to know of flattening.

use super::FieldType;
use super::const_text::{ConstText, equal};
use super::shape::Shape;
use super::tree::FieldLayout;

/// A stretch of a struct's fields.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The struct's own.
    Own(&'static [FieldLayout]),
    /// Those of a flattened field.
    Flat {
        /// The field's Rust name.
        of: &'static str,
        /// The shape of its type. A map is flattened, too, but its keys are no fields.
        shape: Shape,
        /// Whether something says that the part may be absent, or that it must be there.
        required: Option<bool>,
        /// Whether the part's primary key is that of the whole.
        primary_key: bool,
    },
}

impl Part {
    const fn fields(&self) -> &'static [FieldLayout] {
        match self {
            Self::Own(fields) => fields,
            Self::Flat { shape, .. } => shape.fields(),
        }
    }
}

/// How many fields the parts have together.
#[doc(hidden)]
#[must_use]
pub const fn count(parts: &[Part]) -> usize {
    let mut count = 0;
    let mut index = 0;
    while index < parts.len() {
        count += parts[index].fields().len();
        index += 1;
    }
    count
}

/// The fields of the parts in one array; `N` comes from [`count`].
///
/// # Panics
///
/// At compile time: where a flattened field is no object, or where a treekey stands twice.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn join<const N: usize>(parts: &[Part]) -> [FieldLayout; N] {
    let mut joined = [FieldLayout::new("", Shape::leaf(FieldType::Custom)); N];
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        let fields = parts[part].fields();
        let mut index = 0;
        while index < fields.len() {
            let mut field = fields[index];
            if let Part::Flat {
                shape,
                required,
                primary_key,
                ..
            } = parts[part]
            {
                let may_be_absent = match required {
                    Some(required) => !required,
                    None => shape.is_optional(),
                };
                if may_be_absent {
                    field = field.with_required(false);
                }
                if !primary_key {
                    field = field.without_primary_key();
                }
            }
            refuse_twice(field.name(), parts, part, index);
            joined[len] = field;
            len += 1;
            index += 1;
        }
        if let Part::Flat { of, shape, .. } = parts[part] {
            refuse_what_serde_cannot_flatten(of, &shape);
        }
        part += 1;
    }
    joined
}

#[track_caller]
const fn refuse_what_serde_cannot_flatten(of: &str, shape: &Shape) {
    let object = matches!(shape.field_type(), FieldType::Object | FieldType::Custom);
    if !object || shape.is_multiple() {
        let text = ConstText::<256>::new()
            .push("`")
            .push(of)
            .push("` cannot be flattened: it is ")
            .push(if shape.is_multiple() {
                "a list"
            } else {
                shape.field_type().as_str()
            })
            .push(", and serde flattens structs and maps only");
        panic!("{}", text.as_str());
    }
}

/// A treekey is unique within its entity; looks at everything before this field.
#[track_caller]
const fn refuse_twice(name: &str, parts: &[Part], part: usize, index: usize) {
    let mut other_part = 0;
    while other_part <= part {
        let fields = parts[other_part].fields();
        let end = if other_part == part {
            index
        } else {
            fields.len()
        };
        let mut other = 0;
        while other < end {
            if equal(fields[other].name(), name) {
                let text = ConstText::<512>::new()
                    .push("the name `")
                    .push(name)
                    .push("` stands twice, ");
                let text = place(text, &parts[other_part]).push(" and ");
                let text =
                    place(text, &parts[part]).push(": a treekey is unique within its entity");
                panic!("{}", text.as_str());
            }
            other += 1;
        }
        other_part += 1;
    }
}

const fn place<const N: usize>(text: ConstText<N>, part: &Part) -> ConstText<N> {
    match part {
        Part::Own(_) => text.push("in the struct itself"),
        Part::Flat { of, .. } => text.push("in the flattened `").push(of).push("`"),
    }
}
