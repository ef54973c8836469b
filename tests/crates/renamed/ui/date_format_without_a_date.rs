use exchange::prelude::*;

#[derive(DsyncObject)]
#[dsync(crate = "exchange")]
struct Times {
    #[dsync(type = "text", date_format = "YYYY-MM-DD")]
    declared: String,
    #[dsync(date_format = "YYYY-MM-DD")]
    from_the_rust_type: Option<String>,
}

fn main() {}
