//! A shop that is killed again and again, and loses nothing: its orders and the outbox are in one file.
//!
//! Read in this order: `schema` (the record), `shop` (its own tables and the outbox in one transaction),
//! `life` (the shop as a program), `journey` (what is done to it).
//!
//! ```text
//! cargo run --example outbox                               # 300 orders, 10 kills
//! cargo run --example outbox -- --orders 5000 --kills 100  # a harder day
//! ```

#![expect(clippy::print_stderr, reason = "a program for people")]

mod journey;
mod life;
mod schema;
mod shop;

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Parser, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};

use crate::journey::Outcome;
use crate::life::Life;

/// How many differences are shown.
const SHOWN: usize = 5;

/// Takes orders in a shop, a program of its own with a SQLite file, which is killed (SIGKILL) at random
/// moments and started again. Each order and the news of it are one transaction: so a local hub holds in
/// the end what the shop's own tables hold. Now and then the network is gone for one life of the shop.
///
/// Exits with 0 if both are equal in the end and each change took effect once; with 1 if not or if
/// something fails, with 2 if an argument is wrong, with 130 after Ctrl-C.
#[derive(Parser)]
#[command(
    name = "outbox",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  cargo run --example outbox                               # 300 orders, 10 kills
  cargo run --example outbox -- --orders 5000 --kills 100  # a harder day
  cargo run --example outbox -- --seed 7                   # the same orders, the same kills"
)]
struct Arguments {
    /// How many orders are taken; some of them are changed and cancelled, too
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    orders: u32,
    /// How often the shop is killed
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=10_000))]
    kills: u32,
    /// What chance begins with: the orders, and after which of them the shop is killed [default: any]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(subcommand)]
    program: Option<Program>,
}

#[derive(Subcommand)]
enum Program {
    /// The shop itself, which this program starts
    #[command(hide = true)]
    Shop(Life),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Program::Shop(life)) = arguments.program {
        return match life::live(life).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("the shop: ", &*error),
        };
    }
    let finished = tokio::select! {
        finished = run(&arguments) => finished,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopped; the shop was killed once more, and its file and the hub are gone");
            return ExitCode::from(130);
        }
    };
    match finished {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed("", &*error),
    }
}

fn failed(whose: &str, error: &dyn Error) -> ExitCode {
    eprintln!("error: {whose}{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// Whether all went as it should.
async fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let (orders, kills) = (arguments.orders, arguments.kills);
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!(
        "{orders} orders, {kills} kills, seed {seed} (again: --orders {orders} --kills {kills} --seed {seed})"
    ))?;
    let folder = tempfile::tempdir()?;
    let outcome = journey::run(orders, kills as usize, seed, folder.path()).await?;

    let mut report = format!("{}\n\n", summary(&outcome));
    for difference in outcome.differences.iter().take(SHOWN) {
        report.push_str(&format!(
            "order {}:\n  the shop's . {}\n  the hub's .. {}\n",
            difference.id,
            json(difference.shop.as_ref()),
            json(difference.hub.as_ref())
        ));
    }
    let more = outcome.differences.len().saturating_sub(SHOWN);
    if more > 0 {
        report.push_str(&format!("and {more} more\n"));
    }
    let is_good = outcome.is_good();
    report.push_str(&if is_good {
        format!(
            "What the hub holds equals the shop's own tables, byte for byte, after {}.\nNext: in examples/04_outbox/shop.rs move `news.create(&order)?` behind the commit, into a second transaction, and see what a kill between the two does.",
            match outcome.kills {
                1 => "1 kill".to_owned(),
                kills => format!("{kills} kills"),
            }
        )
    } else {
        "The hub differs from the shop, a change has not ended well, or one took effect twice: if the program is unchanged, that is a bug here, please report it with the first line.".to_owned()
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
    let (day, account) = (&outcome.day, &outcome.account);
    for (what, count) in [
        ("orders taken", u64::from(day.taken)),
        ("changes of orders", day.changed.into()),
        ("orders cancelled", day.cancelled.into()),
        ("kills", outcome.kills as u64),
        (
            "lives of the shop without a network",
            outcome.cut_off as u64,
        ),
        ("changes kept in the outbox", account.kept),
        ("delivered", account.delivered),
        (
            "superseded by a later change of the order",
            account.superseded,
        ),
        ("cancelled before the order was sent", account.taken_back),
        ("sent again under the same key", outcome.repeated),
        ("dead letters", account.dead),
        ("still pending", account.pending),
        ("changes that took effect on the hub", outcome.effects),
        ("orders at the hub in the end", outcome.records as u64),
        ("orders that differ", outcome.differences.len() as u64),
    ] {
        table.add_row([what, &count.to_string()]);
    }
    table.add_row(["time", &format!("{:.2?}", outcome.time)]);
    table
}

/// Prints at once. Whoever reads only the first lines (`| head`) has seen what they wanted.
fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
