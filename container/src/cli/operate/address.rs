//! Where the admin controller of a service is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use wirework::http::{BaseRoute, HttpEndpointConfig, ListenConfig, Protocol};

use crate::admin::AdminControllerConfig;
use crate::plan::{Plan, Planned};

/// A service to be asked.
pub(in crate::cli) struct Target {
    pub(super) address: Address,
    pub(super) token_file: Option<PathBuf>,
}

/// Where an admin controller is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(super) place: Place,
    /// The base route of the controller, such as `/admin`.
    pub(super) base: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// Why a manifest does not say where a running service can be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTarget {
    #[error(
        "the manifest has no admin controller; add a component `pip-services:admin-controller:http:default:1.0` beside a \
         `pip-services:endpoint:http:default:1.0`, or give the address of the service with `--address`"
    )]
    NoController,
    #[error(
        "what the manifest says of the admin controller or its endpoint cannot be read; give its address with `--address`"
    )]
    Unread,
    #[error(
        "the endpoint listens at a port that the system chooses; give the address that its log names with `--address http://HOST:PORT/admin`"
    )]
    AnyPort,
    #[error(
        "the endpoint listens at a socket that the process is started with (`fd:…`), whose address the manifest does not say; give it with \
         `--address http://HOST:PORT/admin` or `--address unix:FILE`"
    )]
    Passed,
    #[error(
        "the endpoint speaks TLS at every address that the manifest says, and a service is asked without; give the endpoint a listener at \
         `127.0.0.1`, or at a Unix socket, that has `protocol = \"http\"`"
    )]
    Tls,
}

/// Why a text is no address.
#[derive(Debug, thiserror::Error)]
#[error(
    "write `http://HOST:PORT`, with the base route of the admin controller behind it where that is not `/admin`, or `unix:FILE`"
)]
pub struct BadAddress;

impl Target {
    /// The admin controller of a plan.
    pub(super) fn of(plan: &Plan) -> Result<Self, NoTarget> {
        let controller = plan
            .components
            .iter()
            .find(|planned| planned.entry.descriptor.r#type() == "admin-controller")
            .ok_or(NoTarget::NoController)?;
        let config: &AdminControllerConfig = config_of(controller).ok_or(NoTarget::Unread)?;
        let endpoint = controller.references.first().and_then(|endpoint| plan.get(*endpoint.list.first()?));
        let endpoint: &HttpEndpointConfig = endpoint.and_then(config_of).ok_or(NoTarget::Unread)?;
        let place = place(&endpoint.addresses())?;
        let address = Address { place, base: config.base_route.to_string() };
        Ok(Self { address, token_file: config.options.token_file.as_ref().map(|path| path.to_path_buf()) })
    }
}

fn config_of<T: 'static>(planned: &Planned) -> Option<&T> {
    planned.parsed.as_ref()?.config.as_ref()?.downcast_ref()
}

/// The Unix socket where there is one, since it needs no token; else the first port that is known.
fn place(listeners: &[ListenConfig]) -> Result<Place, NoTarget> {
    let plain = || listeners.iter().filter(|one| one.protocol == Protocol::Http);
    if let Some(path) = plain().find_map(|one| one.path.as_ref()) {
        return Ok(Place::Unix(path.to_path_buf()));
    }
    let Some(known) = plain().find(|one| one.port() != 0 && !one.is_passed()) else {
        return Err(match plain().next() {
            None => NoTarget::Tls,
            Some(_) if plain().all(ListenConfig::is_passed) => NoTarget::Passed,
            Some(_) => NoTarget::AnyPort,
        });
    };
    let host = match known.host() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "::1",
        host => host,
    };
    Ok(Place::Tcp { host: host.to_owned(), port: known.port() })
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self { place: Place::Unix(PathBuf::from(path)), base: default_base() });
        }
        let rest = text.strip_prefix("http://").ok_or(BadAddress)?;
        let (authority, path) =
            rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let (host, port) = authority.rsplit_once(':').ok_or(BadAddress)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(BadAddress)?;
        if host.is_empty() {
            return Err(BadAddress);
        }
        let base = match path.trim_end_matches('/') {
            "" => default_base(),
            path => path.parse::<BaseRoute>().map_err(|_| BadAddress)?.to_string(),
        };
        Ok(Self { place: Place::Tcp { host: host.to_owned(), port }, base })
    }
}

fn default_base() -> String {
    AdminControllerConfig::default().base_route.to_string()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { host, port } if host.contains(':') => {
                write!(f, "http://[{host}]:{port}{}", self.base)
            }
            Place::Tcp { host, port } => write!(f, "http://{host}:{port}{}", self.base),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_asked_at_an_address_that_the_manifest_says_and_without_tls() {
        let asked = |text: &str| {
            let config: HttpEndpointConfig = toml::from_str(text).unwrap();
            match place(&config.addresses()) {
                Ok(place) => Address { place, base: String::new() }.to_string(),
                Err(error) => format!("{error:?}"),
            }
        };
        for (text, expected) in [
            ("", "http://127.0.0.1:8080"),
            ("connection.host = 'fd:http'", "Passed"),
            ("connection.host = 'fd::1'", "http://[fd::1]:8080"),
            ("connection.port = 0", "AnyPort"),
            ("connection.protocol = 'https'", "Tls"),
            ("connections = [{ host = 'fd:3' }, { host = '0.0.0.0', port = 81 }]", "http://127.0.0.1:81"),
            ("connections = [{ host = 'fd:3' }, { port = 81, protocol = 'https' }]", "Passed"),
            ("connections = [{ protocol = 'https' }, { path = '/run/s' }]", "unix:/run/s"),
        ] {
            assert_eq!(asked(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_a_port_or_a_socket() {
        for (text, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/admin"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/admin"),
            ("http://[::1]:8080/ops/admin/", "http://[::1]:8080/ops/admin"),
            ("unix:/run/service.sock", "unix:/run/service.sock"),
        ] {
            assert_eq!(
                text.parse::<Address>().ok().map(|address| address.to_string()).as_deref(),
                Some(shown)
            );
        }
        for text in [
            "",
            "127.0.0.1:8080",
            "https://x:1",
            "http://x",
            "http://:1",
            "http://x:0",
            "http://x:99999",
            "unix:",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
