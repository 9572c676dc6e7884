//! What `check` warns of, though the connection would work.

use super::config::MqttConfig;
use super::transport::PROTOCOLS;
use crate::config::Invalid;
use crate::connect::{ConnectionConfig, Reached, endpoints, protection_warnings};

impl MqttConfig {
    /// Passwords that would be sent in clear, and brokers of one list of which some are reached without TLS, as far as the
    /// section itself shows it.
    pub(super) fn warnings(&self) -> Vec<Invalid> {
        let credentials = self.credential.iter().chain(self.credentials.iter().flatten());
        // What a store keeps is a password, or it would not be there.
        let password = credentials
            .into_iter()
            .any(|credential| credential.inline().password.is_some() || credential.store_key().is_some());
        let reached: Vec<_> =
            self.keyed().flat_map(|(key, connection)| reached(&key, connection, password)).collect();
        protection_warnings(&reached)
    }

    /// All connections with their keys.
    pub(super) fn keyed(&self) -> impl Iterator<Item = (String, &ConnectionConfig)> {
        let single = self.connection.iter().map(|connection| ("connection".to_owned(), connection));
        let several = self.connections.iter().flatten().enumerate();
        single.chain(several.map(|(index, connection)| (format!("connections.{index}"), connection)))
    }
}

fn reached(key: &str, connection: &ConnectionConfig, password: bool) -> Vec<Reached> {
    let named = connection.protocol.is_some() || connection.uri.is_some();
    // What discovery finds may say the protocol.
    if connection.discovery_key().is_some() && !named {
        return Vec::new();
    }
    let key = format!("{key}.{}", if connection.uri.is_some() { "uri" } else { "host" });
    // What cannot be used is reported elsewhere.
    let endpoints = endpoints(&connection.expand(), None, PROTOCOLS).unwrap_or_default();
    let reached = endpoints.iter().filter_map(|endpoint| {
        let password = password || endpoint.password.is_some();
        Reached::new(key.clone(), endpoint.protocol, &endpoint.host, password)
    });
    reached.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(pairs: &[(&str, &str)]) -> Vec<String> {
        let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
        assert!(config.invalid().is_empty() && config.unreachable().is_empty());
        config.warnings().iter().map(|warning| warning.key().to_owned()).collect()
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
    fn an_empty_key_is_an_error() {
        for (key, pairs) in [
            ("connection.discovery_key", [("connection.host", "h"), ("connection.discovery_key", "")]),
            ("credential.store_key", [("connection.host", "h"), ("credential.store_key", "")]),
            ("credentials.0.store_key", [("connection.host", "h"), ("credentials.0.store_key", "")]),
        ] {
            let config: MqttConfig = crate::config::from_pairs(pairs).unwrap();
            let found = config.unreachable();
            assert_eq!(found.iter().map(Invalid::key).collect::<Vec<_>>(), [key]);
            assert!(found[0].to_string().contains("is empty"));
        }
    }
}
