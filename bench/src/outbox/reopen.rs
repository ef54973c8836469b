//! What a file with many pending changes costs whoever opens it.

mod child;

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use super::Options;
use super::fill::File;
use super::record::{Keys, Numbers};
use crate::figures::{Series, print_ratio};
pub(super) use child::{Child, run as run_child};
use child::{Drained, Opened};

/// How often each file is opened.
const TIMES: usize = 3;

struct Row {
    pending: usize,
    file: f64,
    opened: Vec<Opened>,
    drained: Drained,
}

impl Row {
    fn of(&self, figure: impl Fn(&Opened) -> f64) -> f64 {
        let mut series = Series::new("");
        series.values = self.opened.iter().map(figure).collect();
        series.median()
    }
}

pub(super) fn run(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut rows = Vec::new();
    for pending in [0, child::DRAINED, options.filled, options.pending] {
        let file = File::new(folder);
        file.fill(&Numbers::new(Keys::Sequential), pending)?;
        rows.push(Row {
            pending,
            file: file.mib()?,
            // Each in a program of its own, so that what others have needed does not count.
            opened: (0..TIMES)
                .map(|_| ask("open", &file))
                .collect::<Result<_, _>>()?,
            drained: ask("drain", &file)?,
        });
    }
    print(&rows);
    if let [empty, few, .., many] = rows.as_slice() {
        println!();
        let peak = |row: &Row| row.of(|it| it.peak_mib);
        print_ratio("outbox.reopen_memory", peak(many) / peak(empty));
        print_ratio(
            "outbox.drain_memory",
            many.drained.peak_mib / few.drained.peak_mib,
        );
    }
    Ok(())
}

/// Has this program do something with a file in a process of its own.
fn ask<T: DeserializeOwned>(what: &str, file: &File) -> Result<T, Box<dyn Error>> {
    let answer = Command::new(std::env::current_exe()?)
        .args(["outbox", "--child", what, "--folder"])
        .arg(file.path())
        .stderr(Stdio::inherit())
        .output()?;
    if !answer.status.success() {
        let told = String::from_utf8_lossy(&answer.stdout);
        return Err(format!("a program of its own has failed: {told}").into());
    }
    Ok(serde_json::from_slice(&answer.stdout)?)
}

fn print(rows: &[Row]) {
    println!(
        "\na file that the system has in memory, milliseconds; peak memory of the program, MiB:\n\
         {:>9} {:>9} {:>8} {:>12} {:>12} {:>9} {:>7} {:>9} {:>13} {:>10}",
        "pending",
        "file, MiB",
        "open",
        "first claim",
        "middle page",
        "last page",
        "counts",
        "peak",
        "peak, draining",
        "drained/s"
    );
    for row in rows {
        println!(
            "{:>9} {:>9.1} {:>8.1} {:>12.1} {:>12.2} {:>9.2} {:>7.2} {:>9.1} {:>13.1} {:>10.0}",
            row.pending,
            row.file,
            row.of(|it| it.open),
            row.of(|it| it.first_claim),
            row.of(|it| it.middle_page),
            row.of(|it| it.last_page),
            row.of(|it| it.counts),
            row.of(|it| it.peak_mib),
            row.drained.peak_mib,
            row.drained.rate,
        );
    }
}
