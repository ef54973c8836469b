use dsync::prelude::*;

#[derive(Clone, serde::Serialize, DsyncObject)]
#[serde(into = "String")]
struct Money {
    cents: u64,
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.cents.to_string()
    }
}

#[derive(serde::Serialize, DsyncObject)]
#[serde(remote = "std::time::Duration")]
struct Duration {
    #[serde(getter = "std::time::Duration::as_secs")]
    seconds: u64,
}

#[derive(serde::Serialize, DsyncObject)]
#[serde(transparent)]
struct Wrapper {
    inside: String,
}

#[derive(Clone, serde::Serialize, FieldValue)]
#[serde(into = "String")]
struct Sku(u64);

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0.to_string()
    }
}

#[derive(serde::Serialize, FieldValue)]
#[serde(tag = "kind")]
enum Choice {
    A,
}

fn main() {}
