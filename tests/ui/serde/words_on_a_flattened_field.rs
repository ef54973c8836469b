use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Stock {
    quantity: u32,
}

#[derive(serde::Serialize, DsyncObject)]
struct Product {
    #[serde(flatten)]
    #[dsync(name = "stock", description = "What is there", type = "object", read_only)]
    stock: Stock,
}

fn main() {}
