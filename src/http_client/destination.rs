//! Where requests are sent, with which headers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::error::HeaderError;
use crate::auth::{CredentialParams, CredentialResolver};
use crate::connect::{ConnectionParams, ConnectionResolver, Endpoint, endpoints};
use crate::error::Error;

/// What is spoken, with the ports that a URI without one means.
pub(crate) const PROTOCOLS: &[(&str, u16)] = &[("http", 80), ("https", 443)];

/// An address to which requests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestUrl {
    pub endpoint: Endpoint,
    /// With the query, where there is one.
    path: String,
}

impl RequestUrl {
    /// Below the address of a server, with this path that begins with `/`.
    pub fn below(endpoint: Endpoint, path: &str) -> Self {
        let base = endpoint.path.as_deref().unwrap_or_default().trim_end_matches('/');
        let path = format!("{base}{path}");
        Self { path: with_query(path, &endpoint), endpoint }
    }

    /// At this very address.
    pub fn exact(endpoint: Endpoint) -> Self {
        let path = endpoint.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/").to_owned();
        Self { path: with_query(path, &endpoint), endpoint }
    }

    pub fn path(&self) -> &str {
        &self.path
    }
}

fn with_query(path: String, endpoint: &Endpoint) -> String {
    match endpoint.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

/// Without the query, which may be secret.
impl fmt::Display for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.endpoint.protocol, self.endpoint.authority())
    }
}

/// What says where requests are sent. It is asked anew for each connection, so that what discovery and stores say then counts.
pub(crate) struct Destination {
    address: Address,
    headers: Headers,
}

/// Of what the addresses are made.
pub(crate) enum Address {
    /// Of the connections in the manifest.
    Configured {
        resolver: Arc<ConnectionResolver>,
        /// The port where neither a URI nor anybody else says one.
        port: u16,
        /// What is put behind the path of a URI; it begins with `/`.
        path: Cow<'static, str>,
    },
    /// Of variables.
    Given(Vec<RequestUrl>),
}

/// Of what the headers are made.
pub(crate) enum Headers {
    /// Of the credentials in the manifest.
    Configured(Arc<CredentialResolver>),
    /// Of variables.
    Given(HeaderMap),
}

impl Destination {
    pub fn new(address: Address, headers: Headers) -> Self {
        Self { address, headers }
    }

    /// The addresses, in order of preference.
    pub async fn urls(&self) -> Result<Vec<RequestUrl>, Error> {
        let (resolver, port, path) = match &self.address {
            Address::Given(urls) => return Ok(urls.clone()),
            Address::Configured { resolver, port, path } => (resolver, *port, path),
        };
        let connections = resolver.resolve_all().await?.into_iter();
        let connections: Vec<_> = connections.map(|one| with_port(one, port)).collect();
        let found = endpoints(&connections, None, PROTOCOLS)?;
        Ok(found.into_iter().map(|endpoint| RequestUrl::below(endpoint, path)).collect())
    }

    /// The headers of a request to this address.
    pub async fn headers(&self, url: &RequestUrl) -> Result<HeaderMap, Error> {
        let mut headers = match &self.headers {
            Headers::Given(headers) => headers.clone(),
            Headers::Configured(resolver) => credential_headers(resolver.lookup().await?.as_ref())?,
        };
        let Endpoint { username, password, .. } = &url.endpoint;
        if !headers.contains_key(AUTHORIZATION) && (username.is_some() || password.is_some()) {
            let password = password.as_ref().map(|password| password.expose());
            headers.insert(AUTHORIZATION, basic(username.as_deref(), password)?);
        }
        Ok(headers)
    }
}

/// A connection that was taken apart, with this port where neither a URI nor anybody else says one.
pub(super) fn with_port(connection: ConnectionParams, port: u16) -> ConnectionParams {
    let port = if connection.uri.is_none() { Some(port) } else { None };
    ConnectionParams { port: connection.port.or(port), ..connection }
}

