//! Mistakes that only other sections, files and the environment show.

use std::sync::Arc;

use futures_util::FutureExt;

use super::brokers::{keyed_connections, keyed_credentials};
use crate::Coded;
use crate::auth::{self, CredentialParams, CredentialResolver};
use crate::component::Neighbours;
use crate::config::{Invalid, code};
use crate::connect::{self, ConnectionConfig, ConnectionResolver, Discovery, Endpoint, endpoints};
use crate::mqtt::config::check_login;
use crate::mqtt::transport::{Kind, Stream};
use crate::mqtt::{LoginError, MqttConfig};

/// A credential as far as it is known.
pub(super) enum Login {
    /// Nobody knows it, or why there is none is reported.
    Unknown,
    /// There is none, or this one, which the section has under this key.
    Known(Option<(String, CredentialParams)>),
}

/// What is known of all brokers together.
#[derive(Default)]
struct Brokers {
    /// Each, and whether it comes from discovery.
    found: Vec<(Endpoint, bool)>,
    /// Whether there may be others.
    more: bool,
}

/// Where a connection leads and as whom, as far as its section and its neighbours tell.
pub(super) struct Destinations<'c> {
    /// The credential.
    pub login: Login,
    /// Each connection with its key, and its brokers; `None` where nobody knows them, or what is wrong with it is reported.
    pub connections: Vec<(String, &'c ConnectionConfig, Option<Vec<Endpoint>>)>,
    /// What leads nowhere.
    pub problems: Vec<Invalid>,
}

impl<'c> Destinations<'c> {
    /// Where the connections of a configuration lead.
    pub fn of(config: &'c MqttConfig, around: &dyn Neighbours) -> Self {
        let mut problems = Vec::new();
        let login = login_of(config, around, &mut problems);
        let sought = keyed_connections(config).any(|(_, connection)| connection.discovery_key().is_some());
        let discovery = sought.then(|| connect::static_lookups(around, "discovery")).flatten();
        let connections = keyed_connections(config).map(|(key, connection)| {
            let endpoints = reached(&key, connection, discovery.as_deref(), &mut problems);
            (key, connection, endpoints)
        });
        Self { login, connections: connections.collect(), problems }
    }
}

/// Every key that leads to nothing, or to what the connection cannot use.
pub fn unresolvable(config: &MqttConfig, around: &dyn Neighbours) -> Vec<Invalid> {
    let Destinations { login, connections, problems: mut found } = Destinations::of(config, around);
    let mut brokers = Brokers::default();
    for (key, connection, endpoints) in connections {
        match endpoints {
            Some(endpoints) => {
                found.extend(refused(config, &key, connection, &endpoints, &login));
                let discovered = connection.discovery_key().is_some();
                brokers.found.extend(endpoints.into_iter().map(|endpoint| (endpoint, discovered)));
            }
            None => brokers.more = true,
        }
    }
    found.extend(unprotected(config, &brokers));
    found.extend(auth::exposed(keyed_credentials(config), around, "credentials"));
    found
}

/// The credential that would be used: the first that is there.
fn login_of(config: &MqttConfig, around: &dyn Neighbours, found: &mut Vec<Invalid>) -> Login {
    let sought = keyed_credentials(config).any(|(_, credential)| credential.store_key().is_some());
    let stores = sought.then(|| auth::static_lookups(around, "credentials")).flatten();
    let mut first: Option<Invalid> = None;
    for (key, credential) in keyed_credentials(config) {
        let looked_up = match (credential.store_key(), &stores) {
            (Some(_), None) => return Login::Unknown,
            (_, stores) => {
                let stores = stores.clone().unwrap_or_default();
                CredentialResolver::new(vec![credential.clone()], stores).lookup().now_or_never()
            }
        };
        match looked_up {
            None => return Login::Unknown,
            Some(Ok(None)) => {}
            Some(Ok(Some(credential))) => return Login::Known(Some((key, credential))),
            Some(Err(error)) => {
                let key = format!("{key}.store_key");
                first.get_or_insert_with(|| Invalid::failing(key, "leads to no credential", &error));
            }
        }
    }
    match first {
        None => Login::Known(None),
        Some(invalid) => {
            found.push(invalid);
            Login::Unknown
        }
    }
}

