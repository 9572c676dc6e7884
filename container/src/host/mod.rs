//! A service author's binary: the command, or a service inside a program of one's own.

#[expect(clippy::module_inception, reason = "the file of the type `Host`")]
mod host;
mod start;

pub use host::Host;
pub use start::StartError;
