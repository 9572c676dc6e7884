//! The endpoints of a connection, and which of them to try next.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::connect::Endpoint;
use crate::log::Logger;
use crate::mqtt::config::{Direction, Permitted};
use crate::mqtt::{MqttConnectionResolver, TlsConfig};
use crate::text::{clip, duration};

/// How many refusals, and redirects that are not followed, are remembered.
const MAX_REMEMBERED: usize = 256;

/// The endpoints in order of preference; those that failed lately are tried after the others.
pub(crate) struct Endpoints {
    resolver: Arc<MqttConnectionResolver>,
    endpoints: Vec<Endpoint>,
    prefer_first: bool,
    cooldown: Duration,
    /// Where brokers may redirect the client.
    permitted: Permitted,
    /// Until when an endpoint is tried after the others, by its address.
    cooling_down: HashMap<String, Instant>,
    /// The address at which the client was last connected.
    last: Option<String>,
    /// Where the last broker has redirected the client; tried before everything else, once.
    redirect: Option<Endpoint>,
    /// How often the client was redirected since a link has lasted.
    hops: u32,
    /// Whether it has been warned that the last look-up failed.
    warned: bool,
    /// The endpoints that refuse the client for good, each of which has been warned of.
    refusing: HashSet<String>,
    /// Redirects that were not followed, each of which has been warned of: from where, and to where.
    unfollowed: HashSet<(String, String)>,
}

impl Endpoints {
    /// How often brokers may redirect the client in a row, without a link that lasts in between.
    pub const MAX_HOPS: u32 = 4;

    /// Begins with the endpoints that the resolver has found.
    pub fn new(
        resolver: Arc<MqttConnectionResolver>,
        endpoints: Vec<Endpoint>,
        prefer_first: bool,
        cooldown: Duration,
        permitted: Permitted,
    ) -> Self {
        Self {
            resolver,
            endpoints,
            prefer_first,
            cooldown,
            permitted,
            cooling_down: HashMap::new(),
            last: None,
            redirect: None,
            hops: 0,
            warned: false,
            refusing: HashSet::new(),
            unfollowed: HashSet::new(),
        }
    }

    /// Asks discovery and credential stores again. When they fail, the endpoints stay as they were.
    pub async fn refresh(&mut self, limit: Duration, logger: &Logger) {
        let failed = match timeout(limit, self.resolver.resolve()).await {
            Ok(Ok(endpoints)) => {
                self.cooling_down
                    .retain(|address, _| endpoints.iter().any(|one| one.to_string() == *address));
                self.endpoints = endpoints;
                self.warned = false;
                return;
            }
            Ok(Err(error)) => error.chain(),
            Err(_) => format!("no answer within {}", duration(limit)),
        };
        if !std::mem::replace(&mut self.warned, true) {
            logger.warn(format_args!(
                "MQTT brokers or credentials cannot be looked up again, so what was known is used: {failed}"
            ));
        }
    }

    /// Returns all endpoints in the order in which to try them: where a broker redirected the client, where the client was
    /// connected (unless the first is preferred), then the list. Those that failed lately come last, the first to fail first.
    pub fn order(&mut self, now: Instant) -> Vec<Endpoint> {
        self.cooling_down.retain(|_, until| *until > now);
        let rank = |endpoint: &Endpoint| {
            let address = endpoint.to_string();
            let cooling_down = self.cooling_down.get(&address).copied();
            let elsewhere = self.prefer_first || self.last.as_ref() != Some(&address);
            (cooling_down, elsewhere)
        };
        let mut order: Vec<Endpoint> = self.endpoints.clone();
        // Stable: what is alike stays in the order of the list.
        order.sort_by_key(rank);
        order.splice(0..0, self.redirect.take());
        order
    }

    /// An attempt has failed, or a link has not lasted.
    pub fn failed(&mut self, endpoint: &Endpoint, now: Instant) {
        if !self.cooldown.is_zero() {
            self.cooling_down.insert(endpoint.to_string(), now + self.cooldown);
        }
    }

