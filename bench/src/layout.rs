//! What it takes to write a layout: nanoseconds for 16 rows.

mod schema;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use clap::Args;
use dsync::DsyncEntity as _;

use crate::figures::{Series, print_ratio};
use crate::python;
use schema::Product;

/// Nanoseconds to write the layout of an entity of 16 fields, nested ones included.
///
/// Each contender writes into a buffer that is used again. schemars writes the JSON schema of the
/// same struct. Where DSYNC_TEST_PYTHON names an interpreter with `dsync-sdk`, the Python SDK takes
/// part with the same rows.
///
/// `layout.memcpy` compares `EntityLayout::write_json` with copying the finished bytes.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each contender is measured.
    #[arg(long, default_value_t = 25)]
    runs: usize,

    /// For how many milliseconds each time.
    #[arg(long, default_value_t = 10)]
    milliseconds: u64,
}

/// Writes the rows once.
type Write<'a> = Box<dyn FnMut(&mut Vec<u8>) + 'a>;

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let layout = Product::layout();
    let bytes = serde_json::to_vec(layout)?;
    let mut written = Vec::new();
    layout.write_json(&mut written);
    if written != bytes {
        return Err("write_json and serde_json write different bytes".into());
    }
    let rows = schema::rows(layout.fields());
    println!("{rows} rows, {} bytes", bytes.len());

    let mut contenders: Vec<(Series, Write<'_>)> = vec![
        (
            Series::new("write_json"),
            Box::new(|out| black_box(layout).write_json(out)),
        ),
        (
            Series::new("memcpy of the bytes"),
            Box::new(|out| out.extend_from_slice(black_box(&bytes))),
        ),
        (
            Series::new("serde_json::to_writer"),
            Box::new(|out| {
                serde_json::to_writer(out, black_box(layout)).expect("a Vec takes any bytes");
            }),
        ),
        (
            Series::new("schemars"),
            Box::new(|out| {
                let schema = schemars::schema_for!(Product);
                serde_json::to_writer(out, &schema).expect("a Vec takes any bytes");
            }),
        ),
    ];

    let span = Duration::from_millis(options.milliseconds);
    let mut buffer = Vec::new();
    for _ in 0..options.runs {
        for (series, write) in &mut contenders {
            series
                .values
                .push(nanoseconds(span, &mut buffer, &mut **write));
        }
    }
    for (series, _) in &contenders {
        print(series);
    }
    if let Some(python) = python::series("layout.py", &[&rows.to_string()])? {
        print(&python);
    }
    println!();
    print_ratio("layout.memcpy", contenders[0].0.ratio_to(&contenders[1].0));
    Ok(())
}

/// How long one call takes: the mean of as many as fit into the time.
fn nanoseconds(span: Duration, buffer: &mut Vec<u8>, write: &mut dyn FnMut(&mut Vec<u8>)) -> f64 {
    // The clock takes about as long as the fastest contender, so it is read once in a while.
    const BATCH: u32 = 64;

    let start = Instant::now();
    let mut calls = 0_u32;
    loop {
        for _ in 0..BATCH {
            buffer.clear();
            write(buffer);
            black_box(&buffer);
        }
        calls += BATCH;
        let elapsed = start.elapsed();
        if elapsed >= span {
            return elapsed.as_secs_f64() * 1e9 / f64::from(calls);
        }
    }
}

fn print(series: &Series) {
    let (low, high) = series.spread();
    println!(
        "{:<24} {:>10.1} ns ({low:.1} to {high:.1})",
        series.name,
        series.median()
    );
}
