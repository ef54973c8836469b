//! A request without any network: `Connector::handle`, and the axum handler's function.

use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::time::Instant;

use axum::extract::State;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};

use super::load::next_number;
use super::parties::{KEY, Parties, bare_create, bare_data_layout, body, create};
use crate::figures::{Series, print_ratio};

/// How many calls are timed at once; what they need is made before. So few that they are seldom
/// interrupted by what else the machine does.
const CALLS: usize = 50;

/// How often they are timed in each run.
const TIMES: usize = 10;

/// Both sides at one kind of request.
pub(super) struct Alone {
    kind: &'static str,
    connector: Calls,
    bare: Calls,
}

struct Calls {
    nanoseconds: Series,
    allocations: f64,
}

pub(super) fn measure(runs: usize) -> Result<[Alone; 2], Box<dyn Error>> {
    let parties = Parties::new()?;
    let (connector, bare) = (&parties.connector, &parties.bare);
    done(parties.fill_inbox())?;
    let mut measured = ["datalayout", "create"].map(|kind| Alone {
        kind,
        connector: Calls::new(format!("{kind}, Connector::handle")),
        bare: Calls::new(format!("{kind}, axum's handler alone")),
    });
    let [of_layout, of_create] = &mut measured;
    let handle = |request| connector.handle(request);
    let state = || State(bare.clone());
    for _ in 0..runs * TIMES {
        of_layout
            .connector
            .measure(StatusCode::OK, data_layout, handle)?;
        of_layout
            .bare
            .measure(StatusCode::OK, state, bare_data_layout)?;
        of_create
            .connector
            .measure(StatusCode::CREATED, create, handle)?;
        of_create.bare.measure(
            StatusCode::CREATED,
            || (state(), Bytes::from(body(next_number()))),
            |(state, body)| bare_create(state, body),
        )?;
    }
    println!("without network:");
    for Alone {
        connector, bare, ..
    } in &measured
    {
        print(connector);
        print(bare);
    }
    Ok(measured)
}

pub(super) fn print_ratios(measured: &[Alone]) {
    for alone in measured {
        let (connector, bare) = (&alone.connector.nanoseconds, &alone.bare.nanoseconds);
        print_ratio(
            &format!("connector.{}_alone", alone.kind),
            connector.ratio_to(bare),
        );
    }
}

fn print(calls: &Calls) {
    let series = &calls.nanoseconds;
    let (low, high) = series.spread();
    println!(
        "{:<32} {:>8.0} ns ({low:.0} to {high:.0}), {:.1} allocations",
        series.name,
        series.median(),
        calls.allocations
    );
}

impl Calls {
    fn new(name: String) -> Self {
        Self {
            nanoseconds: Series::new(name),
            allocations: 0.0,
        }
    }

    /// Times some calls, the end of their answers included, and counts what as many others allocate.
    fn measure<R, F, B>(
        &mut self,
        status: StatusCode,
        request: impl Fn() -> R,
        call: impl Fn(R) -> F,
    ) -> Result<(), Box<dyn Error>>
    where
        F: Future<Output = Response<B>>,
    {
        let requests = || (0..CALLS).map(|_| request()).collect::<Vec<_>>();
        let call_all = |requests: Vec<R>| {
            requests.into_iter().try_for_each(|request| {
                let answer = black_box(done(call(request))?);
                if answer.status() == status {
                    return Ok(());
                }
                Err::<_, Box<dyn Error>>(format!("a handler answered {}", answer.status()).into())
            })
        };
        let timed = requests();
        let start = Instant::now();
        call_all(timed)?;
        let seconds = start.elapsed().as_secs_f64();
        self.nanoseconds.values.push(seconds * 1e9 / CALLS as f64);

        let counted = requests();
        let mut outcome = Ok(());
        let counted = allocation_counter::measure(|| outcome = call_all(counted));
        self.allocations = counted.count_total as f64 / CALLS as f64;
        outcome
    }
}

/// Neither side waits for anything here.
fn done<T>(answer: impl Future<Output = T>) -> Result<T, Box<dyn Error>> {
    answer
        .now_or_never()
        .ok_or_else(|| "a handler waits, with nothing to wait for".into())
}

fn data_layout() -> Request<Bytes> {
    Request::get("/datalayout")
        .header("host", "127.0.0.1:8081")
        .header("auth-token", KEY)
        .header("accept", "application/json")
        .body(Bytes::new())
        .expect("these headers are legal")
}
