//! Values that make no sense, alone or together.

use super::brokers::{keyed_connections, keyed_credentials};
use super::ignored::ignored;
use super::neighbours::{has_nul_in_username, unusable};
use crate::config::Invalid;
use crate::connect::{ConnectError, ConnectionConfig, MAX_CONNECTIONS, endpoints, one_or_many};
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
    must(!has_nul_in_username(config), "credential.username", "has the character U+0000, which MQTT forbids");
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
    Some(Invalid::failing(key, "cannot be used", &found.iter().find_map(unusable)?))
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
}
