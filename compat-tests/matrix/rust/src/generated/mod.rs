// Made by `actorbridge gen`. Do not edit.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod actorbridge {
    pub mod compat {
        pub mod v1 {
            include!("actorbridge.compat.v1.rs");
        }
    }
}
