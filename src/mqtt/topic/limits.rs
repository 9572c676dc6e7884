//! How long topics and filters may be.

/// The longest topic or filter, in bytes: the length goes over the wire in 16 bits.
pub const MAX_LEN: usize = 65_535;

/// The most levels of a filter. Topics may have any number: a deeper one still matches filters that end in `#`.
pub const MAX_LEVELS: usize = 128;
