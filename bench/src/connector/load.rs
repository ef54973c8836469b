//! A server on a thread of its own, and the load for it: finished bytes over connections that stay open.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::parties::{self, KEY};

/// A server that runs as long as the program.
pub(super) struct Server {
    pub(super) address: SocketAddr,
}

impl Server {
    pub(super) fn start(
        serve: impl AsyncFnOnce(TcpListener) + Send + 'static,
    ) -> Result<Self, Box<dyn Error>> {
        let (started, start) = mpsc::channel();
        thread::spawn(move || {
            let listening = || {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
                let address = listener.local_addr()?;
                Ok::<_, std::io::Error>((runtime, listener, address))
            };
            match listening() {
                Ok((runtime, listener, address)) => {
                    let _ = started.send(Ok(address));
                    runtime.block_on(serve(listener));
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        });
        let address = start.recv()??;
        Ok(Self { address })
    }
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    DataLayout,
    Create,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DataLayout => "datalayout",
            Self::Create => "create",
        }
    }

    fn status_line(self) -> &'static [u8] {
        match self {
            Self::DataLayout => b"HTTP/1.1 200 OK\r\n",
            Self::Create => b"HTTP/1.1 201 Created\r\n",
        }
    }

    /// The bytes of a request, and where its number stands in them.
    fn request(self, address: SocketAddr) -> (Vec<u8>, Vec<usize>) {
        let request = match self {
            Self::DataLayout => format!(
                "GET /datalayout HTTP/1.1\r\nHost: {address}\r\nAuth-Token: {KEY}\r\nAccept: application/json\r\n\r\n"
            ),
            Self::Create => {
                let body = parties::body(0);
                format!(
                    "POST /entity/product HTTP/1.1\r\nHost: {address}\r\nAuth-Token: {KEY}\r\nProcess-Id: p-{:010}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    0,
                    body.len()
                )
            }
        };
        let numbers = request.match_indices("0000000000").map(|(at, _)| at);
        let numbers = numbers.collect();
        (request.into_bytes(), numbers)
    }
}

/// A number that no other request of this program has: each is a process of its own.
pub(super) fn next_number() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);

    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Some connections to one server, for one kind of request.
pub(super) struct Load {
    kind: Kind,
    groups: [Vec<Connection>; 2],
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    numbers: Vec<usize>,
    /// As long as an answer is.
    answer: Vec<u8>,
}

impl Load {
    /// How many connections there are, each with one request on its way.
    pub(super) const AT_ONCE: u32 = 16;

    pub(super) fn new(address: SocketAddr, kind: Kind) -> Result<Self, Box<dyn Error>> {
        let connect = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            let (request, numbers) = kind.request(address);
            let mut connection = Connection {
                stream,
                request,
                numbers,
                answer: Vec::new(),
            };
            connection.send()?;
            connection.read_first()?;
            Ok::<_, Box<dyn Error>>(connection)
        };
        let group = || {
            (0..Self::AT_ONCE / 2)
                .map(|_| connect())
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            kind,
            groups: [group()?, group()?],
        })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Sends so many requests on each connection, and gives the seconds that it took.
    ///
    /// While the server answers one half of the connections, the other half is read and sent anew. So
    /// it always has something to do, and seldom has to wake this thread: that would cost it more than
    /// an answer does, and the slower it is the more often it would have to.
    pub(super) fn run(&mut self, rounds: u32) -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        for round in 0..=rounds {
            for group in &mut self.groups {
                if round > 0 {
                    // What was sent last is answered last, and the others are there then.
                    for connection in group.iter_mut().rev() {
                        connection.read(self.kind)?;
                    }
                }
                if round < rounds {
                    for connection in group {
                        connection.send()?;
                    }
                }
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

impl Connection {
    fn send(&mut self) -> std::io::Result<()> {
        let number = format!("{:010}", next_number());
        for &at in &self.numbers {
            self.request[at..at + number.len()].copy_from_slice(number.as_bytes());
        }
        self.stream.write_all(&self.request)
    }

    fn read(&mut self, kind: Kind) -> Result<(), Box<dyn Error>> {
        self.stream.read_exact(&mut self.answer)?;
        if self.answer.starts_with(kind.status_line()) {
            return Ok(());
        }
        Err(format!("a server answered {}", self.text()).into())
    }

    /// Reads an answer of a length that is not known, which is the length of all others.
    fn read_first(&mut self) -> Result<(), Box<dyn Error>> {
        let mut piece = [0; 16 * 1024];
        while stated_length(&self.text()) != Some(self.answer.len()) {
            let length = self.stream.read(&mut piece)?;
            if length == 0 {
                return Err(format!("a server broke off after {:?}", self.text()).into());
            }
            self.answer.extend_from_slice(&piece[..length]);
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// How long an answer is by its own words.
fn stated_length(answer: &str) -> Option<usize> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    let (_, length) = head.split_once("content-length: ")?;
    let body: usize = length.lines().next()?.parse().ok()?;
    Some(head.len() + "\r\n\r\n".len() + body)
}

/// Makes sure that all contenders are asked and answer alike: only the numbers and the time may differ.
pub(super) fn compare<'a>(loads: impl Iterator<Item = &'a Load>) -> Result<(), Box<dyn Error>> {
    let mut first: Option<String> = None;
    for load in loads {
        let answer = load.groups[0][0].text();
        if !answer.as_bytes().starts_with(load.kind.status_line()) {
            return Err(format!("a server answered {answer}").into());
        }
        let answer = comparable(&answer);
        match &first {
            Some(first) if *first != answer => {
                return Err(format!("the contenders differ:\n{first}\nand\n{answer}").into());
            }
            Some(_) => {}
            None => first = Some(answer),
        }
    }
    Ok(())
}

fn comparable(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut headers: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("date: "))
        .collect();
    headers.sort_unstable();
    let body: String = body.chars().filter(|it| !it.is_ascii_digit()).collect();
    format!("{}\n{body}", headers.join("\n"))
}
