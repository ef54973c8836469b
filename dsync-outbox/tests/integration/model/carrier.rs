//! The way from the sender to the platform.

use std::sync::Arc;
use std::sync::Mutex;

use dsync_core::wire::RealtimeRequest;
use dsync_core::{Carried, Carrier, Carrying, KeyCheck};
use tokio::time::{Instant, sleep_until};

use super::platform::{Fate, Reply};
use super::world::World;

#[derive(Debug)]
pub(crate) struct Way {
    world: World,
    /// The key that was refused last.
    refused: Arc<Mutex<Option<u32>>>,
}

impl Way {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            refused: Arc::default(),
        }
    }
}

/// An attempt, whose end is told to the world however it comes.
struct Flight<'a> {
    world: &'a World,
    number: u64,
}

impl Flight<'_> {
    async fn reply(&self) -> Reply {
        let (fate, arrives) = {
            let state = self.world.now();
            let attempt = &state.platform.attempts[&self.number];
            (attempt.fate, attempt.arrives)
        };
        match fate {
            Fate::NoKey => Reply::NoKey,
            Fate::Unheard { gives_up, kind } => {
                sleep_until(gives_up).await;
                Reply::NoAnswer(kind)
            }
            Fate::Answered => {
                sleep_until(arrives).await;
                let answer = self.world.now().platform.attempts[&self.number]
                    .answer
                    .clone();
                let (at, reply) = answer.unwrap();
                sleep_until(at).await;
                reply
            }
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.world.now().attempt_is_dropped(self.number);
    }
}

impl Carrier for Way {
    fn carry<'a>(&'a self, request: &'a RealtimeRequest) -> Carrying<'a> {
        Box::pin(async move {
            let Some(number) = self.world.now().attempt_begins(request) else {
                return Carried::NoAuthToken("the schedule has failed".into());
            };
            let flight = Flight {
                world: &self.world,
                number,
            };
            let reply = flight.reply().await;
            let mut state = self.world.now();
            if matches!(reply, Reply::Way(401 | 403)) {
                let api_key = state.platform.attempts[&number].api_key();
                *self.refused.lock().unwrap() = Some(api_key);
            }
            state.attempt_ends(number, &reply);
            drop(state);
            reply.into_carried()
        })
    }

    fn has_new_key(&self) -> KeyCheck<'_> {
        Box::pin(async {
            // It asks somebody.
            let pause = self.world.now().chance.millis(1, 50);
            sleep_until(Instant::now() + pause).await;
            let key = self.world.now().platform.programs_key;
            let refused = *self.refused.lock().unwrap();
            let is_new = key.is_some() && refused.is_some() && key != refused;
            self.world.now().tally.new_keys += u64::from(is_new);
            is_new
        })
    }
}
