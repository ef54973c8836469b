use dsync::prelude::*;

#[derive(DsyncEntity)]
#[dsync(name)]
#[dsync]
struct Product {
    #[dsync(primary_key = "yes")]
    sku: String,
    #[dsync(type = 5)]
    price: f64,
    #[dsync(description("text"))]
    text: String,
    #[dsync(references = "Category::id")]
    category: u32,
    #[dsync(name = "a", name = "b")]
    twice: u8,
    #[dsync(required, optional)]
    both: u8,
}

fn main() {}
