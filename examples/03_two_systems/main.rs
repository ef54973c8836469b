//! Two systems and the platform between them: what changes in a shop changes in a warehouse.
//!
//! Read in this order: `schema` (the record), `shop` (the source), `warehouse` (the destination), `link`
//! (what a platform does between them), `journey` (what happens here).
//!
//! ```text
//! cargo run --example two_systems             # 200 products
//! cargo run --example two_systems -- 5000     # more of them
//! ```

#![expect(clippy::print_stderr, reason = "a program for people")]

mod journey;
mod link;
mod schema;
mod shop;
mod warehouse;

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use bytes::Bytes;
use clap::Parser;
use comfy_table::{ContentArrangement, Table, presets};

use crate::journey::Outcome;

/// How many differences are shown.
const SHOWN: usize = 5;

/// Lets products travel from a shop over a local hub to a warehouse: creates, updates and deletes. The
/// shop's connector hears how each change ended. The warehouse sends whatever it saves, and nothing
/// that came from the platform goes back there.
///
/// Exits with 0 if both sides are equal in the end, every change was heard of and none came back; with 1
/// if not or if something fails, with 2 if an argument is wrong, with 130 after Ctrl-C.
#[derive(Parser)]
#[command(
    name = "two_systems",
    after_help = "Examples:
  cargo run --example two_systems             # 200 products
  cargo run --example two_systems -- 5000     # more of them"
)]
struct Arguments {
    /// How many products
    #[arg(default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    products: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let finished = tokio::select! {
        finished = run(arguments.products) => finished,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopped; both systems and the hub lived in this program, so nothing is left behind");
            return ExitCode::from(130);
        }
    };
    match finished {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether all went as it should.
async fn run(products: u32) -> Result<bool, Box<dyn Error>> {
    let outcome = journey::run(products).await?;
    let mut report = format!("{}\n\n", summary(&outcome));
    for difference in outcome.differences.iter().take(SHOWN) {
        report.push_str(&format!(
            "{}:\n  the shop's ...... {}\n  the warehouse's . {}\n",
            difference.id,
            json(difference.sent.as_ref()),
            json(difference.arrived.as_ref())
        ));
    }
    let more = outcome.differences.len().saturating_sub(SHOWN);
    if more > 0 {
        report.push_str(&format!("and {more} more\n"));
    }
    let is_good = outcome.is_good();
    report.push_str(if is_good {
        "What the warehouse has equals what the shop sent, byte for byte, and no change came back.\nNext: make the warehouse refuse something (`HandlerError::refused` in examples/03_two_systems/warehouse.rs), and see the shop hear of it."
    } else {
        "The two sides differ, a change was not heard of, or one came back: if the program is unchanged, that is a bug here, please report it."
    });
    say(&report)?;
    Ok(is_good)
}

fn json(record: Option<&Bytes>) -> Cow<'_, str> {
    record.map_or("none".into(), |record| String::from_utf8_lossy(record))
}

fn summary(outcome: &Outcome) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["what", "how many"]);
    for (what, count) in [
        ("products created in the shop", outcome.created),
        ("updated there", outcome.updated),
        ("deleted there", outcome.deleted),
        (
            "changes that the shop heard were complete",
            outcome.complete,
        ),
        ("changes that the shop heard had failed", outcome.failed),
        ("records in the warehouse in the end", outcome.records),
        ("records that differ", outcome.differences.len()),
        (
            "echoes that the warehouse's client held back",
            outcome.hook_held_back,
        ),
        ("changes of the warehouse's own, sent", outcome.hook_sent),
        ("requests to the two connectors", outcome.requests),
    ] {
        table.add_row([what, &count.to_string()]);
    }
    table
        .add_row([
            "changes that took effect on the hub",
            &outcome.changes.to_string(),
        ])
        .add_row(["time", &format!("{:.2?}", outcome.time)]);
    table
}

/// Prints. Whoever reads only the first lines (`| head`) has seen what they wanted.
fn say(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
