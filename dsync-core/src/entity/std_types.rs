//! The standard library's types as field values: what serde writes for each of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::traits::{FieldValue, ListItem};
use crate::layout::{Arity, FieldType, Shape};

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

macro_rules! transparent {
    ($($pointer:ty),+ $(,)?) => {
        $(
            impl<T: FieldValue + ?Sized> FieldValue for $pointer {
                const SHAPE: Shape = T::SHAPE;
                const ARITY: Arity = T::ARITY;
            }
            impl<T: ListItem + ?Sized> ListItem for $pointer {}
        )+
    };
}

transparent!(&T, Box<T>, Rc<T>, Arc<T>);

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

// It may be null, and a field that may be null is not required.
impl FieldValue for serde_json::Value {
    const SHAPE: Shape = Shape::leaf(FieldType::Custom).optional();
}

impl ListItem for serde_json::Value {}

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
