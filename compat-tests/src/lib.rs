//! The compatibility tests: one list of cases, run over every door and every pair of languages.
//!
//! - [`cases`]: what `cases/*.yaml` may say. [`schema`]: messages by their JSON form.
//! - [`matrix`]: what each peer writes, each peer reads.
//! - [`runner`]: starts the peers, carries out the cases, prints the table.

pub mod cases;
pub mod matrix;
pub mod runner;
pub mod schema;
