//! What `check` finds in the configuration of a connection.

use super::config::{OtlpConnectionConfig, OtlpOptions};
use super::destination::{PORT, PROTOCOLS, credential_headers, with_port};
use super::error::OtlpError;
use crate::auth::CredentialConfig;
use crate::config::{Invalid, code};
use crate::connect::{ConnectError, ConnectionConfig, Endpoint, endpoints, keyed, one_or_many};
use crate::error::chain;
use crate::params::is_loopback;

/// Where collectors listen for OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

/// What is wrong with an empty key of a store.
const EMPTY_KEY: &str = "is empty; name a key, or leave it out";

fn connections(config: &OtlpConnectionConfig) -> impl Iterator<Item = (String, &ConnectionConfig)> {
    keyed(config.connection.as_ref(), config.connections.as_deref())
}

fn credentials(config: &OtlpConnectionConfig) -> impl Iterator<Item = (String, &CredentialConfig)> {
    keyed(config.credential.as_ref(), config.credentials.as_deref())
}

/// Every value that cannot work.
pub(super) fn invalid(config: &OtlpConnectionConfig) -> Vec<Invalid> {
    let mut found = config.tls.invalid();
    found.extend(one_or_many(config.connection.clone(), config.connections.clone()).err().map(Invalid::from));
    found.extend(one_or_many(config.credential.clone(), config.credentials.clone()).err().map(Invalid::from));
    found.extend(connections(config).filter_map(|(key, one)| unreachable(&key, one)));
    found.extend(credentials(config).flat_map(|(key, one)| bad_headers(&key, one)));
    found.extend(bad_options(&config.options));
    if config.resource.keys().any(String::is_empty) {
        found.push(Invalid::new("resource", "has an attribute without a name"));
    }
    found
}

/// The servers that a connection names itself. Of those that discovery knows nothing is said.
fn named(connection: &ConnectionConfig) -> Result<Vec<Endpoint>, ConnectError> {
    let is_named =
        connection.uri.is_some() || connection.host.as_deref().is_some_and(|host| !host.is_empty());
    if connection.discovery_key().is_some() && !is_named {
        return Ok(Vec::new());
    }
    let connections: Vec<_> = connection.expand().into_iter().map(with_port).collect();
    endpoints(&connections, None, PROTOCOLS)
}

fn unreachable(key: &str, connection: &ConnectionConfig) -> Option<Invalid> {
    let part = if connection.uri.is_some() { "uri" } else { "protocol" };
    match named(connection) {
        Ok(endpoints) => {
            let secure = endpoints.iter().any(|endpoint| endpoint.protocol == "https");
            let problem = "is `https`, for which this program was built without the feature `tls`";
            (secure && !cfg!(feature = "tls")).then(|| Invalid::new(format!("{key}.{part}"), problem))
        }
        Err(ConnectError::UnsupportedProtocol { protocol, .. }) => {
            let grpc = protocol.eq_ignore_ascii_case("grpc") || protocol.eq_ignore_ascii_case("grpcs");
            let problem = if grpc {
                format!(
                    "is for OTLP over gRPC, which is not spoken here; use `http` or `https`, to which collectors listen at port {PORT}"
                )
            } else {
                format!(
                    "has another protocol than `http` or `https`; an address is such as `http://localhost:{PORT}`"
                )
            };
            Some(Invalid::new(format!("{key}.{part}"), problem))
        }
        Err(error) => {
            let part = error.key().filter(|_| connection.uri.is_none());
            let key = part.map_or_else(|| key.to_owned(), |part| format!("{key}.{part}"));
            Some(Invalid::new(key, format!("names no collector: {}", chain(&error))))
        }
    }
}

fn bad_headers(key: &str, credential: &CredentialConfig) -> Vec<Invalid> {
    let mut found = Vec::new();
    if credential.store_key.as_deref() == Some("") {
        found.push(Invalid::new(format!("{key}.store_key"), EMPTY_KEY));
    }
    if let Err(OtlpError::Header { name, problem }) = credential_headers(Some(&credential.inline())) {
        found.push(Invalid::new(format!("{key}.parameters.{name}"), problem));
    }
    found
}

fn bad_options(options: &OtlpOptions) -> Vec<Invalid> {
    let mut found = Vec::new();
    let mut must = |holds: bool, key: &'static str, problem: &'static str| {
        if !holds {
            found.push(Invalid::new(key, problem));
        }
    };
    let OtlpOptions { max_queued_records, max_queued_bytes, batch_records, batch_bytes, .. } = *options;
    must(
        options.timeout.is_none_or(|limit| !limit.0.is_zero()),
        "options.timeout",
        "is 0: no collector answers in no time",
    );
    must(batch_records > 0, "options.batch_records", "is 0, but has to be at least 1");
    must(batch_bytes > 0, "options.batch_bytes", "is 0, but has to be at least 1");
    must(
        max_queued_records >= batch_records,
        "options.max_queued_records",
        "is below `options.batch_records`, so that no batch were ever full",
    );
    must(
        max_queued_bytes >= batch_bytes,
        "options.max_queued_bytes",
        "is below `options.batch_bytes`, so that no batch were ever full",
    );
    must(
        options.max_retry_delay >= options.retry_delay,
        "options.max_retry_delay",
        "is below `options.retry_delay`",
    );
    found
}

