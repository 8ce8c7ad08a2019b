// Made by `actorbridge gen`. Do not edit.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod conformance {
    include!("conformance.rs");
}
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod protobuf_test_messages {
    pub mod proto3 {
        include!("protobuf_test_messages.proto3.rs");
    }
}
