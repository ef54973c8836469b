//! One life of the shop: it opens its file, works and sends, until the day is over or it is killed.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use dsync::Outbox;
use dsync::prelude::*;

use crate::shop::{Day, Shop};

/// What the shop is told when it is started.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Life {
    pub(crate) database: PathBuf,
    pub(crate) orders: u32,
    pub(crate) seed: u64,
}

/// How long the shop waits for its last changes to be sent.
const AT_MOST: Duration = Duration::from_secs(60);

/// The shop's outbox. Nobody else publishes its orders, and no number comes twice: so an order that is
/// cancelled before it was sent need not be sent.
pub(crate) fn outbox(life: &Life) -> Result<Outbox, dsync::outbox::StoreError> {
    Outbox::builder().sole_publisher(true).open(&life.database)
}

pub(crate) async fn live(life: Life) -> Result<(), Box<dyn Error>> {
    end_with_the_parent();
    let outbox = outbox(&life)?;
    // The API key and the platform's address come from the environment.
    let sender = outbox.sender(Client::from_env()?).spawn().await?;

    let mut shop = Shop::open(outbox.clone()).map_err(|error| error as Box<dyn Error>)?;
    tell(&shop.day()?)?;
    let work = move || -> Result<(), Box<dyn Error + Send + Sync>> {
        while let Some(day) = shop.step(life.seed, life.orders)? {
            tell(&day)?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(work)
        .await?
        .map_err(|error| error as Box<dyn Error>)?;

    // How it all ended, the parent sees in the file.
    outbox.flush(AT_MOST).await?;
    sender.stop().await?;
    Ok(())
}

/// Tells the parent how far the day has come: what is told is committed.
fn tell(day: &Day) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(day)?)?;
    out.flush()
}

/// The parent holds the other end of standard input. Without it nobody would end this process.
fn end_with_the_parent() {
    thread::spawn(|| {
        // An error is an end, too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}
