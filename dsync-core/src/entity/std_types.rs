//! The standard library's types as field values: what serde writes for each of them.
//!
//! Left out, so that the compiler says what to do instead: `()` and `PhantomData` (null), tuples (a list
//! of different things), `Result` and `Bound` (an enum with data), `OsString` and `CString` (bytes), and
//! the weak pointers (null, once what they point to is gone).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{Range, RangeFrom, RangeInclusive, RangeTo};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use super::id::{EntityId, InvalidEntityId, ToEntityId};
use super::traits::{DsyncObject, FieldValue, ListItem};
use crate::layout::{Arity, FieldLayout, FieldType, Shape};

macro_rules! leaf {
    ($field_type:ident: $($type:ty),+ $(,)?) => {
        $(
            impl FieldValue for $type {
                const SHAPE: Shape = Shape::leaf(FieldType::$field_type);
            }
            impl ListItem for $type {}
        )+
    };
}

leaf!(Text: String, str, char, Path, PathBuf);
leaf!(Text: IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6);
leaf!(Boolean: bool);
leaf!(Number: f32, f64);
// 128-bit integers are numbers, but a value beyond 64 bits is refused before it is sent.
leaf!(Number: u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
leaf!(Number: NonZero<u8>, NonZero<u16>, NonZero<u32>, NonZero<u64>, NonZero<u128>, NonZero<usize>);
leaf!(Number: NonZero<i8>, NonZero<i16>, NonZero<i32>, NonZero<i64>, NonZero<i128>, NonZero<isize>);
leaf!(Number: serde_json::Number);

// serde has each where the machine has it. So that the compiler's list of types that would do is the same
// everywhere, and begins with more common ones, they are not in it.
macro_rules! atomic {
    ($($width:literal: $field_type:ident: $($type:ident),+;)+) => {
        $($(
            #[cfg(target_has_atomic = $width)]
            #[diagnostic::do_not_recommend]
            impl FieldValue for std::sync::atomic::$type {
                const SHAPE: Shape = Shape::leaf(FieldType::$field_type);
            }
            #[cfg(target_has_atomic = $width)]
            #[diagnostic::do_not_recommend]
            impl ListItem for std::sync::atomic::$type {}
        )+)+
    };
}

atomic! {
    "8": Boolean: AtomicBool;
    "8": Number: AtomicU8, AtomicI8;
    "16": Number: AtomicU16, AtomicI16;
    "32": Number: AtomicU32, AtomicI32;
    "64": Number: AtomicU64, AtomicI64;
    "ptr": Number: AtomicUsize, AtomicIsize;
}

macro_rules! named_by_its_text {
    ($($type:ty),+ $(,)?) => {
        $(
            impl ToEntityId for $type {
                fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
                    EntityId::new(self)
                }
            }
        )+
    };
}

named_by_its_text!(
    IpAddr,
    Ipv4Addr,
    Ipv6Addr,
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6
);

/// What is written is the value inside.
macro_rules! transparent {
    ($(<$parameter:ident $(: ?$sized:ident)?> $pointer:ty),+ $(,)?) => {
        $(
            impl<$parameter: FieldValue $(+ ?$sized)?> FieldValue for $pointer {
                const SHAPE: Shape = $parameter::SHAPE;
                const ARITY: Arity = $parameter::ARITY;
            }
            impl<$parameter: ListItem $(+ ?$sized)?> ListItem for $pointer {}
        )+
    };
}

transparent!(
    <T: ?Sized> &T,
    <T: ?Sized> &mut T,
    <T: ?Sized> Box<T>,
    <T: ?Sized> Rc<T>,
    <T: ?Sized> Arc<T>,
    <T: ?Sized> RefCell<T>,
    <T: ?Sized> Mutex<T>,
    <T: ?Sized> RwLock<T>,
    <T> Cell<T>,
    <T> Wrapping<T>,
    <T> Saturating<T>,
    <T> Reverse<T>,
);

impl<T: FieldValue + ToOwned + ?Sized> FieldValue for Cow<'_, T> {
    const SHAPE: Shape = T::SHAPE;
    const ARITY: Arity = T::ARITY;
}

impl<T: ListItem + ToOwned + ?Sized> ListItem for Cow<'_, T> {}

impl<T: FieldValue> FieldValue for Option<T> {
    const SHAPE: Shape = T::SHAPE.optional();
    const ARITY: Arity = T::ARITY.optional();
}

macro_rules! list {
    ($($list:ty),+ $(,)?) => {
        $(
            impl<T: ListItem> FieldValue for $list {
                const SHAPE: Shape = T::SHAPE.multiple();
                const ARITY: Arity = T::ARITY.multiple();
            }
        )+
    };
}

list!(
    Vec<T>,
    VecDeque<T>,
    LinkedList<T>,
    BinaryHeap<T>,
    BTreeSet<T>,
    [T]
);

impl<T: ListItem, S> FieldValue for HashSet<T, S> {
    const SHAPE: Shape = T::SHAPE.multiple();
    const ARITY: Arity = T::ARITY.multiple();
}

impl<T: ListItem, const N: usize> FieldValue for [T; N] {
    const SHAPE: Shape = T::SHAPE.multiple();
    const ARITY: Arity = T::ARITY.multiple();
}

/// What serde writes as a struct of its own.
macro_rules! object {
    ($([$($parameter:tt)*] $type:ty: $($name:literal: $of:ty),+;)+) => {
        $(
            impl<$($parameter)*> DsyncObject for $type {
                const FIELDS: &'static [FieldLayout] =
                    &[$(FieldLayout::new($name, <$of as FieldValue>::SHAPE)),+];
            }
            impl<$($parameter)*> FieldValue for $type {
                const SHAPE: Shape = Shape::object(<Self as DsyncObject>::FIELDS);
                const ARITY: Arity = Arity::ONE;
            }
            impl<$($parameter)*> ListItem for $type {}
        )+
    };
}

object! {
    [] Duration: "secs": u64, "nanos": u32;
    [] SystemTime: "secs_since_epoch": u64, "nanos_since_epoch": u32;
    [T: FieldValue] Range<T>: "start": T, "end": T;
    [T: FieldValue] RangeInclusive<T>: "start": T, "end": T;
    [T: FieldValue] RangeFrom<T>: "start": T;
    [T: FieldValue] RangeTo<T>: "end": T;
}

// These two may be null, and a field that may be null is not required.
impl FieldValue for serde_json::Value {
    const SHAPE: Shape = Shape::leaf(FieldType::Custom).optional();
}

impl ListItem for serde_json::Value {}

impl FieldValue for serde_json::value::RawValue {
    const SHAPE: Shape = Shape::leaf(FieldType::Custom).optional();
}

impl ListItem for serde_json::value::RawValue {}

impl FieldValue for serde_json::Map<String, serde_json::Value> {
    const SHAPE: Shape = Shape::leaf(FieldType::Custom);
}

impl ListItem for serde_json::Map<String, serde_json::Value> {}

// A map's keys are data, not fields, so it is listed without looking inside.
impl<K, V, S> FieldValue for HashMap<K, V, S> {
    const SHAPE: Shape = Shape::leaf(FieldType::Custom);
}

impl<K, V, S> ListItem for HashMap<K, V, S> {}

impl<K, V> FieldValue for BTreeMap<K, V> {
    const SHAPE: Shape = Shape::leaf(FieldType::Custom);
}

impl<K, V> ListItem for BTreeMap<K, V> {}
