use proptest::prelude::*;

use super::super::{UriHost, UriPart};
use super::*;

fn parse(text: &str) -> UriParts {
    text.parse::<Uri>().unwrap().parts().clone()
}

fn fail(text: &str) -> UriError {
    text.parse::<Uri>().unwrap_err()
}

fn hosts(text: &str) -> Vec<(String, Option<u16>)> {
    parse(text).hosts.into_iter().map(|UriHost { host, port }| (host, port)).collect()
}

#[test]
fn password_may_hold_anything() {
    let cases = [
        ("mqtt://u:p@ss@h", "p@ss"),
        ("mqtt://u:p:q@h", "p:q"),
        ("mqtt://u:a,b;c=d@h", "a,b;c=d"),
        ("mqtt://u:%2F%3f%23%25%40@h", "/?#%@"),
        ("mqtt://u:1+1@h", "1+1"),
        ("mqtt://u:%C3%A9é@h", "éé"),
    ];
    for (text, password) in cases {
        let parts = parse(text);
        assert_eq!(parts.password.unwrap().expose(), password, "{text}");
        assert_eq!((parts.username.as_deref(), parts.hosts.len()), (Some("u"), 1), "{text}");
    }
}

#[test]
fn hosts_are_a_list() {
    assert_eq!(
        hosts("MQTT://[::1]:1,b,[fe80::1%25eth0]:,10.0.0.1:3"),
        [
            ("::1".to_owned(), Some(1)),
            ("b".to_owned(), None),
            ("fe80::1%eth0".to_owned(), None),
            ("10.0.0.1".to_owned(), Some(3))
        ]
    );
    assert_eq!(parse("MQTT://h").scheme, "mqtt");
}

#[test]
fn path_and_query_are_taken_apart() {
    let parts = parse("ws://h/a%20b/c?x=1&&y&z=%3D%26+");
    assert_eq!(parts.path.as_deref(), Some("/a%20b/c"));
    let parameters: Vec<_> = parts.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(parameters, [("x", "1"), ("y", ""), ("z", "=&+")]);
    assert_eq!(parse("mqtt://h?x=/?:%40,").parameters, [("x".to_owned(), "/?:@,".to_owned())]);
    let unix = parse("unix:///run/broker.sock");
    assert_eq!((unix.hosts.len(), unix.path.as_deref()), (0, Some("/run/broker.sock")));
}

#[test]
fn empty_user_info_is_none() {
    assert_eq!((parse("mqtt://@h").username, parse("mqtt://:@h").password), (None, None));
    assert_eq!(parse("mqtt://u:@h").password, None);
    assert_eq!(parse("mqtt://:p@h").password.unwrap().expose(), "p");
}

#[test]
fn says_what_is_wrong() {
    for (text, error) in [
        ("", UriError::Empty),
        ("localhost:1883", UriError::NoScheme),
        ("://h", UriError::BadScheme),
        ("1x://h", UriError::BadScheme),
        ("mqtt://h\n", UriError::Blank),
        ("mqtt://u:p#q@h", UriError::Fragment),
        ("mqtt://u:12/34@h", UriError::LateAt),
        ("mqtt://u:12?34@h", UriError::LateAt),
        ("mqtt://u:12?3=4@h", UriError::LateAt),
        ("mqtt://u:p@", UriError::EmptyHost),
        ("mqtt://:1883", UriError::EmptyHost),
        ("mqtt://a,,b", UriError::EmptyHost),
        ("mqtt://a b", UriError::Blank),
        ("mqtt://a%20b", UriError::BadHost),
        ("mqtt://::1", UriError::BadAddress),
        ("mqtt://[::1", UriError::BadAddress),
        ("mqtt://[::1]1883", UriError::BadAddress),
        ("mqtt://[1.2.3.4]", UriError::BadAddress),
        ("mqtt://h:x", UriError::BadPort),
        ("mqtt://h:+1", UriError::BadPort),
        ("mqtt://h:65536", UriError::BadPort),
        ("mqtt://u%:p@h", UriError::BadEscape { part: UriPart::User }),
        ("mqtt://u:%g0@h", UriError::BadEscape { part: UriPart::Password }),
        ("mqtt://u:%ff@h", UriError::NotText { part: UriPart::Password }),
        ("mqtt://h?a=%", UriError::BadEscape { part: UriPart::Query }),
        ("mqtt://h?=1", UriError::NoParameterName),
    ] {
        assert_eq!(fail(text), error, "{text}");
    }
}

