//! What a sub-command says that runs no service: written at once, and waited for.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use wirework::text::Escaped;

/// Writes a line to stderr, its control characters written out. Nobody may be listening there, and `eprintln!` would panic.
pub(super) fn complain(line: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{}", Escaped(&line.to_string()));
}

/// Writes the answer of a sub-command to stdout. Exits with `code`, or with 1 and an error line where it cannot be written; a
/// reader that has gone away has what it wanted.
pub(super) fn answer(text: &str, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()), code)
}

/// The exit code of what wrote its answer itself.
pub(super) fn written(result: io::Result<()>, code: ExitCode) -> ExitCode {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(format_args!("error: cannot write to stdout: {error}"));
            ExitCode::FAILURE
        }
        _ => code,
    }
}
