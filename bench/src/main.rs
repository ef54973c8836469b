//! Measures this workspace against named peers: `cargo run --release -p dsync-bench -- NAME`.
//!
//! Each benchmark runs its contenders in turn, several times, so that what else the machine does
//! meets all of them; what is printed are medians. A line `ratio KEY VALUE` is what a goal is held
//! against. Nothing here runs as a test: a timing is no reason for a build to fail.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod client;
mod connector;
mod derive;
mod figures;
mod layout;
mod outbox;
mod python;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures DSYNC for Rust against named peers, on this machine, in this run.
///
/// The contenders of a benchmark run in turn, several times; the figures are medians. Each ends with
/// lines `ratio KEY VALUE`: for `derive` and `layout` how many times a contender's effort the effort of
/// this project is, so smaller is better; for `client`, `connector` and `outbox` how many times its requests
/// or changes a second, so larger is better (but for those that end in `_memory`: see `outbox --help`).
#[derive(Parser)]
#[command(
    name = "dsync-bench",
    after_help = "Examples:\n  cargo run --release -p dsync-bench -- layout\n  cargo run --release -p dsync-bench -- derive --runs 7\n  cargo run --release -p dsync-bench -- outbox --only enqueue --producers 64\n\nA machine that does something else meanwhile gives figures that differ between runs: look at the\nspread, which is printed beside each median."
)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    Client(client::Options),
    Connector(connector::Options),
    Derive(derive::Options),
    Layout(layout::Options),
    Outbox(outbox::Options),
}

fn main() -> ExitCode {
    let result: Result<(), Box<dyn Error>> = match Arguments::parse().benchmark {
        Benchmark::Client(options) => client::run(&options),
        Benchmark::Connector(options) => connector::run(&options),
        Benchmark::Derive(options) => derive::run(&options),
        Benchmark::Layout(options) => layout::run(&options),
        Benchmark::Outbox(options) => outbox::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
