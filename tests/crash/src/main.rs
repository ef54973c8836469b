//! Kills programs and cuts their power, as often as wanted: `make crash`.

#![expect(clippy::print_stdout, reason = "a run tells what it found")]

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use dsync_crash_tests::work::Work;
use dsync_crash_tests::{Failed, Folder, Program, Shim, cuts, kills, plain};

/// How many programs are killed, if nobody says.
const KILLS: usize = 60;

/// Kills programs that use an outbox, and cuts their power, and looks whether the promise was kept.
#[derive(Parser)]
#[command(name = "dsync-crash")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills programs on one outbox, beside a hub that lives on.
    Kills {
        /// How many.
        #[arg(long, env = "DSYNC_CRASH_KILLS", default_value_t = KILLS)]
        kills: usize,
        /// Where the random numbers begin; one is chosen if it is not given.
        #[arg(long, env = "DSYNC_CRASH_SEED")]
        seed: Option<u64>,
    },
    /// Cuts the power of programs.
    Cuts {
        /// How many programs.
        #[arg(long, default_value_t = 4)]
        runs: u64,
        /// At how many moments of each, in five ways.
        #[arg(long, default_value_t = 40)]
        moments: usize,
        /// Where the random numbers begin; one is chosen if it is not given.
        #[arg(long, env = "DSYNC_CRASH_SEED")]
        seed: Option<u64>,
    },
    /// A part that is started to be killed.
    #[command(subcommand, hide = true)]
    Child(Part),
}

#[derive(Subcommand)]
enum Part {
    /// Writes rows without an outbox.
    Plain {
        folder: PathBuf,
        synchronous: String,
        rows: u32,
    },
    /// Enqueues and sends.
    Work(Work),
}

fn main() -> Result<(), Failed> {
    match Arguments::parse().command {
        Command::Kills { kills, seed } => many_kills(seed.unwrap_or_else(any_seed), kills),
        Command::Cuts {
            runs,
            moments,
            seed,
        } => many_cuts(seed.unwrap_or_else(any_seed), runs, moments),
        Command::Child(Part::Work(work)) => work.run(),
        Command::Child(Part::Plain {
            folder,
            synchronous,
            rows,
        }) => plain::write(&folder, &synchronous, rows),
    }
}

fn many_kills(seed: u64, asked: usize) -> Result<(), Failed> {
    println!("kills: seed {seed}");
    let (kills, verdict) = kills::run(&Program::new(std::env::current_exe()?), seed, asked)?;
    println!("{kills}\n{verdict}");
    if !verdict.is_good() {
        return Err(format!("the promise is broken, with the seed {seed}").into());
    }
    // Whoever asks for fewer knows it; CI asks for none.
    if asked >= KILLS && !kills.are_enough() {
        return Err("there were too few kills to tell".into());
    }
    Ok(())
}

fn many_cuts(seed: u64, runs: u64, moments: usize) -> Result<(), Failed> {
    println!("power cuts: seed {seed}");
    let program = Program::new(std::env::current_exe()?);
    let folder = Folder::new()?;
    let shim = match Shim::build(&folder) {
        Ok(shim) => shim,
        Err(reason) => {
            println!("skipped: {reason}");
            return Ok(());
        }
    };
    for run in 0..runs {
        println!("{}", cuts::run(&program, &shim, seed + run, moments)?);
    }
    Ok(())
}

fn any_seed() -> u64 {
    u64::from(std::process::id()) << 16
        | std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| u64::from(since.subsec_micros() & 0xffff))
}
