//! Which transport a protocol means, and whether it is compiled in.

use crate::Error;
use crate::connect::Endpoint;
use crate::mqtt::MqttError;

/// A transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Tls,
    WebSocket,
    SecureWebSocket,
    Unix,
}

impl Kind {
    /// The protocols that an endpoint may name, with their ports; the first is the default.
    pub const PROTOCOLS: &[(&str, u16)] = &[
        ("mqtt", 1883),
        ("tcp", 1883),
        ("mqtts", 8883),
        ("ssl", 8883),
        ("tls", 8883),
        ("ws", 80),
        ("wss", 443),
        #[cfg(unix)]
        ("unix", 0),
    ];

    /// The transport of a protocol out of [`Kind::PROTOCOLS`].
    pub fn of(protocol: &str) -> Self {
        match protocol {
            "mqtts" | "ssl" | "tls" => Self::Tls,
            "ws" => Self::WebSocket,
            "wss" => Self::SecureWebSocket,
            "unix" => Self::Unix,
            _ => Self::Tcp,
        }
    }

    /// The name in spans and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::SecureWebSocket => "secure websocket",
            Self::Unix => "unix socket",
        }
    }

    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::SecureWebSocket)
    }

    const fn is_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::SecureWebSocket)
    }

    /// Fails where this program was built without what the protocol needs.
    pub fn check(protocol: &'static str) -> Result<(), MqttError> {
        let kind = Self::of(protocol);
        let missing = |feature| Err(MqttError::FeatureMissing { protocol, feature });
        if kind.is_tls() && !cfg!(feature = "tls") {
            return missing("tls");
        }
        if kind.is_websocket() && !cfg!(feature = "websocket") {
            return missing("websocket");
        }
        Ok(())
    }

    /// Why this program cannot reach a broker.
    pub fn unusable(endpoint: &Endpoint) -> Option<Error> {
        if let Err(error) = Self::check(endpoint.protocol) {
            return Some(error.into());
        }
        #[cfg(unix)]
        if let Some(path) = endpoint.local_path()
            && let Err(error) = std::os::unix::net::SocketAddr::from_pathname(&path)
        {
            let message = format!("the path of the socket is none: {error}");
            return Some(Error::new(crate::Category::Misconfiguration, "NO_PATH", message));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_its_transport() {
        let kinds: Vec<_> = Kind::PROTOCOLS.iter().map(|(protocol, _)| Kind::of(protocol).name()).collect();
        let expected = ["tcp", "tcp", "tls", "tls", "tls", "websocket", "secure websocket", "unix socket"];
        assert_eq!(kinds, expected[..kinds.len()]);
    }

    #[test]
    fn whether_a_protocol_encrypts_is_known_of_each() {
        use crate::params::{Reached, is_in_clear};
        for (protocol, _) in Kind::PROTOCOLS.iter().filter(|(protocol, _)| *protocol != "unix") {
            assert!(Reached::new("k".to_owned(), protocol, "h", false).is_some(), "{protocol}");
            assert_eq!(is_in_clear(protocol, "h"), !Kind::of(protocol).is_tls(), "{protocol}");
        }
    }

    #[test]
    fn what_was_not_built_in_is_named() {
        for (protocol, feature, built) in
            [("mqtts", "tls", cfg!(feature = "tls")), ("ws", "websocket", cfg!(feature = "websocket"))]
        {
            match Kind::check(protocol) {
                Ok(()) => assert!(built),
                Err(error) => {
                    assert!(!built);
                    let text = error.to_string();
                    assert!(
                        text.contains(protocol) && text.contains(&format!("feature `{feature}`")),
                        "{text}"
                    );
                }
            }
        }
        assert!(Kind::check("mqtt").is_ok());
    }
}
