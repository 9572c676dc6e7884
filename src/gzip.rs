//! Compression of what is sent as text or protobuf.

use std::io::{self, Write};

use flate2::write::GzEncoder;

/// What is below this goes as it is: it fits into a packet.
pub(crate) const LEAST: usize = 1_024;

/// The same by gzip. What telemetry repeats, the fastest level already takes away.
pub(crate) fn compressed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), flate2::Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}
