// Made by `actorbridge gen`. Do not edit.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod bench {
    pub mod codec {
        pub mod v1 {
            include!("bench.codec.v1.rs");
        }
    }
}
