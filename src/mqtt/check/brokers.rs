//! The connections and credentials of a configuration, the brokers that it names itself, and what it claims there.

use std::collections::BTreeSet;

use crate::auth::CredentialConfig;
use crate::component::Claim;
use crate::connect::{ConnectionConfig, keyed};
use crate::mqtt::MqttConfig;
use crate::mqtt::transport::Kind;

/// All connections with their keys.
pub fn keyed_connections(config: &MqttConfig) -> impl Iterator<Item = (String, &ConnectionConfig)> {
    keyed(config.connection.as_ref(), config.connections.as_deref())
}

/// All credentials with their keys.
pub fn keyed_credentials(config: &MqttConfig) -> impl Iterator<Item = (String, &CredentialConfig)> {
    keyed(config.credential.as_ref(), config.credentials.as_deref())
}

/// The client id of a configuration at each broker that the configuration itself names.
pub fn claims(config: &MqttConfig) -> Vec<Claim> {
    let Some(client_id) = config.explicit_client_id() else { return Vec::new() };
    let claim = |endpoint| Claim::ClientId { endpoint, client_id: client_id.to_owned() };
    // A list may name a broker twice, to which it is one client all the same.
    let servers: BTreeSet<_> = servers(config).into_iter().collect();
    servers.into_iter().map(claim).collect()
}

/// The brokers that the configuration itself names, as `host:port`, or by the path of a socket.
pub fn servers(config: &MqttConfig) -> Vec<String> {
    let connections = config.connection.iter().chain(config.connections.iter().flatten());
    let named = connections.flat_map(|connection| connection.expand()).filter_map(|connection| {
        let protocol = connection.protocol.as_deref().unwrap_or("mqtt");
        let (_, port) = Kind::PROTOCOLS.iter().find(|(known, _)| known.eq_ignore_ascii_case(protocol))?;
        match connection.host {
            Some(host) => Some(format!("{host}:{}", connection.port.unwrap_or(*port))),
            None => connection.path,
        }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_id_that_was_given_is_claimed() {
        let claims = |pairs: &[(&str, &str)]| {
            let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
            claims(&config)
        };
        assert!(claims(&[("connection.host", "h")]).is_empty());
        let claim = |endpoint: &str| Claim::ClientId { endpoint: endpoint.into(), client_id: "me".into() };
        assert_eq!(claims(&[("client_id", "me"), ("connection.uri", "mqtt://u:p@h:7")]), [claim("h:7")]);
        assert_eq!(claims(&[("client_id", "me"), ("connections.0.host", "h")]), [claim("h:1883")]);
        assert_eq!(claims(&[("client_id", "me"), ("connection.uri", "wss://h/x")]), [claim("h:443")]);
        assert_eq!(claims(&[("client_id", "me"), ("connection.uri", "unix:///run/x")]), [claim("/run/x")]);
        assert!(claims(&[("client_id", "me"), ("connection.discovery_key", "k")]).is_empty());
    }
}
