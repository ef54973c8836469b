//! The store as the keeper of a `SystemState`.

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityToken, OwnProcess, StateStore, Switch, SystemState};

use super::*;
use crate::inbox::KEPT_FOR;

fn own(id: &str, accepted: SystemTime) -> OwnProcess {
    let token = EntityToken::new("shop-product-1").unwrap();
    OwnProcess::new(
        process(id),
        &RealtimeRequest::create(token, Bytes::new()),
        accepted,
    )
}

#[test]
fn entities_are_kept() {
    let folder = Folder::new();
    let state = SystemState::open(folder.open()).unwrap();
    state.set_job("product", Some("j-1".to_owned())).unwrap();
    state
        .set_shared_key("product", Some("ean".to_owned()))
        .unwrap();
    state.set_switch("order", Switch::Off).unwrap();
    state.set_switch("customer", Switch::Unknown).unwrap();
    drop(state);

    let state = SystemState::open(folder.open()).unwrap();
    let product = state.entity("product");
    assert_eq!(product.switch, Switch::On);
    assert_eq!(product.job_id.as_deref(), Some("j-1"));
    assert_eq!(product.shared_key.as_deref(), Some("ean"));
    assert_eq!(state.entity("order").switch, Switch::Off);
    assert_eq!(state.entity("customer").switch, Switch::Unknown);
    state.set_job("product", None).unwrap();
    drop(state);

    let state = SystemState::open(folder.open()).unwrap();
    assert_eq!(state.entity("product").switch, Switch::Off);
    assert_eq!(state.entity("product").job_id, None);
}

#[test]
fn own_processes_are_read_as_they_were() {
    let folder = Folder::new();
    let token = || EntityToken::new("shop-product-1").unwrap();
    let id = || EntityId::new("ä-1").unwrap();
    let changes = [
        RealtimeRequest::create(token(), "{}"),
        RealtimeRequest::create(token(), "{}")
            .with_id(id(), "sku")
            .unwrap(),
        RealtimeRequest::update(token(), "{}"),
        RealtimeRequest::delete(token(), id()),
    ];
    let store = folder.open();
    let mut processes = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let process = OwnProcess::new(process(&format!("p-{number}")), change, time());
        store.add_process(process.clone()).unwrap();
        let added = store.process(&process.process_id).unwrap();
        assert_eq!(added, Some(process.clone()), "at once");
        processes.push(process);
    }
    assert!(store.complete_process(&process("p-1"), 500).unwrap());
    processes[1].outcome = Some(500);
    drop(store);

    let store = folder.open();
    for process in processes {
        let kept = store.process(&process.process_id).unwrap();
        assert_eq!(kept, Some(process));
    }
    assert_eq!(store.process(&process("other")).unwrap(), None);
}

#[test]
fn an_own_process_ends_once() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(!store.complete_process(&process("p"), 200).unwrap());
    store.add_process(own("p", time())).unwrap();
    assert!(store.complete_process(&process("p"), 200).unwrap());
    assert!(!store.complete_process(&process("p"), 500).unwrap());
    let kept = store.process(&process("p")).unwrap().unwrap();
    assert_eq!(
        (kept.outcome, kept.operation),
        (Some(200), Operation::Create)
    );
}

#[test]
fn old_own_processes_are_forgotten_two_with_each_new_one() {
    let folder = Folder::new();
    let store = folder.open();
    let count = || {
        let of = |id: &usize| store.process(&process(&format!("old-{id}"))).unwrap();
        (0..10).filter(|id| of(id).is_some()).count()
    };
    for id in 0..10 {
        store
            .add_process(own(&format!("old-{id}"), time()))
            .unwrap();
    }
    store.add_process(own("back", time() - 300 * DAY)).unwrap();
    assert_eq!(count(), 10);
    store.add_process(own("new-1", time() + KEPT_FOR)).unwrap();
    // The one of before the clock was set right is the oldest.
    assert_eq!(
        (count(), store.process(&process("back")).unwrap()),
        (9, None)
    );
    store.add_process(own("new-2", time() + KEPT_FOR)).unwrap();
    assert_eq!(count(), 7);
}
