use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Category {
    #[dsync(primary_key)]
    id: u32,
    name: String,
}

#[derive(DsyncEntity)]
struct Product {
    #[dsync(references = Category::idd)]
    category: u32,
}

fn main() {}
