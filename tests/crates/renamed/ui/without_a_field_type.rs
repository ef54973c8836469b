use exchange::prelude::*;

struct Money(u64);

#[derive(DsyncObject)]
#[dsync(crate = "exchange")]
struct Product {
    price: Option<Money>,
    prices: Vec<Money>,
}

fn main() {}
