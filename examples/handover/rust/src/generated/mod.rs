// Made by `actorbridge gen`. Do not edit.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod flights {
    pub mod v1 {
        include!("flights.v1.rs");
    }
}
