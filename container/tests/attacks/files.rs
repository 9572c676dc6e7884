//! FIFOs, devices and directories where a file is named.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

fn said(directory: &Path, line: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirework"));
    command.current_dir(directory).env("NO_COLOR", "1").stdin(Stdio::null());
    let output = command.args(line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

fn directory(manifest: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let fifo = Command::new("mkfifo").arg(directory.path().join("fifo")).status().unwrap();
    assert!(fifo.success());
    std::fs::write(directory.path().join("service.toml"), manifest).unwrap();
    directory
}

const LOGGER: &str = "[[component]]\ndescriptor = 'pip-services:logger:null:a:1.0'\n";

#[test]
fn what_a_manifest_names_is_a_regular_file() {
    for (name, kind) in [("fifo", "FIFO"), ("/dev/zero", "device"), (".", "directory")] {
        let include = directory(&format!("include = ['{name}']\n{LOGGER}"));
        let parameter = directory(&format!("{LOGGER}x = '${{file:{name}}}'\n"));
        for directory in [include, parameter] {
            let (code, text) = said(directory.path(), &["check", "-c", "service.toml"]);
            assert_eq!(code, Some(78), "{text}");
            let reason = format!("`: it is a {kind}; only a regular file can be read here");
            assert!(text.contains(&reason), "{text}");
        }
    }
}

#[test]
fn what_the_command_line_names_is_no_device() {
    let directory = directory(LOGGER);
    for line in [&["check", "-c", "/dev/zero"][..], &["check", "-c", "service.toml", "--params", "/dev/zero"]]
    {
        let (code, text) = said(directory.path(), line);
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains("it is a device; only a regular file can be read here"), "{text}");
    }
}

#[test]
fn the_output_of_a_command_is_a_manifest() {
    let directory = directory(LOGGER);
    let shell = "exec \"$0\" check -c <(cat service.toml) --params <(echo A=1)";
    let output = Command::new("bash")
        .current_dir(directory.path())
        .args(["-c", shell, env!("CARGO_BIN_EXE_wirework")])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("ok: 1 component"), "{text}");
}
