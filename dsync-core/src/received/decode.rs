//! A record that fits its layout, as its Rust type.
//!
//! The layout says less than the type does. `"1.10"` is a number, and a type for decimals wants the text
//! where `f64` wants the number; null is an absent value, and `Option` with a `with` module wants the null
//! where a list with a `default` wants the key gone. Only trying tells. The record is tried as it came;
//! if the type refuses, the field at which it did is treated in the next of a few ways, until the type
//! takes it or nothing is left to try. A field's place is found only there, so what is right the first
//! time pays for none of it.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ptr;

use serde::de::{DeserializeOwned, Deserializer};
use serde_path_to_error::{Path, Segment, Track};

use crate::faults::{Fault, Faults};
use crate::layout::lenient::{self, Nulls, Texts, Treatment};
use crate::layout::{EntityLayout, FieldLayout, FieldType};
use crate::shown::cut;

/// What makes something of a JSON object whose keys are fields of a layout; as often as it is asked.
pub(super) trait Reader {
    type Value;

    fn read<'de, D: Deserializer<'de>>(&self, json: D) -> Result<Self::Value, D::Error>;
}

/// Reads the whole object as a type.
struct Whole<T>(PhantomData<T>);

impl<T: DeserializeOwned> Reader for Whole<T> {
    type Value = T;

    fn read<'de, D: Deserializer<'de>>(&self, json: D) -> Result<T, D::Error> {
        T::deserialize(json)
    }
}

/// Reads a record of the layout.
pub(super) fn record<T: DeserializeOwned>(layout: &EntityLayout, json: &[u8]) -> Result<T, Faults> {
    match serde_json::from_slice(json) {
        Ok(record) => Ok(record),
        Err(_) => with(layout, json, &Whole(PhantomData)),
    }
}

/// Reads an object that has fields of the layout, in every way that there is.
pub(super) fn with<R: Reader>(
    layout: &EntityLayout,
    json: &[u8],
    reader: &R,
) -> Result<R::Value, Faults> {
    let mut ways = Ways::default();
    let mut treated = ways.treat(layout, json).unwrap_or(Cow::Borrowed(json));
    loop {
        let mut deserializer = serde_json::Deserializer::from_slice(&treated);
        let mut track = Track::new();
        let error = match reader.read(serde_path_to_error::Deserializer::new(
            &mut deserializer,
            &mut track,
        )) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let place = Place::of(layout, &track.path());
        let problem = problem(&error);
        let concerned = match missing_field(&problem) {
            // Nothing that is there is to blame, unless its null should have stayed.
            Some(name) => {
                if let Some(field) = place.field(name) {
                    ways.keep_null(field);
                }
                Vec::new()
            }
            None => place.concerned(),
        };
        match next(layout, json, &treated, &mut ways, &concerned) {
            Some(json) => treated = json,
            None => return Err(place.fault(&problem).into()),
        }
    }
}

/// The record in the next way that makes a difference.
fn next<'a>(
    layout: &EntityLayout,
    json: &'a [u8],
    before: &[u8],
    ways: &mut Ways,
    concerned: &[&'static FieldLayout],
) -> Option<Cow<'a, [u8]>> {
    loop {
        let has_more = ways.advance(concerned);
        let treated = ways.treat(layout, json).ok()?;
        if *treated != *before {
            return Some(treated);
        }
        if !has_more {
            return None;
        }
    }
}

/// In which order a field is tried. The last is how a record is meant, so its error is the one that is
/// told.
const WAYS: [(Texts, Nulls); 5] = [
    (Texts::ExactOnly, Nulls::AsCame),
    (Texts::Strict, Nulls::AsCame),
    (Texts::AsCame, Nulls::AsCame),
    (Texts::AsCame, Nulls::Absent),
    (Texts::Strict, Nulls::Absent),
];

/// The one for a field whose null has to stay.
const WITH_NULL: usize = 1;

/// The fields that are past the first way.
#[derive(Default)]
struct Ways(Vec<Tried>);

struct Tried {
    /// Told apart by where it is: a name may stand in many objects.
    field: &'static FieldLayout,
    way: usize,
    is_final: bool,
}

