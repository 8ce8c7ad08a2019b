//! A link's lane in memory that both sides use: how a caller gets it, and lets it go.

use std::sync::Arc;

use crate::bell::Bell;
use crate::border::{Fail, border};
use crate::handles::Table;
use crate::host::lock;
use crate::lane::{self, Shared};
use crate::link::{Door, door, lane_is_0};
use crate::node::bad_size;
use crate::pointers::place;
use crate::ring::Memory;
use crate::status::*;
use crate::types::{LaneMap, Link};

/// What a caller has of a lane until it lets go, whatever became of the link: the memory, and the doorbell that tells of the end.
struct Mapping {
    _memory: Arc<Memory>,
    _bell: Arc<Bell>,
}

/// The lanes whose memory a caller has.
static MAPS: Table<Mapping> = Table::new(0xA3, 65_536);

impl Door {
    /// The link, for calls that carry packets.
    pub(crate) fn unmapped(&self) -> Result<(), Fail> {
        match self.shared.get() {
            None => Ok(()),
            Some(_) => Err(Fail::new(
                AB_BAD_ARGUMENT,
                "the link is mapped: what it carries goes through its rings",
            )),
        }
    }

    /// Makes the memory of the lane, and the pump that takes what comes by it.
    fn map(&self) -> Result<Arc<Shared>, Fail> {
        let again = || Fail::new(AB_BAD_ARGUMENT, "a link is mapped once, before anything is sent");
        let shared = Shared::new(self.bell.clone(), self.talk.clone())
            .map_err(|e| Fail::os(AB_RESOURCES, "the memory of the link's rings could not be mapped", &e))?;
        if *lock(&self.sent) != 0 || self.shared.set(shared.clone()).is_err() {
            return Err(again());
        }
        if !self.end.set_lane(shared.clone()) {
            return Err(again());
        }
        let handle = self.host.node.handle();
        handle.spawn(lane::pump(shared.clone(), self.end.clone(), 1));
        lane::watch(shared.clone(), self.end.clone(), handle.clone()).map_err(|e| {
            Fail::os(
                AB_RESOURCES,
                "the thread that looks after the link could not be started",
                &e,
            )
        })?;
        Ok(shared)
    }
}

/// Maps a link's lane: from now on what it carries goes through two rings in memory that both sides use, as docs/C_ABI.md
/// describes, and ab_link_send, ab_link_recv, ab_link_arm and ab_link_frames answer AB_BAD_ARGUMENT. Only right after ab_link_open,
/// without a Hello. The memory and the doorbell stay until ab_link_unmap, also when the link is closed: then its flag `closed` is
/// set. Since 1.1.
///
/// AB_CLOSED, AB_BAD_ARGUMENT (not the first thing that is done with the link), AB_RESOURCES.
///
/// # Safety
/// `out` is null or valid, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_map(link: Link, lane: u32, out: *mut LaneMap) -> i32 {
    border(|| {
        let door = door(link)?;
        lane_is_0(lane)?;
        // SAFETY: the caller's promise.
        let out = unsafe { place(out, "out")? };
        if out.struct_size as usize != size_of::<LaneMap>() {
            return Err(bad_size("ab_lane", size_of::<LaneMap>()));
        }
        let shared = door.map()?;
        out.base = shared.memory.base();
        out.size = Memory::SIZE as u64;
        let mapping = Mapping {
            _memory: shared.memory.clone(),
            _bell: door.bell.clone(),
        };
        out.map = MAPS
            .open(Arc::new(mapping))
            .ok_or_else(|| Fail::new(AB_RESOURCES, "65,536 lanes are mapped; unmap one"))?;
        Ok(AB_OK)
    })
}

/// Lets go of a lane's memory and its doorbell: no thread of the caller touches them any more. AB_CLOSED for a number that is none.
/// Since 1.1.
#[unsafe(no_mangle)]
pub extern "C" fn ab_link_unmap(map: u64) -> i32 {
    border(|| {
        MAPS.close(map).ok_or_else(|| Fail::closed("lane"))?;
        Ok(AB_OK)
    })
}

/// Wakes the node's side of a mapped lane: something was written while it slept, or it waits for room and there is some. Since 1.1.
#[unsafe(no_mangle)]
pub extern "C" fn ab_link_wake(link: Link, lane: u32) -> i32 {
    border(|| {
        let door = door(link)?;
        lane_is_0(lane)?;
        let not_mapped = || Fail::new(AB_BAD_ARGUMENT, "the link is not mapped");
        door.shared.get().ok_or_else(not_mapped)?.wake();
        Ok(AB_OK)
    })
}
