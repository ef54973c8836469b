//! Names as digests of one size, for maps that every request looks into.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash3_128;

/// The digest of a name. Two of 128 bits are not the same by chance, and only the platform, which has the
/// API key, gives the names.
pub(crate) type Digest = u128;

pub(crate) fn digest(name: &str) -> Digest {
    XxHash3_128::oneshot(name.as_bytes())
}

/// What is known of names.
pub(crate) type DigestMap<V> = HashMap<Digest, V, BuildHasherDefault<OfDigest>>;

/// A digest needs no further one.
#[derive(Default)]
pub(crate) struct OfDigest(u64);

impl Hasher for OfDigest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        // Half of its bits are as good as any.
        self.0 = (digest >> 64) as u64;
    }
}
