//! A shop that receives: products and orders come from a platform, and are kept in a SQLite file.
//!
//! Read in this order: `schema` (the annotated structs), `shop` (what is done with the records), then
//! this file (the connector around them).
//!
//! ```text
//! export DSYNC_AUTH_TOKEN=secret
//! cargo run --example receive -- --database shop.db
//! curl -H 'Auth-Token: secret' http://127.0.0.1:8081/datalayout
//! ```

#![expect(clippy::print_stderr, reason = "a program for people")]

mod schema;
mod shop;

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use dsync::connector::SqliteStore;
use dsync::prelude::*;
use dsync::retry::RetryPolicy;
use dsync::{Connector, Context, Handled, Handler, ProcessEnded, SystemState};
use tokio::net::TcpListener;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::schema::{Order, Product};
use crate::shop::Shop;

/// Serves a shop's products and orders to a DSYNC platform: a connector over a SQLite file.
///
/// The API key comes from the environment variable DSYNC_AUTH_TOKEN. Writes are refused with 406 until
/// the platform has set a job. An order whose product does not exist yet is answered 202, and is carried
/// out when the product has come, also after a restart.
///
/// Exits with 0 after Ctrl-C or SIGTERM, with 1 if something fails, with 2 if an argument is wrong.
#[derive(Parser)]
#[command(
    name = "receive",
    after_help = "Examples:
  export DSYNC_AUTH_TOKEN=secret
  cargo run --example receive -- --database shop.db
  cargo run --example receive -- --database shop.db \\
    --realtime-url http://127.0.0.1:8080/api/realtime

Then be the platform:
  curl -H 'Auth-Token: secret' http://127.0.0.1:8081/datalayout
  curl -H 'Auth-Token: secret' http://127.0.0.1:8081/entity/product/set_job -d '{\"job_id\":\"1\"}'
  curl -H 'Auth-Token: secret' -H 'Process-Id: p-1' http://127.0.0.1:8081/entity/product \\
    -d '{\"sku\":\"S-1\",\"name\":\"Tea\",\"active\":true,\"inventory\":{\"qty\":5}}'
  curl -H 'Auth-Token: secret' -H 'Process-Id: p-2' -H 'Entity-Id: S-1' \\
    http://127.0.0.1:8081/entity/product"
)]
struct Arguments {
    /// The shop's SQLite file, made if it does not exist. What the connector remembers stands beside
    /// it, in FILE-dsync
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// Where to listen: an IP address and a port, such as 127.0.0.1:8081; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// The path below which the connector is reached
    #[arg(long, value_name = "PATH", default_value = "/")]
    base_path: String,
    /// How many records a page of a synchronisation has
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    page_size: usize,
    /// Take writes before the platform has set a job: for tests
    #[arg(long)]
    switched_on: bool,
    /// The platform's realtime address, to tell it how it stands with changes that were answered 202
    #[arg(long, value_name = "URL")]
    realtime_url: Option<String>,
    /// Send every product to the platform at the start
    #[arg(long, requires = "realtime_url")]
    send_all: bool,
    /// The longest pause between two tries of a change that was answered 202
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = at_least_one)]
    retry_seconds: usize,
    /// The API key. Set the variable: what stands in a command line, everybody on the machine can read
    #[arg(
        long,
        value_name = "KEY",
        env = "DSYNC_AUTH_TOKEN",
        hide_env_values = true
    )]
    auth_token: Option<String>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let given = arguments.auth_token.clone();
    let Some(auth_token) = given.filter(|key| !key.is_empty()) else {
        Arguments::command()
            .error(
                ErrorKind::MissingRequiredArgument,
                "there is no API key: set the environment variable DSYNC_AUTH_TOKEN to the key that the platform has for this system",
            )
            .exit()
    };
    log_to_stderr();
    match run(&arguments, &auth_token).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, auth_token: &str) -> Result<(), Box<dyn Error>> {
    let database = &arguments.database;
    // SQLite itself says only that it cannot.
    if let Some(folder) = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        && !folder.is_dir()
    {
        return Err(format!(
            "the folder {} does not exist: make it first",
            folder.display()
        )
        .into());
    }
    let shop = Shop::open(database)
        .map_err(|error| format!("{} cannot be opened: {error}", database.display()))?;
    let store = SqliteStore::open(beside(database))?;
    // One state for both halves: what the platform tells the connector, the client goes by.
    let state = SystemState::open(store.clone())?;

    let mut builder = Connector::builder(auth_token)
        .entity::<Product>(shop.clone())
        .entity::<Order>(shop.clone())
        .base_path(&arguments.base_path)
        .page_size(arguments.page_size)
        .switched_on(arguments.switched_on)
        .system_state(state.clone())
        .inbox(store)
        .retry(retry(arguments.retry_seconds))
        .on_notification(tell);
    let client = match &arguments.realtime_url {
        Some(url) => Some(
            Client::builder(auth_token)
                .realtime_url(url)
                .system_state(state)
                .build()?,
        ),
        None => None,
    };
    if let Some(client) = &client {
        builder = builder.reports(client.clone());
    }
    let connector = builder.build()?;

    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("cannot listen at {}: {error}", arguments.listen))?;
    // Before the line that others wait for, so that a signal right after it is not missed.
    let stopped = stopped()?;
    let base = arguments.base_path.trim_matches('/');
    let slash = if base.is_empty() { "" } else { "/" };
    say(&format!(
        "listening at http://{}{slash}{base}",
        listener.local_addr()?
    ))?;

    if let Some(client) = client.filter(|_| arguments.send_all) {
        // The platform may notify at once, so the connector serves meanwhile.
        tokio::spawn(async move {
            if let Err(error) = send_all(&shop, &client).await {
                eprintln!("not everything was sent: {error}");
            }
        });
    }
    connector.serve(listener, stopped).await;

    match connector.promised() {
        0 => eprintln!("stopped"),
        promised => {
            eprintln!("stopped; changes to be tried again after the next start: {promised}");
        }
    }
    Ok(())
}

