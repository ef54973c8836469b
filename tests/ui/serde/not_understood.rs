use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
#[serde(tag = "kind")]
struct Tagged {
    #[serde(flatten)]
    all: Inner,
    #[serde(serialize_with = "text")]
    number: u8,
}

#[derive(serde::Serialize, DsyncObject)]
struct Inner {
    value: u8,
}

fn text<S: serde::Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn main() {}
