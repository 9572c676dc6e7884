//! The exit codes of the command, beside 0 and 1.

/// The exit code for a bad or missing manifest: `EX_CONFIG` of sysexits.
pub const EXIT_CONFIG: u8 = 78;
/// The exit code for a command line that cannot be understood.
pub const EXIT_USAGE: u8 = 2;
