//! Asks by the native door: on the thread that asks, or as any other message.

use actorbridge::door::Inline;

use crate::border::{Fail, border};
use crate::debug;
use crate::lane;
use crate::link::{Door, MAX_ARENA, door, send};
use crate::pointers::{get, place, slice, slice_mut};
use crate::status::*;
use crate::types::{AB_DESC_WHOLE, Desc, Link};

/// Asks. With a `seq` of 0, the handler is run on this thread, if the ask's method is declared inline and its actor has nothing
/// else to do: the call blocks as long as the handler runs, and needs no credit. The type is one that the peer was told, or 0
/// and in ext. `source` is the number of the flow's stream (StreamOpen.stream), so that an ask does not reach another actor if
/// another thread closes the flow and opens it anew meanwhile; or 0, where nobody does that. Since
/// 1.1; docs/C_ABI.md has all that it takes.
///
/// AB_OK: `rep` is the answer, an envelope without who in `rep_arena` (AB_DESC_WHOLE). AB_NOT_INLINE: it was not taken; send it
/// with its seq. AB_PENDING: it was taken, and its answer comes by ab_link_recv. AB_SHORT_BUFFER: it was handled, its answer needs
/// `need` bytes, and comes by ab_link_recv: the handler is never run twice. An ask never overtakes what was sent before it and is
/// not handled yet: then it is AB_NOT_INLINE.
///
/// The token of the handler trips `ttl_ms` after the handler first looks at it, by ab_link_cancel, when the link is over, or when the node
/// stops and its grace is over. The call returns when the handler does, whatever its token says.
///
/// With a seq, the ask is sent as by ab_link_send, and answered with AB_PENDING.
///
/// # Safety
/// `req`, `rep` and `need` are null or valid, `arena` is null or has `arena_len` bytes, `rep_arena` is null or has `cap` bytes; nobody
/// else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_ask(
    link: Link,
    req: *mut Desc,
    arena: *const u8,
    arena_len: usize,
    rep: *mut Desc,
    rep_arena: *mut u8,
    cap: usize,
    need: *mut usize,
) -> i32 {
    border(|| {
        let door = door(link)?;
        // SAFETY: the caller's promise, for all five.
        let (req, arena) = unsafe { (get(req, "req")?, slice(arena, arena_len, "arena")?) };
        let (rep, rep_arena, need) = unsafe {
            (
                place(rep, "rep")?,
                slice_mut(rep_arena, cap, "rep_arena")?,
                place(need, "need")?,
            )
        };
        *need = 0;
        if req.is_head() {
            return Err(Fail::new(
                AB_BAD_DESCRIPTOR,
                "a head is not an ask; send it with ab_link_send",
            ));
        }
        if req.seq == 0 {
            return door.ask_inline(req, arena, rep, rep_arena, need);
        }
        let mut status = [AB_OK];
        let sent = send(&door, std::slice::from_ref(req), arena, &mut status)?;
        Ok(match (sent, status[0]) {
            (AB_OK, AB_OK) => AB_PENDING,
            (AB_OK, status) => status,
            (over, _) => over,
        })
    })
}

/// Tells the handler of an ask that ab_link_ask, with a `seq` of 0, runs on another thread, or has answered with AB_PENDING, that its
/// asker waits no longer: its token trips. The ask is answered all the same. `flow` and `correlation` are those of the ask; a correlation
/// of 0 is whichever ask of the flow. AB_OK, also if there is no such ask, or it is over. Since 1.1.
#[unsafe(no_mangle)]
pub extern "C" fn ab_link_cancel(link: Link, flow: u32, correlation: u64) -> i32 {
    border(|| {
        door(link)?.end.cancel_inline(flow, correlation);
        Ok(AB_OK)
    })
}

impl Door {
    fn ask_inline(
        &self,
        req: &Desc,
        arena: &[u8],
        rep: &mut Desc,
        rep_arena: &mut [u8],
        need: &mut usize,
    ) -> Result<i32, Fail> {
        if arena.len() > MAX_ARENA {
            return Err(Fail::new(AB_BAD_ARGUMENT, "an arena has at most 4 MiB"));
        }
        let flow = Desc { source: 0, ..*req }.flow()?;
        let body = req.body_of(arena)?;
        if cfg!(feature = "abdebug") {
            debug::must(debug::made_of(req, arena, &body));
        }
        if let Some(shared) = self.shared.get() {
            lane::drain_all(shared, &self.end); // what was sent before comes before
        }
        let became = self.end.ask_inline(flow, req.source, req.r#type, req.ttl_ms, body);
        if cfg!(feature = "abdebug") && !matches!(became, Inline::NotTaken) {
            debug::must(self.talk.took_ask(flow));
        }
        let (what, body) = match became {
            Inline::Answered(what, body) => (what, body),
            Inline::Later => return Ok(AB_PENDING),
            Inline::NotTaken if self.end.is_down() => return Ok(self.over()),
            Inline::NotTaken => return Ok(AB_NOT_INLINE),
        };
        let what = &what.bytes;
        let (head, all) = (what.len(), what.len() + body.len());
        *need = all;
        let Some(room) = rep_arena.get_mut(..all) else {
            self.end.answer_later(what, &body);
            return Ok(AB_SHORT_BUFFER);
        };
        room[..head].copy_from_slice(what);
        room[head..].copy_from_slice(&body);
        *rep = Desc {
            ext_len: all as u32,
            flags: AB_DESC_WHOLE,
            ..Desc::default()
        };
        Ok(AB_OK)
    }
}
