use dsync::prelude::*;

#[derive(DsyncObject)]
struct Part {
    #[dsync(ignore_serde)]
    a: u8,
    #[dsync(ignore_serde = "rename")]
    b: u8,
}

fn main() {}
