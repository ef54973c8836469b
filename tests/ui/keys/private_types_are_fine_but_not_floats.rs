use dsync::prelude::*;

mod shop {
    use dsync::prelude::*;

    #[derive(FieldValue)]
    struct Sku(String);

    #[derive(FieldValue)]
    struct Weight(f64);

    #[derive(DsyncEntity)]
    pub struct Product {
        #[dsync(primary_key)]
        sku: Sku,
    }

    #[derive(DsyncEntity)]
    pub struct Parcel {
        #[dsync(primary_key)]
        weight: Weight,
    }
}

fn main() {
    let _ = shop::Product::layout();
}
