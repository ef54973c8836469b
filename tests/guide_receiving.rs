//! The `curl` lines of the guide's page on receiving get the answers that stand there.

use std::fs;
use std::process::Command;

use dsync::prelude::*;
use dsync::{Connector, InMemory};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// As on the page.
#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "shop-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    price: Option<f64>,
    #[serde(default)]
    tags: Vec<String>,
    #[dsync(read_only)]
    created_at: Option<String>,
}

/// Each command, and the answer that follows it, if one does.
fn commands() -> Vec<(String, Option<String>)> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../dsync-sdk/src/guide/receiving.md"
    );
    let page = fs::read_to_string(path).unwrap();
    let mut commands: Vec<(String, Option<String>)> = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        match block.split_once('\n') {
            Some(("sh", command)) => commands.push((command.to_owned(), None)),
            Some(("json", answer)) => commands.last_mut().unwrap().1 = Some(answer.to_owned()),
            _ => {}
        }
    }
    commands
}

#[tokio::test(flavor = "multi_thread")]
async fn every_curl_line_gets_its_answer() {
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "curl is missing: the lines of the guide cannot be tried"
        );
        return;
    }
    let connector = Connector::builder("the-api-key")
        .entity::<Product>(InMemory::<Product>::new())
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server =
        tokio::spawn(async move { connector.serve(listener, std::future::pending()).await });

    let commands = commands();
    assert!(commands.len() > 8, "the page is written differently now");
    for (command, answer) in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("CONNECTOR", &address)
            .env("no_proxy", "*")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        let got = String::from_utf8(output.stdout).unwrap();
        match answer {
            Some(answer) => assert_eq!(got, answer.trim(), "{command}"),
            None => assert!(
                got.starts_with(r#"{"status":200,"message":"OK""#),
                "{command}: {got}"
            ),
        }
    }
    server.abort();
}