/// How often, how long and how fast a change that was answered 202 is tried.
fn retry(longest: usize) -> RetryPolicy {
    let longest = Duration::from_secs(longest as u64);
    let three_days = Duration::from_secs(3 * 24 * 60 * 60);
    RetryPolicy::new()
        .with_max_attempts(u32::MAX)
        .with_backoff(longest.min(Duration::from_secs(1)), longest)
        .with_deadline(three_days)
}

/// Sends what the shop has, page by page, as a synchronisation would ask for it.
async fn send_all(shop: &Shop, client: &Client) -> Result<(), Box<dyn Error>> {
    const PAGE: usize = 100;

    let context = Context::new(EntityToken::new(Product::layout().entity_token())?);
    let mut after: Option<String> = None;
    loop {
        let products = Handler::<Product>::page(shop, &context, after.as_ref(), PAGE)
            .await
            .map_err(|error| error.to_string())?;
        let Some(last) = products.last() else {
            return Ok(());
        };
        after = Some(last.sku.clone());
        for product in &products {
            if let Err(error) = client.create(product).await {
                eprintln!("product {:?} was not sent: {error}", product.sku);
            }
        }
    }
}

/// The platform has told how one of the shop's own changes ended.
async fn tell(ended: ProcessEnded) -> Handled<()> {
    let (process, notification) = (ended.process, ended.notification);
    let record = process.entity_id.as_ref().map_or("", |id| id.as_str());
    say(&format!(
        "process {}: {} of {record:?} ended with {}: {}",
        process.process_id,
        process.operation.as_str(),
        notification.status,
        notification.message
    ))?;
    Ok(())
}

/// The connector's own file: `shop.db-dsync` for `shop.db`.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-dsync");
    name.into()
}

/// The log goes to standard error; RUST_LOG says how much of it, such as `warn` or `dsync_connector=debug`.
fn log_to_stderr() {
    let said = std::env::var("RUST_LOG").ok();
    let levels = said.and_then(|levels| levels.parse::<Targets>().ok());
    let format = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(format)
        .with(levels.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO)))
        .init();
}

/// Takes Ctrl-C and SIGTERM over now; the future ends at the first of them.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Takes Ctrl-C over now.
#[cfg(windows)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// Prints a line at once: whoever started the program in a pipe waits for it, or is gone.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
