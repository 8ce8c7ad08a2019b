// Made by `actorbridge gen`. Do not edit.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod actorbridge {
    pub mod test {
        pub mod v1 {
            include!("actorbridge.test.v1.rs");
        }
    }
}
