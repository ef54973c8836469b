//! The program, as a person starts it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const KEY: &str = "key-of-the-environment";

const LAYOUT: &str = r#"{"data_layout": [{
    "entity_name": "product", "treekey": "product",
    "endpoint_url": "/entity/product", "entity_token": "shop-product-1",
    "fields": [{"treekey": "product.sku", "name": "sku", "type": "text", "primary_key": true}]
}]}"#;

const FAULTY: &str = r#"{"data_layout": [{
    "entity_name": "order", "treekey": "order",
    "endpoint_url": "/entity/order", "entity_token": "shop-order-1",
    "fields": [
        {"treekey": "order.id", "name": "id", "type": "txet"},
        {"treekey": "order.id", "name": "id", "type": "text"}
    ]
}]}"#;

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

fn program(layouts: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync-hub"));
    command.env_remove("DSYNC_AUTH_TOKEN").args(["--port", "0"]);
    for layout in layouts {
        command.arg("--layout").arg(layout);
    }
    command
}

/// What a program says that ends by itself; one that goes on serving is ended.
fn failing(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
        }
        sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Starts and reads the greeting.
fn start(command: &mut Command) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut greeting = String::new();
    while !greeting.contains("/hub/records\n") {
        assert_ne!(out.read_line(&mut greeting).unwrap(), 0, "{greeting}");
    }
    (child, out, greeting)
}

fn stop(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {id}")])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn it_serves_until_it_is_stopped_and_says_what_it_held() {
    let answer = format!(r#"{{"status": 200, "message": "OK", "detail": [], "data": {LAYOUT}}}"#);
    let layouts = [
        file("served.json", LAYOUT),
        file("answer.json", &answer.replace("product", "item")),
    ];
    let (mut child, mut out, greeting) = start(program(&layouts).env("DSYNC_AUTH_TOKEN", KEY));
    for part in [
        "API key: from DSYNC_AUTH_TOKEN",
        "product  shop-product-1",
        "$DSYNC_AUTH_TOKEN",
    ] {
        assert!(greeting.contains(part), "{part} in {greeting}");
    }
    assert!(greeting.contains("item     shop-item-1"), "{greeting}");

    let url = greeting
        .lines()
        .find_map(|line| line.strip_prefix("realtime URL: http://"));
    let (address, path) = url.unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = r#"{"sku":"S-1"}"#;
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: hub\r\nAuth-Token: {KEY}\r\nEntity-Token: shop-product-1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    stop(&child, "TERM");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("stopped after 1 request; it held 1 record\n"),
        "{rest}"
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(!(greeting + &rest + &log).contains(KEY));
    assert!(log.contains("create") && !log.contains("S-1"), "{log}");
}

#[test]
fn a_generated_key_is_shown_as_an_export_line() {
    let (mut child, _out, greeting) = start(&mut program(&[file("generated.json", LAYOUT)]));
    let key = greeting
        .lines()
        .find_map(|line| line.strip_prefix("export DSYNC_AUTH_TOKEN="))
        .unwrap();
    assert_eq!(key.len(), 32);
    assert_eq!(greeting.matches(key).count(), 1);
    stop(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_input_ends_with_2_and_every_problem() {
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-such-file.json");
    let layouts = [
        file("faulty.json", FAULTY),
        missing,
        file("broken.json", "{\n"),
        file("other.json", r#"{"layout": []}"#),
        file("good.json", LAYOUT),
    ];
    let output = failing(&mut program(&layouts));
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in [
        "faulty.json: order.id `txet` is no field type (did you mean `text`?)",
        "faulty.json: order.id stands twice",
        "no-such-file.json: No such file",
        "broken.json: no JSON: EOF while parsing an object at line 2",
        "other.json: no data layout: missing field `data_layout`",
        "--help",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("good.json"), "{text}");

    let clash = file(
        "clash.json",
        &LAYOUT.replace("shop-product-1", "shop-product-2"),
    );
    let output = failing(&mut program(&[file("first.json", LAYOUT), clash]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("clash.json: product has the entity token shop-product-2"));

    assert_eq!(failing(&mut program(&[])).status.code(), Some(2));
    for key in ["", "SECRET with blanks"] {
        let mut command = program(&[file("key.json", LAYOUT)]);
        let output = failing(command.env("DSYNC_AUTH_TOKEN", key));
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            text.contains("DSYNC_AUTH_TOKEN") && !text.contains("SECRET"),
            "{text}"
        );
    }
}

#[test]
fn a_port_in_use_ends_with_1_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync-hub"));
    command.arg("--layout").arg(file("in-use.json", LAYOUT));
    let output = failing(command.args(["--port", &port]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("choose another port"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_help_teaches_and_its_example_works() {
    let help = Command::new(env!("CARGO_BIN_EXE_dsync-hub"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for part in [
        "GET /datalayout",
        "DSYNC_AUTH_TOKEN",
        "--layout <FILE>",
        "Exit codes",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let from = help.find("    {\"data_layout\": [{\n").unwrap();
    let to = help[from..].find("]}\n\n").unwrap() + from + 2;
    let (mut child, _out, greeting) = start(&mut program(&[file("help.json", &help[from..to])]));
    assert!(greeting.contains("product  shop-product-1"), "{greeting}");
    stop(&child, "TERM");
    child.wait().unwrap();
}
