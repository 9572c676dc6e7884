//! What the manifest and the variables say together; what the manifest says comes first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::check::PORT;
use super::config::{Compression, OtlpConnectionConfig};
use super::error::OtlpError;
use super::resource::Resource;
use super::signal::Signal;
use super::variables::Variables;
use crate::auth::{CredentialResolver, CredentialStore};
use crate::component::Context;
use crate::connect::{ConnectionResolver, Discovery};
use crate::environment::process_id;
use crate::http_client::{Address, Destination, Headers};

/// How long a request may take, and how it is compressed, where nobody says.
const TIMEOUT: Duration = Duration::from_secs(10);
const COMPRESSION: Compression = Compression::Gzip;

/// Whom a connection can ask for what its configuration only names.
pub(super) struct Services {
    connections: Option<Arc<ConnectionResolver>>,
    credentials: Option<Arc<CredentialResolver>>,
}

impl Services {
    pub fn new(
        config: &OtlpConnectionConfig,
        discovery: Vec<Arc<dyn Discovery>>,
        stores: Vec<Arc<dyn CredentialStore>>,
    ) -> Self {
        let target = config.target();
        let connections = target.connection_resolver(discovery);
        let credentials = target.credential_resolver(stores);
        Self { connections, credentials }
    }
}

/// How one signal is sent.
pub(super) struct Settings {
    pub destination: Destination,
    pub timeout: Duration,
    pub compression: Compression,
}

impl Settings {
    pub fn of(
        signal: Signal,
        config: &OtlpConnectionConfig,
        services: &Services,
        variables: &Variables,
    ) -> Result<Self, OtlpError> {
        let address = match &services.connections {
            Some(resolver) => {
                let (resolver, path) = (Arc::clone(resolver), signal.path().into());
                Address::Configured { resolver, port: PORT, path }
            }
            None => Address::Given(variables.urls(signal)?),
        };
        let headers = match &services.credentials {
            Some(resolver) => Headers::Configured(Arc::clone(resolver)),
            None => Headers::Given(variables.headers(signal)?),
        };
        let timeout = match config.options.timeout {
            Some(timeout) => timeout.0,
            None => variables.timeout(signal)?.unwrap_or(TIMEOUT),
        };
        let compression = match config.options.compression {
            Some(compression) => compression,
            None => variables.compression(signal)?.unwrap_or(COMPRESSION),
        };
        Ok(Self { destination: Destination::new(address, headers), timeout, compression })
    }
}

/// Whose telemetry it is: what the manifest says, then the variables, then what is known of the process.
pub(super) fn resource(
    config: &OtlpConnectionConfig,
    variables: &Variables,
    context: &Context,
) -> Result<Resource, OtlpError> {
    let mut attributes: BTreeMap<String, String> = variables.resource()?;
    if !context.service_name().is_empty() {
        attributes.insert("service.name".to_owned(), context.service_name().to_owned());
    }
    attributes.extend(config.resource.clone());
    if let Some(version) = context.service().version() {
        attributes.entry("service.version".to_owned()).or_insert_with(|| version.to_owned());
    }
    attributes.entry("service.name".to_owned()).or_insert_with(|| "unknown_service:wirework".to_owned());
    attributes.entry("service.instance.id".to_owned()).or_insert_with(process_id);
    Ok(Resource::new(&attributes))
}
