//! What the command says of itself, and of a command line that it does not understand.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::tool::{Said, directory, wirework};

const COMMANDS: [&str; 9] =
    ["run", "check", "convert", "graph", "components", "describe", "explain", "schema", "print"];

#[test]
fn without_a_command_it_shows_help() {
    let said = Said::line(&[], "");
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(said);
    assert_eq!(Said::line(&[], "--help").code, Some(0));
    let version = Said::line(&[], "--version");
    assert_eq!((version.code, version.out), (Some(0), format!("wirework {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_help_of_every_command_shows_an_example() {
    let mut all = String::new();
    for command in COMMANDS {
        let said = Said::line(&[], &format!("{command} --help"));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
        assert!(said.out.contains(&format!("Usage: wirework {command}")), "{said}");
        assert!(said.out.contains("Example") && said.out.contains(&format!(": {command}")), "{said}");
        all.push_str(&format!("$ wirework {command} --help\n{}\n", said.out));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_bad_command_line_exits_with_2() {
    let lines = [
        "bogus",
        "chekc",
        "check --bogus",
        "check -c",
        "check --format xml",
        "graph --format svg",
        "check -p PORT",
        "check -p =1",
        "check a.toml -c b.toml",
        "describe a b",
        "describe",
        "print --format yaml",
        "schema -c service.toml",
    ];
    let mut all = String::new();
    for line in lines {
        let said = Said::line(&[], line);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{line}: {said}");
        all.push_str(&format!("$ wirework {line}\n{}\n", said.err));
    }
    insta::assert_snapshot!(all);
}

/// Where not even one manifest was read, nothing is said of what is in it.
#[test]
fn of_a_manifest_that_is_not_there_nothing_else_is_said() {
    for line in [
        "print nope.toml",
        "graph nope.toml --without logger",
        "explain nope.toml logger",
        "status nope.toml",
        "log-level nope.toml",
        "stop nope.toml",
    ] {
        let said = Said::line(&[], line);
        assert_eq!((said.code, said.out.as_str()), (Some(78), ""), "{line}: {said}");
        let expected = "error[NO_CONFIG_FILE]: there is no file `nope.toml`\n = help: name the manifest, as in `check service.toml`\n\n";
        assert_eq!(said.err, expected, "{line}");
    }
}

#[test]
fn a_configuration_of_pip_services_beside_the_manifest_that_is_not_there_is_named() {
    let said = Said::line(&[("config/config.yml", "- descriptor: a")], "run");
    assert_eq!(said.code, Some(78), "{said}");
    let expected = "there is `./config/config.yml`, and a manifest is TOML; `wirework convert ./config/config.yml` writes";
    assert!(said.err.contains(expected), "{said}");
}

#[test]
fn a_misspelt_name_of_a_file_of_parameters_is_warned_of() {
    let manifest = "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nlevel = '${LOG_LEVEL:-info}'\n";
    let files = [("service.toml", manifest), ("a.env", "LOG_LEVL=debug\nOTHER_PROGRAM=1\n")];
    let said = Said::line(&files, "check service.toml --params a.env");
    let expected = "warning[UNUSED_PARAMETER]: `a.env` gives the parameter `LOG_LEVL`, which the manifest does not use\n = help: did \
                    you mean `LOG_LEVEL`?\n\n";
    assert_eq!((said.code, said.err.as_str()), (Some(0), expected), "{said}");
    let both = Said::line(&files, "check service.toml --params a.env -p LOG_LEVEL=warn");
    assert_eq!((both.code, both.err.as_str()), (Some(0), ""), "{both}");
}

#[test]
fn a_missing_manifest_exits_with_78() {
    for line in ["run", "check", "graph", "explain", "print"] {
        let said = Said::line(&[], line);
        assert_eq!(said.code, Some(78), "{said}");
        assert!(said.err.contains("there is no file `./config/config.toml`"), "{said}");
    }
    insta::assert_snapshot!(Said::line(&[], "check -c service.toml"));
}

#[test]
fn the_default_manifest_is_that_of_the_working_directory() {
    let manifest = "[[component]]\ndescriptor = 'pip-services:logger:null:default:1.0'\n";
    let said = Said::line(&[("config/config.toml", manifest)], "check");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    assert_eq!(said.out, "ok: 1 component, 0 references, 0 errors, 0 warnings\n");
}

#[test]
fn a_directory_without_manifests_is_none() {
    let said = Said::line(&[("service.toml/x", "")], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    assert!(
        said.err.contains("error[NO_CONFIG_FILE]: the folder `service.toml` has no file `*.toml`"),
        "{said}"
    );
}

#[test]
fn parameters_of_bad_form_are_problems() {
    let files = [
        ("service.toml", "[service]\nname = '${NAME:-x}'\n"),
        ("params", "A=1\nsecret words\nB=\"x\nC='d' e\nexport D='ok'\n"),
    ];
    let said = Said::line(&files, "check -c service.toml --params params --params none -p 1A=x");
    assert_eq!(said.code, Some(78), "{said}");
    insta::assert_snapshot!(said);
}

/// `wirework schema | head -1`: the reader goes away while there is more to say.
#[test]
fn a_closed_pipe_is_no_panic() {
    let directory = directory(&[]);
    for line in ["schema", "components", "describe mqtt", "--help", "describe --help"] {
        let mut command = wirework(directory.path());
        command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(!first.is_empty(), "{line}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
        assert_eq!(output.status.code(), Some(0), "{line}");
    }
}

/// The same for what is said on stderr: the exit code still tells.
#[cfg(unix)]
#[test]
fn a_closed_stderr_is_no_panic() {
    let directory = directory(&[("bad.toml", "[[component]]\n")]);
    let lines =
        [("check -c bad.toml", 78), ("run -c bad.toml", 78), ("describe none", 2), ("check --bogus", 2)];
    for (line, code) in lines {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = wirework(directory.path());
        command.args(line.split_whitespace()).stdout(Stdio::null()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(code), "{line}");
    }
}
