//! Where the files lie, and what a sync takes there.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use crate::figures::Series;

/// How often a sync is timed.
const SYNCS: usize = 100;

/// A folder for the files of this run; it goes with the run.
///
/// By default it is beside the program: a target folder lies on a disk, while that for temporary files
/// may be in memory, where a sync takes no time.
pub(super) fn folder(chosen: Option<&Path>) -> Result<TempDir, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let parent = match chosen {
        Some(folder) => folder,
        None => program.parent().unwrap_or(Path::new(".")),
    };
    fs::create_dir_all(parent)?;
    Ok(tempfile::Builder::new()
        .prefix("dsync-bench-outbox-")
        .tempdir_in(parent)?)
}

pub(super) fn describe(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut sync = Series::new("sync");
    let mut file = File::create(folder.join("sync"))?;
    for _ in 0..SYNCS {
        file.write_all(&[1; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        sync.values.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let (low, high) = sync.spread();
    let kind = file_system(folder)?;
    println!(
        "in {}, file system {kind}: appending 4 KiB and a sync take {:.0} us ({low:.0} to {high:.0})",
        folder.display(),
        sync.median()
    );
    if kind == "tmpfs" {
        println!("that is in memory: a sync costs nothing there, so take another --folder");
    }
    Ok(())
}

/// The kind of the file system, where the system tells it.
fn file_system(folder: &Path) -> Result<String, Box<dyn Error>> {
    let folder: PathBuf = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let best = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.len());
    Ok(best.map_or("unknown", |(_, kind)| kind).to_owned())
}