/// The parts of a credential as headers.
pub(crate) fn credential_headers(credential: Option<&CredentialParams>) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::new();
    let Some(credential) = credential else { return Ok(headers) };
    if credential.username.is_some() || credential.password.is_some() {
        let password = credential.password.as_ref().map(|password| password.expose());
        headers.insert(AUTHORIZATION, basic(credential.username.as_deref(), password)?);
    }
    for (name, value) in &credential.parameters {
        let wrong = |problem| HeaderError { name: name.clone(), problem };
        let header = HeaderName::try_from(name).map_err(|_| wrong(HeaderError::BAD_NAME))?;
        let mut value = HeaderValue::try_from(value.expose()).map_err(|_| wrong(HeaderError::BAD_VALUE))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

/// Who this is, as HTTP has it for user name and password.
fn basic(username: Option<&str>, password: Option<&str>) -> Result<HeaderValue, HeaderError> {
    let pair = format!("{}:{}", username.unwrap_or_default(), password.unwrap_or_default());
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| HeaderError { name: "username".to_owned(), problem: HeaderError::BAD_VALUE })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::CredentialConfig;
    use crate::connect::ConnectionConfig;

    fn connection(text: &str) -> ConnectionConfig {
        toml::from_str(text).unwrap()
    }

    fn destination(connections: &[&str], credential: &str) -> Destination {
        let connections = connections.iter().map(|text| connection(text)).collect();
        let credential: CredentialConfig = toml::from_str(credential).unwrap();
        let resolver = Arc::new(ConnectionResolver::new(connections, vec![]));
        Destination::new(
            Address::Configured { resolver, port: 4318, path: "/v1/metrics".into() },
            Headers::Configured(Arc::new(CredentialResolver::new(vec![credential], vec![]))),
        )
    }

    async fn urls(connections: &[&str]) -> Vec<String> {
        let urls = destination(connections, "").urls().await.unwrap();
        urls.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_host_has_the_port_of_its_kind_of_server_and_a_uri_that_of_its_scheme() {
        assert_eq!(urls(&["host = 'h'"]).await, ["http://h:4318/v1/metrics"]);
        assert_eq!(urls(&["host = '::1'\nport = 1"]).await, ["http://[::1]:1/v1/metrics"]);
        let uris = ["uri = 'https://a,b:2/otlp/'", "uri = 'http://c'\nport = 3"];
        let expected = ["https://a:443/otlp/v1/metrics", "https://b:2/otlp/v1/metrics"];
        assert_eq!(urls(&uris[..1]).await, expected);
        assert_eq!(urls(&["host = 'h'\nprotocol = 'https'"]).await, ["https://h:4318/v1/metrics"]);
    }

    #[tokio::test]
    async fn a_credential_is_headers() {
        let destination =
            destination(&["uri = 'http://u:p@h/?k=canary'"], "parameters = { X-Key = 'canary' }");
        let url = destination.urls().await.unwrap().remove(0);
        assert_eq!((url.path(), url.to_string().contains("canary")), ("/v1/metrics?k=canary", false));
        let headers = destination.headers(&url).await.unwrap();
        assert_eq!(
            (headers["x-key"].to_str().ok(), headers["authorization"].to_str().ok()),
            (Some("canary"), Some("Basic dTpw"))
        );
        assert!(!format!("{headers:?}").contains("canary"));
        let bad = |text: &str| {
            let config: CredentialConfig = toml::from_str(text).unwrap();
            credential_headers(Some(&config.inline())).unwrap_err().to_string()
        };
        assert!(
            bad("parameters = { 'a b' = 'canary' }")
                .ends_with("`a b`, which has a name that no header can have")
        );
        let value = bad("parameters = { a = \"canary\\n\" }");
        assert!(value.contains("which has a value") && !value.contains("canary"), "{value}");
    }
}
