//! Many kills of programs that share one outbox, and one hub that lives through all of them.

use std::fmt::{self, Display};
use std::thread;
use std::time::Duration;

use dsync::prelude::*;
use dsync_hub::Hub;
use dsync_outbox::Outbox;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::aimed::Moment;
use crate::item::{Item, kept};
use crate::verdict::Verdict;
use crate::work::{database, entries_after};
use crate::{Failed, Folder, Ledger, Program, Running};

/// How long a program may take to reach the moment at which it kills itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many programs were killed when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kills {
    /// At a random moment.
    pub random: usize,
    /// Between the commit and the acknowledgement.
    pub at_commit: usize,
    /// Between the platform's answer and its mark.
    pub at_answer: usize,
    /// How many programs have taken over the lease of one that was killed beside them.
    pub taken_over: usize,
}

impl Kills {
    fn count(&self) -> usize {
        self.random + self.at_commit + self.at_answer
    }

    /// Whether these are as many as every run of CI has to have: 50, and of them 10 at each moment that
    /// matters.
    #[must_use]
    pub fn are_enough(&self) -> bool {
        self.count() >= 50 && self.at_commit >= 10 && self.at_answer >= 10
    }
}

impl Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills: {} between commit and acknowledgement, {} between answer and mark, {} at random; {} leases taken over",
            self.count(),
            self.at_commit,
            self.at_answer,
            self.random,
            self.taken_over,
        )
    }
}

/// A hub that knows the records and remembers what took effect.
///
/// # Errors
///
/// If it does not start.
pub fn hub() -> Result<Hub, Failed> {
    let layout = DataLayout::builder().entity::<Item>().build()?;
    let hub = Hub::builder().data_layout(layout).keep_history();
    Ok(pollster::block_on(hub.start())?)
}

/// Kills programs as often as wanted, has the rest sent, and compares.
///
/// # Errors
///
/// If a program does something else than to run until it is killed.
pub fn run(program: &Program, seed: u64, kills: usize) -> Result<(Kills, Verdict), Failed> {
    let folder = Folder::new()?;
    let hub = hub()?;
    let mut run = Run {
        program,
        folder: &folder,
        hub: &hub,
        rng: SmallRng::seed_from_u64(seed),
        generation: 0,
        kills: Kills::default(),
    };
    run.kill(kills)?;
    run.start(&["--drain"])?.wait(Duration::from_secs(120))?;
    let kills = run.kills;

    let outbox = Outbox::open(database(&folder))?;
    let entries = entries_after(&outbox, None)?;
    let lines = Ledger::read(&folder)?;
    let verdict = Verdict::of(&kept(&lines), &entries, &hub.history());
    Ok((kills, verdict.with_attempts(&lines, &entries)))
}

struct Run<'a> {
    program: &'a Program,
    folder: &'a Folder,
    hub: &'a Hub,
    rng: SmallRng,
    generation: u64,
    kills: Kills,
}

impl Run<'_> {
    fn kill(&mut self, kills: usize) -> Result<(), Failed> {
        let mut beside: Option<Running> = None;
        for turn in 0.. {
            let aimed = self.kills.at_commit.min(self.kills.at_answer);
            if self.kills.count() >= kills && aimed >= kills / 5 {
                break;
            }
            match turn % 10 {
                // A second program enqueues beside the sender for a part of the run.
                4 => beside = Some(self.start_beside()?),
                8 => {
                    if let Some(beside) = beside.take() {
                        self.kill_one(beside)?;
                    }
                }
                3 | 7 => self.take_over()?,
                0 | 5 => self.aimed(Moment::Commit, 150)?,
                1 | 6 => self.aimed(Moment::Answer, 100)?,
                2 => self.aimed(Moment::OwnCommit, 100)?,
                _ => {
                    let running = self.start(&[])?;
                    self.rest(800);
                    self.kill_one(running)?;
                }
            }
        }
        Ok(())
    }

    /// A program dies while another one waits for its lease.
    fn take_over(&mut self) -> Result<(), Failed> {
        let first = self.start(&[])?;
        self.wait_for_lease()?;
        let mut second = self.start(&[])?;
        self.rest(300);
        self.kill_one(first)?;
        // The generation is that of the second.
        self.wait_for_lease()?;
        self.kills.taken_over += 1;
        self.rest(300);
        if let Some(status) = second.ended()? {
            return Err(format!("the program that took over has ended: {status}").into());
        }
        self.kill_one(second)
    }

    fn aimed(&mut self, moment: Moment, within: i64) -> Result<(), Failed> {
        let aim = format!("{moment:?}:{}", self.rng.random_range(1..=within));
        let said = format!("aimed {moment:?}");
        let before = self.heard(&said)?;
        let mut running = self.start(&["--aim", &aim])?;
        let status = running.wait(PATIENCE)?;
        // One that was said by a program before says nothing of this one.
        if self.heard(&said)? != before + 1 || status.code().is_some() {
            return Err(format!("no kill at {aim}: {status}").into());
        }
        match moment {
            Moment::Commit | Moment::OwnCommit => self.kills.at_commit += 1,
            Moment::Answer => self.kills.at_answer += 1,
        }
        Ok(())
    }

    fn heard(&self, said: &str) -> Result<usize, Failed> {
        let lines = Ledger::read(self.folder)?;
        Ok(lines.iter().filter(|line| *line == said).count())
    }

    fn start(&mut self, more: &[&str]) -> Result<Running, Failed> {
        self.generation += 1;
        // Two programs that follow each other may run at once for a while.
        let name = if self.generation.is_multiple_of(2) {
            "a"
        } else {
            "b"
        };
        self.start_as(name, more, true)
    }

    fn start_beside(&mut self) -> Result<Running, Failed> {
        self.generation += 1;
        self.start_as("beside", &["--rest", "10"], false)
    }

    fn start_as(&self, name: &str, more: &[&str], sends: bool) -> Result<Running, Failed> {
        let generation = self.generation.to_string();
        let folder = self.folder.to_str().ok_or("a folder without a name")?;
        let mut arguments = vec!["work", folder, "--name", name, "--generation", &generation];
        if sends {
            let key = self.hub.auth_token().expose();
            arguments.extend(["--url", self.hub.realtime_url(), "--key", key]);
        }
        arguments.extend(more);
        Ok(self.program.start(arguments)?)
    }

    fn kill_one(&mut self, mut running: Running) -> Result<(), Failed> {
        if let Some(status) = running.ended()? {
            return Err(format!("a program has ended before it was killed: {status}").into());
        }
        running.kill()?;
        self.kills.random += 1;
        Ok(())
    }

    /// Waits until the program that was started last sends.
    fn wait_for_lease(&self) -> Result<(), Failed> {
        let leased = format!("leased {}", self.generation);
        for _ in 0..PATIENCE.as_millis() / 5 {
            if Ledger::read(self.folder)?.contains(&leased) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err("nobody has the lease".into())
    }

    fn rest(&mut self, at_most: u64) {
        thread::sleep(Duration::from_millis(self.rng.random_range(0..=at_most)));
    }
}
