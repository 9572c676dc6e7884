//! Certificates and keys from files.

use std::path::Path;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::RootCertStore;

use super::configured::Configured;
use super::error::{TlsError, TlsPlace};
use super::failure::FailureContext;
use crate::file;

/// The longest file, in bytes; the authorities that a system trusts take a quarter of a megabyte.
const LIMIT: u64 = 4 * 1024 * 1024;

/// Where PEM is read from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// A file that a key of the configuration names.
    File { key: &'static str, path: &'a Path },
    /// A string that the program has.
    Memory { what: &'static str, pem: &'a str },
}

impl Source<'_> {
    /// The place that errors name.
    pub fn place(&self) -> TlsPlace {
        match *self {
            Self::File { key, path } => TlsPlace::File { key, path: path.to_owned() },
            Self::Memory { what, .. } => TlsPlace::Memory { what },
        }
    }

    /// Where the reader of a sentence about it is sent.
    pub const fn configured(self) -> Configured {
        match self {
            Self::File { .. } => Configured::Keys,
            Self::Memory { .. } => Configured::Pem,
        }
    }

    /// Returns all certificates; at least one.
    pub fn certificates(self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let text = self.read()?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let found = found.map_err(|error| self.unsound(&error))?;
        if found.is_empty() { Err(self.missing("certificate", &text)) } else { Ok(found) }
    }

    /// The certificates, each of them added to those that are trusted.
    pub fn trusted(self, roots: &mut RootCertStore) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let listed = self.certificates()?;
        for (number, certificate) in (1..).zip(&listed) {
            let unusable = |error| {
                let source = FailureContext::FILE.explain(&error);
                TlsError::BadCertificate { place: self.place(), number, source }
            };
            roots.add(certificate.clone()).map_err(unusable)?;
        }
        Ok(listed)
    }

    /// Returns the first private key.
    pub fn private_key(self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = self.read()?;
        match PrivateKeyDer::from_pem_slice(&text) {
            Ok(found) => Ok(found),
            Err(pem::Error::NoItemsFound) => Err(self.missing("private key", &text)),
            Err(error) => Err(self.unsound(&error)),
        }
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        let mut text = match *self {
            Self::File { path, .. } => file::read(path, LIMIT)
                .map_err(|source| TlsError::Unreadable { place: self.place(), source })?,
            Self::Memory { pem, .. } => pem.as_bytes().to_vec(),
        };
        if text.starts_with(BYTE_ORDER_MARK) {
            // Editors of Windows write it; it has no meaning.
            text.drain(..BYTE_ORDER_MARK.len());
        }
        match known_damage(&text) {
            Some(problem) => Err(TlsError::BadPem { place: self.place(), problem }),
            None => Ok(text),
        }
    }

    /// The error of the parser may show a line of the file, which may be a key: it is dropped here.
    fn unsound(&self, error: &pem::Error) -> TlsError {
        let problem = match error {
            pem::Error::MissingSectionEnd { .. } => "a section has no END line; the file may be cut off",
            pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed; it ends with five hyphens",
            pem::Error::Base64Decode(_) => "a section is no Base64; the file may be damaged",
            pem::Error::SectionTooLarge => "a section is too large",
            _ => "it cannot be read",
        };
        TlsError::BadPem { place: self.place(), problem }
    }

    fn missing(&self, wanted: &'static str, text: &[u8]) -> TlsError {
        TlsError::Missing { place: self.place(), wanted, found: sections(text) }
    }
}

/// Damage that PEM often takes on its way into a file, and that the parser cannot name.
fn known_damage(text: &[u8]) -> Option<&'static str> {
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Some("it is UTF-16; save it as UTF-8 or ASCII");
    }
    if text.starts_with(&[0x30, 0x82]) {
        return Some(
            "it is binary (DER or PKCS #12); write it as PEM, with `openssl x509`, `openssl pkey` or `openssl pkcs12`",
        );
    }
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let bare = line.trim_ascii_start();
        if bare.starts_with(b"Proc-Type:") && has(bare, b"ENCRYPTED") {
            return Some("the key is encrypted, in the way of old; write it without a passphrase, with `openssl pkey`");
        }
        if !bare.starts_with(BEGIN) {
            return None;
        }
        if has(bare, b"\\n") {
            return Some("it has `\\n` in place of line breaks; put line breaks there");
        }
        if has(bare, b"-----END ") {
            return Some(
                "it has lost its line breaks; BEGIN and END need a line each (in a shell, write `\"$NAME\"` in quotes)",
            );
        }
        (bare.len() < line.len()).then_some("it is indented; each line must begin at the margin")
    })
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BEGIN: &[u8] = b"-----BEGIN ";