    /// A broker refuses the client for good. Returns whether that is news.
    pub fn refused(&mut self, at: &Endpoint) -> bool {
        // Redirects can name any number.
        if self.refusing.len() >= MAX_REMEMBERED {
            self.refusing.clear();
        }
        self.refusing.insert(at.to_string())
    }

    /// A broker has accepted the client.
    pub fn connected(&mut self, endpoint: &Endpoint) {
        let address = endpoint.to_string();
        self.cooling_down.remove(&address);
        self.refusing.remove(&address);
        self.last = Some(address);
    }

    /// The link has lasted: a redirect from here is not part of a ring.
    pub fn lasted(&mut self) {
        self.hops = 0;
    }

    /// The broker at `from` ended a link and named another server. That one is tried first next time, where it is permitted,
    /// unless the client has been redirected too often.
    pub fn redirected(&mut self, from: &Endpoint, reference: &str, logger: &Logger) {
        if self.hops < Self::MAX_HOPS {
            self.redirect = self.direct(from, reference, logger);
            self.hops += 1;
        }
    }

    /// Returns the server that the broker at `from` names in place of itself, where the client may connect to it. Otherwise that
    /// is warned of once, with the key that would permit it.
    pub fn direct(&mut self, from: &Endpoint, reference: &str, logger: &Logger) -> Option<Endpoint> {
        let why = match self.permitted.direct(from, reference, &self.endpoints) {
            Direction::Follow(to) => return Some(to),
            Direction::Stay(why) => why,
        };
        // A hostile broker can name any number.
        if self.unfollowed.len() >= MAX_REMEMBERED {
            self.unfollowed.clear();
        }
        let shown = clip(reference).into_owned();
        if self.unfollowed.insert((from.to_string(), shown.clone())) {
            logger.warn(format_args!(
                "The MQTT broker at {from} sends its clients to `{shown}`, which is not followed: {why}"
            ));
        }
        None
    }

