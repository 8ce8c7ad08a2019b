//! What the generator promises: files that can be read, errors with places, a lock file that guards versions.

mod changes;
mod errors;
mod golden;
mod project;
mod versions;
