//! Records as lines, of text or JSON, and the buffer between whoever logs and what takes the lines: what the sinks share that write
//! lines.

mod format;
mod json;
mod stream;
mod text;

pub use format::Format;
pub(super) use format::line;
pub(super) use stream::{DEFAULT_BUFFER, Stream, too_small};
