//! What comes from outside, as much of it as belongs into a message.

use std::borrow::Cow;

/// The start of a text: enough to recognise it by, and not so long that an answer becomes longer
/// than the request that caused it.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 200;

    match text.char_indices().nth(SHOWN) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{} ...", &text[..end])),
    }
}
