//! How long to wait before the next attempt.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Longer than this nobody waits; and a number without bounds, added to a clock, is a panic.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer asks to wait: its `Retry-After`, as seconds or as a date (RFC 9110, section
/// 10.2.3), from zero to 24 hours. A date that has passed is zero.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use dsync_core::retry::retry_after;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("retry-after", "7".parse()?);
/// assert_eq!(retry_after(&headers, SystemTime::now()), Some(Duration::from_secs(7)));
///
/// headers.insert("retry-after", "Thu, 01 Jan 1970 00:01:00 GMT".parse()?);
/// assert_eq!(retry_after(&headers, SystemTime::UNIX_EPOCH), Some(Duration::from_secs(60)));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    // `parse` alone would take "+1".
    let pause = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that are no `u64` are too many.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(LONGEST))
}

/// Any time up to `limit`, by a random number: 0 is none of it, `u64::MAX` nearly all.
pub(super) fn jitter(limit: Duration, random: u64) -> Duration {
    let nanos = u128::from(random) * limit.min(LONGEST).as_nanos() / (1 << 64);
    Duration::from_nanos(u64::try_from(nanos).expect("a day has fewer nanoseconds than 2^64"))
}

/// `base`, doubled with each attempt after the first, at most `longest`.
pub(super) fn backoff_limit(base: Duration, longest: Duration, attempt: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
    base.saturating_mul(factor).min(longest)
}
