#![deny(warnings)]

use dsync::prelude::*;

macro_rules! entity {
    ($name:ident, $key:ident: $type:ty, $word:literal) => {
        #[derive(serde::Serialize, DsyncEntity)]
        #[serde(rename_all = $word)]
        pub struct $name {
            #[dsync(primary_key)]
            pub $key: $type,
        }
    };
}

entity!(Product, stock_unit: String, "camelCase");

#[expect(non_upper_case_globals, reason = "names that generated code might use")]
pub const krate: usize = 2;
pub type Result = u8;
pub struct Some;

fn main() {
    #[derive(DsyncObject)]
    pub struct Inside {
        pub array: [Result; krate],
    }
    assert_eq!(Inside::FIELDS.len(), 1);
    assert_eq!(treekey!(Product.stock_unit), "product.stockUnit");
    let _ = Some;
}
