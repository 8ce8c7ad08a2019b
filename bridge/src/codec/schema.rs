//! The descriptors of message types, read when a type is first used in a codec that needs them.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::message::Payload;
use crate::node::lock;

/// What is known of each type; `None` = there is nothing.
static KNOWN: RwLock<Option<HashMap<TypeId, Option<MessageDescriptor>>>> = RwLock::new(None);
/// A pool for each descriptor set. There may be two of one package, in two versions.
static POOLS: Mutex<Option<HashMap<&'static [u8], DescriptorPool>>> = Mutex::new(None);

pub(super) fn of<T: Payload>() -> Option<MessageDescriptor> {
    let id = TypeId::of::<T>();
    let known = KNOWN.read().unwrap_or_else(|e| e.into_inner());
    if let Some(found) = known.as_ref().and_then(|known| known.get(&id)) {
        return found.clone();
    }
    drop(known);
    let found = pool(T::FILE_DESCRIPTOR_SET).get_message_by_name(&T::full_name());
    let mut known = KNOWN.write().unwrap_or_else(|e| e.into_inner());
    known.get_or_insert_default().insert(id, found.clone());
    found
}

/// Of a type that brings none: protobuf's own.
fn pool(set: &'static [u8]) -> DescriptorPool {
    if set.is_empty() {
        return DescriptorPool::global();
    }
    let mut pools = lock(&POOLS);
    let pools = pools.get_or_insert_default();
    let read = || DescriptorPool::decode(set).unwrap_or_default();
    pools.entry(set).or_insert_with(read).clone()
}
