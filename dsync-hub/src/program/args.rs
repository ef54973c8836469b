//! The program's arguments and its help.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;

/// The DSYNC platform on one machine: takes realtime requests, checks them against data layouts, and
/// keeps the records in memory.
#[derive(Debug, Parser)]
#[command(version, after_long_help = HELP, after_help = "More, with an example: --help")]
pub(crate) struct Args {
    /// A file with the data layout of a system; may be given more than once
    ///
    /// It is what a connector answers to GET /datalayout, either the whole answer or its `data`:
    ///
    ///   {"data_layout": [{"entity_name": "product", ...}, ...]}
    ///
    /// Fields may have all thirteen keys, or only those that are set.
    #[arg(long, value_name = "FILE", required = true, verbatim_doc_comment)]
    pub(crate) layout: Vec<PathBuf>,

    /// The port to listen at; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,

    /// The address to listen at
    ///
    /// Requests and their API key travel in the clear: let other machines in (0.0.0.0) only on a
    /// network that you trust.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) bind: IpAddr,
}

const HELP: &str = r#"The API key:
  Requests carry it in the header Auth-Token. It is read from the environment
  variable DSYNC_AUTH_TOKEN; if that is not set, a key is generated and shown.

Example:
  Save this as layout.json:

    {"data_layout": [{
      "entity_name": "product", "treekey": "product",
      "endpoint_url": "/entity/product", "entity_token": "shop-product-1",
      "fields": [
        {"treekey": "product.sku", "name": "sku", "type": "text",
         "required": true, "primary_key": true},
        {"treekey": "product.price", "name": "price", "type": "number"}
      ]
    }]}

  Start the hub:

    export DSYNC_AUTH_TOKEN=a-key-for-tests
    dsync-hub --layout layout.json

  or from the sources:

    cargo run -p dsync-hub --features cli -- --layout layout.json

  Send a record and read what the hub holds:

    curl -H "Auth-Token: $DSYNC_AUTH_TOKEN" -H "Entity-Token: shop-product-1" \
         --json '{"sku": "S-1", "price": 9.5}' http://127.0.0.1:8080/api/realtime
    curl -H "Auth-Token: $DSYNC_AUTH_TOKEN" http://127.0.0.1:8080/hub/records

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 not started, 2 wrong arguments,
API key or layout files."#;