fn has(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

/// The labels of the sections of a file.
fn sections(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let labels = text.lines().filter_map(|line| {
        line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----").map(|label| label.to_ascii_lowercase())
    });
    let mut labels: Vec<String> = labels.take(4).collect();
    labels.dedup();
    match labels.as_slice() {
        [] if text.trim().is_empty() => "is empty".to_owned(),
        [] => "no PEM at all".to_owned(),
        [label] if label.starts_with("encrypted") => {
            format!("{label}; write it without a passphrase, as `openssl pkey` does")
        }
        labels => labels.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(text: &str) -> [String; 2] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let shown = |error: TlsError| error.to_string().replace(&file.path().display().to_string(), "F");
        [
            shown(Source::File { key: "tls.ca_file", path: file.path() }.certificates().unwrap_err()),
            shown(Source::File { key: "tls.key_file", path: file.path() }.private_key().unwrap_err()),
        ]
    }

    #[test]
    fn what_a_file_holds_instead_is_named() {
        assert_eq!(
            fail(""),
            [
                "`tls.ca_file`: the file `F` holds no certificate in PEM, but is empty",
                "`tls.key_file`: the file `F` holds no private key in PEM, but is empty",
            ]
        );
        assert!(fail("binary")[0].ends_with("no certificate in PEM, but no PEM at all"));
        let other = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert!(fail(other)[1].ends_with("holds no private key in PEM, but public key"));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(fail(encrypted)[1].contains("encrypted private key; write it without a passphrase"));
    }

    #[test]
    fn broken_pem_is_named_and_not_shown() {
        let cut = fail("-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n");
        assert!(cut[1].ends_with("a section has no END line; the file may be cut off"), "{cut:?}");
        let garbage = fail("-----BEGIN CERTIFICATE-----\n!canary!\n-----END CERTIFICATE-----\n");
        assert!(garbage[0].ends_with("a section is no Base64; the file may be damaged"), "{garbage:?}");
        assert!(!format!("{cut:?}{garbage:?}").contains("canary"));
        let path = Path::new("/no/such/file");
        let error = Source::File { key: "tls.cert_file", path }.certificates().unwrap_err();
        assert_eq!(error.to_string(), "`tls.cert_file`: the file `/no/such/file` cannot be read");
    }

    /// What happens to PEM that goes through editors, YAML, shells and variables.
    #[test]
    fn pem_that_was_changed_on_its_way_is_told_how() {
        let pem = rcgen::generate_simple_self_signed(vec!["broker".to_owned()]).unwrap().cert.pem();
        let write = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            Source::File { key: "tls.ca_file", path: file.path() }
                .certificates()
                .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "F"))
        };
        let fail = |text: &str| write(text.as_bytes()).unwrap_err();
        let sound = "`tls.ca_file`: the file `F` is no sound PEM: ";
        let indented = pem.replace('\n', "\n  ");
        assert_eq!(
            fail(&format!("  {indented}")),
            format!("{sound}it is indented; each line must begin at the margin")
        );
        assert_eq!(
            fail(&pem.replace('\n', " ")),
            format!(
                "{sound}it has lost its line breaks; BEGIN and END need a line each (in a shell, write `\"$NAME\"` in quotes)"
            )
        );
        assert_eq!(
            fail(&pem.replace('\n', "\\n")),
            format!("{sound}it has `\\n` in place of line breaks; put line breaks there")
        );
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE \
                   KEY-----\n";
        assert_eq!(
            fail(old),
            format!(
                "{sound}the key is encrypted, in the way of old; write it without a passphrase, with `openssl pkey`"
            )
        );
        let wide: Vec<u8> =
            [0xfeff].into_iter().chain(pem.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(write(&wide).unwrap_err(), format!("{sound}it is UTF-16; save it as UTF-8 or ASCII"));
        let der = write(&[0x30, 0x82, 1, 2]).unwrap_err();
        assert!(der.starts_with(&format!("{sound}it is binary (DER or PKCS #12); ")), "{der}");
        // These mean nothing.
        for fine in [format!("\u{feff}{pem}"), pem.replace('\n', "\r\n"), format!("Subject: broker\n{pem}")] {
            assert_eq!(write(fine.as_bytes()).unwrap().len(), 1);
        }
    }
}
