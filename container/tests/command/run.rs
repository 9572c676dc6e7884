//! `run` with stock components: it starts, answers signals, and says why when it cannot.

use std::net::TcpListener;

use crate::running::Running;
use crate::tool::{Said, directory, redacted, wirework};

const SERVICE: &str = "[service]\nname = 'demo'\n\
    [[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nlevel = '${LOG_LEVEL:-info}'\n\
    [[component]]\ndescriptor = 'pip-services:counters:log:default:1.0'\n\
    [[component]]\ndescriptor = 'pip-services:context-info:default:default:1.0'\n";

fn start(manifest: &str, more: &[&str]) -> Running {
    let directory = directory(&[("service.toml", manifest)]);
    let mut command = wirework(directory.path());
    command.args(["run", "-c", "service.toml"]).args(more);
    Running::start(command, directory)
}

#[cfg(unix)]
#[test]
fn both_signals_close_the_service() {
    for (signal, parameters) in [("INT", &[][..]), ("TERM", &["-p", "LOG_LEVEL=debug"][..])] {
        let mut running = start(SERVICE, parameters);
        running.wait_for(" ready: ");
        running.signal(signal);
        let said = running.end();
        assert_eq!(said.code, Some(0), "{said}");
        insta::assert_snapshot!(format!("run_{signal}"), redacted(&said.to_string()));
    }
}

/// Warnings are shown, and keep nothing from running.
#[cfg(unix)]
#[test]
fn warnings_are_shown_and_the_service_runs() {
    let manifest = format!("{SERVICE}after = ['a:b:c:d:e']\n");
    let mut running = start(&manifest, &[]);
    running.wait_for("warning[AFTER_NOTHING]");
    running.wait_for(" ready: ");
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_bad_manifest_does_not_start() {
    let manifest = SERVICE.replace("level", "levle");
    let said = Said::line(&[("service.toml", &manifest)], "run -c service.toml");
    assert_eq!((said.code, said.out.as_str()), (Some(78), ""), "{said}");
    insta::assert_snapshot!("run_bad", said);
}

#[test]
fn a_port_in_use_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let manifest = format!(
        "{SERVICE}[[component]]\ndescriptor = 'pip-services:broker:mqtt:default:1.0'\nport = {port}\n"
    );
    let said = Said::line(&[("service.toml", &manifest)], "run -c service.toml -p LOG_LEVEL=warn");
    assert_eq!(said.code, Some(1), "{said}");
    insta::assert_snapshot!("run_port_in_use", redacted(&said.to_string()).replace(&port, "<port>"));
}

/// What the log says before the console is open, and when there is none, goes to stderr.
#[cfg(unix)]
#[test]
fn without_a_logger_the_log_goes_to_stderr() {
    let mut running =
        start("[[component]]\ndescriptor = 'pip-services:context-info:default:default:1.0'\n", &[]);
    running.wait_for("ready");
    running.signal("INT");
    let said = running.end();
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said}");
}
