use super::*;
use crate::Coded;

const MQTT: &[(&str, u16)] = &[("mqtt", 1883), ("mqtts", 8883), ("custom", 0)];

fn one(uri: &str) -> ConnectionParams {
    ConnectionParams::from_uri(uri.parse().unwrap())
}

fn host(host: &str) -> ConnectionParams {
    ConnectionParams { host: Some(host.to_owned()), ..ConnectionParams::default() }
}

fn show(connections: &[ConnectionParams]) -> Vec<String> {
    endpoints(connections, None, MQTT).unwrap().iter().map(Endpoint::to_string).collect()
}

#[test]
fn defaults_are_put_in() {
    assert_eq!(show(&[host("h"), host("[::1]")]), ["mqtt://h:1883", "mqtt://[::1]:1883"]);
    assert_eq!(show(&[one("MQTTS://u:p@a,[::2]:7/x?y=z")]), ["mqtts://a:8883/x", "mqtts://[::2]:7/x"]);
}

#[test]
fn hosts_of_one_uri_are_not_multiplied() {
    let resolved = one("mqtt://a,b,c").expand();
    assert_eq!(show(&resolved), ["mqtt://a:1883", "mqtt://b:1883", "mqtt://c:1883"]);
}

#[test]
fn no_host_of_a_uri_gets_the_port_of_another() {
    let resolved = one("mqtt://a,b:2").expand();
    assert_eq!(show(&resolved), ["mqtt://a:1883", "mqtt://b:2"]);
    let resolved: Vec<_> = resolved.into_iter().flat_map(ConnectionParams::expand).collect();
    assert_eq!(show(&resolved), ["mqtt://a:1883", "mqtt://b:2"]);
}

#[test]
fn what_has_won_over_a_uri_stays() {
    let found = one("mqtt://a:1").expand().remove(0);
    assert_eq!(show(&[host("mine").or(&found)]), ["mqtt://mine:1"]);
    assert_eq!(show(&[ConnectionParams { host: Some("mine".to_owned()), ..found }]), ["mqtt://mine:1"]);
}

#[test]
fn what_is_missing_is_named() {
    let fail = |connections: &[ConnectionParams]| {
        let error = endpoints(connections, None, MQTT).unwrap_err();
        (error.code(), error.to_string())
    };
    assert_eq!(fail(&[]).0, "NO_CONNECTION");
    assert_eq!(
        fail(&[host("h"), host("")]),
        ("NO_HOST", "connection 2 of 2 has no host; give `host`, or a `uri` with one".to_owned())
    );
    assert_eq!(
        fail(&[one("unix:///run/x")]),
        (
            "UNSUPPORTED_PROTOCOL",
            "the connection has the protocol `unix`; supported are `mqtt`, `mqtts`, `custom`".to_owned()
        )
    );
    assert_eq!(fail(&[one("mqtt:///run/x")]).0, "NO_HOST");
    assert_eq!(fail(&[one("mqtt://h:0")]).0, "NO_PORT");
    assert_eq!(fail(&[one("custom://h")]).0, "NO_PORT");
    for bad in ["h:1883", "h/x", "u:canary@h", "a b", "::1::"] {
        let (code, text) = fail(&[host(bad)]);
        assert_eq!(code, "BAD_HOST", "{bad}");
        assert!(!text.contains("canary"), "{text}");
    }
    let error = endpoints(&[host("h")], None, &[]).unwrap_err();
    assert_eq!(error.code(), "NO_PROTOCOL");
    let wrong_key = ConnectionParams { protocol: Some("mqtt://u:canary@h".to_owned()), ..host("h") };
    assert!(!fail(&[wrong_key]).1.contains("canary"));
}

#[test]
fn a_unix_socket_has_a_path_and_no_host() {
    let supported = &[("mqtt", 1883), ("unix", 0)];
    let read = |uri: &str| endpoints(&[one(uri)], None, supported).map(|mut found| found.remove(0));
    let found = read("unix:///run/a%20b.sock").unwrap();
    assert_eq!(found.to_string(), "unix:///run/a%20b.sock");
    assert_eq!(found.local_path().as_deref(), Some("/run/a b.sock"));
    assert_eq!((found.host.as_str(), found.port), ("", 0));
    for bad in ["unix://", "unix:///", "unix://run/x", "unix:///run/%zz"] {
        let error = read(bad).unwrap_err();
        assert_eq!(error.code(), "NO_PATH", "{bad}");
        assert!(error.to_string().contains("`unix:///run/broker.sock`"), "{error}");
    }
}

#[test]
fn a_query_is_as_it_was_written_and_what_is_added_is_escaped() {
    let found = endpoints(&[one("mqtt://h/x?b=a%26b&a=")], None, MQTT).unwrap().remove(0);
    assert_eq!((found.query().as_deref(), found.authority().as_str()), (Some("b=a%26b&a="), "h:1883"));
    assert_eq!(endpoints(&[host("::1")], None, MQTT).unwrap()[0].query(), None);
    let mut more = one("ws://h/x?a=1&a=2&flag&%62=~");
    let named = [("a", "3"), ("b", "4"), ("c", "&")];
    more.parameters = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let found = endpoints(&[more], None, &[("ws", 80)]).unwrap().remove(0);
    assert_eq!(found.query().as_deref(), Some("a=1&a=2&flag&%62=~&c=%26"));
}

#[test]
fn explicit_credential_wins_over_the_uri() {
    let login = |credential: Option<(Option<&str>, Option<&str>)>| {
        let credential = credential.map(|(username, password)| CredentialParams {
            username: username.map(str::to_owned),
            password: password.map(Secret::new),
            ..CredentialParams::default()
        });
        let found = endpoints(&[one("mqtt://ann:uri@h")], credential.as_ref(), MQTT).unwrap().remove(0);
        (found.username.unwrap(), found.password.map(|password| password.expose().to_owned()))
    };
    assert_eq!(login(None), ("ann".to_owned(), Some("uri".to_owned())));
    assert_eq!(login(Some((None, None))), ("ann".to_owned(), Some("uri".to_owned())));
    assert_eq!(login(Some((Some("bob"), Some("own")))), ("bob".to_owned(), Some("own".to_owned())));
    assert_eq!(login(Some((Some("bob"), None))), ("bob".to_owned(), None));
    assert_eq!(login(Some((None, Some("own")))), ("ann".to_owned(), Some("own".to_owned())));
}

#[test]
fn nothing_secret_shows() {
    let found = endpoints(&[one("mqtt://canary:canary@h?a=canary")], None, MQTT).unwrap().remove(0);
    let shown = format!("{found} {found:?}");
    assert!(!shown.contains("canary") && shown.contains("mqtt://h:1883"), "{shown}");
}
