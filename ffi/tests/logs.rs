//! Log lines, and who gets them. One test: the filter and the lines are the process's.

mod common;

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use common::*;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

type Drained = (i32, u32, Vec<(u32, String)>);

fn drain(cap: usize, arena_cap: usize) -> Drained {
    let (mut logs, mut arena, mut n) = (vec![Log::default(); cap], vec![0; arena_cap], 77);
    // SAFETY: all are valid for their lengths.
    let status = unsafe { ab_logs_drain(logs.as_mut_ptr(), cap as u32, arena.as_mut_ptr(), arena_cap, &mut n) };
    if status == AB_SHORT_BUFFER {
        return (status, n, Vec::new());
    }
    let text = |s: Span| String::from_utf8_lossy(&arena[s.off as usize..][..s.len as usize]).into_owned();
    let lines = logs[..n as usize].iter().map(|l| {
        assert_eq!(text(l.target), "rust");
        assert!(l.unix_nanos > 1 << 60, "after 2006");
        let fields = text(l.fields_json);
        assert!(
            fields.contains(r#""link":"#) && fields.contains(r#""peer":"#),
            "{fields}"
        );
        (l.level, text(l.message))
    });
    (status, n, lines.collect())
}

fn filter(directive: &str) {
    let len = directive.len() as u32;
    // SAFETY: the text is valid for its length.
    let status = unsafe { ab_log_filter(directive.as_ptr().cast(), len, std::ptr::null_mut()) };
    assert_eq!(status, AB_OK);
}

#[test]
fn lines_come_once_in_order_and_as_many_as_fit_and_the_filter_drops_the_rest() {
    let node = open_node();
    let link = linked(node);
    assert_eq!(ab_link_close(link), AB_OK);
    assert_eq!(drain(0, 0).0, AB_MORE);
    let (status, need, _) = drain(4, 0);
    assert_eq!(status, AB_SHORT_BUFFER);
    let (status, _, first) = drain(4, need as usize);
    assert_eq!(
        (status, &first[..]),
        (AB_MORE, &[(AB_LOG_INFO, "the link is up".to_owned())][..])
    );
    let (status, _, second) = drain(4, 4096);
    assert_eq!((status, second.len()), (AB_OK, 1), "{second:?}");
    assert!(second[0].1.contains("the peer closed the link"), "{second:?}");
    assert_eq!(drain(4, 4096), (AB_OK, 0, Vec::new()));

    filter("warn");
    assert_eq!(ab_link_close(linked(node)), AB_OK);
    assert_eq!(drain(4, 4096), (AB_OK, 0, Vec::new()));
    filter("info");
    assert_eq!(drain(4, 4096), (AB_OK, 0, Vec::new()), "what was filtered out is gone");
    // The lines of a node outlive it.
    linked(node);
    assert_eq!(ab_node_close(node), AB_OK);
    let mut kept = Vec::new();
    until("the closed node's lines", || {
        kept.extend(drain(16, 4096).2);
        kept.iter().any(|(_, line)| line.contains("the link is up"))
    });
}
