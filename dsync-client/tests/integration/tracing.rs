//! What `tracing` gets to see of a request.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dsync_client::Client;
use dsync_core::{Switch, SystemState, TransportError, TransportErrorKind};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{KEY, Product, Scripted, in_child, is_child};

/// Writes down everything of every level.
#[derive(Clone, Default)]
struct Notebook {
    text: Arc<Mutex<String>>,
    spans: Arc<AtomicU64>,
}

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Notebook {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let text = &mut *self.text.lock().unwrap();
        let metadata = span.metadata();
        write!(text, "{} {}", metadata.level(), metadata.name()).unwrap();
        span.record(&mut Writer(text));
        text.push('\n');
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let text = &mut *self.text.lock().unwrap();
        text.push_str("record");
        values.record(&mut Writer(text));
        text.push('\n');
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let text = &mut *self.text.lock().unwrap();
        write!(text, "{}", event.metadata().level()).unwrap();
        event.record(&mut Writer(text));
        text.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Everything that was told during one create. The process has to be a child, or the other tests, which
/// have no subscriber, may decide in the same moment that nobody listens.
pub(crate) fn told(client: &Client) -> String {
    told_by(async { drop(client.create(&Product::new("sku-1")).await) })
}

/// Everything that was told by a future.
pub(crate) fn told_by(future: impl Future<Output = ()>) -> String {
    assert!(is_child());
    let notebook = Notebook::default();
    tracing::subscriber::with_default(notebook.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(future);
    });
    let text = notebook.text.lock().unwrap().clone();
    assert!(!text.contains(KEY), "{text}");
    assert!(!text.contains("0.1"), "the record is told: {text}");
    text
}

#[test]
fn a_request_is_told_without_its_key_and_record() {
    if !is_child() {
        return in_child("tracing::a_request_is_told_without_its_key_and_record", &[]);
    }
    let begin = "DEBUG dsync_request operation=\"create\" method=\"POST\" entity_token=\"shop-product-1\"\n\
                 DEBUG dsync_attempt attempt=1\n";

    let client = Scripted::default().client();
    assert_eq!(
        told(&client),
        format!(
            "{begin}record status=200\nrecord attempts=1\nrecord status=200\nrecord process_id=\"p-1\"\nDEBUG message=accepted\n"
        )
    );

    let client = Scripted::default()
        .answer(
            400,
            &[],
            r#"{"status":400,"message":"0.1 is wrong","data":{}}"#,
        )
        .client();
    assert_eq!(
        told(&client),
        format!(
            "{begin}record status=400\nrecord attempts=1\nrecord status=400\nDEBUG message=not accepted\n"
        )
    );

    let fault = TransportError::new(TransportErrorKind::Timeout, None);
    let client = Scripted::default().then(Err(fault)).client();
    assert_eq!(
        told(&client),
        format!("{begin}record attempts=1\nrecord\nDEBUG message=not accepted fault=Timeout\n")
    );
}

#[test]
fn a_switched_off_entity_is_told_of_once() {
    if !is_child() {
        return in_child("tracing::a_switched_off_entity_is_told_of_once", &[]);
    }
    let state = SystemState::new();
    let client = Scripted::default()
        .builder()
        .system_state(state.clone())
        .build()
        .unwrap();
    let warnings = || told(&client).matches("WARN").count();
    assert_eq!(warnings(), 0);
    state.set_switch("product", Switch::Off).unwrap();
    assert_eq!([warnings(), warnings(), warnings()], [1, 0, 0]);
    state.set_switch("product", Switch::On).unwrap();
    assert_eq!(warnings(), 0);
    state.set_switch("product", Switch::Off).unwrap();
    assert_eq!(warnings(), 1);
}
