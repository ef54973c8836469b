//! Durable enqueues a second.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsync::Outbox;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::bare::Bare;
use super::fill::{File, bar};
use super::record::{Keys, Numbers, Order};
use super::{Failure, Options};
use crate::figures::{Series, print_ratio};

/// One load on both contenders.
struct Case {
    producers: usize,
    keys: Keys,
    pending: usize,
    outbox: Series,
    bare: Series,
    outbox_cpu: Series,
    bare_cpu: Series,
}

impl Case {
    fn new(producers: usize, keys: Keys, pending: usize) -> Self {
        Self {
            producers,
            keys,
            pending,
            outbox: Series::new("outbox"),
            bare: Series::new("bare SQLite"),
            outbox_cpu: Series::new("outbox, CPU"),
            bare_cpu: Series::new("bare SQLite, CPU"),
        }
    }

    fn key(&self) -> String {
        let keys = match self.keys {
            Keys::Sequential => "",
            Keys::Random => "_random",
        };
        let pending = if self.pending > 0 { "_pending" } else { "" };
        format!("enqueue{}{keys}{pending}", self.producers)
    }
}

pub(super) fn run(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let sequential = options.producers.iter();
    let mut cases: Vec<_> = sequential
        .map(|producers| Case::new(*producers, Keys::Sequential, 0))
        .collect();
    // The syncs are slow in a program of its own; it repeats the first cases only.
    if options.suffix.is_empty() {
        cases.extend([
            Case::new(64, Keys::Random, 0),
            Case::new(64, Keys::Sequential, options.filled),
            Case::new(64, Keys::Random, options.filled),
        ]);
    }
    let time = Duration::from_millis(options.millis);
    let bar = bar("enqueueing", options.runs * cases.len());
    for run in 0..options.runs {
        for case in &mut cases {
            // Who comes first changes, so that what one leaves to be written meets both.
            for is_outbox in [run % 2 == 0, run % 2 == 1] {
                let contender = Contender::new(folder, case, is_outbox)?;
                let reached = contender.measure(case.producers, time)?;
                let (rate, cpu) = if is_outbox {
                    (&mut case.outbox, &mut case.outbox_cpu)
                } else {
                    (&mut case.bare, &mut case.bare_cpu)
                };
                rate.values.push(reached.rate);
                cpu.values.push(reached.cpu);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    print(&cases, options);
    Ok(())
}

/// A fresh file of one contender.
struct Contender {
    file: File,
    is_outbox: bool,
    numbers: Arc<Numbers>,
}

impl Contender {
    fn new(folder: &Path, case: &Case, is_outbox: bool) -> Result<Self, Box<dyn Error>> {
        let file = File::new(folder);
        let numbers = Numbers::new(case.keys);
        if is_outbox {
            file.fill(&numbers, case.pending)?;
        } else {
            let next = std::iter::repeat_with(|| numbers.next()).take(case.pending);
            Bare::fill(file.path(), next.map(|it| (Order::new(it.clone()), it)))?;
        }
        Ok(Self {
            file,
            is_outbox,
            numbers: Arc::new(numbers),
        })
    }

    /// What so many producers reach. They are tasks on one thread, the writer is another.
    fn measure(&self, producers: usize, time: Duration) -> Result<Reached, Box<dyn Error>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let reached = if self.is_outbox {
            let outbox = Outbox::open(self.file.path())?;
            runtime.block_on(keep(producers, time, || {
                let (outbox, numbers) = (outbox.clone(), Arc::clone(&self.numbers));
                move || {
                    let (outbox, order) = (outbox.clone(), Order::new(numbers.next()));
                    async move {
                        let kept = outbox.create(&order).await;
                        kept.map(drop).map_err(Failure::from)
                    }
                }
            }))
        } else {
            let bare = Arc::new(Bare::open(self.file.path())?);
            runtime.block_on(keep(producers, time, || {
                let (bare, numbers) = (Arc::clone(&bare), Arc::clone(&self.numbers));
                move || {
                    let (bare, number) = (Arc::clone(&bare), numbers.next());
                    async move { bare.create(&Order::new(number.clone()), number).await }
                }
            }))
        };
        reached.map_err(|error| -> Box<dyn Error> { error })
    }
}

struct Reached {
    /// Records a second.
    rate: f64,
    /// CPU microseconds a record, of all threads; NaN where the system does not tell.
    cpu: f64,
}

/// CPU seconds of all threads of this process that have not ended, where the system tells them.
fn cpu_seconds() -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    let nanos = threads.flatten().map(|thread| {
        let times = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let on_cpu = times
            .split(' ')
            .next()
            .and_then(|it| it.parse::<f64>().ok());
        on_cpu.unwrap_or(f64::NAN)
    });
    nanos.sum::<f64>() / 1e9
}

/// Has tasks keep records for some time, each one after another; gives how many there were a second. A
/// fifth of the time before that is not counted: the log of a fresh file grows in it.
async fn keep<C, F>(
    producers: usize,
    time: Duration,
    producer: impl Fn() -> C,
) -> Result<Reached, Failure>
where
    C: FnMut() -> F + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    let cpu = cpu_seconds();
    let start = Instant::now() + time / 5;
    let end = start + time;
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let mut create = producer();
        tasks.spawn(async move {
            let (mut count, mut all) = (0_u32, 0_u32);
            loop {
                create().await?;
                let now = Instant::now();
                all += 1;
                if now >= end {
                    return Ok::<_, Failure>((count, all));
                }
                count += u32::from(now >= start);
            }
        });
    }
    let (mut counted, mut kept) = (0, 0);
    while let Some(ended) = tasks.join_next().await {
        let (count, all) = ended??;
        counted += count;
        kept += all;
    }
    Ok(Reached {
        rate: f64::from(counted) / time.as_secs_f64(),
        cpu: (cpu_seconds() - cpu) * 1e6 / f64::from(kept),
    })
}

fn print(cases: &[Case], options: &Options) {
    println!(
        "\nrecords a second, each on stable storage{}:",
        options.suffix.replace('_', " ")
    );
    println!(
        "{:<28} {:>8} {:>17} {:>12} {:>17} {:>7} {:>15} {:>20}",
        "", "outbox", "spread", "bare SQLite", "spread", "ratio", "spread", "CPU us a record"
    );
    for case in cases {
        let mut quotients = Series::new("ratio");
        let pairs = case.outbox.values.iter().zip(&case.bare.values);
        quotients.values = pairs.map(|(outbox, bare)| outbox / bare).collect();
        let [own, bare] = [&case.outbox, &case.bare].map(|series| {
            let (low, high) = series.spread();
            (series.median(), format!("{low:.0} to {high:.0}"))
        });
        let (low, high) = quotients.spread();
        println!(
            "{:<28} {:>8.0} {:>17} {:>12.0} {:>17} {:>7.3} {:>15} {:>20}",
            case.key(),
            own.0,
            own.1,
            bare.0,
            bare.1,
            quotients.median(),
            format!("{low:.3} to {high:.3}"),
            format!(
                "{:.1} and {:.1}",
                case.outbox_cpu.median(),
                case.bare_cpu.median()
            )
        );
    }
    println!();
    for case in cases {
        let key = format!("outbox.{}{}", case.key(), options.suffix);
        print_ratio(&key, case.outbox.ratio_to(&case.bare));
    }
}
