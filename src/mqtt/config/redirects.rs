//! Server references of brokers (MQTT 5, section 4.11): which are followed, and which credentials go there.
//!
//! A server reference is text from the network. Followed blindly, it would let whoever answers in the place of a broker, or
//! a broker that was broken into, collect the credentials of its clients. So the manifest says where they may go.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connect::{Endpoint, Uri};
use crate::mqtt::transport::Kind;

/// Which server references of brokers are followed: `options.redirects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Redirects {
    /// None.
    #[default]
    None,
    /// Those to a host of `options.redirect_hosts`, or to a broker that the connection has been given itself.
    Listed,
    /// All. A server that is not listed gets no user name, no password, no client certificate and no query of a WebSocket.
    Any,
}

/// The hosts to which credentials may go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permitted {
    redirects: Redirects,
    hosts: Vec<Pattern>,
}

/// One entry of `options.redirect_hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// Whether it stands for all names with one more label in front.
    below: bool,
    host: String,
    port: Option<u16>,
}

/// What becomes of a server reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The client goes there.
    Follow(Endpoint),
    /// It does not, for a reason that goes on with "which is not followed:".
    Stay(&'static str),
}

impl Permitted {
    /// Takes `options.redirects` and `options.redirect_hosts`, which were checked; what cannot be read permits nothing.
    pub fn new(redirects: Redirects, hosts: &[String]) -> Self {
        Self { redirects, hosts: hosts.iter().filter_map(|entry| Pattern::parse(entry)).collect() }
    }

    /// Where the broker at `from` sends the client: to the first server of the list that is permitted. MQTT 5 makes a
    /// reference a list of `host`, `host:port` or `[v6]:port`; some brokers write URIs. The protocol stays, and TLS with it.
    /// `known` are the brokers that the connection has been given.
    pub fn direct(&self, from: &Endpoint, reference: &str, known: &[Endpoint]) -> Direction {
        if self.redirects == Redirects::None {
            return Direction::Stay(
                "`options.redirects` is `none`; to permit it, set it to `listed` and name the host in \
                 `options.redirect_hosts`",
            );
        }
        if Kind::of(from.protocol) == Kind::Unix {
            return Direction::Stay("a Unix socket is no place to be sent on from");
        }
        let servers = reference.split([' ', ',']).filter(|part| !part.is_empty());
        let mut named = false;
        for server in servers.filter_map(|server| endpoint(from, server)) {
            named = true;
            let given = known.iter().find(|one| one.to_string() == server.to_string());
            if let Some(given) = given {
                return Direction::Follow(given.clone());
            }
            if self.lists(&server) {
                return Direction::Follow(server);
            }
            if self.redirects == Redirects::Any {
                return Direction::Follow(without_credentials(server));
            }
        }
        Direction::Stay(if named {
            "it is not in `options.redirect_hosts`, which `options.redirects = \"listed\"` asks for"
        } else {
            "it names no server that could be dialled"
        })
    }

    /// Whether credentials may go to this server.
    pub fn lists(&self, server: &Endpoint) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(server))
    }

    /// Why an entry of `options.redirect_hosts` says nothing.
    pub fn problem(entry: &str) -> Option<&'static str> {
        Pattern::parse(entry).is_none().then_some(
            "is no host; write `broker.example`, `broker.example:8883`, `[::1]:1883`, or `*.broker.example`",
        )
    }
}

impl Pattern {
    fn parse(entry: &str) -> Option<Self> {
        let (below, bare) = entry.strip_prefix("*.").map_or((false, entry), |rest| (true, rest));
        if bare.contains(['@', '/', '?', '#', ',']) {
            return None;
        }
        let uri: Uri = format!("mqtt://{bare}").parse().ok()?;
        let [server] = uri.parts().hosts.as_slice() else { return None };
        // Names alone have labels.
        let named = server.host.parse::<IpAddr>().is_err();
        (named || !below).then(|| Self { below, host: plain(&server.host), port: server.port })
    }

    fn matches(&self, server: &Endpoint) -> bool {
        let host = plain(&server.host);
        let here = if self.below {
            host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == self.host)
        } else {
            host == self.host
        };
        here && self.port.is_none_or(|port| port == server.port)
    }
}

/// A host as hosts are compared: case and a final dot mean nothing in a name, and an address has one spelling.
fn plain(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.strip_suffix('.').unwrap_or(host).to_lowercase(),
    }
}

