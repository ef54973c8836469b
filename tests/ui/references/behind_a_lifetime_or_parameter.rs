use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Category {
    #[dsync(primary_key)]
    id: u32,
    tags: Vec<String>,
}

#[derive(DsyncEntity)]
struct Product<'a> {
    #[dsync(references = Category::nope)]
    missing: &'a str,
    #[dsync(references = Category::id)]
    another_type: &'a str,
    #[dsync(date_format = "YYYY")]
    no_date: &'a str,
}

#[derive(DsyncEntity)]
struct Generic<T, const N: usize> {
    #[dsync(references = Category::nope)]
    value: T,
    #[dsync(references = Category::tags)]
    list: String,
    corners: [u8; N],
}

fn main() {}