    /// Returns the TLS configuration for a server. A name that was configured is that of the configured brokers, and a server
    /// that does not get the credentials does not get the client certificate either.
    pub fn tls<'a>(&self, server: &Endpoint, tls: &'a TlsConfig) -> Cow<'a, TlsConfig> {
        let address = server.to_string();
        if self.endpoints.iter().any(|one| one.to_string() == address) {
            return Cow::Borrowed(tls);
        }
        let mut tls = TlsConfig { server_name: None, ..tls.clone() };
        if !self.permitted.lists(server) {
            (tls.cert_file, tls.key_file) = (None, None);
            tls.pem = tls.pem.without_identity();
        }
        Cow::Owned(tls)
    }

    /// Returns the first endpoint, where it is preferred and the client is connected to another one.
    pub fn preferred(&self, now_at: &Endpoint) -> Option<&Endpoint> {
        let first = self.endpoints.first().filter(|_| self.prefer_first)?;
        // A server outside the list is one that a broker, perhaps the first, has redirected the client to: no fail-back
        // from there.
        let listed = self.endpoints.iter().skip(1).any(|one| one.to_string() == now_at.to_string());
        listed.then_some(first)
    }

    /// An endpoint can be dialled again.
    pub fn recovered(&mut self, first: &Endpoint) {
        self.cooling_down.remove(&first.to_string());
    }

    /// Returns the length of the list.
    pub fn count(&self) -> usize {
        self.endpoints.len()
    }

    /// Returns for how long an endpoint that failed is tried after the others.
    pub fn cooldown(&self) -> Duration {
        self.cooldown
    }

    /// Returns the endpoints as messages name them.
    pub fn names(&self) -> String {
        self.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::TlsPem;
    use crate::mqtt::{MqttConfig, Redirects};

    const COOL: Duration = Duration::from_secs(30);

    async fn endpoints(uri: &str, prefer_first: bool) -> Endpoints {
        let config: MqttConfig = crate::config::from_pairs([("connection.uri", uri)]).unwrap();
        let resolver = Arc::new(MqttConnectionResolver::new(&config, vec![], vec![]).unwrap());
        let endpoints = resolver.resolve().await.unwrap();
        let permitted = Permitted::new(Redirects::Listed, &["b".to_owned()]);
        Endpoints::new(resolver, endpoints, prefer_first, COOL, permitted)
    }

    fn hosts(endpoints: &mut Endpoints, now: Instant) -> String {
        endpoints.order(now).iter().map(|one| one.host.as_str()).collect()
    }

    #[tokio::test]
    async fn those_that_failed_come_last_until_they_have_rested() {
        let mut endpoints = endpoints("mqtt://a,b,c", false).await;
        let (now, all) = (Instant::now(), endpoints.endpoints.clone());
        endpoints.failed(&all[0], now);
        assert_eq!(hosts(&mut endpoints, now), "bca");
        endpoints.failed(&all[2], now + COOL / 2);
        assert_eq!(hosts(&mut endpoints, now + COOL / 2), "bac");
        assert_eq!(hosts(&mut endpoints, now + COOL), "abc");
        endpoints.connected(&all[2]);
        assert_eq!(hosts(&mut endpoints, now + COOL), "cab", "where the session is");
        endpoints.failed(&all[2], now + COOL);
        assert_eq!(hosts(&mut endpoints, now + COOL), "abc");
    }

    #[tokio::test]
    async fn the_first_is_preferred_when_asked() {
        let mut endpoints = endpoints("mqtt://a,b", true).await;
        let (now, all) = (Instant::now(), endpoints.endpoints.clone());
        endpoints.connected(&all[1]);
        assert_eq!(hosts(&mut endpoints, now), "ab");
        assert_eq!(endpoints.preferred(&all[1]).map(|one| one.host.as_str()), Some("a"));
        assert!(endpoints.preferred(&all[0]).is_none());
    }

    #[tokio::test]
    async fn a_reference_is_followed_so_often_and_no_more() {
        let mut endpoints = endpoints("mqtts://ann:secret@a:1", false).await;
        let from = endpoints.endpoints[0].clone();
        let logger = Logger::standalone();
        for _ in 0..Endpoints::MAX_HOPS {
            endpoints.redirected(&from, "b", &logger);
            assert_eq!(hosts(&mut endpoints, Instant::now()), "ba");
            assert_eq!(hosts(&mut endpoints, Instant::now()), "a");
        }
        endpoints.redirected(&from, "b", &logger);
        assert_eq!(hosts(&mut endpoints, Instant::now()), "a");
        endpoints.lasted();
        endpoints.redirected(&from, "b", &logger);
        assert_eq!(hosts(&mut endpoints, Instant::now()), "ba");
    }

    #[tokio::test]
    async fn another_server_is_shown_a_certificate_only_where_it_is_listed_and_has_its_own_name() {
        let endpoints = endpoints("mqtts://a:1", false).await;
        let path = |text: &str| Some(crate::config::ConfigPath::from(text));
        let tls = TlsConfig {
            ca_file: path("ca"),
            cert_file: path("cert"),
            key_file: path("key"),
            server_name: Some("a.example".into()),
            pem: TlsPem::default().authorities("ca").identity("cert", "key"),
            ..TlsConfig::default()
        };
        let given = endpoints.endpoints[0].clone();
        let at = |host: &str| Endpoint { host: host.to_owned(), ..given.clone() };
        assert_eq!(*endpoints.tls(&given, &tls), tls);
        let listed = endpoints.tls(&at("b"), &tls);
        assert!(listed.server_name.is_none() && listed.cert_file.is_some() && listed.ca_file.is_some());
        let other = endpoints.tls(&at("evil"), &tls);
        assert!(other.server_name.is_none() && other.cert_file.is_none() && other.key_file.is_none());
        assert_eq!(other.ca_file, tls.ca_file, "trust is what it was");
        assert_eq!((&listed.pem, &other.pem), (&tls.pem, &TlsPem::default().authorities("ca")));
    }
}
