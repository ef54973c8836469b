use dsync::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, DsyncEntity)]
struct Product {
    #[dsync(primary_key, read_only)]
    id: u32,
    #[dsync(read_only)]
    rating: f32,
    #[dsync(read_only)]
    list: Vec<u8>,
    #[dsync(read_only)]
    #[serde(skip_serializing_if = "String::is_empty")]
    not_always_written: String,
    #[dsync(read_only, type = "number")]
    #[serde(with = "other_code")]
    read_by_other_code: Option<u8>,
    #[dsync(read_only)]
    fine: Option<u8>,
    #[dsync(read_only)]
    #[serde(default)]
    fine_too: u8,
}

#[derive(Serialize, DsyncObject)]
struct OnlySent {
    #[dsync(read_only)]
    stock: u32,
}

#[derive(Default, Serialize, Deserialize, DsyncObject)]
#[serde(default)]
struct Fine {
    #[dsync(read_only)]
    stock: u32,
}

mod other_code {
    pub fn serialize<S: serde::Serializer>(value: &Option<u8>, to: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(value, to)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
        serde::Deserialize::deserialize(from)
    }
}

fn main() {}