/// Why brokers that are reached would not be shown the credential, or what was found cannot be used by this program.
fn refused(
    config: &MqttConfig,
    key: &str,
    connection: &ConnectionConfig,
    endpoints: &[Endpoint],
    login: &Login,
) -> Option<Invalid> {
    let discovered = connection.discovery_key().is_some();
    let key_of = || format!("{key}.{}", if discovered { "discovery_key" } else { "uri" });
    let problem = endpoints.iter().filter(|_| discovered).find_map(Kind::unusable);
    if let Some(error) = problem {
        return Some(Invalid::failing(key_of(), "leads to what cannot be used", &error));
    }
    let Login::Known(login) = login else { return None };
    let used = login.as_ref().map(|(_, credential)| credential);
    // Whatever it is that a credential replaces of a user name and a password.
    let shown = endpoints.iter().cloned().map(|endpoint| endpoint.with_credential(used));
    let error = shown
        .into_iter()
        .find_map(|endpoint| check_login(&endpoint, config.options.protocol_version).err())?;
    let given = login.as_ref().filter(|(_, used)| used.username.is_some() || used.password.is_some());
    let key_of = given.map_or_else(key_of, |(key, _)| key.clone());
    // The character is reported where it is given.
    let reported = matches!(error, LoginError::Nul { .. })
        && keyed_credentials(config).any(|(_, credential)| credential.has_nul_in_username());
    let code = error.code();
    let error = if discovered { error.without_endpoint() } else { error };
    (!reported).then(|| Invalid::new(key_of, format!("cannot be used: {error}")).with_code(code))
}

/// What is wrong with `tls`.
fn unprotected(config: &MqttConfig, brokers: &Brokers) -> Vec<Invalid> {
    let with_tls = || brokers.found.iter().filter(|(one, _)| Kind::of(one.protocol).is_tls());
    let says_tls = keyed_connections(config).any(|(_, connection)| speaks_tls(connection));
    if with_tls().next().is_some() || says_tls {
        let hosts = with_tls().map(|(one, discovered)| (one.host.as_str(), !discovered));
        return Stream::tls_problems(&config.tls, hosts);
    }
    if brokers.more || brokers.found.is_empty() || !config.tls.is_given() {
        return Vec::new();
    }
    let problem = "is given, but no connection uses it: TLS has the protocol `mqtts` or `wss`";
    vec![match brokers.found.iter().any(|(_, discovered)| *discovered) {
        // What discovery says may be different elsewhere.
        true => Invalid::warning(code::DOUBTFUL_VALUE, "tls", problem),
        false => Invalid::new("tls", format!("{problem}; with others, leave `tls` out")),
    }]
}

/// Whether a connection has a protocol with TLS, wherever it leads.
fn speaks_tls(connection: &ConnectionConfig) -> bool {
    let protocols = connection.expand().into_iter().filter_map(|one| one.protocol);
    protocols.into_iter().any(|protocol| Kind::of(&protocol.to_ascii_lowercase()).is_tls())
}

