use dsync::prelude::*;

struct Money(u64);

#[derive(DsyncObject)]
struct Product {
    price: Option<Money>,
    prices: Vec<Money>,
}

fn main() {}
