//! Values that make no sense, alone or together; and parts of a connection that have no effect, though whoever wrote them believes so.

use super::brokers::{keyed_connections, keyed_credentials};
use crate::config::{Invalid, nearest};
use crate::connect::{
    ConnectError, ConnectionConfig, ConnectionParams, MAX_CONNECTIONS, endpoints, one_or_many,
};
use crate::mqtt::config::Permitted;
use crate::mqtt::session::MAX_WINDOW;
use crate::mqtt::topic::{Topic, without_controls};
use crate::mqtt::transport::Kind;
use crate::mqtt::{MqttConfig, MqttOptions, MqttVersion, Redirects, WillConfig};

/// The largest packet that MQTT has, in bytes.
const LARGEST_PACKET: usize = 268_435_460;
/// The smallest limit that leaves room for SUBSCRIBE.
const SMALLEST_LIMIT: usize = 16 * 1024;

/// What is wrong with an empty key of a store or of discovery.
const EMPTY_KEY: &str = "is empty; name a key, or leave it out";

/// Every value that contradicts another one or MQTT.
pub fn invalid(config: &MqttConfig) -> Vec<Invalid> {
    let mut found = config.tls.invalid();
    let has_nul = keyed_credentials(config).any(|(_, credential)| credential.has_nul_in_username());
    let mut must = |holds: bool, key: &'static str, problem: &'static str| {
        if !holds {
            found.push(Invalid::new(key, problem));
        }
    };
    must(
        config.options.clean_session || config.explicit_client_id().is_some(),
        "options.clean_session",
        "is false, but there is no `client_id`: the broker could never find the session again",
    );
    must(
        config.explicit_client_id().is_none_or(|id| id.len() <= usize::from(u16::MAX)),
        "client_id",
        "is longer than 65535 bytes",
    );
    must(
        config.explicit_client_id().is_none_or(|id| !id.contains('\0')),
        "client_id",
        "has the character U+0000, which MQTT forbids",
    );
    must(!has_nul, "credential.username", "has the character U+0000, which MQTT forbids");
    demand(&config.options, &mut must);
    found.extend(invalid_redirects(&config.options));
    found.extend(keyed_connections(config).flat_map(|(key, connection)| ignored(&key, connection)));
    found.extend(config.will.iter().filter_map(|will| invalid_will(will, config.options.protocol_version)));
    let controls = config.will.iter().filter(|_| !config.options.allow_control_characters);
    let controls = controls.filter_map(|will| without_controls(&will.topic).err());
    found
        .extend(controls.map(|error| Invalid::new("will.topic", format!("cannot be published to: {error}"))));
    found
}

/// Every place of a broker that could be reached under no circumstances, whatever discovery says.
pub fn unreachable(config: &MqttConfig) -> Vec<Invalid> {
    let mut found = Vec::new();
    found.extend(one_or_many(config.connection.clone(), config.connections.clone()).err().map(Invalid::from));
    found.extend(one_or_many(config.credential.clone(), config.credentials.clone()).err().map(Invalid::from));
    if config.connection.is_none() && config.connections.as_ref().is_none_or(Vec::is_empty) {
        let problem = "is not given: set `host`, `uri` or `discovery_key` of the broker";
        found.push(Invalid::new("connection", problem));
    }
    if config.connections.as_ref().is_some_and(|connections| connections.len() > MAX_CONNECTIONS) {
        let problem = format!("has more than {MAX_CONNECTIONS} connections; name fewer");
        found.push(Invalid::new("connections", problem));
        return found;
    }
    found.extend(
        keyed_connections(config).filter_map(|(key, connection)| unreachable_connection(key, connection)),
    );
    found.extend(empty_store_keys(config));
    found
}

/// A key is left out where none is meant: an empty one is a value that was lost.
fn empty_store_keys(config: &MqttConfig) -> Vec<Invalid> {
    let empty =
        keyed_credentials(config).filter(|(_, credential)| credential.store_key.as_deref() == Some(""));
    empty.map(|(key, _)| Invalid::new(format!("{key}.store_key"), EMPTY_KEY)).collect()
}

fn invalid_redirects(options: &MqttOptions) -> Vec<Invalid> {
    let hosts = options.redirect_hosts.iter().enumerate();
    let mut found: Vec<_> = hosts
        .filter_map(|(index, host)| {
            Some(Invalid::new(format!("options.redirect_hosts.{index}"), Permitted::problem(host)?))
        })
        .collect();
    if options.redirects == Redirects::None && !options.redirect_hosts.is_empty() {
        let problem = "permits nothing while `options.redirects` is `none`; set that to `listed`";
        found.push(Invalid::new("options.redirect_hosts", problem));
    }
    if options.redirects != Redirects::None && options.protocol_version == MqttVersion::V4 {
        let problem = "needs `options.protocol_version = 5`; MQTT 3.1.1 has no server references";
        found.push(Invalid::new("options.redirects", problem));
    }
    found
}

