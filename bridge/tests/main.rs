//! The tests of a node as its users see it: one program, since each program of its own takes longer to build than its tests to run.
//! `cargo test -p actorbridge --test node links` runs those of `links.rs`.

mod common;

mod arrivals;
mod bad_bytes;
mod bad_messages;
mod calls;
mod codecs;
mod compression;
mod cut_home;
mod cut_moves;
mod cut_unix;
mod fair;
mod fuzzed;
mod hostile_peer;
mod hostile_sockets;
mod lanes;
mod large;
mod late_frames;
mod late_streams;
mod links;
mod local;
mod meet;
mod metrics;
mod moves;
mod pending_moves;
mod raw;
mod redial;
mod relay;
mod relay_bytes;
mod relay_full;
mod relay_runs;
mod reused_flows;
mod small_frames;
mod subscribe;
mod taps;
mod tls;
mod traced;
mod typed;
mod user_errors;
mod versions;
