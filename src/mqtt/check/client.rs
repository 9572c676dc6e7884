//! The client that a connection will be, for the brokers of the same manifest.

use super::neighbours::{Destinations, Login};
use crate::component::{Client, ClientServer, Neighbours};
use crate::connect::Endpoint;
use crate::mqtt::config::ClientId;
use crate::mqtt::transport::Kind;
use crate::mqtt::{MqttConfig, MqttVersion, MqttWill};
use crate::params::CredentialParams;

/// What a made client id is made of.
const MADE_OF: &str = "the names of the service, the component and the machine";
/// The bytes of CONNECT beside its texts: two bytes of header, ten of protocol, flags and keep-alive.
const CONNECT: usize = 12;
/// The bytes before each string: its length.
const LENGTH: usize = 2;

/// The client that a component of this name with this configuration will be.
pub fn client(name: &str, config: &MqttConfig, around: &dyn Neighbours) -> Client {
    let (mut servers, mut has_others) = (Vec::new(), false);
    // What is wrong with the section by itself is reported by itself.
    let Destinations { login, connections, .. } = Destinations::of(config, around);
    for (key, connection, endpoints) in connections {
        match endpoints {
            Some(endpoints) => {
                let is_discovered = connection.discovery_key().is_some();
                let key = format!("{key}{}", if is_discovered { ".discovery_key" } else { "" });
                servers.extend(endpoints.into_iter().map(|endpoint| server(&key, endpoint, &login)));
            }
            None => has_others = true,
        }
    }
    let (client_id, made_of) = match config.explicit_client_id() {
        Some(id) => (id.to_owned(), None),
        None => (ClientId::shortest(around.service_name().unwrap_or_default(), name), Some(MADE_OF)),
    };
    let version = config.options.protocol_version;
    let will = config.will.as_ref().and_then(|will| will.read(version).ok());
    let first_packet = first_packet(version, &client_id, will.as_ref(), servers.first());
    let user_properties = will.as_ref().map_or(0, |will| will.properties.user.len());
    let will = will.map(|will| will.topic.to_string());
    Client {
        servers,
        has_others,
        client_id,
        made_of,
        will,
        user_properties,
        first_packet,
        connects_later: false,
        // A broker of MQTT 5 says for which filter a message comes, so that none has to be left out.
        merges_filters: version == MqttVersion::V4,
    }
}

fn server(key: &str, endpoint: Endpoint, login: &Login) -> ClientServer {
    let (used, login_key) = match login {
        Login::Unknown => (None, "credential".to_owned()),
        Login::Known(None) => (Some(None), "credential".to_owned()),
        Login::Known(Some((key, credential))) => (Some(Some(credential)), key.clone()),
    };
    let (protocol, is_plain) = (endpoint.protocol, Kind::of(endpoint.protocol) == Kind::Tcp);
    let (host, port) = (endpoint.host.clone(), endpoint.port);
    let login = used.map(|used| {
        let Endpoint { username, password, .. } = endpoint.with_credential(used);
        CredentialParams { username, password, ..CredentialParams::default() }
    });
    ClientServer { key: key.to_owned(), host, port, protocol, is_plain, login, login_key }
}

/// The least bytes of CONNECT.
fn first_packet(
    version: MqttVersion,
    client_id: &str,
    will: Option<&MqttWill>,
    server: Option<&ClientServer>,
) -> usize {
    let login = server.and_then(|server| server.login.as_ref());
    let username = login.and_then(|login| login.username.as_ref()).map(String::len);
    let password = login.and_then(|login| login.password.as_ref()).map(|password| password.expose().len());
    let will_parts = will.map(|will| [will.topic.len(), will.payload.len()]);
    let texts =
        [client_id.len()].into_iter().chain(will_parts.into_iter().flatten()).chain(username).chain(password);
    // The least bytes of the properties: their lengths, and those of the user.
    let users = will.iter().flat_map(|will| &will.properties.user);
    let users: usize = users.map(|(name, value)| 1 + 2 * LENGTH + name.len() + value.len()).sum();
    let properties = if version == MqttVersion::V5 { 1 + usize::from(will.is_some()) + users } else { 0 };
    CONNECT + properties + texts.map(|text| LENGTH + text).sum::<usize>()
}