fn demand(options: &MqttOptions, must: &mut impl FnMut(bool, &'static str, &'static str)) {
    must(options.keepalive_seconds().is_some(), "options.keepalive_timeout", "is longer than 65535 seconds");
    must(
        (1..=MAX_WINDOW).contains(&options.max_inflight),
        "options.max_inflight",
        "is not between 1 and 65519",
    );
    must(
        options.max_filters_per_packet > 0,
        "options.max_filters_per_packet",
        "is 0; nothing could be subscribed to",
    );
    must(
        Topic::new(&options.response_topic).is_ok(),
        "options.response_topic",
        "is no topic: it is empty, or has `+`, `#` or U+0000 in it",
    );
    must(
        options.allow_control_characters || without_controls(&options.response_topic).is_ok(),
        "options.response_topic",
        "has a control character in it, for which brokers end the connection; `options.allow_control_characters` permits it",
    );
    must(options.receive_maximum > 0, "options.receive_maximum", "is 0; no message of QoS 1 or 2 could come");
    must(
        options.protocol_version == MqttVersion::V5 || options.session_expiry.is_none(),
        "options.session_expiry",
        "needs `options.protocol_version = 5`",
    );
    must(options.max_queued_bytes > 0, "options.max_queued_bytes", "is 0; nothing could be sent");
    must(options.max_incoming_bytes > 0, "options.max_incoming_bytes", "is 0; nothing could be received");
    must(
        options.listener_queue > 0,
        "options.listener_queue",
        "is 0; no message of QoS 0 would ever be handled",
    );
    must(
        (SMALLEST_LIMIT..=LARGEST_PACKET).contains(&options.max_packet_size),
        "options.max_packet_size",
        "is not between 16384 and 268435460",
    );
}

fn invalid_will(will: &WillConfig, version: MqttVersion) -> Option<Invalid> {
    use crate::mqtt::MqttError::Config;
    match will.read(version) {
        Ok(_) => None,
        Err(Config(invalid)) => Some(invalid),
        Err(error) => Some(Invalid::new("will", format!("cannot be published: {error}"))),
    }
}

/// What is found under a key adds what is missing here.
fn unreachable_connection(key: String, connection: &ConnectionConfig) -> Option<Invalid> {
    if connection.discovery_key.as_deref() == Some("") {
        return Some(Invalid::new(format!("{key}.discovery_key"), EMPTY_KEY));
    }
    if connection.discovery_key().is_some() {
        return None;
    }
    let found = match endpoints(&connection.expand(), None, Kind::PROTOCOLS) {
        Ok(found) => found,
        Err(error) => {
            let key = key_of(&error, connection).map_or_else(|| key.clone(), |part| format!("{key}.{part}"));
            return Some(Invalid::failing(key, "cannot be used", &error.into()));
        }
    };
    Some(Invalid::failing(key, "cannot be used", &found.iter().find_map(Kind::unusable)?))
}

/// The key of a connection that an error is about, where it is given.
fn key_of(error: &ConnectError, connection: &ConnectionConfig) -> Option<&'static str> {
    let part = error.key()?;
    let is_given = match part {
        "host" => connection.host.is_some(),
        "port" => connection.port.is_some(),
        _ => connection.protocol.is_some(),
    };
    if is_given { Some(part) } else { connection.uri.as_ref().map(|_| "uri") }
}

/// The keys of a section that a parameter may have been meant as.
const KEYS: [&str; 6] = ["client_id", "username", "password", "keepalive_timeout", "clean_session", "topic"];

/// Every part of the connection under `key` that has no effect.
fn ignored(key: &str, connection: &ConnectionConfig) -> Vec<Invalid> {
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
        _ => "; whether the session is persistent is the key `options.clean_session`",
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
    use super::*;
    use crate::config::from_pairs;

    #[test]
    fn there_are_not_more_connections_than_a_limit() {
        let found = |count: usize| {
            let pairs = (0..count).map(|number| (format!("connections.{number}.host"), "h".to_owned()));
            let config: MqttConfig = from_pairs(pairs).unwrap();
            let found = invalid(&config).into_iter().chain(unreachable(&config));
            found.map(|invalid| invalid.to_string()).collect::<Vec<_>>()
        };
        assert!(found(MAX_CONNECTIONS).is_empty());
        assert_eq!(found(MAX_CONNECTIONS + 1), ["`connections` has more than 256 connections; name fewer"]);
    }

    #[test]
    fn control_characters_are_refused_unless_permitted() {
        let wrong = |more: &[(&str, &str)]| {
            let pairs = [("connection.host", "h"), ("will.topic", "a\nb")];
            let config: MqttConfig = from_pairs(pairs.iter().chain(more).copied()).unwrap();
            invalid(&config).first().map(ToString::to_string)
        };
        let shown = wrong(&[]).unwrap();
        assert!(shown.starts_with("`will.topic` cannot be published to: `a\\nb` holds"), "{shown}");
        assert_eq!(wrong(&[("options.allow_control_characters", "true")]), None);
        let response = wrong(&[("options.response_topic", "\u{1}")]).unwrap();
        assert!(response.contains("`options.response_topic` has a control character"), "{response}");
    }

    fn texts(pairs: &[(&str, &str)]) -> Vec<String> {
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
            let found = texts(pairs);
            assert!(found.len() == 1 && found[0].contains(named), "{pairs:?}: {found:?}");
        }
        let found = texts(&[("connection.uri", "mqtt://h/t?a=secret&b=secret")]);
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
            assert!(texts(pairs).is_empty(), "{pairs:?}: {:?}", texts(pairs));
        }
    }
}
