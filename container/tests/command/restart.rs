//! A component of a running service is restarted: by the command, and by whoever sends requests.

use serde_json::Value;

use crate::operate::{Service, TOKEN, ask, code_of, free_port};

#[test]
fn the_command_restarts_a_component() {
    let service = Service::start("connection.path = 'admin.sock'");
    let said = service.command("restart service.toml credential-store:memory");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    let (head, names) = said.out.split_once('\n').unwrap();
    assert!(head.starts_with("restarted in ") && head.ends_with(" ms:"), "{said}");
    assert_eq!(names, "  pip-services:credential-store:memory:default:1.0\n");
    let json = service.command("status service.toml --format json").json();
    let store = json["components"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["descriptor"].as_str().is_some_and(|name| name.contains("credential-store")));
    let store = store.unwrap();
    let expected = (&"open".into(), &0.into(), &1.into());
    assert_eq!((&store["state"], &store["recoveries"], &store["restarts"]), expected);
    let shown = service.command("status service.toml").out;
    assert!(shown.contains("credential-store:memory:default:1.0 (restarted 1 time)\n"), "{shown}");
    for (line, code) in [
        ("restart service.toml", 2),
        ("restart service.toml nobody", 2),
        ("restart service.toml pip-services", 2),
        ("restart service.toml endpoint:http", 1),
        ("restart service.toml admin-controller", 1),
    ] {
        let said = service.command(line);
        assert_eq!(said.code, Some(code), "{line}: {said}");
        insta::assert_snapshot!(line.replace([' ', ':'], "_"), said);
    }
    let logger = service.command("restart service.toml logger:console");
    assert_eq!(logger.code, Some(0), "{logger}");
    service.command("stop service.toml");
    let said = service.running.end();
    assert_eq!(said.code, Some(0), "{said}");
    let text = said.to_string();
    for line in [
        "restarting pip-services:credential-store:memory:default:1.0",
        "restarted pip-services:logger:console:default:1.0 in ",
        "closed pip-services:endpoint:http:default:1.0",
    ] {
        assert!(text.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_restart_over_http_needs_the_token_and_a_component() {
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}"));
    let token = format!("Bearer {TOKEN}");
    let (json, right) = (("content-type", "application/json"), ("authorization", token.as_str()));
    let path = |name: &str| format!("/admin/api/components/pip-services:{name}:default:1.0/restart");
    let store = path("credential-store:memory");
    let (status, body) = ask(port, "POST", &store, &[json, right]);
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["done"]), (200, &Value::Bool(true)), "{body}");
    assert_eq!(answer["components"], serde_json::json!([answer["component"]]));
    let refused = [
        (ask(port, "POST", &store, &[json]), 401, "NO_TOKEN"),
        (ask(port, "POST", &store, &[right]), 415, "NOT_JSON"),
        (ask(port, "GET", &store, &[]), 405, "METHOD_NOT_ALLOWED"),
        (ask(port, "POST", &path("credential-store:file"), &[json, right]), 404, "NO_COMPONENT"),
        (ask(port, "POST", "/admin/api/components/x/restart", &[json, right]), 404, "NO_COMPONENT"),
        (ask(port, "POST", &path("endpoint:http"), &[json, right]), 409, "RESTARTS_ITSELF"),
        (ask(port, "POST", &path("admin-controller:http"), &[json, right]), 409, "RESTARTS_ITSELF"),
    ];
    for ((status, body), expected, code) in refused {
        assert_eq!((status, code_of(&body).as_str()), (expected, code), "{body}");
    }
    let (_, detail) = ask(port, "GET", "/admin/api/components/pip-services:endpoint:http:default:1.0", &[]);
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(
        detail["restarts_with"],
        serde_json::json!(["pip-services:admin-controller:http:default:1.0"])
    );
    assert_eq!(ask(port, "POST", "/admin/api/drain", &[json, right]).0, 202);
    let (status, body) = ask(port, "POST", &store, &[json, right]);
    assert_eq!((status, code_of(&body).as_str()), (409, "NOT_RUNNING"), "{body}");
    assert_eq!(ask(port, "POST", "/admin/api/stop", &[json, right]).0, 202);
    let said = service.running.end();
    assert_eq!(said.code, Some(0), "{said}");
}
