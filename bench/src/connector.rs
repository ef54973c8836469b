//! What it takes to receive records: requests a second, against a bare axum handler.

mod alone;
mod load;
mod parties;

use std::error::Error;

use clap::Args;

use crate::figures::{Series, print_ratio};
use load::Load;

/// `GET datalayout` and creates a second, of a connector and of a bare axum handler.
///
/// The axum handler knows neither key nor process nor layout: it reads the same JSON into the same
/// struct, stores it into the same kind of map, and answers the same bytes. Each server has a thread of
/// its own; the load comes from another one, over sixteen connections that stay open, in requests that were
/// written beforehand. Answers are held against each other once, headers included. The connectors
/// remember as many processes as they ever do, before the first request is measured.
///
/// The connector is measured behind both of its doors: `connector.datalayout` and `connector.create` are
/// those of `Connector::serve`, and those that end in `_router` of `Connector::router` under axum's
/// server. The ratios are requests a second, so larger is better.
///
/// At last, without any network, a call of `Connector::handle` is compared with a call of the axum
/// handler's function, in nanoseconds: the ratios that end in `_alone`, where smaller is better.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each contender is measured.
    #[arg(long, default_value_t = 41)]
    runs: usize,

    /// How many requests each time, about.
    #[arg(long, default_value_t = 3000)]
    requests: u32,

    /// Only the contenders whose name contains this, such as `create` or `serve`: for a profiler.
    #[arg(long)]
    only: Option<String>,
}

/// One server under one load.
struct Contender {
    load: Load,
    series: Series,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let servers = [
        ("connector.serve", parties::serve()?),
        ("connector.router", parties::router()?),
        ("bare axum", parties::axum()?),
    ];
    let mut contenders = Vec::new();
    for kind in [load::Kind::DataLayout, load::Kind::Create] {
        for (name, server) in &servers {
            contenders.push(Contender {
                load: Load::new(server.address, kind)?,
                series: Series::new(format!("{}, {name}", kind.name())),
            });
        }
    }
    for of_one_kind in contenders.chunks(servers.len()) {
        load::compare(of_one_kind.iter().map(|it| &it.load))?;
    }
    if let Some(only) = &options.only {
        contenders.retain(|it| it.series.name.contains(only));
    }

    let rounds = (options.requests / Load::AT_ONCE).max(1);
    // The first run warms up what is to be measured.
    for is_warm in std::iter::once(false).chain(std::iter::repeat_n(true, options.runs)) {
        for contender in &mut contenders {
            let seconds = contender.load.run(rounds)?;
            if is_warm {
                let count = f64::from(rounds * Load::AT_ONCE);
                contender.series.values.push(count / seconds);
            }
        }
    }
    for contender in &contenders {
        print(&contender.series);
    }
    if options.only.is_some() {
        return Ok(());
    }
    println!();
    let alone = alone::measure(options.runs)?;
    println!();
    for of_one_kind in contenders.chunks(servers.len()) {
        if let [serve, router, axum] = of_one_kind {
            let key = format!("connector.{}", serve.load.kind().name());
            print_ratio(&key, serve.series.ratio_to(&axum.series));
            let key = format!("{key}_router");
            print_ratio(&key, router.series.ratio_to(&axum.series));
        }
    }
    alone::print_ratios(&alone);
    Ok(())
}

fn print(series: &Series) {
    let (low, high) = series.spread();
    println!(
        "{:<32} {:>8.0} requests/s ({low:.0} to {high:.0})",
        series.name,
        series.median()
    );
}
