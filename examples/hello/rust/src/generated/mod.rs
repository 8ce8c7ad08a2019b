// Made by `actorbridge gen`. Do not edit.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod hello {
    pub mod v1 {
        include!("hello.v1.rs");
    }
}
