use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Stock {
    sku: String,
    quantity: u32,
}

#[derive(serde::Serialize, DsyncObject)]
struct Price {
    quantity: f64,
}

#[derive(serde::Serialize, DsyncEntity)]
struct Product {
    sku: String,
    #[serde(flatten)]
    stock: Stock,
}

#[derive(serde::Serialize, DsyncEntity)]
struct Offer {
    #[serde(flatten)]
    stock: Stock,
    #[serde(flatten)]
    price: Price,
}

#[derive(serde::Serialize, DsyncEntity)]
#[serde(tag = "sku")]
struct Tagged {
    #[serde(flatten)]
    stock: Stock,
}

#[derive(serde::Serialize, DsyncEntity)]
#[serde(tag = "kind")]
struct Twice {
    kind: String,
}

fn main() {}
