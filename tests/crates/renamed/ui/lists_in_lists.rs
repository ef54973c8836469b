use exchange::prelude::*;

#[derive(DsyncObject)]
#[dsync(crate = "exchange")]
struct Product {
    matrix: Vec<Vec<u8>>,
    holes: Vec<Option<u8>>,
}

fn main() {}
