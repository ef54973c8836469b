//! The journey: created, updated and deleted in the shop, and in the warehouse a moment later.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsync::Receipt;
use dsync::prelude::*;
use dsync::wire::{Operation, encode_record};
use dsync_hub::Hub;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::link::Link;
use crate::schema::Product;
use crate::shop::Shop;
use crate::warehouse::Warehouse;

/// Every third product is updated, every tenth deleted.
const UPDATE_EACH: usize = 3;
const DELETE_EACH: usize = 10;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) deleted: usize,
    /// Changes that took effect on the hub: the shop's, and one of the warehouse's own.
    pub(crate) changes: u64,
    /// Changes that the shop and the warehouse's people made.
    pub(crate) made: u64,
    pub(crate) complete: usize,
    pub(crate) failed: usize,
    /// What the warehouse's hook sent, and what the client held back as an echo.
    pub(crate) hook_sent: usize,
    pub(crate) hook_held_back: usize,
    pub(crate) requests: usize,
    pub(crate) records: usize,
    pub(crate) differences: Vec<Difference>,
    pub(crate) time: Duration,
}

/// A record that is not the same on both sides: its JSON on each, where it is there at all.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) id: String,
    pub(crate) sent: Option<Bytes>,
    pub(crate) arrived: Option<Bytes>,
}

impl Outcome {
    /// The same records on both sides, no change that came back, every change heard of.
    pub(crate) fn is_good(&self) -> bool {
        self.differences.is_empty()
            && self.changes == self.made
            && self.complete == self.created + self.updated + self.deleted
    }
}

pub(crate) async fn run(count: u32) -> Result<Outcome, Box<dyn Error>> {
    let hub = Hub::start().await?;
    let shop = Shop::new(&hub)?;
    let (warehouse, warehouse_connector) = Warehouse::new(&hub)?;

    let (stop, stopped) = watch::channel(());
    let mut serving = Vec::new();
    let mut addresses = Vec::new();
    for connector in [shop.connector.clone(), warehouse_connector] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(format!("http://{}", listener.local_addr()?));
        let mut stopped = stopped.clone();
        serving.push(tokio::spawn(async move {
            let stopped = async move {
                // Changed or dropped: both mean the end.
                let _ = stopped.changed().await;
            };
            connector.serve(listener, stopped).await;
        }));
    }
    let entity = Product::layout().name();
    let mut link = Link::set_up(&hub, &addresses[1], &addresses[0], entity).await?;

    let start = Instant::now();
    let mut products: Vec<Product> = (1..=count).map(Product::number).collect();
    let mut outcome = Outcome {
        created: products.len(),
        ..Outcome::default()
    };

    let progress = bar("create", products.len());
    for product in &products {
        let receipt = shop.client.create(product).await?;
        link.carry(&hub, Operation::Create, &product.sku, process_id(&receipt)?)
            .await?;
        progress.inc(1);
    }
    progress.finish_and_clear();

    let progress = bar("update", products.len().div_ceil(UPDATE_EACH));
    for product in products.iter_mut().step_by(UPDATE_EACH) {
        *product = product.revised();
        let receipt = shop.client.update(product).await?;
        link.carry(&hub, Operation::Update, &product.sku, process_id(&receipt)?)
            .await?;
        outcome.updated += 1;
        progress.inc(1);
    }
    progress.finish_and_clear();

    for product in products.iter().skip(1).step_by(DELETE_EACH) {
        let receipt = shop.client.delete(product).await?;
        link.carry(&hub, Operation::Delete, &product.sku, process_id(&receipt)?)
            .await?;
        outcome.deleted += 1;
    }

    outcome.made = (outcome.created + outcome.updated + outcome.deleted) as u64;
    // The proof that the hook does send: what a person changes in the warehouse goes out by it.
    if let Some(product) = products.first() {
        warehouse.edit(product.revised()).await?;
        outcome.made += 1;
    }
    outcome.time = start.elapsed();

    // Byte for byte: the hub has what the shop wrote, and the warehouse writes the same struct. Values
    // would be equal too where a float had lost its last digit on both sides of the comparison.
    let sent: BTreeMap<String, Bytes> = hub
        .records(entity)
        .into_iter()
        .map(|record| (record.entity_id, record.body))
        .collect();
    let mut arrived = BTreeMap::<String, Bytes>::new();
    for product in warehouse.products() {
        arrived.insert(product.sku.clone(), encode_record(&product)?);
    }
    outcome.differences = differences(&sent, &arrived);
    outcome.records = arrived.len();
    outcome.changes = hub.changes();
    outcome.requests = link.requests;
    outcome.complete = shop.heard.complete.load(Ordering::Relaxed);
    outcome.failed = shop.heard.failed.load(Ordering::Relaxed);
    outcome.hook_sent = warehouse.hook.sent.load(Ordering::Relaxed);
    outcome.hook_held_back = warehouse.hook.held_back.load(Ordering::Relaxed);

    drop(stop);
    for serving in serving {
        serving.await?;
    }
    hub.shutdown().await;
    Ok(outcome)
}

fn differences(
    sent: &BTreeMap<String, Bytes>,
    arrived: &BTreeMap<String, Bytes>,
) -> Vec<Difference> {
    let ids: BTreeSet<&String> = sent.keys().chain(arrived.keys()).collect();
    ids.into_iter()
        .filter(|id| sent.get(*id) != arrived.get(*id))
        .map(|id| Difference {
            id: id.clone(),
            sent: sent.get(id).cloned(),
            arrived: arrived.get(id).cloned(),
        })
        .collect()
}

fn process_id(receipt: &Receipt) -> Result<&str, &'static str> {
    receipt
        .process_id()
        .ok_or("the hub's answer names no process")
}

/// A bar on a terminal, nothing in a pipe.
fn bar(what: &'static str, length: usize) -> ProgressBar {
    ProgressBar::new(length as u64)
        .with_style(
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
        .with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_found() {
        let records = |records: &[(&str, &'static str)]| -> BTreeMap<String, Bytes> {
            let records = records.iter();
            records
                .map(|(id, body)| ((*id).to_owned(), Bytes::from_static(body.as_bytes())))
                .collect()
        };
        let sent = records(&[("a", "{}"), ("b", r#"{"x":1}"#), ("same", "{}")]);
        let arrived = records(&[("b", r#"{"x":1.0}"#), ("c", "{}"), ("same", "{}")]);
        let found = differences(&sent, &arrived);
        let found: Vec<_> = found
            .iter()
            .map(|difference| {
                let (sent, arrived) = (difference.sent.is_some(), difference.arrived.is_some());
                (difference.id.as_str(), sent, arrived)
            })
            .collect();
        assert_eq!(
            found,
            [("a", true, false), ("b", true, true), ("c", false, true)]
        );
    }
}
