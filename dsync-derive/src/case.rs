//! serde's naming rules: for fields, which are in snake case to begin with, and for variants, which
//! are in Pascal case.

/// A rule of `rename_all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    const ALL: [(&'static str, Self); 8] = [
        ("lowercase", Self::Lower),
        ("UPPERCASE", Self::Upper),
        ("PascalCase", Self::Pascal),
        ("camelCase", Self::Camel),
        ("snake_case", Self::Snake),
        ("SCREAMING_SNAKE_CASE", Self::ScreamingSnake),
        ("kebab-case", Self::Kebab),
        ("SCREAMING-KEBAB-CASE", Self::ScreamingKebab),
    ];

    pub(crate) const NAMES: [&'static str; 8] = [
        Self::ALL[0].0,
        Self::ALL[1].0,
        Self::ALL[2].0,
        Self::ALL[3].0,
        Self::ALL[4].0,
        Self::ALL[5].0,
        Self::ALL[6].0,
        Self::ALL[7].0,
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, case)| case)
    }

    /// Not heck: serde changes letters one by one and knows no words, `a1_b` becomes `a1B`.
    pub(crate) fn apply_to_field(self, field: &str) -> String {
        match self {
            Self::Lower | Self::Snake => field.to_owned(),
            Self::Upper | Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::Pascal => pascal(field),
            Self::Camel => {
                let pascal = pascal(field);
                let mut letters = pascal.chars();
                match letters.next() {
                    Some(first) => first.to_ascii_lowercase().to_string() + letters.as_str(),
                    None => pascal,
                }
            }
            Self::Kebab => field.replace('_', "-"),
            Self::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }

    pub(crate) fn apply_to_variant(self, variant: &str) -> String {
        match self {
            Self::Pascal => variant.to_owned(),
            Self::Lower => variant.to_ascii_lowercase(),
            Self::Upper => variant.to_ascii_uppercase(),
            Self::Camel => {
                let mut letters = variant.chars();
                match letters.next() {
                    Some(first) => first.to_ascii_lowercase().to_string() + letters.as_str(),
                    None => String::new(),
                }
            }
            Self::Snake => snake(variant),
            Self::ScreamingSnake => snake(variant).to_ascii_uppercase(),
            Self::Kebab => snake(variant).replace('_', "-"),
            Self::ScreamingKebab => snake(variant).to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn snake(variant: &str) -> String {
    let mut snake = String::with_capacity(variant.len() + 4);
    for (index, letter) in variant.char_indices() {
        if index > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn pascal(field: &str) -> String {
    let mut pascal = String::with_capacity(field.len());
    let mut capitalize = true;
    for letter in field.chars() {
        if letter == '_' {
            capitalize = true;
        } else if capitalize {
            pascal.push(letter.to_ascii_uppercase());
            capitalize = false;
        } else {
            pascal.push(letter);
        }
    }
    pascal
}
