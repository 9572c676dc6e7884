//! The component model: descriptors, references, offers, factories and the registry.

mod descriptor;

pub use descriptor::{Descriptor, DescriptorError, MAX_LEN, Pattern, TOKENS};
