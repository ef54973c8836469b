use dsync::prelude::*;

#[derive(DsyncObject)]
struct Times {
    #[dsync(type = "text", date_format = "YYYY-MM-DD")]
    declared: String,
    #[dsync(date_format = "YYYY-MM-DD")]
    from_the_rust_type: Option<String>,
}

fn main() {}
