use dsync::prelude::*;

#[derive(DsyncEntity)]
#[dsync(name = "order line")]
struct Line {
    #[dsync(name = " sku")]
    sku: String,
    #[dsync(name = "line\nbreak")]
    text: String,
}

fn main() {}
