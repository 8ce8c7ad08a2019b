//! What C may do wrong: each export answers with a status, and the library goes on.

mod common;

use std::ptr::{null, null_mut};

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use common::*;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

/// Handles that were never open, in the ways in which they can be wrong. The index of one is far from `good`: its neighbour
/// may be another test's.
fn forged(good: u64) -> [u64; 7] {
    [
        0,
        1,
        u64::MAX,
        good ^ (1 << 20),
        good + (1 << 24),
        good ^ (1 << 60),
        good & 0xFF_FFFF,
    ]
}

#[test]
fn a_forged_or_closed_handle_is_closed_for_every_export() {
    let node = open_node();
    let link = linked(node);
    let closed = linked(node);
    assert_eq!(ab_link_close(closed), AB_OK);
    let (mut byte, mut n, mut size, mut fd) = (0_u8, 0, 0, 0);
    let (mut desc, mut other, mut status) = (Desc::default(), Desc::default(), status(node));
    let mut out = 0;
    // A node's handle is no link, and a link's no node.
    for node in forged(node).into_iter().chain([link, closed]) {
        // SAFETY: all pointers are valid.
        let answers = unsafe {
            [
                ab_node_status_get(node, &mut status),
                ab_node_stop(node, 0),
                ab_node_close(node),
                ab_node_dump(node, 0, &mut byte, 1, &mut size),
                ab_node_metrics(node, &mut byte, 1, &mut size),
                ab_link_open(node, null(), 0, 1, &mut out, null_mut()),
            ]
        };
        assert_eq!(answers, [AB_CLOSED; 6], "{node:x}");
    }
    for link in forged(link).into_iter().chain([node, closed]) {
        // SAFETY: all pointers are valid.
        let answers = unsafe {
            [
                ab_link_fd(link, 0, &mut fd),
                ab_link_arm(link, 0),
                ab_link_send(link, &desc, 1, &byte, 1, &mut fd),
                ab_link_recv(link, 0, &mut desc, 1, &mut byte, 1, &mut n, &mut size),
                ab_link_ask(link, &mut desc, &byte, 1, &mut other, &mut byte, 1, &mut size),
                ab_link_cancel(link, 1, 1),
                ab_link_frames(link, null(), 0, &mut byte, 1, &mut size),
                ab_link_close(link),
            ]
        };
        assert_eq!(answers, [AB_CLOSED; 8], "{link:x}");
    }
    assert_eq!(common::status(node).links, 1, "the good link is as it was");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_handle_is_not_used_again_for_another_link() {
    let node = open_node();
    let first = linked(node);
    assert_eq!(ab_link_close(first), AB_OK);
    let second = linked(node);
    assert_ne!(first, second);
    assert_eq!(ab_link_arm(first, 0), AB_CLOSED);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_null_pointer_with_a_length_is_named_and_without_one_is_nothing() {
    let node = open_node();
    let link = linked(node);
    let (mut byte, mut n, mut size, mut fd, mut handle) = (0_u8, 0, 0, 0, 0);
    let mut desc = Desc::default();
    let mut other = Desc::default();
    let opts = NodeOpts {
        name_len: 3,
        ..options()
    };
    let mut why = error();
    // SAFETY: all pointers are valid or null.
    let answers = unsafe {
        [
            ab_build_info(null_mut(), 1, &mut size),
            ab_build_info(&mut byte, 1, null_mut()),
            ab_node_open(null(), &mut handle, null_mut()),
            ab_node_open(&options(), null_mut(), null_mut()),
            ab_node_open(&opts, &mut handle, &mut why),
            ab_node_status_get(node, null_mut()),
            ab_node_dump(node, 0, null_mut(), 1, &mut size),
            ab_node_dump(node, 0, &mut byte, 1, null_mut()),
            ab_node_metrics(node, null_mut(), 1, &mut size),
            ab_logs_drain(null_mut(), 1, &mut byte, 1, &mut n),
            ab_logs_drain(null_mut(), 0, null_mut(), 1, &mut n),
            ab_logs_drain(null_mut(), 0, null_mut(), 0, null_mut()),
            ab_log_filter(null(), 4, null_mut()),
            ab_link_open(node, null(), 1, 1, &mut handle, null_mut()),
            ab_link_open(node, null(), 0, 1, null_mut(), null_mut()),
            ab_link_fd(link, 0, null_mut()),
            ab_link_send(link, null(), 1, &byte, 1, &mut fd),
            ab_link_send(link, &desc, 1, null(), 1, &mut fd),
            ab_link_send(link, &desc, 1, &byte, 1, null_mut()),
            ab_link_recv(link, 0, null_mut(), 1, &mut byte, 1, &mut n, &mut size),
            ab_link_recv(link, 0, &mut desc, 1, null_mut(), 1, &mut n, &mut size),
            ab_link_recv(link, 0, &mut desc, 1, &mut byte, 1, null_mut(), &mut size),
            ab_link_recv(link, 0, &mut desc, 1, &mut byte, 1, &mut n, null_mut()),
            ab_link_ask(link, null_mut(), &byte, 1, &mut other, &mut byte, 1, &mut size),
            ab_link_ask(link, &mut desc, null(), 1, &mut other, &mut byte, 1, &mut size),
            ab_link_ask(link, &mut desc, &byte, 1, null_mut(), &mut byte, 1, &mut size),
            ab_link_ask(link, &mut desc, &byte, 1, &mut other, null_mut(), 1, &mut size),
            ab_link_ask(link, &mut desc, &byte, 1, &mut other, &mut byte, 1, null_mut()),
            ab_link_frames(link, null(), 1, &mut byte, 1, &mut size),
            ab_link_frames(link, null(), 0, null_mut(), 1, &mut size),
            ab_link_frames(link, null(), 0, &mut byte, 1, null_mut()),
            ab_envelope_encode(null(), &byte, 1, &mut byte, 1, &mut size),
            ab_envelope_encode(&desc, null(), 1, &mut byte, 1, &mut size),
            ab_envelope_encode(&desc, null(), 0, &mut byte, 1, null_mut()),
            ab_envelope_decode(null(), 1, &mut desc, &mut byte, 1, &mut size),
            ab_envelope_decode(null(), 0, null_mut(), &mut byte, 1, &mut size),
            ab_envelope_decode(null(), 0, &mut desc, null_mut(), 1, &mut size),
            ab_envelope_decode(null(), 0, &mut desc, &mut byte, 1, null_mut()),
        ]
    };
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(name(*answer), "AB_NULL_POINTER", "call {i}");
    }
    assert_eq!(why.code, AB_NULL_POINTER);
    assert!(text(&why).starts_with("name is null"), "{}", text(&why));
    // SAFETY: null with length 0 is nothing.
    unsafe {
        assert_eq!(ab_signal_guard(null_mut()), AB_OK);
        assert_eq!(ab_link_send(link, null(), 0, null(), 0, null_mut()), AB_OK);
        assert_eq!(ab_logs_drain(null_mut(), 0, null_mut(), 0, &mut n), AB_MORE);
    }
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_length_beyond_any_memory_and_a_pointer_between_two_elements_are_refused() {
    let node = open_node();
    let link = linked(node);
    let (byte, mut fd, mut size) = (0_u8, 0, 0);
    let descs = [Desc::default(); 2];
    let crooked = descs.as_ptr().wrapping_byte_add(1);
    // SAFETY: the library looks at the numbers before it reads what they point at.
    unsafe {
        assert_eq!(
            ab_link_send(link, &descs[0], 1, &byte, usize::MAX, &mut fd),
            AB_BAD_ARGUMENT
        );
        assert_eq!(ab_link_send(link, crooked, 1, &byte, 1, &mut fd), AB_BAD_ARGUMENT);
        assert_eq!(
            ab_link_frames(link, &byte, usize::MAX, null_mut(), 0, &mut size),
            AB_BAD_ARGUMENT
        );
    }
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_stream_that_begins_beyond_all_seqs_costs_its_link() {
    let node = open_node();
    let link = linked(node);
    let opening = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    let mut head = head_of(&opening, &opening.descs[0]);
    head.open[0].first_seq = u64::MAX;
    let batch = Batch::default().head(&head).item(u64::MAX, 2, 0, b"");
    assert_eq!(name(batch.send(link).0), "AB_PROTOCOL");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn an_argument_out_of_its_range_is_refused() {
    let node = open_node();
    let link = linked(node);
    let (mut handle, mut why, mut n, mut size, mut fd) = (0, error(), 0, 0, 0);
    // SAFETY: all pointers are valid or null.
    unsafe {
        assert_eq!(ab_node_dump(node, 99, null_mut(), 0, &mut size), AB_BAD_ARGUMENT);
        assert_eq!(ab_link_open(node, null(), 0, 2, &mut handle, &mut why), AB_BAD_ARGUMENT);
        assert_eq!(ab_link_fd(link, 1, &mut fd), AB_BAD_ARGUMENT);
        assert_eq!(ab_link_arm(link, 1), AB_BAD_ARGUMENT);
        let (no_descs, no_arena) = (null_mut(), null_mut());
        let answer = ab_link_recv(link, 1, no_descs, 0, no_arena, 0, &mut n, &mut size);
        assert_eq!(answer, AB_BAD_ARGUMENT);
        let directive = c"everything";
        assert_eq!(ab_log_filter(directive.as_ptr(), 10, &mut why), AB_BAD_ARGUMENT);
        assert!(text(&why).contains("off, error, warn or info"), "{}", text(&why));
        assert_eq!(ab_log_filter(c"\xFF".as_ptr(), 1, &mut why), AB_BAD_ARGUMENT);
    }
    let open = |opts: NodeOpts| {
        let (mut node, mut why) = (77, error());
        // SAFETY: all are valid.
        let status = unsafe { ab_node_open(&opts, &mut node, &mut why) };
        assert_eq!(why.code, status);
        if status < 0 && status != AB_BAD_STRUCT_SIZE {
            assert_eq!(node, 0);
        }
        (status, text(&why))
    };
    let bad_name = c"a b";
    let named = NodeOpts {
        name: bad_name.as_ptr(),
        name_len: 3,
        ..options()
    };
    for (opts, status) in [
        (named, AB_BAD_ARGUMENT),
        (
            NodeOpts {
                workers: 65,
                ..options()
            },
            AB_BAD_ARGUMENT,
        ),
        (
            NodeOpts {
                mem_limit: 1,
                ..options()
            },
            AB_BAD_ARGUMENT,
        ),
        (
            NodeOpts {
                struct_size: 8,
                ..options()
            },
            AB_BAD_STRUCT_SIZE,
        ),
        (
            NodeOpts {
                struct_size: 0,
                ..options()
            },
            AB_BAD_STRUCT_SIZE,
        ),
    ] {
        assert_eq!(open(opts).0, status);
    }
    let mut short = common::status(node);
    short.struct_size -= 1;
    // SAFETY: `short` is valid.
    assert_eq!(unsafe { ab_node_status_get(node, &mut short) }, AB_BAD_STRUCT_SIZE);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn another_version_of_the_abi_is_refused_with_the_command_that_mends_it() {
    let open = |abi| {
        let (mut node, mut why) = (0, error());
        // SAFETY: all are valid.
        let status = unsafe { ab_node_open(&NodeOpts { abi, ..options() }, &mut node, &mut why) };
        assert_eq!(status, AB_ABI_MISMATCH);
        text(&why)
    };
    assert_eq!(ab_abi_version(), AB_ABI_VERSION);
    let newer = open(AB_ABI_VERSION + 3);
    assert!(newer.contains("(C ABI 1.1), the caller needs 1.4"), "{newer}");
    assert!(newer.contains("`cargo update -p actorbridge-ffi`"), "{newer}");
    let older = open(0);
    assert!(
        older.contains("`go get -u github.com/actorbridge/actorbridge/go-client/native`"),
        "{older}"
    );
}

#[test]
fn an_error_of_another_size_is_left_alone() {
    let (mut node, mut why) = (0, error());
    why.struct_size = 64;
    // SAFETY: all are valid.
    let status = unsafe { ab_node_open(&NodeOpts { abi: 0, ..options() }, &mut node, &mut why) };
    assert_eq!(status, AB_ABI_MISMATCH);
    assert_eq!((why.code, why.text_len, why.text[0]), (77, 77, 77));
}

#[test]
fn the_library_and_its_nodes_describe_themselves() {
    let node = open_node();
    let link = linked(node);
    // SAFETY: `document` passes valid pointers.
    let info = document(|buf, cap, len| unsafe { ab_build_info(buf, cap, len) });
    let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
    assert_eq!(
        (info["abi"].as_str(), info["module"].as_str()),
        (Some("1.1"), Some("rust"))
    );
    let dump = document(|buf, cap, len| unsafe { ab_node_dump(node, AB_DUMP_NODE, buf, cap, len) });
    let dump: serde_json::Value = serde_json::from_str(&dump).expect("JSON");
    assert_eq!(
        (dump["state"].as_str(), dump["peers"][0].as_str()),
        (Some("running"), Some("c"))
    );
    let letters = document(|buf, cap, len| unsafe { ab_node_dump(node, AB_DUMP_DEAD_LETTERS, buf, cap, len) });
    assert_eq!(letters, r#"{"latest":[],"node":"rust"}"#);
    let metrics = document(|buf, cap, len| unsafe { ab_node_metrics(node, buf, cap, len) });
    assert!(
        metrics.contains("\nactorbridge_links{system=\"rust\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("\n# TYPE actorbridge_refusals counter\n"), "{metrics}");
    assert!(
        metrics.contains("\nactorbridge_refusals_total{system=\"rust\",reason=\"silent\"} 0\n"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for (status, expected) in [
        (AB_OK, "AB_OK"),
        (AB_LINK_DOWN, "AB_LINK_DOWN"),
        (4711, "AB_UNKNOWN_STATUS"),
    ] {
        assert_eq!(name(status), expected);
    }
    assert_eq!(ab_link_close(link), AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}
