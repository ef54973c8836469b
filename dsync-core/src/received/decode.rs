//! A record that fits its layout, as its Rust type.
//!
//! The layout says less than the type does. `"1.10"` is a number, and a type for decimals wants the text
//! where `f64` wants the number; null is an absent value, and `Option` with a `with` module wants the null
//! where a list with a `default` wants the key gone. Only trying tells. The record is tried as it came;
//! if the type refuses, the field at which it did is treated in the next of a few ways, until the type
//! takes it or nothing is left to try. A field's place is found only there, so what is right the first
//! time pays for none of it. What serde's `flatten` reads has no place: there its words say whether a null
//! or a text is to blame.

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
    let mut outcome = attempt(layout, &treated, reader);
    loop {
        let refused = match outcome {
            Ok(value) => return Ok(value),
            Err(refused) => refused,
        };
        let place = &refused.place;
        let mut advanced = Vec::new();
        match refused.blamed() {
            // Nothing that is there is to blame, unless its null should have stayed.
            Blamed::Missing(field) => field.into_iter().for_each(|field| ways.keep_null(field)),
            Blamed::Null if place.is_lost() => ways.leave_out_nulls(&place.concerned()),
            Blamed::Text if place.is_lost() => {
                let narrowed = narrowed(layout, json, reader, &ways, &treated, &refused);
                if let Some(narrowed) = narrowed {
                    (ways, treated, outcome) = narrowed;
                    continue;
                }
                advanced = place.concerned();
            }
            _ => advanced = place.concerned(),
        }
        let Some(next) = next(layout, json, &treated, &mut ways, &advanced) else {
            return Err(refused.fault().into());
        };
        treated = next;
        outcome = attempt(layout, &treated, reader);
    }
}

fn attempt<R: Reader>(layout: &EntityLayout, json: &[u8], reader: &R) -> Result<R::Value, Refused> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    reader.read(tracked).map_err(|error| Refused {
        problem: problem(&error),
        place: Place::of(layout, &track.path()),
    })
}

/// How the fields are treated, the record so treated, and what the type makes of it.
type Trial<'a, V> = (Ways, Cow<'a, [u8]>, Result<V, Refused>);

/// Where the place of a text is lost: the one field that makes a difference as a number, if there is one,
/// so that the texts of all others stay.
fn narrowed<'a, R: Reader>(
    layout: &EntityLayout,
    json: &'a [u8],
    reader: &R,
    ways: &Ways,
    before: &[u8],
    refused: &Refused,
) -> Option<Trial<'a, R::Value>> {
    refused.place.concerned().into_iter().find_map(|field| {
        let mut ways = ways.clone();
        ways.tried(field).texts = Texts::Strict;
        let treated = ways.treat(layout, json).ok()?;
        if *treated == *before {
            return None;
        }
        let outcome = attempt(layout, &treated, reader);
        let is_the_same = outcome.as_ref().is_err_and(|error| error == refused);
        (!is_the_same).then_some((ways, treated, outcome))
    })
}

/// The record in the next way that makes a difference.
fn next<'a>(
    layout: &EntityLayout,
    json: &'a [u8],
    before: &[u8],
    ways: &mut Ways,
    advanced: &[&'static FieldLayout],
) -> Option<Cow<'a, [u8]>> {
    loop {
        let has_more = ways.advance(advanced);
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

/// The fields that are not as all are at first.
#[derive(Clone, Default)]
struct Ways(Vec<Tried>);

#[derive(Clone)]
struct Tried {
    /// Told apart by where it is: a name may stand in many objects.
    field: &'static FieldLayout,
    /// How many of the ways were tried.
    advanced: usize,
    texts: Texts,
    nulls: Nulls,
    /// Whether the type wants the key to be there.
    keeps_null: bool,
}

impl Ways {
    fn treat<'a>(
        &self,
        layout: &EntityLayout,
        json: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, serde_json::Error> {
        lenient::treated(layout.fields(), json, &|field: &FieldLayout| {
            let tried = self.0.iter().find(|tried| ptr::eq(tried.field, field));
            let (texts, nulls) = tried.map_or(WAYS[0], |tried| (tried.texts, tried.nulls));
            Treatment::Kept { texts, nulls }
        })
    }

    /// Whether any of the fields had a way left.
    fn advance(&mut self, fields: &[&'static FieldLayout]) -> bool {
        let mut has_advanced = false;
        for field in fields {
            let tried = self.tried(field);
            if let Some((texts, nulls)) = WAYS.get(tried.advanced + 1) {
                tried.advanced += 1;
                tried.texts = *texts;
                tried.leave_out(*nulls);
                has_advanced = true;
            }
        }
        has_advanced
    }

    fn leave_out_nulls(&mut self, fields: &[&'static FieldLayout]) {
        for field in fields {
            self.tried(field).leave_out(Nulls::Absent);
        }
    }

    /// Takes back that the field's nulls were left out, for good.
    fn keep_null(&mut self, field: &'static FieldLayout) {
        let tried = self.tried(field);
        tried.keeps_null = true;
        tried.nulls = Nulls::AsCame;
    }

    fn tried(&mut self, field: &'static FieldLayout) -> &mut Tried {
        let position = self.0.iter().position(|tried| ptr::eq(tried.field, field));
        let position = position.unwrap_or_else(|| {
            let (texts, nulls) = WAYS[0];
            self.0.push(Tried {
                field,
                advanced: 0,
                texts,
                nulls,
                keeps_null: false,
            });
            self.0.len() - 1
        });
        &mut self.0[position]
    }
}

impl Tried {
    fn leave_out(&mut self, nulls: Nulls) {
        // What was left out once stays so, unless its type wants it back.
        if nulls == Nulls::Absent && !self.keeps_null {
            self.nulls = nulls;
        }
    }
}

/// What a type refused.
#[derive(PartialEq, Eq)]
struct Refused {
    place: Place,
    /// In serde's words.
    problem: String,
}

/// What a type did not take, as far as serde's words tell.
enum Blamed {
    /// Something that is not there; a field of the layout, if it is one.
    Missing(Option<&'static FieldLayout>),
    Null,
    Text,
    Another,
}

impl Refused {
    fn blamed(&self) -> Blamed {
        let problem = self.problem.as_str();
        if let Some(name) = missing_field(problem) {
            Blamed::Missing(self.place.field(name))
        } else if problem.starts_with("invalid type: null") {
            Blamed::Null
        } else if problem.starts_with("invalid type: string") {
            Blamed::Text
        } else {
            Blamed::Another
        }
    }

    fn fault(self) -> Fault {
        let Self { place, problem } = self;
        let missing = missing_field(&problem).and_then(|name| place.field(name));
        let (treekey, message) = match missing {
            Some(field) => (
                format!("{}.{}", place.treekey, field.name()),
                "is required, but is missing".to_owned(),
            ),
            None => (place.treekey, format!("cannot be read: {}", cut(&problem))),
        };
        Fault::new(
            treekey,
            match place.item {
                Some(position) => format!("{message} (item {position} of the list)"),
                None => message,
            },
        )
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

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.treekey == other.treekey && self.item == other.item
    }
}

impl Eq for Place {}

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

    /// Whether it may be anywhere below: of what serde's `flatten` reads, an error knows only the object.
    fn is_lost(&self) -> bool {
        !self.below.is_empty()
    }

    /// The fields of which one may be to blame.
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
