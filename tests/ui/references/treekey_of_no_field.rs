use dsync::prelude::*;

#[derive(DsyncObject)]
struct Inventory {
    qty: u32,
    min_qty: Option<u32>,
}

#[derive(DsyncEntity)]
struct Product {
    inventory: Option<Inventory>,
}

fn main() {
    let _ = treekey!(Product.inventory.quantity);
    let _ = treekey!(Product.inventory.qty.more);
    let _ = treekey!(Inventory.qty);
    let _ = treekey!(Product);
    let _ = treekey!("product.inventory");
}
