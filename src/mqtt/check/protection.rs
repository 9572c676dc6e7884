//! Warnings about protection: the connection would work, but unencrypted, or at a port that says otherwise.

use super::brokers::{keyed_connections, keyed_credentials};
use crate::component::{DiscoveredServers, Flow};
use crate::config::{Invalid, code};
use crate::connect::{ConnectionConfig, endpoints};
use crate::mqtt::MqttConfig;
use crate::mqtt::transport::Kind;
use crate::params::{Reached, protection_warnings};

/// Passwords that would be sent in clear, brokers of one list of which some are reached without TLS, and ports that say
/// otherwise than the protocol, as far as the section itself shows it.
pub fn warnings(config: &MqttConfig) -> Vec<Invalid> {
    let password = has_password(config);
    let reached: Vec<_> =
        keyed_connections(config).flat_map(|(key, connection)| reached(&key, connection, password)).collect();
    let mut found = protection_warnings(&reached);
    found.extend(keyed_connections(config).filter_map(|(key, connection)| doubt(key, connection)));
    found.extend(keyed_credentials(config).flat_map(|(key, credential)| credential.unread(&key)));
    found
}

/// The connections of which only discovery knows the servers.
pub fn discovered_servers(config: &MqttConfig) -> Vec<Flow> {
    let discovered = keyed_connections(config).filter(|(_, connection)| {
        connection.uri.is_none() && connection.host.as_deref().is_none_or(str::is_empty)
    });
    let sought = discovered.filter_map(|(key, connection)| {
        Some(Flow::DiscoveredServers(DiscoveredServers {
            field: "discovery",
            key: format!("{key}.discovery_key"),
            name: connection.discovery_key()?.to_owned(),
            protocol: connection.protocol.clone().filter(|protocol| !protocol.is_empty()),
            default_protocol: "mqtt",
            password: has_password(config),
        }))
    });
    sought.collect()
}

fn has_password(config: &MqttConfig) -> bool {
    // What a store keeps is a password, or it would not be there.
    keyed_credentials(config)
        .any(|(_, credential)| credential.inline().password.is_some() || credential.store_key().is_some())
}

/// The port that says something about TLS which the protocol does not.
fn doubt(key: String, connection: &ConnectionConfig) -> Option<Invalid> {
    let wrong = connection.expand().into_iter().find_map(|one| {
        let kind = Kind::of(&one.protocol.as_deref().unwrap_or("mqtt").to_ascii_lowercase());
        match (one.port?, kind) {
            (8883, Kind::Tcp | Kind::WebSocket) => {
                Some("is port 8883, which is for TLS, but the protocol has none; `mqtts` has it")
            }
            (1883, Kind::Tls | Kind::SecureWebSocket) => {
                Some("is port 1883, which is for MQTT without TLS, but the protocol has it; is 8883 meant?")
            }
            _ => None,
        }
    })?;
    let part = if connection.port.is_some() { "port" } else { "uri" };
    Some(Invalid::warning(code::DOUBTFUL_VALUE, format!("{key}.{part}"), wrong))
}

