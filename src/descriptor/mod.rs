//! Names of components and patterns of names: five tokens `group:type:kind:name:version`.

mod constant;
mod descriptor;
mod pattern;
mod tokens;

pub use constant::{check_descriptor, check_reference};
pub use descriptor::Descriptor;
pub use pattern::Pattern;
pub use tokens::{DescriptorError, MAX_LEN, TOKENS};
