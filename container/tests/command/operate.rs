//! A running service that is looked at, drained and stopped: by the command, and by whoever sends requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::running::Running;
use crate::tool::{Said, directory, redacted, wirework};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

const COMPONENTS: &str = "[service]\nname = 'demo'\n\
    [[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n\
    [[component]]\ndescriptor = 'pip-services:credential-store:memory:default:1.0'\n\
    credentials.vault = { username = 'u', password = '${CANARY}' }\n\
    [[component]]\ndescriptor = 'pip-services:admin-controller:http:default:1.0'\n\
    options.token_file = 'token'\n\
    [[component]]\ndescriptor = 'pip-services:endpoint:http:default:1.0'\n";

/// A password that no answer may show.
const CANARY: &str = "canary-7f3a";

/// A running service with its folder.
pub struct Service {
    pub running: Running,
    folder: PathBuf,
}

impl Service {
    /// Starts the service with this listener.
    pub fn start(listener: &str) -> Self {
        let directory =
            directory(&[("service.toml", &format!("{COMPONENTS}{listener}\n")), ("token", TOKEN)]);
        let folder = directory.path().to_owned();
        std::fs::set_permissions(folder.join("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = wirework(&folder);
        command.args(["run", "service.toml", "-p"]).arg(format!("CANARY={CANARY}"));
        let mut running = Running::start(command, directory);
        running.wait_for(" ready: ");
        Self { running, folder }
    }

    pub fn command(&self, line: &str) -> Said {
        command_in(&self.folder, line)
    }
}

fn command_in(folder: &Path, line: &str) -> Said {
    Said::by(wirework(folder).args(line.split_whitespace()).args(["-p", "CANARY=x"]))
}

/// A port that is free now. Between here and the service's start another process could take it; then the service says so.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends one request, and returns its status and body.
pub fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let answer = answer(port, method, path, headers);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Sends one request, and returns the whole answer.
fn answer(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: 127.0.0.1:{port}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = if method == "POST" { "{}" } else { "" };
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub fn code_of(answer: &str) -> String {
    serde_json::from_str::<Value>(answer).unwrap()["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_command_asks_drains_and_stops_a_running_service() {
    let service = Service::start("connection.path = 'admin.sock'");
    let status = service.command("status service.toml");
    assert_eq!((status.code, status.err.as_str()), (Some(0), ""), "{status}");
    let (before, after) = status.out.split_once("up for ").unwrap();
    let rest = after.split_once(';').unwrap().1;
    insta::assert_snapshot!("status", redacted(&format!("{before}up for <time>;{rest}")));
    let json = service.command("status service.toml --format json").json();
    assert_eq!(
        (&json["service"]["ready"], json["components"].as_array().unwrap().len()),
        (&Value::Bool(true), 4)
    );
    let address = format!("unix:{}", service.folder.join("admin.sock").display());
    assert_eq!(service.command(&format!("status --address {address}")).code, Some(0));

    let top = service.command("top service.toml --once --every 100ms");
    assert_eq!((top.code, top.err.as_str()), (Some(0), ""), "{top}");
    assert!(top.out.starts_with("demo: running, ready; up for ") && top.out.contains("\nprocess "), "{top}");
    assert!(
        top.out.lines().any(|line| line.starts_with("open ") && line.ends_with("  endpoint:http:default")),
        "{top}"
    );
    assert_eq!(top.out.lines().count(), 3 + 4, "{top}");

    let set = service.command("log-level service.toml credential-store:memory debug --for 5m");
    assert_eq!((set.code, set.err.as_str()), (Some(0), ""), "{set}");
    assert!(set.out.contains("debug  pip-services:credential-store:memory:default:1.0\n       info is configured; set by an operator at a Unix socket until "), "{set}");
    let reset = service.command("log-level service.toml --reset");
    assert!(!reset.out.contains("debug") && reset.out.contains("\ninfo   container\n"), "{reset}");
    for (line, code) in [
        ("log-level service.toml nobody debug", 2),
        ("log-level service.toml debug --for 2d", 1),
        ("log-level service.toml none", 1),
        ("log-level service.toml --for 5m", 2),
        ("log-level service.toml debug --reset", 2),
    ] {
        let said = service.command(line);
        assert_eq!(said.code, Some(code), "{line}: {said}");
        insta::assert_snapshot!(line.replace(' ', "_"), said);
    }

    let drained = service.command("drain service.toml");
    assert_eq!((drained.code, drained.out.as_str()), (Some(0), "draining\n"), "{drained}");
    let status = service.command("status service.toml");
    assert_eq!(status.code, Some(1), "{status}");
    assert!(status.out.starts_with("demo: draining; up for "), "{status}");

    let stopped = service.command("stop service.toml");
    assert_eq!((stopped.code, stopped.out.as_str()), (Some(0), "stopping\n"), "{stopped}");
    let said = service.running.end();
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn a_service_that_cannot_be_asked_is_said_to_be_so() {
    let port = free_port();
    let manifest = format!("{COMPONENTS}connection.port = {port}\n");
    let folder = directory(&[
        ("service.toml", &manifest),
        ("token", TOKEN),
        ("bare.toml", "[service]\nname = 'bare'\n"),
    ]);
    let away = command_in(folder.path(), "status service.toml");
    assert_eq!(away.code, Some(1), "{away}");
    insta::assert_snapshot!("status_of_nothing", away.to_string().replace(&port.to_string(), "<port>"));
    let without = command_in(folder.path(), "drain bare.toml");
    assert_eq!(without.code, Some(78), "{without}");
    insta::assert_snapshot!("drain_without_controller", without);
    let usage = command_in(folder.path(), "stop --address 127.0.0.1:8080");
    assert_eq!(usage.code, Some(2), "{usage}");
    insta::assert_snapshot!("stop_at_no_address", usage);
}

#[test]
fn a_token_that_others_can_read_is_refused_before_anything_opens() {
    let manifest = format!("{COMPONENTS}connection.path = 'admin.sock'\n");
    let folder = directory(&[("service.toml", &manifest), ("token", TOKEN)]);
    for (mode, text, code) in [(0o644, TOKEN, "EXPOSED_SECRET"), (0o600, "short", "WEAK_TOKEN")] {
        let token = folder.path().join("token");
        std::fs::write(&token, text).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = command_in(folder.path(), "check service.toml");
        assert_eq!(said.code, Some(78), "{said}");
        assert!(said.err.contains(code) && said.err.contains("service.toml:10"), "{said}");
    }
}

#[test]
fn whoever_may_not_ask_is_refused() {
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}"));
    let token = format!("Bearer {TOKEN}");
    let (json, right, wrong) = (
        ("content-type", "application/json"),
        ("authorization", &*token),
        ("authorization", "Bearer 0000000000000000"),
    );
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);
    let cases: [Case<'_>; 17] = [
        ("GET", "/admin/", &[("host", "evil.example")], 403, "HOST_REFUSED"),
        ("GET", "/admin/page.js", &[("sec-fetch-site", "cross-site")], 403, "FOREIGN_ORIGIN"),
        ("POST", "/admin/", &[json, right], 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/admin/api/log?after=last", &[], 400, "BAD_QUERY"),
        ("GET", "/admin/api/drawing?group=everything", &[], 400, "BAD_QUERY"),
        ("GET", "/admin/api/service", &[("host", "evil.example")], 403, "HOST_REFUSED"),
        ("GET", "/admin/api/service", &[("origin", "http://evil.example")], 403, "FOREIGN_ORIGIN"),
        ("GET", "/admin/api/service", &[("origin", "null")], 403, "FOREIGN_ORIGIN"),
        ("GET", "/admin/api/service", &[("sec-fetch-site", "cross-site")], 403, "FOREIGN_ORIGIN"),
        ("GET", "/admin/api/service", &[("x-forwarded-for", "192.0.2.1")], 401, "NO_TOKEN"),
        ("GET", "/admin/api/nothing", &[], 404, "NOT_FOUND"),
        ("GET", "/admin/api/../../etc/passwd", &[], 404, "NOT_FOUND"),
        ("GET", "/admin/api/components/a:b:c:d:1.0", &[], 404, "NO_COMPONENT"),
        ("GET", "/admin/api/drain", &[], 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/admin/api/stop", &[right], 415, "NOT_JSON"),
        ("POST", "/admin/api/stop", &[json], 401, "NO_TOKEN"),
        ("POST", "/admin/api/stop", &[json, wrong], 401, "WRONG_TOKEN"),
    ];
    for (method, path, headers, status, code) in cases {
        let (found, body) = ask(port, method, path, headers);
        assert_eq!((found, code_of(&body).as_str()), (status, code), "{method} {path} {headers:?}: {body}");
    }
    assert_eq!(service.command("status service.toml").code, Some(0));
    assert_eq!(ask(port, "POST", "/admin/api/stop", &[json, right]).0, 202);
    // Whoever is refused does not fill the log.
    let said = service.running.end();
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(said.err.matches("an operator's request").count(), 1, "{said}");
}

/// Nothing that a client sends becomes a header of the answer, a path outside of the page, or another protocol.
#[test]
fn a_request_is_answered_as_what_it_is() {
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}"));
    for path in [
        "/admin%0d%0aset-cookie:%20a=b",
        "/admin/%0d%0aset-cookie:%20a=b",
        "/admin/api/log?after=1%0d%0aset-cookie:%20a=b",
        "/admin/..%2f..%2fetc/passwd",
        "/admin/%2e%2e/%2e%2e/etc/passwd",
        "//evil.example/admin",
        "/admin/api/components/%00",
    ] {
        let found = answer(port, "GET", path, &[]).to_lowercase();
        let (head, body) = found.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("http/1.1 40"), "{path}: {found}");
        assert!(!head.contains("cookie") && !head.contains("evil"), "{path}: {found}");
        assert!(!body.contains("root:"), "{path}: {found}");
    }
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for path in ["/admin/", "/admin/api/service", "/livez"] {
        let found = answer(port, "GET", path, &upgrade);
        assert!(found.starts_with("HTTP/1.1 200 "), "{path}: {found}");
    }
    let foreign = [&upgrade[..], &[("origin", "http://evil.example")]].concat();
    assert_eq!(ask(port, "GET", "/admin/api/service", &foreign).0, 403);
    // A line break ends a header: what follows is one of its own, and no answer has it.
    let found = answer(port, "GET", "/admin/api/service", &[("x-a", "b\r\nhost: evil.example")]);
    assert!(found.starts_with("HTTP/1.1 40"), "{found}");
    service.running.signal("TERM");
    assert_eq!(service.running.end().code, Some(0));
}

/// A connection that cannot be made, with secrets in all that it says of that in its log and its state.
const FAILING: &str = "[[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\ncritical = false\n\
    options.retry_connect = false\nconnection.uri = 'mqtt://ann:${CANARY}@127.0.0.1:1'\n\
    [[component]]\ndescriptor = 'pip-services:logger:console:all:1.0'\nlevel = 'trace'\n";

/// What the document of the API says, the server does; and no answer shows a secret, of whichever component.
#[test]
fn the_api_is_what_its_document_says() {
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}\n{FAILING}"));
    let (status, text) = ask(port, "GET", "/admin/api/openapi.json", &[]);
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&text).unwrap();
    let (_, components) = ask(port, "GET", "/admin/api/components", &[]);
    let components: Value = serde_json::from_str(&components).unwrap();
    let names = components["components"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|one| one["descriptor"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6);
    for (template, methods) in document["paths"].as_object().unwrap() {
        let Some(read) = methods.get("get").filter(|_| !template.ends_with("events")) else { continue };
        let mut schema = read["responses"]["200"]["content"]["application/json"]["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut paths: Vec<_> = names.iter().map(|name| template.replace("{descriptor}", name)).collect();
        paths.dedup();
        for path in paths {
            let (status, body) = ask(port, "GET", &format!("/admin{path}"), &[]);
            assert_eq!(status, 200, "{path}: {body}");
            assert!(!body.contains(CANARY), "{path} shows a secret: {body}");
            let answer: Value = serde_json::from_str(&body).unwrap();
            let wrong: Vec<_> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{path}: {wrong:?} in {body}");
        }
    }
    let connection = "/admin/api/components/pip-services:connection:mqtt:default:1.0";
    let read = |path: &str| serde_json::from_str::<Value>(&ask(port, "GET", path, &[]).1).unwrap();
    assert_eq!(read(connection)["component"]["state"], "failed");
    assert!(read("/admin/api/log")["lines"].to_string().contains("cannot open"));
    let lines = read(&format!("{connection}/log"));
    assert!(lines["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{lines}");
    let later = read(&format!("{connection}/log?after={}", lines["last"]));
    assert_eq!(later["lines"], serde_json::json!([]));
    let counters = read(&format!("{connection}/counters"))["counters"].to_string();
    assert!(counters.contains("mqtt.link.opened"), "nobody else takes counters here: {counters}");
    assert_eq!(read("/admin/api/manifest")["service"]["name"], "demo");
    let (_, detail) =
        ask(port, "GET", "/admin/api/components/pip-services:admin-controller:http:default:1.0", &[]);
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail["references"][0]["descriptor"], "pip-services:endpoint:http:default:1.0", "{detail}");
    assert_eq!(detail["component"]["state"], "open", "{detail}");
    service.running.signal("TERM");
    assert_eq!(service.running.end().code, Some(0));
}

/// Beside the API: health, Pip.Services' controllers, metrics, the page, what is not there, and the stream of events.
#[test]
fn no_other_route_shows_a_secret() {
    const CONTROLLERS: &str = "[[component]]\ndescriptor = 'pip-services:counters:prometheus:default:1.0'\n\
        [[component]]\ndescriptor = 'pip-services:metrics-controller:prometheus:default:1.0'\n\
        [[component]]\ndescriptor = 'pip-services:status-controller:http:default:1.0'\n\
        [[component]]\ndescriptor = 'pip-services:heartbeat-controller:http:default:1.0'\n";
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}\n{FAILING}{CONTROLLERS}"));
    for path in ["/livez", "/readyz", "/startupz", "/healthz", "/status", "/heartbeat", "/metrics", "/admin/"]
    {
        let found = answer(port, "GET", path, &[]);
        assert!(found.starts_with("HTTP/1.1 200 ") && !found.contains(CANARY), "{path}: {found}");
    }
    let secret = format!("/{CANARY}");
    for path in ["/nothing", "/admin/nothing", &secret] {
        let found = answer(port, "GET", path, &[]);
        let body = found.replace(&secret, "");
        assert!(found.starts_with("HTTP/1.1 404 ") && !body.contains(CANARY), "{path}: {found}");
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /admin/api/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n").unwrap();
    service.running.signal("TERM");
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.contains("\"closing\"") && !all.contains(CANARY), "{all}");
    assert_eq!(service.running.end().code, Some(0));
}

#[test]
fn a_stream_of_events_follows_the_service_to_its_end() {
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /admin/api/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut wait_for = |text: &str| {
        let found = lines.by_ref().map_while(Result::ok).find(|line| line.contains(text));
        assert!(found.is_some(), "the stream ended before {text}");
    };
    wait_for("event: service");
    wait_for("\"running\"");
    service.running.signal("TERM");
    wait_for("\"closing\"");
    assert_eq!(service.running.end().code, Some(0));
}

/// The page is the same for every service, shows nothing of it by itself, and has all that it needs from where it is.
#[test]
fn the_page_is_self_contained_and_kept_until_it_changes() {
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}"));
    let beside = answer(port, "GET", "/admin", &[]);
    assert!(beside.starts_with("HTTP/1.1 308 ") && beside.contains("\r\nlocation: admin/\r\n"), "{beside}");
    let page = answer(port, "GET", "/admin/", &[("x-forwarded-for", "192.0.2.1")]);
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("content-security-policy: default-src 'none';"),
        "{head}"
    );
    assert!(!head.contains("unsafe"), "{head}");
    for inline in ["<style", "style=", "onclick=", "http://", "https://"] {
        assert!(!body.contains(inline), "{inline} in {body}");
    }
    let files = body
        .split(['"'])
        .filter(|word| word.ends_with(".js") || word.ends_with(".css") || word.ends_with(".svg"));
    let mut files: Vec<_> = files.map(|file| format!("/admin/{file}")).collect();
    assert_eq!(files.len(), 3, "{body}");
    files.push("/admin/".to_owned());
    for file in files {
        let first = answer(port, "GET", &file, &[]);
        assert!(
            first.starts_with("HTTP/1.1 200 ") && first.contains("\r\ncache-control: no-cache\r\n"),
            "{first}"
        );
        let tag = first.split("\r\netag: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let again = answer(port, "GET", &file, &[("if-none-match", &format!("\"other\", W/{tag}"))]);
        assert!(again.starts_with("HTTP/1.1 304 ") && again.ends_with("\r\n\r\n"), "{again}");
        assert!(!first.contains(CANARY));
    }
    service.running.signal("TERM");
    assert_eq!(service.running.end().code, Some(0));
}
