// Made by `actorbridge gen`. Do not edit.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod trace {
    pub mod v1 {
        include!("trace.v1.rs");
    }
}