/// One server of a reference. What it says beside host and port does not count.
fn endpoint(from: &Endpoint, server: &str) -> Option<Endpoint> {
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    let uri: Uri = format!("{}://{bare}", from.protocol).parse().ok()?;
    let server = uri.parts().hosts.first()?.clone();
    // A reference decides where to go, not who we are there.
    let port = server.port.unwrap_or(from.port);
    (port != 0).then(|| Endpoint { host: server.host, port, ..from.clone() })
}

/// A signed URL has its signature in the query.
fn without_credentials(server: Endpoint) -> Endpoint {
    Endpoint { username: None, password: None, parameters: Default::default(), written: None, ..server }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::{ConnectionParams, endpoints};
    use crate::mqtt::transport::Kind;

    fn at(uri: &str) -> Endpoint {
        let found = endpoints(&[ConnectionParams::from_uri(uri.parse().unwrap())], None, Kind::PROTOCOLS);
        found.unwrap().remove(0)
    }

    fn permitted(redirects: Redirects, hosts: &[&str]) -> Permitted {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        Permitted::new(redirects, &hosts)
    }

    /// Where it goes, and as whom.
    fn goes(permitted: &Permitted, from: &str, reference: &str) -> Option<(String, Option<String>)> {
        match permitted.direct(&at(from), reference, &[at(from), at("mqtts://bob:b@given")]) {
            Direction::Follow(to) => Some((to.to_string(), to.username)),
            Direction::Stay(_) => None,
        }
    }

    const FROM: &str = "mqtts://ann:secret@a:1";

    #[test]
    fn nothing_is_followed_that_the_manifest_does_not_permit() {
        let none = permitted(Redirects::None, &[]);
        assert_eq!(goes(&none, FROM, "a:1"), None);
        let listed = permitted(Redirects::Listed, &["b", "C.example.:7", "*.d.example", "[::1]"]);
        for (reference, to) in [
            ("b", "mqtts://b:1"),
            ("B.:9", "mqtts://B.:9"),
            ("evil b", "mqtts://b:1"),
            ("c.EXAMPLE:7", "mqtts://c.EXAMPLE:7"),
            ("one.d.example", "mqtts://one.d.example:1"),
            ("mqtt://[0:0::1]", "mqtts://[0:0::1]:1"),
            ("ws://x:y@b:7/path?a=b", "mqtts://b:7"),
        ] {
            assert_eq!(goes(&listed, FROM, reference), Some((to.into(), Some("ann".into()))), "{reference}");
        }
        let nowhere = [
            "",
            " ,",
            "evil",
            "b:x",
            "b:0",
            "b:99999",
            "c.example:8",
            "d.example",
            "x.y.d.example",
            ".d.example",
            "b.evil",
            "evil@evil",
            "b@evil",
            "b/@evil",
            "[::2]",
            "b#",
            "xb",
        ];
        for reference in nowhere {
            assert_eq!(goes(&listed, FROM, reference), None, "{reference}");
        }
    }

    #[test]
    fn one_that_is_not_listed_is_shown_no_credentials() {
        let any = permitted(Redirects::Any, &["b"]);
        assert_eq!(goes(&any, FROM, "b"), Some(("mqtts://b:1".into(), Some("ann".into()))));
        let from = at("wss://ann:secret@a/mqtt?signature=s");
        let Direction::Follow(to) = any.direct(&from, "evil", &[]) else { panic!("it stays") };
        assert_eq!((to.to_string().as_str(), to.query()), ("wss://evil:443/mqtt", None));
        assert!(to.username.is_none() && to.password.is_none());
    }

    #[test]
    fn a_broker_that_was_given_is_met_as_it_was_given() {
        let listed = permitted(Redirects::Listed, &[]);
        assert_eq!(
            goes(&listed, FROM, "given:8883"),
            Some(("mqtts://given:8883".into(), Some("bob".into())))
        );
        assert_eq!(goes(&listed, "mqtt://ann:secret@a:1", "given:8883"), None, "without TLS it was not");
        assert_eq!(goes(&permitted(Redirects::Any, &[]), "unix:///run/mqtt", "a"), None);
    }

    #[test]
    fn entries_that_are_no_hosts_are_refused() {
        for entry in ["", "*", "*.", "a b", "a:x", "a,b", "a/b", "u@a", "*.127.0.0.1", "mqtt://a", "::1"] {
            assert!(Permitted::problem(entry).is_some(), "{entry}");
        }
        for entry in ["a", "a:1", "*.a.b:1", "[::1]:1883", "127.0.0.1"] {
            assert!(Permitted::problem(entry).is_none(), "{entry}");
        }
    }
}
