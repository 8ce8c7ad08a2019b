// Made by `actorbridge gen`. Do not edit.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod actorbridge {
    pub mod test {
        pub mod v1 {
            include!("actorbridge.test.v1.rs");
        }
    }
}
