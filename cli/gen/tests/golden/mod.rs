// Made by `actorbridge gen`. Do not edit.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod edge {
    pub mod v1 {
        include!("edge.v1.rs");
    }
}
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod other {
    pub mod v1 {
        include!("other.v1.rs");
    }
}