fn reached(key: &str, connection: &ConnectionConfig, password: bool) -> Vec<Reached> {
    let named = connection.protocol.is_some() || connection.uri.is_some();
    // What discovery finds may say the protocol.
    if connection.discovery_key().is_some() && !named {
        return Vec::new();
    }
    let key = format!("{key}.{}", if connection.uri.is_some() { "uri" } else { "host" });
    // What cannot be used is reported elsewhere.
    let endpoints = endpoints(&connection.expand(), None, Kind::PROTOCOLS).unwrap_or_default();
    let reached = endpoints.iter().filter_map(|endpoint| {
        let password = password || endpoint.password.is_some();
        Reached::new(key.clone(), endpoint.protocol, &endpoint.host, password)
    });
    reached.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::check::{invalid, unreachable};

    fn warned(pairs: &[(&str, &str)]) -> Vec<String> {
        let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
        assert!(invalid(&config).is_empty() && unreachable(&config).is_empty());
        warnings(&config).iter().map(|warning| warning.key().to_owned()).collect()
    }

    #[test]
    fn every_way_to_give_a_password_is_seen() {
        let host = ("connection.host", "broker");
        assert!(warned(&[host]).is_empty());
        assert_eq!(warned(&[host, ("credential.password", "p")]), ["connection.host"]);
        assert_eq!(warned(&[host, ("credentials.0.store_key", "k")]), ["connection.host"]);
        assert_eq!(warned(&[("connection.uri", "mqtt://u:p@a,b")]), ["connection.uri"]);
        assert!(warned(&[("connection.uri", "mqtts://u:p@a,b")]).is_empty());
        assert!(
            warned(&[("connection.discovery_key", "k"), ("connection.host", "h"), ("credential.pass", "p")])
                .is_empty()
        );
        assert_eq!(
            warned(&[("connections.0.uri", "mqtts://a"), ("connections.1.host", "b")]),
            ["connections.1.host"]
        );
    }

    #[test]
    fn what_only_discovery_knows_is_sought() {
        let sought = |pairs: &[(&str, &str)]| {
            let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
            let keys = discovered_servers(&config).into_iter().map(|flow| match flow {
                Flow::DiscoveredServers(DiscoveredServers { key, name, protocol, password, .. }) => {
                    format!("{key} {name} {protocol:?} {password}")
                }
                _ => String::new(),
            });
            keys.collect::<Vec<_>>()
        };
        let (key, password) = (("connection.discovery_key", "k"), ("credential.password", "p"));
        assert_eq!(sought(&[key, password]), ["connection.discovery_key k None true"]);
        assert_eq!(
            sought(&[("connections.0.discovery_key", "k"), ("connections.0.protocol", "mqtts"), password]),
            ["connections.0.discovery_key k Some(\"mqtts\") true"]
        );
        assert_eq!(sought(&[key]), ["connection.discovery_key k None false"]);
        assert!(sought(&[("connection.host", "h"), password]).is_empty(), "it is warned of by itself");
        assert!(sought(&[key, ("connection.host", "h"), password]).is_empty());
    }

    #[test]
    fn an_empty_key_is_an_error() {
        for (key, pairs) in [
            ("connection.discovery_key", [("connection.host", "h"), ("connection.discovery_key", "")]),
            ("credential.store_key", [("connection.host", "h"), ("credential.store_key", "")]),
            ("credentials.0.store_key", [("connection.host", "h"), ("credentials.0.store_key", "")]),
        ] {
            let config: MqttConfig = crate::config::from_pairs(pairs).unwrap();
            let found = unreachable(&config);
            assert_eq!(found.iter().map(Invalid::key).collect::<Vec<_>>(), [key]);
            assert!(found[0].to_string().contains("is empty"));
        }
    }

    #[test]
    fn ports_that_say_otherwise_than_the_protocol_are_warned_of() {
        let ports = |pairs: &[(&str, &str)]| -> Vec<String> {
            let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
            assert!(invalid(&config).is_empty() && unreachable(&config).is_empty());
            let warnings = warnings(&config);
            warnings.iter().map(ToString::to_string).filter(|text| text.contains(" is port ")).collect()
        };
        let plain = ports(&[("connection.host", "h"), ("connection.port", "8883")]);
        assert_eq!(plain.len(), 1);
        assert!(plain[0].starts_with("`connection.port` is port 8883, which is for TLS"), "{plain:?}");
        let both = ports(&[("connections.0.uri", "mqtts://h:1883"), ("connections.1.uri", "mqtt://h:8883")]);
        assert!(both[0].starts_with("`connections.0.uri` is port 1883") && both.len() == 2, "{both:?}");
        for fine in ["mqtt://h", "mqtts://h", "mqtts://h:8883", "wss://h", "ws://h:8080", "unix:///x"] {
            assert_eq!(ports(&[("connection.uri", fine)]), [""; 0], "{fine}");
        }
    }
}
