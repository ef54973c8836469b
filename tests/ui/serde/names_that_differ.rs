use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Odd {
    #[serde(rename(serialize = "out", deserialize = "in"))]
    value: u8,
}

#[derive(serde::Serialize, DsyncObject)]
#[serde(rename_all(serialize = "camelCase", deserialize = "PascalCase"))]
struct All {
    two_words: u8,
}

fn main() {}