#[test]
fn schema_and_reader_agree_on_the_type() {
    let uri: Uri = serde_json::from_str("\"mqtt://h\"").unwrap();
    assert_eq!(uri.expose(), "mqtt://h");
    let error = serde_json::from_str::<Uri>("\"mqtt://u:canary/@h\"").unwrap_err().to_string();
    assert!(error.contains("after its first `/`") && !error.contains("canary"), "{error}");
    assert_eq!(schemars::schema_for!(Uri).get("type").unwrap(), "string");
}

#[test]
fn parts_that_make_no_uri_are_refused() {
    let good = parse("ws://h/x");
    for path in ["x", "/a?b=c", "/a@b", "/a b"] {
        assert!(Uri::compose(UriParts { path: Some(path.to_owned()), ..good.clone() }).is_err(), "{path}");
    }
    assert!(Uri::compose(UriParts { username: Some(String::new()), ..good }).is_err());
}

fn host() -> impl Strategy<Value = UriHost> {
    let name = prop_oneof![
        "[a-z0-9][a-z0-9.-]{0,12}[a-z]",
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
        Just("fe80::1%eth0".to_owned()),
    ];
    (name, any::<Option<u16>>()).prop_map(|(host, port)| UriHost { host, port })
}

fn parts() -> impl Strategy<Value = UriParts> {
    (
        "[a-z][a-z0-9+.-]{0,6}",
        prop::option::of(".{1,12}"),
        prop::option::of(".{1,12}"),
        prop::collection::vec(host(), 1..4),
        prop::option::of("/([a-zA-Z0-9/._~-]|%[0-9A-F]{2}){0,12}"),
        prop::collection::vec((".{1,6}", ".{0,6}"), 0..3),
    )
        .prop_map(|(scheme, username, password, hosts, path, parameters)| UriParts {
            scheme,
            username,
            password: password.map(Secret::new),
            hosts,
            path,
            parameters,
        })
}

proptest! {
    #[test]
    fn parts_survive_a_round_trip(parts in parts()) {
        let uri = Uri::compose(parts.clone()).unwrap();
        prop_assert_eq!(uri.parts(), &parts);
        prop_assert_eq!(&uri.expose().parse::<Uri>().unwrap(), &uri);
    }

    #[test]
    fn secrets_never_show(mut parts in parts(), user in "[é-ž]{1,4}", value in "[é-ž]{1,4}") {
        let canary = "CANARY\u{1f424}";
        parts.username = Some(format!("{user}{canary}"));
        parts.password = Some(Secret::new(format!("{canary}{user}")));
        parts.parameters.push(("p".to_owned(), format!("{canary}{value}")));
        let uri = Uri::compose(parts.clone()).unwrap();
        let shown = format!("{uri} {uri:?} {:?}", uri.parts());
        prop_assert!(!shown.contains("CANARY") && !shown.contains(&user), "{}", shown);
    }

    #[test]
    fn nothing_panics_or_tells(text in "(mqtt://)?[a-c%:@,/?#\\[\\]=&1 ]{0,24}|.{0,40}") {
        if let Err(error) = text.parse::<Uri>() {
            let known = [error.to_string(), format!("{error:?}")].concat();
            prop_assert!(text.len() < 8 || !known.contains(&text));
        }
    }

    #[test]
    fn raw_password_is_read_or_refused(password in "[a-zA-Z0-9@:,/?#%!$&'()*+;=\\[\\]-]{1,12}") {
        // Never read as something else: a password with a `/` must not end up in host or path.
        if let Ok(uri) = format!("mqtt://ann:{password}@broker.example").parse::<Uri>() {
            prop_assert_eq!(&uri.parts().hosts.last().unwrap().host, "broker.example");
            prop_assert!(uri.parts().path.is_none());
        }
    }
}
