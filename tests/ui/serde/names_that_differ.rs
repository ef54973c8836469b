use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Odd {
    #[serde(rename(serialize = "out", deserialize = "in"))]
    value: u8,
}

fn main() {}
