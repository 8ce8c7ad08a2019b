//! Compares two descriptor sets.

use prost_types::FileDescriptorSet;

/// Each break, in a sentence.
pub(crate) fn compare(_old: &FileDescriptorSet, _new: &FileDescriptorSet) -> Vec<String> {
    Vec::new()
}
