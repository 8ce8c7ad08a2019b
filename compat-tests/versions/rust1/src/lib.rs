//! The Rust actors of version 1 for the Go program that links them.

actorbridge_ffi::module!(versions_rust::v1::module);
