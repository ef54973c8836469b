//! Ten times the records, the same memory: `create_all` takes a record from its source only when there
//! is room. Measured as the largest size of a process of its own, as Linux reports it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{env, fs, io, thread};

use dsync::prelude::*;
use serde::Serialize;

#[derive(Serialize, DsyncEntity)]
#[dsync(entity_token = "shop-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: u32,
    number: u32,
    text: String,
}

const COUNT: &str = "DSYNC_TEST_RECORDS";
const URL: &str = "DSYNC_TEST_URL";
const RECORD: usize = 10_000;
const SKUS: u32 = 700;

#[test]
fn ten_times_the_records_need_no_more_memory() {
    if let (Ok(count), Ok(url)) = (env::var(COUNT), env::var(URL)) {
        return send(count.parse().unwrap(), &url);
    }
    let few = peak_of_a_process(10_000);
    let many = peak_of_a_process(100_000);
    assert!(
        many * 10 <= few * 12,
        "{few} KiB for 10,000 records of 10 KB, {many} KiB for 100,000"
    );
}

/// The process: sends, and prints its largest size in KiB.
#[expect(
    clippy::print_stdout,
    reason = "that is how the other process reads it"
)]
fn send(count: u32, url: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Client::builder("key").realtime_url(url).build().unwrap();
        let text = "x".repeat(RECORD);
        let mut bulk = client.create_all((0..count).map(|number| Product {
            sku: number % SKUS,
            number,
            text: text.clone(),
        }));
        while let Some(item) = bulk.next().await {
            item.result.unwrap();
        }
        assert_eq!(bulk.progress().accepted, u64::from(count));
    });
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("peak {}", peak.unwrap().trim().trim_end_matches(" kB"));
}

fn peak_of_a_process(count: u32) -> u64 {
    let url = slow_server();
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "memory::ten_times_the_records_need_no_more_memory",
            "--exact",
        ])
        .arg("--nocapture")
        .env(COUNT, count.to_string())
        .env(URL, url)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let peak = text.split_once("peak ").expect("the process prints it").1;
    peak.lines().next().unwrap().parse().unwrap()
}

/// Slower than any sender: one request at a time, whatever connection it came on. It fails where a
/// record comes before an older one of the same id.
fn slow_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let last = Arc::new(Mutex::new(HashMap::new()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let last = last.clone();
            thread::spawn(move || serve(stream.unwrap(), &last));
        }
    });
    format!("http://{address}/api/realtime")
}

fn serve(stream: TcpStream, last: &Mutex<HashMap<String, i64>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut body = Vec::new();
    loop {
        let (mut length, mut id) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("entity-id", value)) => id = value.to_owned(),
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        let mut last = last.lock().unwrap();
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let record: serde_json::Value = serde_json::from_slice(&body)?;
        let number = record["number"].as_i64().unwrap();
        let before = last.insert(id, number).unwrap_or(-1);
        drop(last);
        let (status, text) = if before < number {
            (200, "OK")
        } else {
            (400, "overtaken")
        };
        let answer = format!(r#"{{"status":{status},"message":"{text}"}}"#);
        let head = format!(
            "HTTP/1.1 {status} {text}\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        (&stream).write_all((head + &answer).as_bytes())?;
    }
}
