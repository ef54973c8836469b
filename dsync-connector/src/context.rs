//! What a handler may know about the request that it is asked to carry out.

use dsync_core::{EntityToken, Origin, ProcessId};

/// The request around a record.
///
/// # Examples
///
/// ```
/// use dsync_connector::Context;
///
/// fn log(context: &Context) {
///     println!("process {:?}, attempt {}", context.process_id(), context.attempt());
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) process_id: Option<ProcessId>,
    pub(crate) attempt: u32,
    pub(crate) entity_token: EntityToken,
    pub(crate) shared_key: Option<String>,
    pub(crate) origin: Option<Origin>,
}

impl Context {
    /// A context without a process: for the tests of a handler.
    #[must_use]
    pub fn new(entity_token: EntityToken) -> Self {
        Self {
            process_id: None,
            attempt: 1,
            entity_token,
            shared_key: None,
            origin: None,
        }
    }

    /// The context of an attempt at a process: for the tests of a handler.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_connector::Context;
    ///
    /// let context = Context::new("shop-product-1".parse()?).with_process("p-1".parse()?, 2);
    /// assert_eq!(context.attempt(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_process(self, process_id: ProcessId, attempt: u32) -> Self {
        Self {
            origin: Some(Origin::new(process_id.clone(), self.entity_token.clone())),
            process_id: Some(process_id),
            attempt,
            ..self
        }
    }

    /// The platform's process. A synchronisation has none.
    #[must_use]
    pub fn process_id(&self) -> Option<&ProcessId> {
        self.process_id.as_ref()
    }

    /// Which attempt at this change it is, from 1. From 2 on an earlier one may have taken effect in part:
    /// the program died in it, it failed, or the handler said later.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What identifies the entity on the platform.
    #[must_use]
    pub fn entity_token(&self) -> &EntityToken {
        &self.entity_token
    }

    /// The field by which both sides of the entity's job recognise a record, where that is not the
    /// primary key. The connector has translated the id already, by [`find`](crate::Handler::find).
    #[must_use]
    pub fn shared_key(&self) -> Option<&str> {
        self.shared_key.as_deref()
    }

    /// Marks what the handler causes as coming from the platform, so that a client does not send it back.
    /// Within the handler's own task that happens by itself; pass it on to other tasks and threads. Only
    /// a write has one.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}
