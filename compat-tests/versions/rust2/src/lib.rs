//! The Rust actors of version 2 for the Go program that links them.

actorbridge_ffi::module!(versions_rust::v2::module);
