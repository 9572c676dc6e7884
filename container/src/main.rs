//! The command `wirework` with every stock component.

use std::process::ExitCode;

use wirework_container::Host;

fn main() -> ExitCode {
    Host::stock().main()
}
