//! The configuration of TLS for connections.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(feature = "tls")]
use super::configured::Configured;
#[cfg(feature = "tls")]
use super::error::TlsError;
use super::files::{filled, half_given};
#[cfg(feature = "tls")]
use super::identity::{Identity, unusable_half};
#[cfg(feature = "tls")]
use super::pem::Source;
use crate::config::{ConfigPath, Invalid, Secret};

/// How a connection with TLS trusts and is trusted: the table `tls` of a connection. It takes effect with the protocols `mqtts`, `ssl`,
/// `tls` and `wss` of MQTT, and with `https` of OTLP.
///
/// ```
/// use wirework::mqtt::{MqttConfig, MqttConnection, TlsConfig};
/// let tls = TlsConfig { ca_file: Some("/etc/ssl/broker-ca.pem".into()), ..TlsConfig::default() };
/// let connection = MqttConnection::builder().uri("mqtts://broker.example".parse()?).tls(tls).build()?;
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificates of the authorities (or of the server itself) that are trusted. Read anew at each
    /// connect, as are `cert_file` and `key_file`, so renewed files are used from the next connect on. Relative to the
    /// folder of the manifest. When not given, the authorities that the system trusts.
    pub ca_file: Option<ConfigPath>,
    /// PEM file with the certificate by which this client is known, and the intermediate ones behind it. Needs `key_file`.
    pub cert_file: Option<ConfigPath>,
    /// PEM file with the private key of `cert_file`, not encrypted: PKCS #8, PKCS #1 or SEC1.
    pub key_file: Option<ConfigPath>,
    /// The name that the server's certificate must have. When not given: the host of the connection.
    pub server_name: Option<String>,
    /// Application protocols offered by ALPN, in order of preference, such as `mqtt`. Some brokers want one where MQTT shares a
    /// port with something else.
    pub alpn: Vec<String>,
    /// Whether the authorities that the system trusts are trusted too. Default: true without `ca_file`, false with it.
    pub system_roots: Option<bool>,
    /// Certificates and a key in memory, in place of those in files; not in manifests.
    #[serde(skip)]
    pub pem: TlsPem,
}

impl TlsConfig {
    /// The settings that contradict each other.
    pub(crate) fn invalid(&self) -> Vec<Invalid> {
        let mut found = Vec::from_iter(half_given(filled(&self.cert_file), filled(&self.key_file)));
        let mut wrong = |key: &'static str, problem: &'static str| found.push(Invalid::new(key, problem));
        if self.ca().is_some() && self.pem.trusted().is_some() {
            wrong("tls.ca_file", "is given beside authorities in memory (`TlsPem`); give one of them");
        }
        if filled(&self.cert_file).is_some() && self.pem.own().is_some() {
            wrong("tls.cert_file", "is given beside a certificate in memory (`TlsPem`); give one of them");
        }
        if self.system_roots == Some(false) && !self.names_trusted() {
            wrong(
                "tls.system_roots",
                "is false, but there is no `tls.ca_file`: no server could ever be trusted",
            );
        }
        if self.alpn.iter().any(|name| name.is_empty() || name.len() > 255) {
            wrong("tls.alpn", "has a name that is empty or longer than 255 bytes");
        }
        found
    }

    /// Whether anything is set.
    pub(crate) fn is_given(&self) -> bool {
        // An empty string counts as not given.
        let Self { server_name, alpn, system_roots, .. } = self;
        let files = [&self.ca_file, &self.cert_file, &self.key_file];
        files.into_iter().any(|file| filled(file).is_some())
            || server_name.as_deref().is_some_and(|name| !name.is_empty())
            || !alpn.is_empty()
            || system_roots.is_some()
    }

    fn ca(&self) -> Option<&Path> {
        filled(&self.ca_file)
    }

    /// Whether it names certificates that are trusted.
    fn names_trusted(&self) -> bool {
        self.ca().is_some() || self.pem.trusted().is_some()
    }

    /// Certificate and key.
    #[cfg(feature = "tls")]
    fn identity(&self) -> Option<Identity<'_>> {
        if let Some((cert_file, key_file)) = self.identity_files() {
            return Some(Identity::of_files(cert_file, key_file));
        }
        let memory = |what, pem| Source::Memory { what, pem };
        let identity = |(certificate, key)| Identity {
            certificate: memory("certificate", certificate),
            key: memory("private key", key),
        };
        self.pem.own().map(identity)
    }

    /// What is wrong with the certificate or the key where the other one is not given.
    #[cfg(feature = "tls")]
    pub(super) fn unusable_half(&self) -> Option<TlsError> {
        unusable_half(filled(&self.cert_file), filled(&self.key_file))
    }

    /// The same in files.
    #[cfg(feature = "tls")]
    fn identity_files(&self) -> Option<(&Path, &Path)> {
        filled(&self.cert_file).zip(filled(&self.key_file))
    }

    /// A sentence for the log where others can read or write the private key. Without TLS no key is used.
    pub(crate) async fn exposed_key(&self) -> Option<String> {
        #[cfg(not(feature = "tls"))]
        return None;
        #[cfg(feature = "tls")]
        {
            let tls = self.clone();
            let exposed = move || tls.identity()?.exposed().map(|warning| warning.to_string());
            tokio::task::spawn_blocking(exposed).await.ok().flatten()
        }
    }
}

