//! The hub as a program.

#![expect(
    clippy::print_stderr,
    reason = "a program says what went wrong where people look for it"
)]

mod program;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;

use crate::program::args::Args;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Standard output is for what the program says at its start and end.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    match program::run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}
