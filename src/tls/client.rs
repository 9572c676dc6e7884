//! What the client side of TLS needs, read anew for each connection so that renewed files are used.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::client::{WantsClientCert, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, Error, RootCertStore};

use super::config::{TlsConfig, Trust};
use super::error::TlsError;
use super::failure::FailureContext;
use super::identity::Identity;
use super::trusted::Trusted;
use crate::config::{Invalid, MASK};

/// Everything that the handshake of a client needs.
pub(crate) struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) context: FailureContext,
    /// The name that the certificate of the server must have.
    pub(crate) name: ServerName<'static>,
    /// The same as errors show it.
    pub(crate) shown: String,
}

impl ClientTls {
    /// Reads the files for a connection to this host, and checks that they make sense.
    pub async fn load(config: &TlsConfig, host: &str) -> Result<Self, TlsError> {
        let trust = Trust::of(config);
        let shown = trust.server_name.unwrap_or(host).to_owned();
        let name = server_name(&shown)?;
        let context =
            FailureContext::link(trust.configured(), trust.identity.as_ref().map(Identity::configured));
        let config = config.clone();
        let loaded = spawn_blocking(move || load(&config)).await;
        // It ends before its time only together with the runtime.
        let failed = |error: tokio::task::JoinError| {
            FailureContext::FILE.handshake(String::new(), &Error::General(error.to_string()))
        };
        Ok(Self { config: Arc::new(loaded.map_err(failed)??), context, name, shown })
    }

    /// What a connection to one of these hosts, each with whether it may be shown, would fail at before anything is sent. It reads the
    /// files.
    pub fn problems<'h>(config: &TlsConfig, hosts: impl Iterator<Item = (&'h str, bool)>) -> Vec<Invalid> {
        let trust = Trust::of(config);
        let doubts = trust.identity.iter().flat_map(|own| [own.exposed(), own.out_of_time()]).flatten();
        let half = config.unusable_half();
        problems(&trust, hosts).iter().chain(&half).map(TlsError::invalid).chain(doubts).collect()
    }
}

/// What is wrong with the files that are named, or with the name that a server at one of these hosts must have.
fn problems<'h>(trust: &Trust<'_>, hosts: impl Iterator<Item = (&'h str, bool)>) -> Vec<TlsError> {
    let names = hosts.filter_map(|(host, may_show)| {
        let error = server_name(trust.server_name.unwrap_or(host)).err()?;
        let hidden = trust.server_name.is_none() && !may_show;
        Some(if hidden { TlsError::BadServerName { name: MASK.to_owned() } } else { error })
    });
    let mut found: Vec<_> = names.take(1).collect();
    found.extend(trust.listed.and_then(|listed| listed.trusted(&mut RootCertStore::empty()).err()));
    if let Some(identity) = trust.identity {
        let unusable = identity.unusable();
        if !unusable.is_empty() {
            found.extend(unusable);
            return found;
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        // A provider without the default versions is no mistake in a manifest.
        let client = builder.map(|builder| builder.with_root_certificates(RootCertStore::empty()));
        found.extend(client.ok().and_then(|client| with_identity(trust, client).err()));
    }
    found
}

fn server_name(shown: &str) -> Result<ServerName<'static>, TlsError> {
    // A zone belongs to this machine, not to the name of the other one.
    let bare = shown.split_once('%').map_or(shown, |(address, _)| address).to_owned();
    ServerName::try_from(bare).map_err(|_| TlsError::BadServerName { name: shown.to_owned() })
}

fn load(config: &TlsConfig) -> Result<ClientConfig, TlsError> {
    let trust = Trust::of(config);
    let (roots, listed) = roots(&trust)?;
    let provider = Arc::new(ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let authorities =
        authorities.build().map_err(|error| TlsError::NoRoots { found: format!(" ({error})") })?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FailureContext::FILE.handshake(String::new(), &error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusted::new(authorities, listed)));
    let mut client = with_identity(&trust, builder)?;
    client.alpn_protocols = config.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    Ok(client)
}

/// A client that shows its certificate, where it has one.
fn with_identity(
    trust: &Trust<'_>,
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
) -> Result<ClientConfig, TlsError> {
    let Some(identity) = trust.identity else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = identity.load()?;
    builder.with_client_auth_cert(chain, key).map_err(|error| identity.misfit(&error))
}

/// Whom to trust: authorities, and the certificates that are listed in the file.
fn roots(trust: &Trust<'_>) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let mut roots = RootCertStore::empty();
    let listed = trust.listed.map_or(Ok(Vec::new()), |listed| listed.trusted(&mut roots))?;
    if trust.system {
        // A system has hundreds of them; one that cannot be read is no reason to trust none.
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            let first = system.errors.first().map(|error| format!(" ({error})"));
            return Err(TlsError::NoRoots { found: first.unwrap_or_default() });
        }
    }
    Ok((roots, listed))
}
