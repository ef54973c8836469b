use exchange::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
#[dsync(crate = "exchange")]
struct Stock {
    sku: String,
    quantity: u32,
}

#[derive(serde::Serialize, DsyncObject)]
#[dsync(crate = "exchange")]
struct Price {
    quantity: f64,
}

#[derive(serde::Serialize, DsyncEntity)]
#[dsync(crate = "exchange")]
struct Product {
    sku: String,
    #[serde(flatten)]
    stock: Stock,
}

#[derive(serde::Serialize, DsyncEntity)]
#[dsync(crate = "exchange")]
struct Offer {
    #[serde(flatten)]
    stock: Stock,
    #[serde(flatten)]
    price: Price,
}

#[derive(serde::Serialize, DsyncEntity)]
#[dsync(crate = "exchange")]
#[serde(tag = "sku")]
struct Tagged {
    #[serde(flatten)]
    stock: Stock,
}

#[derive(serde::Serialize, DsyncEntity)]
#[dsync(crate = "exchange")]
#[serde(tag = "kind")]
struct Twice {
    kind: String,
}

fn main() {}
