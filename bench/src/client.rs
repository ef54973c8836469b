//! What it takes to send records: requests a second, against a hub on this machine.

use std::error::Error;
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use dsync::IdempotencyKey;
use dsync::prelude::*;
use dsync_hub::Hub;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::figures::{Series, print_ratio};
use crate::python;

/// Creates a second: one after another, and 32 on their way at once.
///
/// All contenders send the same records to the same hub, in this process. reqwest and hyper-util are
/// used as a program would without this SDK: the same headers, the record through serde_json, the
/// answer read as JSON. Where DSYNC_TEST_PYTHON names an interpreter with `dsync-sdk`, the Python SDK
/// takes part, one after another.
///
/// The ratios are requests a second, so larger is better. What a request allocates is counted as well.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each contender is measured.
    #[arg(long, default_value_t = 41)]
    runs: usize,

    /// How many creates each time.
    #[arg(long, default_value_t = 600)]
    requests: u32,
}

/// Without a primary key, because the same record is created again and again.
#[derive(Clone, Serialize, DsyncEntity)]
#[dsync(entity_token = "bench-reading-1")]
struct Reading {
    sensor: String,
    celsius: f64,
    tags: Vec<String>,
}

const IN_FLIGHT: usize = 32;

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // One thread for the client, as the hub has one: what goes from thread to thread within a client
    // would be most of what is measured.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let contenders = runtime.block_on(Contenders::new())?;
    let count = options.requests;
    let mut series = [
        "dsync, one after another",
        "reqwest, one after another",
        "hyper-util, one after another",
        "dsync, 32 at once",
        "reqwest, 32 at once",
    ]
    .map(Series::new);
    // The first requests open connections and warm up what is to be measured.
    for is_warm in std::iter::once(false).chain(std::iter::repeat_n(true, options.runs)) {
        let figures = runtime
            .block_on(contenders.measure(count))
            .map_err(|error| -> Box<dyn Error> { error })?;
        if is_warm {
            for (series, figure) in series.iter_mut().zip(figures) {
                series.values.push(figure);
            }
        }
    }
    for series in &series {
        print(series);
    }
    let python = python::series(
        "client.py",
        &[
            contenders.hub.realtime_url(),
            contenders.hub.auth_token().expose(),
            Reading::layout().entity_token(),
            &options.runs.to_string(),
            "200",
        ],
    )?;
    if let Some(python) = &python {
        print(python);
    }
    println!("\nallocations a request:");
    for (name, count) in contenders
        .allocations(&runtime)
        .map_err(|error| -> Box<dyn Error> { error })?
    {
        println!("{name:<30} {count:>8.1}");
    }
    println!();
    print_ratio("client.sequential", series[0].ratio_to(&series[1]));
    print_ratio("client.hyper", series[0].ratio_to(&series[2]));
    print_ratio("client.bulk", series[3].ratio_to(&series[4]));
    if let Some(python) = &python {
        print_ratio("client.python", series[0].median() / python.median());
    }
    Ok(())
}

struct Contenders {
    hub: Hub,
    client: Client,
    reqwest: dsync::reqwest::Client,
    hyper: legacy::Client<legacy::connect::HttpConnector, Full<Bytes>>,
    reading: Reading,
}

