//! What an outbox must still have after its power was cut.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::path::Path;
use std::time::Duration;

use dsync_core::EntityId;
use dsync_core::wire::Operation;
use dsync_outbox::{Outbox, State};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use crate::item::{Item, Kept, kept};
use crate::kills::hub;
use crate::verdict::Verdict;
use crate::work::{database, entries_after};
use crate::{Failed, Folder, Journal, Loss, Machine, Program, Shim};

/// What came of one program whose power was cut.
#[derive(Debug)]
pub struct Cuts {
    acknowledged: usize,
    attempted: usize,
    disks: usize,
    verdict: Verdict,
}

impl Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acknowledged,
            attempted,
            disks,
            verdict,
        } = self;
        write!(
            f,
            "{acknowledged} changes acknowledged, {attempted} attempts; {disks} disks after a power cut are sound and have them
one of them sent: {verdict}"
        )
    }
}

/// Runs a program that enqueues and sends until it is killed, looks at the disks that a power cut may have
/// left at any moment of it, and has one of them sent to the same hub.
///
/// # Errors
///
/// What is missing on one of them.
pub fn run(program: &Program, shim: &Shim, seed: u64, moments: usize) -> Result<Cuts, Failed> {
    let all = Folder::in_memory()?;
    let (folder, journal) = (all.inner("disk")?, all.join("journal"));
    let hub = hub()?;
    let mut rng = SmallRng::seed_from_u64(seed);
    let path = folder.to_str().ok_or("a folder without a name")?;
    let (url, key) = (hub.realtime_url(), hub.auth_token().expose());
    let generation = (seed % 1_000_000).to_string();
    let disk = shim.disk(&folder)?.with_journal(&journal);
    let arguments = [
        "work",
        path,
        "--generation",
        &generation,
        "--url",
        url,
        "--key",
        key,
    ];
    let mut running = program.on(disk).start(arguments)?;
    running.wait_for_lines(&folder, rng.random_range(100..4000))?;
    running.kill()?;

    let journal = Journal::read(&journal)?;
    let disks = check(&journal, &folder, seed, moments)?;

    let image = all.inner("image")?;
    let mut machine = Machine::new(&journal, &folder)?;
    machine.run_to(journal.len());
    machine.cut(Loss::Everything, &mut rng, &image)?;
    let image = image.to_str().ok_or("a folder without a name")?;
    let arguments = ["work", image, "--drain", "--url", url, "--key", key];
    program.start(arguments)?.wait(Duration::from_secs(120))?;
    let outbox = Outbox::open(database(Path::new(image)))?;
    let heard = machine.heard();
    let verdict = Verdict::of(
        &kept(&heard),
        &entries_after(&outbox, None)?,
        &hub.history(),
    );
    if !verdict.is_good() {
        return Err(format!("sent after a power cut, seed {seed}: {verdict}").into());
    }
    Ok(Cuts {
        acknowledged: verdict.acknowledged,
        attempted: heard
            .iter()
            .filter(|line| line.starts_with("attempt "))
            .count(),
        disks,
        verdict,
    })
}

/// Cuts the power at random moments of a journal, in every way, and looks at what is left. Gives how many
/// disks it has looked at.
///
/// # Errors
///
/// What is missing on one of them, and how to make it again.
pub fn check(journal: &Journal, folder: &Path, seed: u64, moments: usize) -> Result<usize, Failed> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut at: Vec<_> = (1..moments)
        .map(|_| rng.random_range(0..=journal.len()))
        .chain([journal.len()])
        .collect();
    at.sort_unstable();
    let images = Folder::in_memory()?;
    let mut machine = Machine::new(journal, folder)?;
    let mut count = 0;
    for moment in at {
        machine.run_to(moment);
        for loss in Loss::ALL {
            count += 1;
            let image = images.inner(&count.to_string())?;
            machine.cut(loss, &mut rng, &image)?;
            look_at(&image, &machine.heard()).map_err(|missing| {
                format!(
                    "after record {moment} of {}, with the loss {loss:?}, seed {seed}: {missing}",
                    journal.len()
                )
            })?;
            std::fs::remove_dir_all(image)?;
        }
    }
    Ok(count)
}

/// Opens what a disk has, and holds it against what was heard of the program before the power was cut.
///
/// # Errors
///
/// What is missing.
pub fn look_at(image: &Path, heard: &[String]) -> Result<(), Failed> {
    let acknowledged = kept(heard);
    let file = database(image);
    if !file.exists() {
        return match acknowledged.first() {
            None => Ok(()),
            Some(kept) => Err(format!("{kept}: there is no file at all").into()),
        };
    }
    let outbox = Outbox::open(&file)?;
    let entries = entries_after(&outbox, None)?;
    let by_id: HashMap<_, _> = entries.iter().map(|entry| (entry.id, entry)).collect();
    for kept in &acknowledged {
        let entry = by_id
            .get(&kept.id)
            .ok_or_else(|| format!("{kept}: it is gone"))?;
        if entry.record.as_ref().map(EntityId::as_str) != Some(&*kept.sku) {
            return Err(format!("{kept}: it is another record's: {entry:?}").into());
        }
        match entry.state {
            State::Superseded { by } => {
                let later = by_id.get(&by).filter(|later| later.record == entry.record);
                later.ok_or_else(|| format!("{kept}: superseded by {by}, which is gone"))?;
            }
            State::Pending => pending(&outbox, kept)?,
            State::Delivered { .. } => {}
            _ => return Err(format!("{kept}: {entry:?}").into()),
        }
    }
    in_order(&acknowledged)?;

    // What was attempted is claimed, so that nothing supersedes what the platform may have.
    let attempted = heard
        .iter()
        .filter_map(|line| line.strip_prefix("attempt "));
    for key in attempted {
        let entry = entries
            .iter()
            .find(|entry| entry.idempotency_key.as_str() == key)
            .ok_or_else(|| format!("attempted as {key}, and gone"))?;
        let is_claimed = match entry.state {
            State::Pending => entry.attempts > 0,
            State::Delivered { .. } => true,
            _ => false,
        };
        if !is_claimed {
            return Err(format!("attempted, and not claimed: {entry:?}").into());
        }
    }

    // It goes on.
    let last = entries.last().map(|entry| entry.id);
    let added = outbox.blocking().create(&Item::new("afterwards", 1))?;
    if added.id() <= last {
        return Err(format!("a number came twice: {:?} after {last:?}", added.id()).into());
    }
    drop(outbox);
    let connection = Connection::open(&file)?;
    let sound: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
    if sound == "ok" {
        Ok(())
    } else {
        Err(sound.into())
    }
}

fn pending(outbox: &Outbox, kept: &Kept) -> Result<(), Failed> {
    let shown = outbox.blocking().show(kept.id)?;
    let body = shown.and_then(|entry| entry.body).unwrap_or_default();
    let is_it = match kept.operation {
        Operation::Delete => body.is_empty(),
        _ => body == Item::new(&kept.sku, kept.version).json(),
    };
    if is_it {
        Ok(())
    } else {
        Err(format!("{kept}: other bytes are there: {body:?}").into())
    }
}

fn in_order(acknowledged: &[Kept]) -> Result<(), Failed> {
    let mut last: HashMap<&str, &Kept> = HashMap::new();
    for kept in acknowledged {
        if let Some(before) = last.insert(&kept.sku, kept)
            && (before.id >= kept.id || before.version >= kept.version)
        {
            return Err(format!("{kept} after {before}").into());
        }
    }
    Ok(())
}
