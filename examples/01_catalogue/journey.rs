//! The journey of the records: to the hub, changed there, and read back.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsync::prelude::*;
use dsync::wire::encode_record;
use dsync_hub::Hub;
use indicatif::{ProgressBar, ProgressStyle};

use crate::compare::{Difference, compare};
use crate::schema::Package;

/// Every tenth package is updated.
const UPDATE_EACH: usize = 10;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) deleted: usize,
    pub(crate) requests: u64,
    pub(crate) equal: usize,
    pub(crate) differences: Vec<Difference>,
    pub(crate) time: Duration,
}

/// Sends all packages to a hub of its own, updates some, deletes one, and compares what the hub
/// holds then with what was sent, byte for byte.
pub(crate) async fn run(packages: &[Package]) -> Result<Outcome, Box<dyn Error>> {
    let hub = Hub::start().await?;
    hub.register(DataLayout::builder().entity::<Package>().build()?)?;
    let client = Client::builder(hub.auth_token().expose())
        .realtime_url(hub.realtime_url())
        .build()?;

    let start = Instant::now();
    let mut sent = BTreeMap::<String, Bytes>::new();

    let progress = bar("create", packages.len());
    for package in packages {
        client.create(package).await?;
        sent.insert(package.id.clone(), encode_record(package)?);
        progress.inc(1);
    }
    progress.finish_and_clear();

    let updates: Vec<_> = packages.iter().step_by(UPDATE_EACH).collect();
    let progress = bar("update", updates.len());
    for package in &updates {
        let reviewed = Package {
            reviewed: true,
            ..(*package).clone()
        };
        client.update(&reviewed).await?;
        sent.insert(reviewed.id.clone(), encode_record(&reviewed)?);
        progress.inc(1);
    }
    progress.finish_and_clear();

    let mut deleted = 0;
    // The last one, unless nothing would be left to compare.
    if let [_, .., package] = packages {
        client.delete(package).await?;
        sent.remove(&package.id);
        deleted = 1;
    }
    let time = start.elapsed();

    let held = hub
        .records(Package::layout().name())
        .into_iter()
        .map(|record| (record.entity_id, record.body))
        .collect();
    let differences = compare(&sent, &held);
    let outcome = Outcome {
        created: packages.len(),
        updated: updates.len(),
        deleted,
        requests: hub.requests(),
        equal: sent.len().saturating_sub(differences.len()),
        differences,
        time,
    };
    hub.shutdown().await;
    Ok(outcome)
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
