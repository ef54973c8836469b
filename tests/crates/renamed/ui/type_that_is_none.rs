use exchange::prelude::*;

#[derive(DsyncObject)]
#[dsync(crate = "exchange")]
struct Contact {
    #[dsync(type = "emial")]
    mail: String,
    #[dsync(type = "integer")]
    age: u8,
}

fn main() {}
