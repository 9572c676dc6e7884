//! Whether what crosses the network is encrypted, as far as a configuration shows it.

use std::net::IpAddr;

use crate::config::{Invalid, code};

/// The protocols of MQTT over a network: whether they encrypt, and whether that is over WebSocket, which has paths and
/// parameters. What is known of others is nothing.
const MQTT: &[(&str, bool, bool)] = &[
    ("mqtt", false, false),
    ("tcp", false, false),
    ("mqtts", true, false),
    ("ssl", true, false),
    ("tls", true, false),
    ("ws", false, true),
    ("wss", true, true),
];

/// One server as a configuration names it.
pub(crate) struct Reached {
    key: String,
    encrypted: bool,
    password: bool,
}

impl Reached {
    /// A server that `key` names; nothing where it is on this machine, or where nobody knows whether its protocol encrypts.
    /// `password` tells whether one is sent there.
    pub(crate) fn new(key: String, protocol: &str, host: &str, password: bool) -> Option<Self> {
        let encrypted = encrypts(protocol)?;
        (!is_loopback(host)).then_some(Self { key, encrypted, password })
    }
}

/// Warns of passwords that are sent in clear, and of servers of one list of which some are reached with TLS and some without.
pub(crate) fn warnings(reached: &[Reached]) -> Vec<Invalid> {
    let plain = || reached.iter().filter(|one| !one.encrypted);
    let mut found: Vec<_> = plain()
        .filter(|one| one.password)
        .map(|one| {
            let problem = "is reached without TLS: the password crosses the network in clear; use a protocol with TLS, such as \
                           `mqtts`";
            Invalid::warning(code::PASSWORD_UNPROTECTED, one.key.clone(), problem)
        })
        .collect();
    if let (Some(first), true) = (plain().next(), reached.iter().any(|one| one.encrypted)) {
        let problem = "is reached without TLS, and another server of the list with TLS: whoever cuts off that one sees the traffic \
                       move here; use TLS for all";
        found.push(Invalid::warning(code::MIXED_PROTECTION, first.key.clone(), problem));
    }
    // Several hosts of one URI are one line of the manifest.
    found.dedup();
    found
}

/// Whether what is sent to a server crosses a network in clear, as far as its protocol is known.
pub(crate) fn is_in_clear(protocol: &str, host: &str) -> bool {
    encrypts(protocol) == Some(false) && !is_loopback(host)
}

/// Whether a protocol encrypts; nothing where that is not known.
fn encrypts(protocol: &str) -> Option<bool> {
    known(protocol).map(|(_, encrypts, _)| *encrypts)
}

/// Whether a protocol is that of MQTT without WebSocket.
pub(crate) fn is_plain_mqtt(protocol: &str) -> bool {
    known(protocol).is_some_and(|(_, _, websocket)| !websocket)
}

fn known(protocol: &str) -> Option<&'static (&'static str, bool, bool)> {
    MQTT.iter().find(|(name, ..)| name.eq_ignore_ascii_case(protocol))
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = bare.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(servers: &[(&str, &str, bool)]) -> Vec<String> {
        let reached: Vec<_> = (0..)
            .zip(servers)
            .filter_map(|(at, (protocol, host, password)): (usize, _)| {
                Reached::new(format!("connections.{at}"), protocol, host, *password)
            })
            .collect();
        warnings(&reached).iter().map(|warning| warning.to_string().chars().take(47).collect()).collect()
    }

    #[test]
    fn a_password_in_clear_is_warned_of_beyond_this_machine() {
        assert_eq!(codes(&[("mqtt", "broker", true)]), ["`connections.0` is reached without TLS: the pas"]);
        for fine in [
            ("mqtt", "broker", false),
            ("mqtts", "broker", true),
            ("WSS", "broker", true),
            ("unix", "", true),
            ("mqtt", "localhost", true),
            ("mqtt", "a.LOCALHOST", true),
            ("mqtt", "127.3.0.1", true),
            ("mqtt", "[::1]", true),
            ("mqtt", "::ffff:127.0.0.1", true),
        ] {
            assert!(codes(&[fine]).is_empty(), "{fine:?}");
        }
        assert_eq!(codes(&[("tcp", "127.0.0.1.example", true)]).len(), 1);
    }

    #[test]
    fn a_list_with_and_without_tls_is_warned_of() {
        let mixed = [("mqtts", "a", false), ("mqtt", "b", false), ("mqtt", "c", false)];
        assert_eq!(codes(&mixed), ["`connections.1` is reached without TLS, and ano"]);
        assert!(codes(&[("mqtts", "a", false), ("mqtt", "localhost", false)]).is_empty());
        assert!(codes(&[("mqtt", "a", false), ("ws", "b", false)]).is_empty());
    }
}
