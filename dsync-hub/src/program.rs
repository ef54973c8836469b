//! What the program does: reads the layouts, serves, says what it held.

pub(crate) mod args;
mod failure;
mod greeting;
mod layout_file;
mod signal;

use std::collections::HashSet;
use std::env::{self, VarError};
use std::io::{self, Write};
use std::net::SocketAddr;

use dsync_core::AuthToken;
use dsync_hub::Hub;

use self::args::Args;
use self::failure::Failure;
use self::layout_file::Layouts;

const KEY_VARIABLE: &str = "DSYNC_AUTH_TOKEN";

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let layouts = layout_file::read_all(&args.layout)?;
    let key = key_from_env()?;
    // Before the greeting, so that a signal right after it is not missed.
    let stopped = signal::stopped().map_err(Failure::Signal)?;

    let mut builder = Hub::builder().bind(SocketAddr::new(args.bind, args.port));
    let generated = key.is_none();
    if let Some(key) = key {
        builder = builder.auth_token(key);
    }
    let hub = builder.start().await.map_err(Failure::Start)?;
    layout_file::register(&layouts, &hub)?;

    say(&greeting::text(&hub, generated, entities(&layouts)));
    stopped.await;
    hub.shutdown().await;
    let held: usize = entities(&layouts)
        .map(|(name, _)| hub.records(name).len())
        .sum();
    let (records, requests) = (count(held, "record"), count(hub.requests(), "request"));
    say(&format!("stopped after {requests}; it held {records}\n"));
    Ok(())
}

/// The names and tokens that are registered. An entity may stand in several files; it counts once.
fn entities(layouts: &Layouts) -> impl Iterator<Item = (&str, &str)> {
    let mut seen = HashSet::new();
    layouts
        .iter()
        .flat_map(|(_, layout)| layout.endpoints())
        .map(|endpoint| (endpoint.entity_name(), endpoint.entity_token().as_str()))
        .filter(move |(name, _)| seen.insert(*name))
}

fn key_from_env() -> Result<Option<AuthToken>, Failure> {
    let text = match env::var(KEY_VARIABLE) {
        Ok(text) => text,
        Err(VarError::NotPresent) => return Ok(None),
        // The error repeats the value, so it is not shown.
        Err(VarError::NotUnicode(_)) => return Err(Failure::Key("it is not Unicode".to_owned())),
    };
    AuthToken::new(text)
        .map(Some)
        .map_err(|error| Failure::Key(error.to_string()))
}

/// Writes to standard output. Who has closed it does not want to know, and the hub goes on.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn count(number: impl TryInto<u64>, noun: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}
