//! What the build script made: the messages and actors of `proto/`. Nothing of it is in the repository.

include!(concat!(env!("OUT_DIR"), "/mod.rs"));
