//! For the tests of those who write stores: what every [`OutboxStore`] has to pass.

mod claims;
mod coalescing;
mod contents;
mod fairness;
mod leases;
mod looking;
mod mending;
mod order;
mod settling;
mod setup;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::store::{OutboxStore, Storing};

/// A store on which a check is made.
pub trait StoreUnderTest {
    /// A handle as another program would have it: what was stored through one handle is there through
    /// the next, also if there was none in between.
    ///
    /// # Errors
    ///
    /// Those of the store.
    fn open(&self) -> Storing<'_, Arc<dyn OutboxStore>>;
}

/// Checks everything that the docs of [`OutboxStore`] and [`Lease`](crate::Lease) say, but for
/// stable storage itself: no test that lives in one program can pull the plug.
///
/// Each check is made on a store of its own, which is empty, and all are made, so that all faults show at
/// once. Changes are dated with whole seconds.
///
/// # Panics
///
/// If the store does not do what it should, or cannot be used.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use dsync_outbox::testing::{StoreUnderTest, check_store};
/// use dsync_outbox::{MemoryStore, OutboxStore, Storing};
///
/// struct InMemory(MemoryStore);
///
/// impl StoreUnderTest for InMemory {
///     fn open(&self) -> Storing<'_, Arc<dyn OutboxStore>> {
///         Box::pin(async { Ok(Arc::new(self.0.clone()) as Arc<dyn OutboxStore>) })
///     }
/// }
///
/// pollster::block_on(check_store(|| InMemory(MemoryStore::new())));
/// ```
pub async fn check_store<S: StoreUnderTest>(fresh: impl Fn() -> S) {
    let mut failed: Vec<String> = Vec::new();
    macro_rules! check {
        ($($topic:ident: $($name:ident),+;)+) => {$($({
            let name = concat!(stringify!($topic), "::", stringify!($name));
            let store = fresh();
            match AssertUnwindSafe($topic::$name(&store)).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed.push(format!("{name}: {error}")),
                // The panic has told why already.
                Err(_) => failed.push(name.to_owned()),
            }
        })+)+};
    }

    check! {
        order:
            numbers_grow, a_lane_is_in_order, lanes_do_not_wait_for_each_other,
            changes_without_a_record_have_a_lane_each, a_lane_is_of_one_entity_too,
            programs_add_at_the_same_time;
        claims:
            no_more_than_the_limit, nothing_is_claimed_twice, the_oldest_come_first,
            a_step_settles_and_claims, a_claim_says_all;
        fairness:
            retries_get_a_half, what_is_left_is_used, retries_do_not_starve_of_fresh_ones,
            retries_do_not_starve_of_each_other, fresh_ones_do_not_starve_of_retries;
        settling:
            delivered, again_after_a_pause, a_pause_holds_the_lane_only, dead_and_held,
            dead_and_passed, claimed_for_nothing, only_what_is_claimed_is_settled;
        coalescing:
            the_table, of_a_sole_publisher, not_if_one_says_never, not_once_claimed,
            not_across_others, behind_a_dead_letter, the_later_one_is_what_is_sent,
            a_chain_of_many;
        leases:
            one_at_a_time, a_dropped_one_is_free, attempts_go_on, pauses_end_with_it,
            dead_letters_stay, news_from_another_program, the_store_outlives_its_handles;
        mending:
            retry, attempts_begin_anew, edit, pass, drop, drop_of_a_dead_letter_that_was_passed, only_dead_letters,
            a_passed_one_comes_first_again, while_its_lane_is_busy, from_another_program, all;
        looking:
            counts, what_moves, filters, pages, every_state, forgetting, a_number_is_never_used_again;
        contents:
            requests_survive, ids_survive, bodies_survive, failures_survive, dates_survive;
    }
    assert!(failed.is_empty(), "the store fails in {failed:#?}");
}
