//! The catalogue: every package that a build uses travels as a record to a platform.
//!
//! Read in this order: `schema` (the annotated structs), `journey` (what is sent), `metadata` (where
//! the packages come from), `compare` and `show` (what came of it).
//!
//! ```text
//! cargo run --example catalogue                      the packages of this workspace
//! cargo run --example catalogue -- ../other/project  of another one
//! cargo run --example catalogue -- metadata.json     what `cargo metadata` printed elsewhere
//! ```

#![expect(clippy::print_stderr, reason = "a program for people")]

mod compare;
mod journey;
mod metadata;
mod schema;
mod show;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use dsync::prelude::*;

use crate::metadata::Source;
use crate::schema::Package;

/// Sends every package of a Rust workspace to a local hub as a typed record, changes some, and
/// compares what the hub holds with what was sent.
///
/// Exits with 0 if both are equal, with 1 if not or if something fails, with 2 if an argument is
/// wrong.
#[derive(Parser)]
#[command(
    name = "catalogue",
    after_help = "Examples:
  catalogue                      the packages of this workspace
  catalogue ../other/project     those of another one
  catalogue metadata.json        what `cargo metadata --format-version 1` printed elsewhere"
)]
struct Arguments {
    /// A Cargo.toml, a folder that has one, or a file with what `cargo metadata` printed
    #[arg(value_parser = Source::from_argument)]
    source: Option<Source>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let source = arguments.source.unwrap_or_else(Source::this_workspace);
    let finished = tokio::select! {
        finished = run(&source) => finished,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopped; the hub lived in this program, so nothing is left behind");
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

/// Whether the hub holds in the end what was sent.
async fn run(source: &Source) -> Result<bool, Box<dyn Error>> {
    let packages = source.read()?;
    say(&format!(
        "The data layout of `{}`:\n{}\n",
        Package::layout().name(),
        show::layout(Package::layout())
    ))?;

    let outcome = journey::run(&packages).await?;
    let mut report = format!(
        "{} travelled:\n{}\n\n",
        match packages.len() {
            1 => "1 package".to_owned(),
            count => format!("{count} packages"),
        },
        show::summary(&packages, &outcome)
    );
    for difference in &outcome.differences {
        report.push_str(&format!("{difference}\n"));
    }
    let equal = outcome.differences.is_empty();
    report.push_str(&if equal {
        "What the hub holds equals what was sent, byte for byte.\nNext: change a struct in examples/01_catalogue/schema.rs and run this again, or start a hub to send to with `cargo run -p dsync-hub --features cli -- --help`.".to_owned()
    } else {
        format!(
            "{} records differ: that is a bug here, please report it.",
            outcome.differences.len()
        )
    });
    say(&report)?;
    Ok(equal)
}

/// Prints. Whoever reads only the first lines (`| head`) has seen what they wanted.
fn say(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
