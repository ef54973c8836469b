//! `assert_layout_matches` finds every way in which a layout can differ from what serde writes.

use dsync::prelude::*;
use dsync::testing::assert_layout_matches;
use serde::Serialize;

#[derive(Clone, Serialize, DsyncObject)]
struct Good {
    text: String,
    list: Vec<Inside>,
    perhaps: Option<u8>,
}

#[derive(Clone, Serialize, DsyncObject)]
struct Inside {
    number: f64,
}

fn good() -> Good {
    Good {
        text: String::new(),
        list: vec![Inside { number: 0.5 }],
        perhaps: Some(1),
    }
}

#[test]
fn a_layout_that_matches() {
    assert_layout_matches([
        good(),
        Good {
            list: Vec::new(),
            perhaps: None,
            ..good()
        },
    ]);
}

#[test]
#[should_panic(expected = "Good.perhaps is in the layout, but no sample has a value for it")]
fn a_sample_that_shows_too_little() {
    assert_layout_matches([Good {
        perhaps: None,
        ..good()
    }]);
}

#[test]
#[should_panic(expected = "Good.list.number is in the layout, but no sample has a value for it")]
fn an_empty_list_shows_nothing_below() {
    assert_layout_matches([Good {
        list: vec![],
        ..good()
    }]);
}

macro_rules! differs {
    ($test:ident, $says:literal, $layout:item, $sample:expr) => {
        #[test]
        #[should_panic(expected = $says)]
        fn $test() {
            #[derive(Serialize, DsyncObject)]
            $layout
            assert_layout_matches([$sample]);
        }
    };
}

differs!(
    a_key_that_is_not_in_the_layout,
    "Odd.hidden is written, but not in the layout",
    struct Odd {
        shown: u8,
        #[dsync(skip)]
        hidden: u8,
    },
    Odd {
        shown: 1,
        hidden: 2
    }
);

differs!(
    another_name,
    "Odd.outside is required, but is missing",
    struct Odd {
        #[dsync(name = "outside")]
        inside: u8,
    },
    Odd { inside: 1 }
);

differs!(
    null_in_a_required_field,
    "Odd.value is required, but is null",
    struct Odd {
        #[dsync(required)]
        value: Option<u8>,
    },
    Odd { value: None }
);

mod as_text {
    pub(super) fn serialize<S: serde::Serializer>(
        number: &u8,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number} pieces"))
    }
}

differs!(
    another_type,
    "Odd.count must be a number, but is the text \"1 pieces\"",
    struct Odd {
        #[serde(with = "as_text")]
        #[dsync(type = "number")]
        count: u8,
    },
    Odd { count: 1 }
);
