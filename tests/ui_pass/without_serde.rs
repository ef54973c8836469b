//! The derives need neither serde nor any import but the facade's.
#![no_implicit_prelude]
#![deny(warnings)]

#[derive(::dsync::FieldValue)]
pub struct Sku(pub ::std::string::String);

#[derive(::dsync::DsyncObject)]
pub struct Stock {
    pub quantity: u32,
}

#[derive(::dsync::DsyncEntity)]
pub struct Product<'a> {
    #[dsync(primary_key)]
    pub sku: Sku,
    pub stock: ::std::option::Option<Stock>,
    #[dsync(type = "email")]
    pub supplier: &'a str,
}

fn main() {
    const KEY: &str = ::dsync::treekey!(Product.stock.quantity);
    ::std::assert_eq!(KEY, "product.stock.quantity");
}
