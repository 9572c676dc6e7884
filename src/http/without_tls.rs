//! In place of certificates where this crate is built without the feature `tls`: a configuration that asks for some is refused.

use super::stream::Stream;
use super::tls::HttpTlsConfig;
use crate::config::Invalid;
use crate::log::Logger;
use crate::tls::TlsError;

/// There are none.
pub(super) enum Certificates {}

impl Certificates {
    pub(super) async fn read(files: &HttpTlsConfig) -> Result<Self, TlsError> {
        Err(TlsError::NoRoots {
            found: format!(" (this program was built without the feature `tls`: {files:?})"),
        })
    }

    pub(super) async fn renew(&self, _: &Logger) {
        match *self {}
    }

    pub(super) async fn accept(&self, _: Stream) -> Result<Stream, String> {
        match *self {}
    }
}

/// There is nothing to read.
pub(super) fn problems(_: &HttpTlsConfig) -> Vec<Invalid> {
    Vec::new()
}
