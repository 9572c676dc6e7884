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

/// Ctrl-C behind a SIGTERM: it says what another one would do.
#[cfg(unix)]
#[test]
fn a_ctrl_c_behind_another_signal_is_answered() {
    let manifest = SERVICE.replace("name = 'demo'\n", "name = 'demo'\ndrain_delay = '5s'\n");
    let mut running = start(&manifest, &[]);
    running.wait_for(" ready: ");
    running.signal("TERM");
    running.wait_for("SIGTERM: ");
    running.signal("INT");
    running.wait_for("SIGINT: the service is closing since SIGTERM; another one ends it at once");
    assert_eq!(running.end().code, Some(0));
}

/// A connection that fails is blamed on where it leads.
#[test]
fn the_keys_of_a_connection_that_failed_are_shown() {
    let manifest = "[[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
        connection.host = '127.0.0.1'\nconnection.port = '${PORT:-1}'\noptions.retry_connect = false\n";
    let said = Said::line(&[("service.toml", manifest)], "run service.toml");
    assert_eq!(said.code, Some(1), "{said}");
    let help = "  help: `connection.host` is set in service.toml:3\n  help: `connection.port` is set in service.toml:4; change it \
                with `-p PORT=…`\n";
    assert!(said.err.ends_with(help), "{said}");
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

/// A queue that shares a connection which the service can do without: what it lacks is named.
#[test]
fn a_queue_whose_connection_did_not_open_names_it() {
    let manifest = format!(
        "{SERVICE}[[component]]\ndescriptor = 'pip-services:connection:mqtt:remote:1.0'\ncritical = false\n\
         connection = {{ host = '127.0.0.1', port = 1 }}\noptions.retry_connect = false\n\
         [[component]]\ndescriptor = 'pip-services:message-queue:mqtt:orders:1.0'\n"
    );
    let said = Said::line(&[("service.toml", &manifest)], "run -c service.toml -p LOG_LEVEL=warn");
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.err.contains("warning[CRITICAL_NEEDS_UNCRITICAL]"), "{said}");
    let expected = "cannot open `pip-services:message-queue:mqtt:orders:1.0`: it requires `pip-services:connection:mqtt:remote:1.0`, \
                    which failed";
    assert!(said.err.contains(expected), "{said}");
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

/// Starts it as systemd does: with a socket as the file descriptor 3, for the process that `pid` names.
#[cfg(unix)]
fn start_with_socket(host: &str, pid: &str, listener: TcpListener) -> Running {
    let manifest = format!(
        "{SERVICE}[[component]]\ndescriptor = 'pip-services:endpoint:http:default:1.0'\nconnection.host = '{host}'\n"
    );
    let directory = directory(&[("service.toml", &manifest)]);
    let template = wirework(directory.path());
    let mut command = std::process::Command::new("sh");
    let script = format!(
        "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_FDNAMES=http LISTEN_PID={pid} exec \"$0\" run -c service.toml"
    );
    command.args(["-c", &script, env!("CARGO_BIN_EXE_wirework")]).current_dir(directory.path());
    for (name, value) in template.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(std::os::fd::OwnedFd::from(listener));
    Running::start(command, directory)
}

#[cfg(unix)]
fn readyz(address: std::net::SocketAddr) -> String {
    use std::io::{Read, Write};

    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Socket activation: who connects before the service has started is answered by it.
#[cfg(unix)]
#[test]
fn a_socket_that_the_process_was_started_with_is_served() {
    for host in ["fd:http", "fd:3"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let early = std::thread::spawn(move || readyz(address));
        let mut running = start_with_socket(host, "$$", listener);
        running.wait_for(&format!("HTTP endpoint listens on http://{address}"));
        running.wait_for(" ready: ");
        assert!(readyz(address).starts_with("HTTP/1.1 200 OK\r\n"), "{host}");
        assert!(early.join().unwrap().starts_with("HTTP/1.1 "), "{host}");
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0), "{host}");
    }
}

#[cfg(unix)]
#[test]
fn a_socket_that_is_not_there_is_said() {
    for (host, pid, expected) in [
        ("fd:4", "$$", "there is no such socket; there are fd:3 (`http`)"),
        ("fd:https", "$$", "there is no such socket; there are fd:3 (`http`)"),
        ("fd:http", "1", "the sockets are for the process 1 (`LISTEN_PID`)"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let said = start_with_socket(host, pid, listener).end();
        assert_eq!(said.code, Some(1), "{said}");
        let all = said.to_string();
        assert!(all.contains("NO_PASSED_SOCKET") && all.contains(expected), "{all}");
    }
    let manifest =
        "[[component]]\ndescriptor = 'pip-services:endpoint:http:default:1.0'\nconnection.host = 'fd:http'\n";
    let said = Said::line(&[("service.toml", manifest)], "run -c service.toml");
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.to_string().contains("started without sockets (`LISTEN_FDS` is not set)"), "{said}");
}
