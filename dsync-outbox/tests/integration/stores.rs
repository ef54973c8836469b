//! Every store has to pass the same checks.

use std::path::PathBuf;
use std::sync::Arc;

use dsync_outbox::testing::{StoreUnderTest, check_store};
use dsync_outbox::{MemoryStore, OutboxStore, SqliteStore, Storing};
use tempfile::TempDir;

struct InMemory(MemoryStore);

impl StoreUnderTest for InMemory {
    fn open(&self) -> Storing<'_, Arc<dyn OutboxStore>> {
        Box::pin(async { Ok(Arc::new(self.0.clone()) as Arc<dyn OutboxStore>) })
    }
}

#[tokio::test]
async fn a_store_in_memory_passes() {
    check_store(|| InMemory(MemoryStore::new())).await;
}

/// Each handle is one of another program: it knows nothing but the file.
struct InAFile {
    path: PathBuf,
    _folder: TempDir,
}

impl InAFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            path: folder.path().join("outbox.db"),
            _folder: folder,
        }
    }
}

impl StoreUnderTest for InAFile {
    fn open(&self) -> Storing<'_, Arc<dyn OutboxStore>> {
        Box::pin(async { Ok(Arc::new(SqliteStore::open(&self.path)?) as Arc<dyn OutboxStore>) })
    }
}

#[tokio::test]
async fn a_store_in_a_sqlite_file_passes() {
    check_store(InAFile::new).await;
}
