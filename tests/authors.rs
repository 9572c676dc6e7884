//! What the compiler says to component authors who forget something: each file of `tests/ui` is a mistake, and beside it stands
//! what is said.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Command;

/// The compiler whose words are in `tests/ui`; another one words its part of a message differently.
const RUSTC: &str = "rustc 1.95.0 ";

#[test]
fn mistakes_are_errors_of_the_compiler_that_help() {
    if std::env::var_os("WIREWORK_COMPILER_MESSAGES").is_none() {
        eprintln!(
            "SKIPPED: it checks all dependencies once more, for minutes; WIREWORK_COMPILER_MESSAGES=1 runs it"
        );
        return;
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = String::from_utf8(Command::new(rustc).arg("--version").output().unwrap().stdout).unwrap();
    if !version.starts_with(RUSTC) {
        eprintln!("SKIPPED: messages of the compiler are those of {RUSTC}, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