/// What a handshake needs of the configuration.
#[cfg(feature = "tls")]
pub(super) struct Trust<'a> {
    /// The certificates that are trusted, beside those of the system.
    pub listed: Option<Source<'a>>,
    /// Whether the authorities of the system are trusted.
    pub system: bool,
    /// Certificate and key of this client.
    pub identity: Option<Identity<'a>>,
    /// The name that the certificate of the server must have, in place of the host.
    pub server_name: Option<&'a str>,
}

#[cfg(feature = "tls")]
impl<'a> Trust<'a> {
    pub fn of(config: &'a TlsConfig) -> Self {
        let file = config.ca().map(|path| Source::File { key: "tls.ca_file", path });
        let memory = || config.pem.trusted().map(|pem| Source::Memory { what: "authorities", pem });
        Self {
            listed: file.or_else(memory),
            system: config.system_roots.unwrap_or(!config.names_trusted()),
            identity: config.identity(),
            server_name: config.server_name.as_deref().filter(|name| !name.is_empty()),
        }
    }

    /// Where another authority would be added.
    pub fn configured(&self) -> Configured {
        self.listed.map_or(Configured::Keys, Source::configured)
    }
}

/// Certificates and a private key in PEM from memory, where a program has them from elsewhere than files; part of
/// [`TlsConfig`], in place of its `ca_file`, or of its `cert_file` and `key_file`. A manifest cannot have it.
///
/// ```
/// use wirework::mqtt::{MqttConnection, TlsConfig, TlsPem};
/// # fn example(authority: &str, certificate: &str, key: &str) -> Result<MqttConnection, wirework::Error> {
/// let pem = TlsPem::default().authorities(authority).identity(certificate, key);
/// let tls = TlsConfig { pem, ..TlsConfig::default() };
/// MqttConnection::builder().uri("mqtts://broker.example".parse()?).tls(tls).build()
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsPem {
    authorities: Option<Arc<str>>,
    identity: Option<(Arc<str>, Secret)>,
}

impl TlsPem {
    /// Trusts these authorities, or these very servers, as `ca_file` does.
    #[must_use]
    pub fn authorities(self, pem: impl Into<Arc<str>>) -> Self {
        Self { authorities: Some(pem.into()), ..self }
    }

    /// Makes this client known by a certificate, with the intermediate ones behind it, and its key, as `cert_file` and `key_file` do.
    #[must_use]
    pub fn identity(self, certificates: impl Into<Arc<str>>, private_key: impl Into<String>) -> Self {
        Self { identity: Some((certificates.into(), Secret::new(private_key))), ..self }
    }

    fn trusted(&self) -> Option<&str> {
        self.authorities.as_deref()
    }

    /// Certificates and key.
    fn own(&self) -> Option<(&str, &str)> {
        self.identity.as_ref().map(|(certificates, key)| (&**certificates, key.expose()))
    }

    /// The same without what makes this client known.
    pub(crate) fn without_identity(self) -> Self {
        Self { identity: None, ..self }
    }
}

impl fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPem")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::from_pairs;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Section {
        tls: super::TlsConfig,
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let wrong = |pairs: &[(&str, &str)]| {
            let section: Section = from_pairs(pairs.iter().copied()).unwrap();
            section.tls.invalid().first().map_or("fine".to_owned(), ToString::to_string)
        };
        let both = "is given without `tls.key_file`; give both";
        assert_eq!(wrong(&[("tls.cert_file", "c.pem")]), format!("`tls.cert_file` {both}"));
        assert!(wrong(&[("tls.key_file", "k.pem"), ("tls.cert_file", "")]).starts_with("`tls.key_file` is"));
        assert_eq!(wrong(&[("tls.key_file", "k.pem"), ("tls.cert_file", "c.pem")]), "fine");
        assert!(wrong(&[("tls.system_roots", "false")]).contains("no `tls.ca_file`"));
        assert_eq!(wrong(&[("tls.system_roots", "false"), ("tls.ca_file", "ca.pem")]), "fine");
        assert!(wrong(&[("tls.alpn.0", "")]).starts_with("`tls.alpn` has a name"));
        let pem = super::TlsPem::default().authorities("canary").identity("canary", "canary");
        let file = |name: &str| Some(name.into());
        let tls = super::TlsConfig {
            ca_file: file("a"),
            cert_file: file("c"),
            key_file: file("k"),
            pem,
            ..Default::default()
        };
        let found: Vec<String> = tls.invalid().iter().map(ToString::to_string).collect();
        let beside =
            |key, what| format!("`{key}` is given beside {what} in memory (`TlsPem`); give one of them");
        assert_eq!(found, [beside("tls.ca_file", "authorities"), beside("tls.cert_file", "a certificate")]);
        assert!(!format!("{tls:?}").contains("canary"), "{tls:?}");
    }
}
