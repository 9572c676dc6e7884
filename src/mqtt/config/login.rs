//! The limits of user name and password in CONNECT.

use crate::connect::Endpoint;
use crate::mqtt::MqttVersion;
use crate::{Category, Coded};
use std::borrow::Cow;

/// The longest user name or password, in bytes (section 1.5 of both versions).
const LONGEST: usize = u16::MAX as usize;

/// A credential that MQTT cannot carry; what it is, nobody is shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// MQTT 3.1.1 has no password without a user name (MQTT-3.1.2-22).
    #[error(
        "there is a password for {endpoint} and no user name; MQTT 3.1.1 has none without the other: give `username`, or set \
         `options.protocol_version = 5`"
    )]
    NoUsername {
        /// The broker, without credentials.
        endpoint: String,
    },
    /// MQTT forbids U+0000 in a user name (3.1.1: MQTT-1.5.3-2; 5: MQTT-1.5.4-2). A password is bytes, and may have it.
    #[error("the user name for {endpoint} has the character U+0000, which MQTT forbids")]
    Nul {
        /// The broker, without credentials.
        endpoint: String,
    },
    /// More than MQTT has room for.
    #[error("the {what} for {endpoint} has {size} bytes; MQTT takes {LONGEST} at most")]
    TooLong {
        /// User name or password.
        what: &'static str,
        /// The broker, without credentials.
        endpoint: String,
        /// Its size, in bytes.
        size: usize,
    },
}

impl LoginError {
    /// The same for a broker that was discovered, whose address may be secret.
    pub(crate) fn without_endpoint(mut self) -> Self {
        let (Self::NoUsername { endpoint } | Self::Nul { endpoint } | Self::TooLong { endpoint, .. }) =
            &mut self;
        *endpoint = "a broker that is discovered".to_owned();
        self
    }
}

impl Coded for LoginError {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }

    fn code(&self) -> &'static str {
        "BAD_CREDENTIAL"
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::NoUsername { .. } => vec!["credential.username".into(), "options.protocol_version".into()],
            Self::Nul { .. } => vec!["credential.username".into()],
            Self::TooLong { .. } => Vec::new(),
        }
    }
}

/// Checks what a broker would be shown.
pub fn check(endpoint: &Endpoint, version: MqttVersion) -> Result<(), LoginError> {
    let username = endpoint.username.as_deref().unwrap_or_default();
    let password = endpoint.password.as_ref().map(|password| password.expose()).unwrap_or_default();
    if username.is_empty() && !password.is_empty() && version == MqttVersion::V4 {
        return Err(LoginError::NoUsername { endpoint: endpoint.to_string() });
    }
    if username.contains('\0') {
        return Err(LoginError::Nul { endpoint: endpoint.to_string() });
    }
    for (what, size) in [("user name", username.len()), ("password", password.len())] {
        if size > LONGEST {
            return Err(LoginError::TooLong { what, endpoint: endpoint.to_string(), size });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Error;
    use crate::mqtt::{MqttConfig, MqttConnectionResolver};

    async fn resolved(username: &str, password: &str, version: &str) -> Result<(), Error> {
        let config: MqttConfig = crate::config::from_pairs([
            ("connection.host", "broker"),
            ("credential.username", username),
            ("credential.password", password),
            ("options.protocol_version", version),
        ])?;
        MqttConnectionResolver::new(&config, vec![], vec![])?.resolve().await.map(drop)
    }

    #[tokio::test]
    async fn what_connect_cannot_carry_is_an_error_and_never_left_out() {
        let long = "x".repeat(65_536);
        for (username, password, expected) in [
            ("", "secret", "there is a password for mqtt://broker:1883 and no user name"),
            (
                &long,
                "secret",
                "the user name for mqtt://broker:1883 has 65536 bytes; MQTT takes 65535 at most",
            ),
            ("an\0n", "secret", "the user name for mqtt://broker:1883 has the character U+0000"),
            ("ann", &long, "the password for mqtt://broker:1883 has 65536 bytes; MQTT takes 65535 at most"),
        ] {
            let error = resolved(username, password, "3.1.1").await.unwrap_err();
            assert_eq!(error.code(), "BAD_CREDENTIAL");
            assert!(error.to_string().contains(expected), "{error}");
        }
        for (username, password, version) in [
            ("ann", "secret", "3.1.1"),
            ("ann", "", "3.1.1"),
            ("ann", "sec\0ret", "3.1.1"),
            ("", "secret", "5"),
            (&long[1..], &long[1..], "5"),
        ] {
            resolved(username, password, version).await.unwrap();
        }
    }
}
