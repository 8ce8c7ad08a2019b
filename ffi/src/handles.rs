//! Handles: numbers that C may copy, forge and use after they were closed.
//!
//! kind (8 bits) | generation (32) | index (24). The generation of a slot rises each time it is used again, so that an
//! old number never finds a new owner; a slot whose generations are used up is not used again.

use std::sync::{Arc, RwLock};

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 32;

struct Slot<T> {
    generation: u32,
    value: Option<Arc<T>>,
}

struct Slots<T> {
    list: Vec<Slot<T>>,
    free: Vec<usize>,
}

/// The open handles of one kind.
pub(crate) struct Table<T> {
    kind: u8,
    most: usize,
    slots: RwLock<Slots<T>>,
}

impl<T> Table<T> {
    /// A table for at most `most` handles. `kind` is not 0, so that no handle is.
    pub(crate) const fn new(kind: u8, most: usize) -> Self {
        Self {
            kind,
            most,
            slots: RwLock::new(Slots {
                list: Vec::new(),
                free: Vec::new(),
            }),
        }
    }

    /// A handle for a value; `None` = too many are open.
    pub(crate) fn open(&self, value: Arc<T>) -> Option<u64> {
        let mut slots = self.slots.write().unwrap_or_else(|e| e.into_inner());
        let index = match slots.free.pop() {
            Some(index) => index,
            None if slots.list.len() < self.most => {
                slots.list.push(Slot {
                    generation: 0,
                    value: None,
                });
                slots.list.len() - 1
            }
            None => return None,
        };
        let slot = &mut slots.list[index];
        slot.generation += 1;
        slot.value = Some(value);
        Some(self.number(index, slot.generation))
    }

    fn number(&self, index: usize, generation: u32) -> u64 {
        u64::from(self.kind) << (INDEX_BITS + GENERATION_BITS) | u64::from(generation) << INDEX_BITS | index as u64
    }

    fn index(handle: u64) -> usize {
        (handle & ((1 << INDEX_BITS) - 1)) as usize
    }

    /// What a handle stands for. It lives as long as the caller keeps it, also if the handle is closed meanwhile.
    pub(crate) fn get(&self, handle: u64) -> Option<Arc<T>> {
        let slots = self.slots.read().unwrap_or_else(|e| e.into_inner());
        let slot = slots.list.get(Self::index(handle))?;
        (self.number(Self::index(handle), slot.generation) == handle)
            .then(|| slot.value.clone())
            .flatten()
    }

    /// Closes a handle; `None` = it was not open.
    pub(crate) fn close(&self, handle: u64) -> Option<Arc<T>> {
        let mut slots = self.slots.write().unwrap_or_else(|e| e.into_inner());
        let index = Self::index(handle);
        let slot = slots.list.get_mut(index)?;
        let generation = slot.generation;
        if self.number(index, generation) != handle {
            return None;
        }
        let value = slot.value.take()?;
        if generation < u32::MAX {
            slots.free.push(index);
        }
        Some(value)
    }

    /// All that is open, with its handle.
    pub(crate) fn all(&self) -> Vec<(u64, Arc<T>)> {
        let slots = self.slots.read().unwrap_or_else(|e| e.into_inner());
        let open = slots.list.iter().enumerate();
        open.filter_map(|(i, s)| Some((self.number(i, s.generation), s.value.clone()?)))
            .collect()
    }
}