impl Ways {
    fn treat<'a>(
        &self,
        layout: &EntityLayout,
        json: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, serde_json::Error> {
        lenient::treated(layout.fields(), json, &|field: &FieldLayout| {
            let tried = self.0.iter().find(|tried| ptr::eq(tried.field, field));
            let (texts, nulls) = WAYS[tried.map_or(0, |tried| tried.way)];
            Treatment::Kept { texts, nulls }
        })
    }

    /// Whether any of the fields had a way left.
    fn advance(&mut self, fields: &[&'static FieldLayout]) -> bool {
        let mut has_advanced = false;
        for field in fields {
            let tried = self.tried(field);
            if !tried.is_final && tried.way + 1 < WAYS.len() {
                tried.way += 1;
                has_advanced = true;
            }
        }
        has_advanced
    }

    /// Takes back that the field's nulls were left out, for good.
    fn keep_null(&mut self, field: &'static FieldLayout) {
        let tried = self.tried(field);
        if WAYS[tried.way].1 == Nulls::Absent && !tried.is_final {
            tried.way = WITH_NULL;
            tried.is_final = true;
        }
    }

    fn tried(&mut self, field: &'static FieldLayout) -> &mut Tried {
        let position = self.0.iter().position(|tried| ptr::eq(tried.field, field));
        let position = position.unwrap_or_else(|| {
            self.0.push(Tried {
                field,
                way: 0,
                is_final: false,
            });
            self.0.len() - 1
        });
        &mut self.0[position]
    }
}

/// Where in a record the type refused it.
struct Place {
    treekey: String,
    /// The position in the nearest list around it, from 1: treekeys have no index.
    item: Option<usize>,
    /// The innermost field, if it is in one that the layout knows.
    field: Option<&'static FieldLayout>,
    /// The fields below, if it is an object.
    below: &'static [FieldLayout],
}

impl Place {
    fn of(layout: &EntityLayout, path: &Path) -> Self {
        let mut place = Self {
            treekey: layout.name().to_owned(),
            item: None,
            field: None,
            below: layout.fields(),
        };
        for segment in path {
            match segment {
                Segment::Seq { index } => place.item = Some(index + 1),
                Segment::Map { key } => {
                    // Inside a value that the layout does not know there are no treekeys.
                    if place.field.is_some_and(|field| field.fields().is_empty()) {
                        break;
                    }
                    place.treekey.push('.');
                    place.treekey.push_str(&cut(key));
                    let Some(field) = place.field(key) else {
                        place.field = None;
                        place.below = &[];
                        break;
                    };
                    place.below = match field.field_type() {
                        FieldType::Object => field.fields(),
                        _ => &[],
                    };
                    place.field = Some(field);
                }
                Segment::Enum { .. } | Segment::Unknown => break,
            }
        }
        place
    }

    /// A field directly below.
    fn field(&self, name: &str) -> Option<&'static FieldLayout> {
        self.below.iter().find(|field| field.name() == name)
    }

    /// The fields of which one may be to blame. With serde's `flatten` an error knows only the object.
    fn concerned(&self) -> Vec<&'static FieldLayout> {
        fn add(fields: &'static [FieldLayout], to: &mut Vec<&'static FieldLayout>) {
            for field in fields {
                to.push(field);
                add(field.fields(), to);
            }
        }

        let mut fields = Vec::from_iter(self.field);
        add(self.below, &mut fields);
        fields
    }

    fn fault(self, problem: &str) -> Fault {
        let missing = missing_field(problem).and_then(|name| self.field(name));
        let (treekey, message) = match missing {
            Some(field) => (
                format!("{}.{}", self.treekey, field.name()),
                "is required, but is missing".to_owned(),
            ),
            None => (self.treekey, format!("cannot be read: {}", cut(problem))),
        };
        Fault::new(
            treekey,
            match self.item {
                Some(position) => format!("{message} (item {position} of the list)"),
                None => message,
            },
        )
    }
}

/// What serde says, without the position in bytes that nobody sees.
pub(super) fn problem(error: &serde_json::Error) -> String {
    let mut problem = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    if problem.ends_with(&position) {
        problem.truncate(problem.len() - position.len());
    }
    problem
}

/// The name in serde's own error for a field that is not there.
fn missing_field(problem: &str) -> Option<&str> {
    problem.strip_prefix("missing field `")?.strip_suffix('`')
}
