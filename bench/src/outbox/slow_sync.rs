//! The same again, on a disk whose syncs take a millisecond longer.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dsync_crash_tests::Shim;

use super::Options;

const DELAY: Duration = Duration::from_millis(1);

/// Runs this program again, with a library below SQLite that delays every sync.
pub(super) fn run(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let shim = match Shim::build(folder) {
        Ok(shim) => shim,
        Err(error) => {
            println!("\nslow syncs are left out: {error}");
            return Ok(());
        }
    };
    let disk = shim.disk(folder)?.with_sync_delay(DELAY);
    let mut again = Command::new(std::env::current_exe()?);
    again
        .args(["outbox", "--only", "enqueue", "--suffix", "_slow_sync"])
        .args(["--runs", &options.runs.to_string()])
        .args(["--millis", &options.millis.to_string()])
        .arg("--folder")
        .arg(folder);
    for producers in &options.producers {
        again.args(["--producers", &producers.to_string()]);
    }
    if !disk.under(&mut again).status()?.success() {
        return Err("the run with slow syncs failed".into());
    }
    Ok(())
}
