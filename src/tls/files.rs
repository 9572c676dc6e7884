//! The keys that name certificates and keys.

use std::path::Path;

use crate::config::{ConfigPath, Invalid};

/// The file of a key; an empty text counts as not given.
pub(crate) fn filled(path: &Option<ConfigPath>) -> Option<&Path> {
    path.as_deref().filter(|path| !path.as_os_str().is_empty())
}

/// What is wrong where one of certificate and key is given without the other.
pub(crate) fn half_given(cert_file: Option<&Path>, key_file: Option<&Path>) -> Option<Invalid> {
    match (cert_file, key_file) {
        (Some(_), None) => Some(Invalid::new("tls.cert_file", "is given without `tls.key_file`; give both")),
        (None, Some(_)) => Some(Invalid::new("tls.key_file", "is given without `tls.cert_file`; give both")),
        _ => None,
    }
}
