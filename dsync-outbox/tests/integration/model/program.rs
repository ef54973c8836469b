//! The program under test: an outbox, its sender, and calls that are under way.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use dsync_core::retry::RetryPolicy;
use dsync_outbox::{AfterRefusal, Outbox, OutboxStore, StoreError};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::carrier::Way;
use super::faulty::Faulty;
use super::platform::PROBE;
use super::world::World;

type Call = Pin<Box<dyn Future<Output = ()>>>;

type Running = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

pub(crate) struct Program {
    world: World,
    pub(crate) outbox: Outbox<Faulty>,
    /// A handle as another program has it.
    pub(crate) other: Outbox<Faulty>,
    sender: Option<Running>,
    stop: Option<oneshot::Sender<()>>,
    calls: FuturesUnordered<Call>,
    is_lost: [Arc<AtomicBool>; 2],
}

impl Program {
    /// A program that begins, and does not send yet.
    pub(crate) fn begin(
        world: &World,
        is_sole: bool,
        open: impl Fn() -> Arc<dyn OutboxStore>,
    ) -> Self {
        let stores = [(); 2].map(|()| Faulty::new(open(), world.clone()));
        let is_lost = stores.each_ref().map(Faulty::is_lost);
        let outbox = |store| Outbox::builder().sole_publisher(is_sole).over(store);
        let [outbox, other] = stores.map(outbox);
        Self {
            world: world.clone(),
            outbox,
            other,
            sender: None,
            stop: None,
            calls: FuturesUnordered::new(),
            is_lost,
        }
    }

    /// Whether it has to be restarted: a sync has failed.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.iter().any(|lost| lost.load(Ordering::Relaxed))
    }

    pub(crate) fn sends(&self) -> bool {
        self.sender.is_some()
    }

    pub(crate) fn send(&mut self) {
        if self.sender.is_some() {
            return;
        }
        let mut state = self.world.now();
        state.note("sender begins", 0);
        state.platform.program_began();
        let clock = state.clock.clone();
        drop(state);
        let (stop, stopped) = oneshot::channel();
        // The jitter is shorter than a tick of the clock.
        let policy = RetryPolicy::new()
            .with_max_attempts(u32::MAX)
            .with_backoff(Duration::from_millis(200), Duration::from_secs(10))
            .with_deadline(Duration::MAX);
        let sender = self
            .outbox
            .sender(Way::new(self.world.clone()))
            .in_flight(3)
            .retry(policy)
            .probe(PROBE)
            .after_refusal(|change, _| match change.id.number() % 3 {
                0 => AfterRefusal::Pass,
                _ => AfterRefusal::Hold,
            })
            .clock(clock)
            .run_until(async {
                // Nobody drops it but with the sender.
                let _ = stopped.await;
            });
        self.sender = Some(Box::pin(sender));
        self.stop = Some(stop);
    }

    /// Asks the sender to stop.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let mut state = self.world.now();
            state.note("stop", 0);
            state.tally.stops += 1;
            let _ = stop.send(());
        }
    }

    pub(crate) fn call(&mut self, call: impl Future<Output = ()> + 'static) {
        self.calls.push(Box::pin(call));
    }

    /// Lets time pass.
    pub(crate) async fn pass(&mut self, time: Duration) {
        let mut end = pin!(sleep(time));
        poll_fn(|context| {
            if let Some(sender) = &mut self.sender
                && let Poll::Ready(outcome) = sender.as_mut().poll(context)
            {
                self.sender = None;
                self.ended(outcome);
            }
            while let Poll::Ready(Some(())) = self.calls.poll_next_unpin(context) {}
            end.as_mut().poll(context)
        })
        .await;
    }

    fn ended(&mut self, outcome: Result<(), StoreError>) {
        let was_stopped = self.stop.take().is_none();
        let mut state = self.world.now();
        state.note("sender ended", 0);
        match outcome {
            Ok(()) if !was_stopped => state.broken("the sender has ended by itself"),
            Ok(()) if state.ledger.left_over > 0 => {
                state.broken("the sender has stopped, and something is not settled");
            }
            Ok(()) => {}
            Err(error) if error.to_string().contains("a fault that was made") => {}
            // What could not be noted is sent again.
            Err(_) if was_stopped => {}
            Err(error) => state.broken(format!("the sender has ended: {error}")),
        }
    }
}
