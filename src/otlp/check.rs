//! What `check` finds in the configuration of a connection.

use super::config::{OtlpConnectionConfig, OtlpOptions};
use crate::config::{Invalid, code};
use crate::http_client::Target;

/// Where collectors listen for OTLP over HTTP.
pub(super) const PORT: u16 = 4318;

/// Where collectors listen for OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

impl OtlpConnectionConfig {
    /// The collectors that it sends to.
    pub(super) fn target(&self) -> Target<'_> {
        Target {
            what: "collector",
            port: PORT,
            connection: self.connection.as_ref(),
            connections: self.connections.as_deref(),
            credential: self.credential.as_ref(),
            credentials: self.credentials.as_deref(),
            tls: &self.tls,
            other_protocol: grpc,
        }
    }
}

/// What is said of the other protocol that collectors speak.
fn grpc(protocol: &str) -> Option<String> {
    let is_grpc = protocol.eq_ignore_ascii_case("grpc") || protocol.eq_ignore_ascii_case("grpcs");
    is_grpc.then(|| {
        format!(
            "is for OTLP over gRPC, which is not spoken here; use `http` or `https`, to which collectors listen at port {PORT}"
        )
    })
}

/// Every value that cannot work.
pub(super) fn invalid(config: &OtlpConnectionConfig) -> Vec<Invalid> {
    let mut found = config.target().invalid();
    found.extend(bad_options(&config.options));
    if config.resource.keys().any(String::is_empty) {
        found.push(Invalid::new("resource", "has an attribute without a name"));
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

/// What works, and most likely not as it is meant.
pub(super) fn warnings(config: &OtlpConnectionConfig) -> Vec<Invalid> {
    let target = config.target();
    let mut found = Vec::new();
    for (key, connection) in target.connections() {
        let part = match (connection.port, &connection.uri) {
            (Some(_), _) => "port",
            (None, Some(_)) => "uri",
            (None, None) => "host",
        };
        let named = target.named(connection).unwrap_or_default();
        if named.iter().any(|endpoint| endpoint.port == GRPC_PORT) {
            let problem = format!(
                "is port {GRPC_PORT}, at which collectors listen for OTLP over gRPC; over HTTP it is {PORT}"
            );
            found.push(Invalid::warning(code::DOUBTFUL_VALUE, format!("{key}.{part}"), problem));
        }
    }
    found.extend(target.warnings());
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
            config.target().tls_problems().iter().map(|one| one.key().to_owned()).collect::<Vec<_>>()
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
