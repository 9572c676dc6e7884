//! What a connection can be told about TLS.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::TlsPem;
#[cfg(feature = "tls")]
use super::pem::Source;
use crate::config::{ConfigPath, Invalid};
#[cfg(feature = "tls")]
use crate::error::Coded;
use crate::log::Logger;

/// How a connection with TLS trusts and is trusted: the table `tls` of
/// [`MqttConfig`](crate::mqtt::MqttConfig). It takes effect with the protocols `mqtts`, `ssl`, `tls` and `wss`.
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
    /// PEM file with the certificates of the authorities (or of the broker itself) that are trusted. Read anew at each
    /// connect, as are `cert_file` and `key_file`, so renewed files are used from the next connect on. Relative to the
    /// folder of the manifest. When not given, the authorities that the system trusts.
    pub ca_file: Option<ConfigPath>,
    /// PEM file with the certificate by which this client is known, and the intermediate ones behind it. Needs `key_file`.
    pub cert_file: Option<ConfigPath>,
    /// PEM file with the private key of `cert_file`, not encrypted: PKCS #8, PKCS #1 or SEC1.
    pub key_file: Option<ConfigPath>,
    /// The name that the broker's certificate must have. When not given: the host of the connection.
    pub server_name: Option<String>,
    /// Application protocols offered by ALPN, in order of preference, such as `mqtt`. Some brokers want one where MQTT
    /// shares a port with something else. Default none.
    pub alpn: Vec<String>,
    /// Whether the authorities that the system trusts are trusted too. Default: true without `ca_file`, false with it.
    pub system_roots: Option<bool>,
    /// Certificates and a key in memory, in place of those in files; not in manifests.
    #[serde(skip)]
    pub pem: TlsPem,
}

impl TlsConfig {
    /// What contradicts itself.
    pub(crate) fn invalid(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut wrong = |key: &'static str, problem: &'static str| found.push(Invalid::new(key, problem));
        match (filled(&self.cert_file), filled(&self.key_file)) {
            (Some(_), None) => wrong("tls.cert_file", "is given without `tls.key_file`; give both"),
            (None, Some(_)) => wrong("tls.key_file", "is given without `tls.cert_file`; give both"),
            _ => {}
        }
        if self.ca().is_some() && self.pem.trusted().is_some() {
            wrong("tls.ca_file", "is given beside authorities in memory (`TlsPem`); give one of them");
        }
        if filled(&self.cert_file).is_some() && self.pem.own().is_some() {
            wrong("tls.cert_file", "is given beside a certificate in memory (`TlsPem`); give one of them");
        }
        if self.system_roots == Some(false) && !self.names_trusted() {
            wrong(
                "tls.system_roots",
                "is false, but there is no `tls.ca_file`: no broker could ever be trusted",
            );
        }
        if self.alpn.iter().any(|name| name.is_empty() || name.len() > 255) {
            wrong("tls.alpn", "has a name that is empty or longer than 255 bytes");
        }
        found
    }

    /// What a connection to one of these hosts would fail at, before anything is sent. It reads the files.
    #[cfg(feature = "tls")]
    pub(crate) fn unusable<'h>(&self, hosts: impl Iterator<Item = (&'h str, bool)>) -> Vec<Invalid> {
        let found = super::client::problems(self, hosts).into_iter();
        let invalid = |error: super::TlsError| {
            let (key, code) = (error.key(), error.code());
            let chain = crate::chain(&error);
            let named = format!("`{key}`: ");
            let problem = chain.strip_prefix(&named).unwrap_or(&chain);
            Invalid::new(key, format!("cannot be used: {problem}")).with_code(code)
        };
        found.map(invalid).collect()
    }

    /// Without TLS no file is read.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn unusable<'h>(&self, _: impl Iterator<Item = (&'h str, bool)>) -> Vec<Invalid> {
        Vec::new()
    }

    /// Whether it says anything.
    pub(crate) fn is_given(&self) -> bool {
        // An empty text counts as not given.
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

    /// Whether it says itself who is trusted.
    fn names_trusted(&self) -> bool {
        self.ca().is_some() || self.pem.trusted().is_some()
    }

    /// Who is trusted, beside the authorities of the system.
    #[cfg(feature = "tls")]
    pub(super) fn trusted(&self) -> Option<Source<'_>> {
        let file = self.ca().map(|path| Source::File { key: "tls.ca_file", path });
        file.or_else(|| self.pem.trusted().map(|pem| Source::Memory { what: "authorities", pem }))
    }

    /// Certificate and key.
    #[cfg(feature = "tls")]
    pub(super) fn identity(&self) -> Option<(Source<'_>, Source<'_>)> {
        if let Some((cert, key)) = self.identity_files() {
            let file = |key, path| Source::File { key, path };
            return Some((file("tls.cert_file", cert), file("tls.key_file", key)));
        }
        let memory = |what, pem| Source::Memory { what, pem };
        self.pem.own().map(|(cert, key)| (memory("certificate", cert), memory("private key", key)))
    }

    /// The same in files.
    #[cfg(feature = "tls")]
    fn identity_files(&self) -> Option<(&Path, &Path)> {
        filled(&self.cert_file).zip(filled(&self.key_file))
    }

    /// Warns of a private key that others can read or write.
    #[cfg(feature = "tls")]
    pub(crate) async fn warn_of_exposed_key(&self, logger: &Logger) {
        let tls = self.clone();
        let exposed = tokio::task::spawn_blocking(move || tls.exposed_key()).await.ok().flatten();
        if let Some((path, exposure)) = exposed {
            let path = path.display();
            logger.warn(format_args!(
                "the private key `{path}` of `tls.key_file` can be {exposure} by others; take that right away"
            ));
        }
    }

    /// Without TLS no key is used.
    #[cfg(not(feature = "tls"))]
    pub(crate) async fn warn_of_exposed_key(&self, _: &Logger) {}

    /// The private key, where others can read or write it, and what of that they can. It blocks. What cannot be read is
    /// reported when a connection needs it.
    #[cfg(feature = "tls")]
    fn exposed_key(&self) -> Option<(std::path::PathBuf, crate::file::Exposure)> {
        let (_, key) = self.identity_files()?;
        let exposure = crate::file::RegularFile::open(key).ok()?.exposure(key)?;
        Some((key.to_owned(), exposure))
    }

    #[cfg(feature = "tls")]
    pub(super) fn trusts_system(&self) -> bool {
        self.system_roots.unwrap_or(!self.names_trusted())
    }

    #[cfg(feature = "tls")]
    pub(super) fn name(&self) -> Option<&str> {
        self.server_name.as_deref().filter(|name| !name.is_empty())
    }
}

/// An empty text counts as not given.
fn filled(path: &Option<ConfigPath>) -> Option<&Path> {
    path.as_deref().filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use crate::config::from_pairs;
    use crate::mqtt::MqttConfig;

    #[test]
    fn what_contradicts_itself_is_named() {
        let wrong = |pairs: &[(&str, &str)]| {
            let config: MqttConfig = from_pairs(pairs.iter().copied()).unwrap();
            crate::mqtt::check::invalid(&config).first().map_or("fine".to_owned(), ToString::to_string)
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