/// Where a connection leads; `None` where nobody knows, or where what is wrong with it is reported.
fn reached(
    key: &str,
    connection: &ConnectionConfig,
    discovery: Option<&[Arc<dyn Discovery>]>,
    found: &mut Vec<Invalid>,
) -> Option<Vec<Endpoint>> {
    let sought = connection.discovery_key().is_some();
    let services = match (sought, discovery) {
        (true, services) => services?.to_vec(),
        (false, _) => Vec::new(),
    };
    let resolver = ConnectionResolver::new(vec![connection.clone()], services);
    // Whoever does not answer at once is not known.
    let resolved = resolver.resolve_all().now_or_never()?;
    let key_of = || format!("{key}.discovery_key");
    let resolved = resolved.map_err(|error| Invalid::failing(key_of(), "leads to no connection", &error));
    let reached = resolved.and_then(|resolved| {
        endpoints(&resolved, None, Kind::PROTOCOLS).map_err(|error| {
            let error = error.without_values().into();
            Invalid::failing(key_of(), "leads to what cannot be used", &error)
        })
    });
    match reached {
        Ok(reached) => Some(reached),
        Err(invalid) => {
            // What the section itself names is reported by itself.
            found.extend(Some(invalid).filter(|_| sought));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::Around;

    fn problems(pairs: &[(&str, &str)], around: &Around) -> Vec<String> {
        let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
        unresolvable(&config, around).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_password_needs_a_user_name_on_3_1_1() {
        let host = ("connection.host", "h");
        let none = Around::default();
        for (pairs, key_of) in [
            (&[host, ("credential.password", "p")][..], "`credential` cannot be used: there is a password"),
            (&[host, ("credentials.0.pass", "p")], "`credentials.0` cannot be used"),
            (&[("connection.uri", "mqtt://:p@h")], "`connection.uri` cannot be used"),
        ] {
            let found = problems(pairs, &none);
            assert!(found.len() == 1 && found[0].starts_with(key_of), "{found:?}");
            let five = [pairs, &[("options.protocol_version", "5")]].concat();
            assert!(problems(&five, &none).is_empty());
        }
        assert!(problems(&[host, ("credential.user", "u"), ("credential.pass", "p")], &none).is_empty());
        assert!(problems(&[("connection.uri", "mqtt://:p@h"), ("credential.user", "u")], &none).is_empty());
    }

    #[test]
    fn keys_that_nobody_is_asked_for_are_errors() {
        let pairs = [("connection.discovery_key", "k"), ("credential.store_key", "s")];
        let found = problems(&pairs, &Around::default());
        assert!(
            found[0].starts_with("`credential.store_key` leads to no credential: credential `s` is to be")
        );
        assert!(found[1].starts_with("`connection.discovery_key` leads to no connection: connection `k` is"));
        assert_eq!(found.len(), 2);
        let unknown = Around::default().unknown("discovery").unknown("credentials");
        assert!(problems(&pairs, &unknown).is_empty(), "nobody knows what they lead to");
    }

    #[test]
    fn nothing_of_what_another_section_says_shows() {
        const MEMORY: &str = "pip-services:discovery:memory:default:1.0";
        let uri = "mqtt://Canary_";
        let key = ("connection.discovery_key", "k");
        let password = ("credential.password", "p");
        let tls = ("tls.system_roots", "true");
        for (entry, pairs, expected) in [
            ("protocol = 'Canary_', host = 'h'", &[key][..], "has the protocol `…`; supported are `mqtt`"),
            ("protocol = 'mqtt', host = 'Canary/'", &[key], "the host of the connection is no name"),
            ("host = 'Canary_'", &[key, password], "a password for a broker that is discovered and no user"),
            (&format!("uri = '{uri}'"), &[key, password], "a password for a broker that is discovered"),
            ("protocol = 'mqtts', host = 'Canary..h'", &[key, tls], "cannot be used: `…` is neither a host"),
        ] {
            let around = Around::default().with::<crate::connect::MemoryDiscovery>(
                "discovery",
                MEMORY,
                &format!("connections.k = {{ {entry} }}"),
            );
            let found = problems(pairs, &around).join("\n");
            assert!(found.contains(expected) && !found.contains("Canary"), "{entry}: {found}");
        }
    }

    #[test]
    fn nothing_of_a_path_in_another_section_shows() {
        let folder = tempfile::Builder::new().prefix("Canary").tempdir().unwrap();
        let file = folder.path().join("d.toml");
        std::fs::write(&file, "k = { uri = 'mqtt://a?x=1' }").unwrap();
        std::fs::write(folder.path().join("s"), [0xff]).unwrap();
        let around = Around::default()
            .with::<crate::connect::FileDiscovery>(
                "discovery",
                "pip-services:discovery:file:default:1.0",
                &format!("path = '{}'", file.display()),
            )
            .with::<crate::auth::FileCredentialStore>(
                "credentials",
                "pip-services:credential-store:file:default:1.0",
                &format!("path = '{}'\nstrict = false", folder.path().display()),
            );
        let found = problems(&[("connection.discovery_key", "k"), ("credential.store_key", "s")], &around);
        assert!(found.len() == 2 && found.iter().all(|one| !one.contains("Canary")), "{found:?}");
        assert!(found[0].ends_with("the secret `s` is not UTF-8"), "{found:?}");
        assert!(found[1].contains("`k.uri` has a parameter"), "{found:?}");
    }

    #[test]
    fn tls_that_no_connection_uses_is_an_error() {
        let none = Around::default();
        let tls = ("tls.server_name", "h");
        let found = problems(&[("connection.host", "h"), tls], &none);
        assert!(found.len() == 1 && found[0].starts_with("`tls` is given, but no connection uses it"));
        for uri in ["mqtts://h", "mqtt://h"] {
            let pairs = [("connections.0.uri", uri), ("connections.1.uri", "mqtts://other"), tls];
            assert!(problems(&pairs, &none).is_empty());
        }
        assert!(problems(&[("connection.host", "h"), ("tls.server_name", "")], &none).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_has_a_path_that_the_system_takes() {
        let long = format!("unix:///{}", "x".repeat(200));
        let config: MqttConfig = crate::config::from_pairs([("connection.uri", &long)]).unwrap();
        let found = crate::mqtt::check::unreachable(&config);
        assert!(found[0].to_string().contains("the path of the socket is none"), "{found:?}");
    }
}
