//! A service author's binary: the command, or a service inside a program of one's own.

mod host;
mod start;

pub use host::Host;
pub use start::StartError;
