//! Placeholder.

pub mod machine;
