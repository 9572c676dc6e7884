//! Parts of a connection that have no effect, though whoever wrote them believes so.

use crate::config::{Invalid, nearest};
use crate::connect::{ConnectionConfig, ConnectionParams, endpoints};
use crate::mqtt::transport::Kind;

/// The keys of a section that a parameter may have been meant as.
const KEYS: [&str; 6] = ["client_id", "username", "password", "keepalive_timeout", "clean_session", "topic"];

/// Every part of the connection under `key` that has no effect.
pub(super) fn ignored(key: &str, connection: &ConnectionConfig) -> Vec<Invalid> {
    let mut found: Vec<_> = connection
        .overridden()
        .map(|overridden| {
            let problem = "is given beside `uri`, which says it already and decides; give one of the two";
            Invalid::new(format!("{key}.{overridden}"), problem)
        })
        .collect();
    let all = connection.expand();
    // A protocol may yet be discovered; and what cannot be used is reported elsewhere.
    let known = connection.discovery_key().is_none() || all.iter().any(|one| one.protocol.is_some());
    let Some(kind) = all.first().and_then(kind_of).filter(|_| known) else { return found };
    // WebSocket asks for the path and the query as they are.
    if matches!(kind, Kind::WebSocket | Kind::SecureWebSocket) {
        return found;
    }
    let parts = connection.uri.as_ref().map(crate::connect::Uri::parts);
    // Neither the path nor a name of the query is shown: what stands there may be a part of a password that was mistyped.
    let path = parts.and_then(|parts| parts.path.as_deref());
    if path.is_some_and(|path| path != "/" && kind != Kind::Unix) {
        let problem = "has a path, which only `ws` and `wss` take; a topic is given where it is published to or subscribed to";
        found.push(Invalid::new(format!("{key}.uri"), problem));
    }
    let query = parts.into_iter().flat_map(|parts| &parts.parameters);
    found.extend(query.map(|(name, _)| unknown(format!("{key}.uri"), Origin::Query, name)));
    let named = connection.parameters.keys();
    found.extend(named.map(|name| unknown(format!("{key}.parameters.{name}"), Origin::Key, name)));
    found
}

fn kind_of(connection: &ConnectionParams) -> Option<Kind> {
    // Where the server is does not count here.
    let anywhere = ConnectionParams {
        protocol: connection.protocol.clone(),
        host: Some("localhost".to_owned()),
        ..ConnectionParams::default()
    };
    if connection.protocol.as_deref().is_some_and(|protocol| protocol.eq_ignore_ascii_case("unix")) {
        return Some(Kind::Unix);
    }
    endpoints(&[anywhere], None, Kind::PROTOCOLS).ok()?.first().map(|endpoint| Kind::of(endpoint.protocol))
}

/// Where a parameter is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// In the query of a URI.
    Query,
    /// Under `parameters`.
    Key,
}

fn unknown(key: String, origin: Origin, name: &str) -> Invalid {
    let suggestion = nearest(name, KEYS).map_or("", |suggestion| match suggestion {
        "client_id" => "; the client id is the key `client_id` of the section",
        "username" | "password" => "; user name and password are keys of `credential`",
        "topic" => "; a topic is given where it is published to or subscribed to",
        "keepalive_timeout" => "; the keep-alive is the key `options.keepalive_timeout`",
        _ => "; whether the session is kept is the key `options.clean_session`",
    });
    let what = match KEYS.iter().find(|known| **known == name).filter(|_| origin == Origin::Query) {
        Some(name) => format!("has the parameter `{name}`, which"),
        None if origin == Origin::Query => "has a parameter which".to_owned(),
        None => "is a parameter which".to_owned(),
    };
    Invalid::new(
        key,
        format!(
            "{what} nobody takes: there are none with `mqtt`, `mqtts` and `unix`, and with `ws` and `wss` they are the \
                 query of the request{suggestion}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use crate::config::from_pairs;
    use crate::mqtt::MqttConfig;
    use crate::mqtt::check::invalid;

    fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
        let config: MqttConfig = from_pairs(pairs.iter().copied()).unwrap();
        invalid(&config).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_nobody_takes_is_named_with_what_was_meant() {
        for (pairs, named) in [
            (&[("connection.uri", "mqtt://h/topic")][..], "`connection.uri` has a path"),
            (&[("connection.uri", "mqtts://h?client_id=x")], "the client id is the key `client_id`"),
            (&[("connection.uri", "tcp://a,b?clientid=x")], "the client id is the key `client_id`"),
            (&[("connection.uri", "mqtt://h?zz")], "has a parameter which nobody takes"),
            (&[("connection.uri", "unix:///run/m?x=1")], "has a parameter which nobody takes"),
            (
                &[("connections.0.host", "h"), ("connections.0.parameters.qos", "1")],
                "`connections.0.parameters.qos` is",
            ),
            (
                &[("connection.uri", "mqtt://h"), ("connection.host", "h")],
                "`connection.host` is given beside `uri`",
            ),
            (
                &[("connection.uri", "mqtt://h"), ("connection.protocol", "ws")],
                "`connection.protocol` is given",
            ),
            (&[("connection.uri", "mqtt://h:1"), ("connection.port", "1")], "`connection.port` is given"),
            (
                &[
                    ("connection.discovery_key", "k"),
                    ("connection.protocol", "mqtt"),
                    ("connection.parameters.a", "1"),
                ],
                "`connection.parameters.a`",
            ),
        ] {
            let found = problems(pairs);
            assert!(found.len() == 1 && found[0].contains(named), "{pairs:?}: {found:?}");
        }
        let found = problems(&[("connection.uri", "mqtt://h/t?a=secret&b=secret")]);
        assert!(found.len() == 3 && !found.concat().contains("secret"), "{found:?}");
    }

    #[test]
    fn what_is_taken_is_not() {
        for pairs in [
            &[("connection.uri", "wss://h/mqtt?signature=s&b"), ("connection.parameters.token", "t")][..],
            &[("connection.host", "h"), ("connection.protocol", "ws"), ("connection.parameters.token", "t")],
            &[("connection.uri", "mqtt://h/"), ("connection.port", "7")],
            &[("connection.uri", "mqtt://a:1,b"), ("connection.port", "7")],
            &[("connection.uri", "unix:///run/mosquitto.sock")],
            &[("connection.uri", ""), ("connection.host", "h")],
            &[("connection.uri", "mqtt://h"), ("connection.host", "")],
            &[("connection.discovery_key", "k"), ("connection.parameters.a", "1")],
        ] {
            assert!(problems(pairs).is_empty(), "{pairs:?}: {:?}", problems(pairs));
        }
    }
}
