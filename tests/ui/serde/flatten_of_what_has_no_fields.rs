use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Product {
    #[serde(flatten)]
    name: String,
}

#[derive(serde::Serialize, DsyncObject)]
struct Lists {
    #[serde(flatten)]
    parts: Vec<Product>,
}

#[derive(serde::Serialize, DsyncObject)]
struct Generic<T> {
    id: u8,
    #[serde(flatten)]
    inside: T,
}

fn main() {}
