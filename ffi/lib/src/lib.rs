//! The library without actors of its own. A team that has Rust actors makes its own library instead, in the same way.

actorbridge_ffi::module! {
    name: "actorbridge",
    actors: {},
}
