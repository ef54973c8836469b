//! What was sent against what is held, byte for byte.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

/// One record that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Difference {
    Missing {
        id: String,
    },
    Unexpected {
        id: String,
    },
    Changed {
        id: String,
        sent: String,
        held: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { id } => write!(f, "{id}: was sent, but the hub does not hold it"),
            Self::Unexpected { id } => write!(f, "{id}: the hub holds it, but it was not sent"),
            Self::Changed { id, sent, held } => {
                write!(f, "{id}:\n  sent .. {sent}\n  held .. {held}")
            }
        }
    }
}

pub(crate) fn compare(
    sent: &BTreeMap<String, Bytes>,
    held: &BTreeMap<String, Bytes>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (id, sent) in sent {
        match held.get(id) {
            None => differences.push(Difference::Missing { id: id.clone() }),
            Some(held) if held == sent => {}
            Some(held) => {
                let from = sent.iter().zip(held).take_while(|(a, b)| a == b).count();
                differences.push(Difference::Changed {
                    id: id.clone(),
                    sent: excerpt(sent, from),
                    held: excerpt(held, from),
                });
            }
        }
    }
    for id in held.keys().filter(|id| !sent.contains_key(*id)) {
        differences.push(Difference::Unexpected { id: id.clone() });
    }
    differences
}

/// The text around the first byte that differs.
fn excerpt(bytes: &[u8], from: usize) -> String {
    const BEFORE: usize = 20;
    const SHOWN: usize = 60;

    let start = from.saturating_sub(BEFORE);
    let end = bytes.len().min(start + SHOWN);
    String::from_utf8_lossy(&bytes[start..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(records: &[(&str, &str)]) -> BTreeMap<String, Bytes> {
        records
            .iter()
            .map(|(id, body)| ((*id).to_owned(), Bytes::from((*body).to_owned())))
            .collect()
    }

    #[test]
    fn equal_records_have_no_difference() {
        let sent = records(&[("a", "{}"), ("b", "{\"ß\":1}")]);
        assert_eq!(compare(&sent, &sent), []);
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let sent = records(&[("a", "{}"), ("b", r#"{"x":1}"#)]);
        let held = records(&[("b", r#"{"x":2}"#), ("c", "{}")]);
        assert_eq!(
            compare(&sent, &held),
            [
                Difference::Missing { id: "a".to_owned() },
                Difference::Changed {
                    id: "b".to_owned(),
                    sent: r#"{"x":1}"#.to_owned(),
                    held: r#"{"x":2}"#.to_owned(),
                },
                Difference::Unexpected { id: "c".to_owned() },
            ]
        );
    }
}
