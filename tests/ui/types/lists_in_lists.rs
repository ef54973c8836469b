use dsync::prelude::*;

#[derive(DsyncObject)]
struct Product {
    matrix: Vec<Vec<u8>>,
    holes: Vec<Option<u8>>,
}

fn main() {}