/// What is wrong with certificates and keys, where a collector is reached with TLS. It reads the files.
#[cfg(feature = "tls")]
pub(super) fn tls_problems(config: &OtlpConnectionConfig) -> Vec<Invalid> {
    let named: Vec<_> = connections(config).flat_map(|(_, one)| named(one).unwrap_or_default()).collect();
    let mut hosts = named.iter().filter(|endpoint| endpoint.protocol == "https").peekable();
    if hosts.peek().is_none() {
        return Vec::new();
    }
    crate::tls::ClientTls::problems(&config.tls, hosts.map(|endpoint| (&*endpoint.host, true)))
}

/// There is nothing to read.
#[cfg(not(feature = "tls"))]
pub(super) fn tls_problems(_: &OtlpConnectionConfig) -> Vec<Invalid> {
    Vec::new()
}

/// What works, and most likely not as it is meant.
pub(super) fn warnings(config: &OtlpConnectionConfig) -> Vec<Invalid> {
    let secret = credentials(config).next().is_some();
    let mut secure = connections(config).next().is_none();
    let mut found = Vec::new();
    for (key, connection) in connections(config) {
        let part = if connection.uri.is_some() { "uri" } else { "host" };
        secure |= connection.discovery_key().is_some();
        for endpoint in named(connection).unwrap_or_default() {
            let is_plain = endpoint.protocol != "https";
            secure |= !is_plain;
            if endpoint.port == GRPC_PORT {
                let part = if connection.port.is_some() { "port" } else { part };
                let problem = format!(
                    "is port {GRPC_PORT}, at which collectors listen for OTLP over gRPC; over HTTP it is {PORT}"
                );
                found.push(Invalid::warning(code::DOUBTFUL_VALUE, format!("{key}.{part}"), problem));
            }
            if is_plain && (secret || endpoint.password.is_some()) && !is_loopback(&endpoint.host) {
                let problem =
                    "is reached without TLS: the credential crosses the network in clear; use `https`";
                found.push(Invalid::warning(code::PASSWORD_UNPROTECTED, format!("{key}.{part}"), problem));
            }
        }
    }
    if config.tls.is_given() && !secure {
        let problem = "is given, but no connection uses it; TLS has the protocol `https`";
        found.push(Invalid::warning(code::DOUBTFUL_VALUE, "tls", problem));
    }
    // Several hosts of one URI are one line of the manifest.
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)]) -> Vec<String> {
        let config: OtlpConnectionConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
        invalid(&config).into_iter().chain(warnings(&config)).map(|one| one.to_string()).collect()
    }

    #[test]
    fn what_works_is_not_complained_about() {
        for fine in [
            &[][..],
            &[("connection.host", "collector")],
            &[("connection.uri", "http://localhost:4318")],
            &[
                ("connection.uri", "https://c.example/otlp"),
                ("credential.parameters.x-key", "k"),
                ("tls.ca_file", "ca.pem"),
            ],
            &[("connection.discovery_key", "collector"), ("credential.store_key", "k")],
            &[("connection.uri", "http://127.0.0.1:4318"), ("credential.username", "u")],
        ] {
            assert_eq!(found(fine), [""; 0], "{fine:?}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn files_are_read_where_there_is_tls() {
        let problems = |uri: &str| {
            let pairs = [("connection.uri", uri), ("tls.ca_file", "/nowhere/ca.pem")];
            let config: OtlpConnectionConfig = crate::config::from_pairs(pairs).unwrap();
            tls_problems(&config).iter().map(|one| one.key().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((problems("https://h"), problems("http://h")), (vec!["tls.ca_file".to_owned()], vec![]));
    }

    #[test]
    fn grpc_is_told_of_http() {
        let grpc = "is for OTLP over gRPC, which is not spoken here; use `http` or `https`, to which collectors listen at port 4318";
        assert_eq!(found(&[("connection.uri", "grpc://h:4317")]), [format!("`connection.uri` {grpc}")]);
        assert_eq!(
            found(&[("connection.host", "h"), ("connection.protocol", "grpc")]),
            [format!("`connection.protocol` {grpc}")]
        );
        let port = "is port 4317, at which collectors listen for OTLP over gRPC; over HTTP it is 4318";
        assert_eq!(found(&[("connection.uri", "http://h:4317")]), [format!("`connection.uri` {port}")]);
        assert_eq!(
            found(&[("connection.host", "h"), ("connection.port", "4317")]),
            [format!("`connection.port` {port}")]
        );
    }

    #[test]
    fn everything_else_is_named_with_its_key() {
        let one = |pairs: &[(&str, &str)]| found(pairs).join("; ");
        assert!(
            one(&[("connection.uri", "mqtt://h")])
                .starts_with("`connection.uri` has another protocol than `http`")
        );
        assert!(one(&[("connection.host", "http://h")]).starts_with("`connection.host` names no collector"));
        let header = one(&[("credential.parameters.a b", "canary")]);
        assert_eq!(header, "`credential.parameters.a b` has a name that no header can have");
        assert!(
            one(&[("connection.host", "h"), ("credential.password", "p")]).contains("in clear; use `https`")
        );
        assert!(
            one(&[("connection.host", "h"), ("tls.ca_file", "ca.pem")]).starts_with("`tls` is given, but")
        );
        assert!(one(&[("connection.host", "h"), ("connections.0.host", "h")]).contains("both given"));
        assert!(one(&[("options.timeout", "0")]).starts_with("`options.timeout` is 0"));
        assert!(
            one(&[("options.batch_records", "20000")]).starts_with("`options.max_queued_records` is below")
        );
        assert!(one(&[("options.max_retry_delay", "1ms")]).starts_with("`options.max_retry_delay` is below"));
        assert!(one(&[("credential.store_key", "")]).starts_with("`credential.store_key` is empty"));
    }
}
