//! Changes a second from the file to a hub on this machine.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use dsync::Outbox;
use dsync::prelude::*;
use dsync_hub::Hub;
use tokio::runtime::{Builder, Runtime};

use super::fill::{File, bar};
use super::record::{Keys, Numbers, Order};
use super::{Failure, Options};
use crate::figures::{Series, print_ratio};

const IN_FLIGHT: usize = 32;

/// A sender that has not drained by then never will.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn run(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    // One thread for whoever sends, as the hub has one.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut outbox = Series::new("outbox, 32 in flight");
    let mut client = Series::new("create_all, 32 in flight");
    let bar = bar("draining", options.drain_runs);
    for run in 0..options.drain_runs {
        for is_outbox in [run % 2 == 0, run % 2 == 1] {
            let series = if is_outbox { &mut outbox } else { &mut client };
            let rate = if is_outbox {
                drain(&runtime, folder, options.drained)
            } else {
                runtime.block_on(create_all(options.drained))
            };
            series
                .values
                .push(rate.map_err(|error| -> Box<dyn Error> { error })?);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("\n{} changes to a hub:", options.drained);
    for series in [&outbox, &client] {
        let (low, high) = series.spread();
        println!(
            "{:<28} {:>8.0} changes/s ({low:.0} to {high:.0})",
            series.name,
            series.median()
        );
    }
    println!();
    print_ratio("outbox.drain", outbox.ratio_to(&client));
    Ok(())
}

/// A new hub each time, so that none has more records than another.
async fn start() -> Result<(Hub, Client), Failure> {
    let layout = DataLayout::builder().entity::<Order>().build()?;
    let hub = Hub::builder().data_layout(layout).start().await?;
    let client = Client::builder(hub.auth_token().expose())
        .realtime_url(hub.realtime_url())
        .build()?;
    // Its connection is open from now on.
    client.create(&Order::new("first".to_owned())).await?;
    Ok((hub, client))
}

fn drain(runtime: &Runtime, folder: &Path, count: usize) -> Result<f64, Failure> {
    let file = File::new(folder);
    file.fill(&Numbers::new(Keys::Sequential), count)
        .map_err(|error| error.to_string())?;
    let outbox = Outbox::open(file.path())?;
    runtime.block_on(async {
        let (hub, client) = start().await?;
        let start = Instant::now();
        let sender = outbox.sender(client).in_flight(IN_FLIGHT).spawn().await?;
        // The hub is asked, because whoever waits by `flush` looks into the file each time.
        while hub.changes() <= count as u64 && start.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let flushed = outbox.flush(LIMIT).await?;
        let seconds = start.elapsed().as_secs_f64();
        if flushed.pending > 0 || hub.changes() <= count as u64 {
            return Err(format!("{} changes were not sent", flushed.pending).into());
        }
        sender.stop().await?;
        hub.shutdown().await;
        Ok(count as f64 / seconds)
    })
}

async fn create_all(count: usize) -> Result<f64, Failure> {
    let (hub, client) = start().await?;
    let numbers = Numbers::new(Keys::Sequential);
    let start = Instant::now();
    let records = std::iter::repeat_with(move || Order::new(numbers.next())).take(count);
    let mut bulk = client.create_all(records).concurrency(IN_FLIGHT);
    while let Some(item) = bulk.next().await {
        item.result?;
    }
    let seconds = start.elapsed().as_secs_f64();
    hub.shutdown().await;
    Ok(count as f64 / seconds)
}