impl Contenders {
    async fn new() -> Result<Self, Box<dyn Error>> {
        let layout = DataLayout::builder().entity::<Reading>().build()?;
        let hub = Hub::builder().data_layout(layout).start().await?;
        let client = Client::builder(hub.auth_token().expose())
            .realtime_url(hub.realtime_url())
            .build()?;
        let mut connector = legacy::connect::HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            client,
            reqwest: dsync::reqwest::Client::new(),
            hyper: legacy::Client::builder(TokioExecutor::new()).build(connector),
            reading: Reading {
                sensor: "cellar".to_owned(),
                celsius: 7.5,
                tags: vec!["a".to_owned(), "b".to_owned()],
            },
            hub,
        })
    }

    /// Requests a second of each contender, in the order of the series.
    async fn measure(&self, count: u32) -> Result<[f64; 5], Failure> {
        let start = Instant::now();
        for _ in 0..count {
            self.client.create(&self.reading).await?;
        }
        let dsync = rate(count, start);

        let start = Instant::now();
        for _ in 0..count {
            self.with_reqwest().await?;
        }
        let reqwest = rate(count, start);

        let start = Instant::now();
        for _ in 0..count {
            self.with_hyper().await?;
        }
        let hyper = rate(count, start);

        let start = Instant::now();
        let records = (0..count).map(|_| self.reading.clone());
        let mut bulk = self.client.create_all(records).concurrency(IN_FLIGHT);
        while let Some(item) = bulk.next().await {
            item.result?;
        }
        let bulk = rate(count, start);

        let start = Instant::now();
        let mut sending = stream::iter(0..count)
            .map(|_| self.with_reqwest())
            .buffer_unordered(IN_FLIGHT);
        while let Some(sent) = sending.next().await {
            sent?;
        }
        Ok([dsync, reqwest, hyper, bulk, rate(count, start)])
    }

    /// Of each contender, one after another, on its own thread: what the hub allocates does not count.
    fn allocations(&self, runtime: &Runtime) -> Result<[(&'static str, f64); 3], Failure> {
        const REQUESTS: u32 = 1000;

        // Each future of a contender has a type of its own.
        let count = |send: &dyn Fn() -> Result<(), Failure>| {
            let mut outcome = Ok(());
            let counted = allocation_counter::measure(|| {
                outcome = (0..REQUESTS).try_for_each(|_| send());
            });
            outcome.map(|()| counted.count_total as f64 / f64::from(REQUESTS))
        };
        let dsync = || {
            let created = runtime.block_on(self.client.create(&self.reading));
            created.map(drop).map_err(Failure::from)
        };
        let reqwest = || runtime.block_on(self.with_reqwest());
        let hyper = || runtime.block_on(self.with_hyper());
        Ok([
            ("dsync", count(&dsync)?),
            ("reqwest", count(&reqwest)?),
            ("hyper-util", count(&hyper)?),
        ])
    }

    async fn with_reqwest(&self) -> Result<(), Failure> {
        let answer = self
            .reqwest
            .post(self.hub.realtime_url())
            .header("content-type", "application/json")
            .header("auth-token", self.hub.auth_token().expose())
            .header("entity-token", Reading::layout().entity_token())
            .header("idempotency-key", IdempotencyKey::generate().as_str())
            .body(serde_json::to_vec(&self.reading)?)
            .send()
            .await?;
        judge(answer.status().is_success(), &answer.bytes().await?)
    }

    async fn with_hyper(&self) -> Result<(), Failure> {
        let request = http::Request::post(self.hub.realtime_url())
            .header("content-type", "application/json")
            .header("auth-token", self.hub.auth_token().expose())
            .header("entity-token", Reading::layout().entity_token())
            .header("idempotency-key", IdempotencyKey::generate().as_str())
            .body(Full::from(serde_json::to_vec(&self.reading)?))?;
        let answer = self.hyper.request(request).await?;
        let is_success = answer.status().is_success();
        judge(is_success, &answer.into_body().collect().await?.to_bytes())
    }
}

/// What a program would look at: the status, and the process id.
fn judge(is_success: bool, body: &[u8]) -> Result<(), Failure> {
    let envelope: serde_json::Value = serde_json::from_slice(body)?;
    match envelope["data"]["process_id"].as_str() {
        Some(_) if is_success => Ok(()),
        _ => Err(format!("the hub answered {envelope}").into()),
    }
}

fn rate(count: u32, start: Instant) -> f64 {
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn print(series: &Series) {
    let (low, high) = series.spread();
    println!(
        "{:<30} {:>8.0} requests/s ({low:.0} to {high:.0})",
        series.name,
        series.median()
    );
}
