//! The brokers that can be connected to, and which of them to try next.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::connect::Endpoint;
use crate::log::Logger;
use crate::mqtt::redirects::{Direction, Permitted};
use crate::mqtt::{MqttConnectionResolver, TlsConfig};
use crate::text::clip;

/// How often a broker may send the client on to another one before it must have been welcomed for a while.
pub(super) const MOST_HOPS: u32 = 4;

/// How many brokers that refuse us are remembered.
const MOST_REFUSING: usize = 256;

/// The list, in order of preference, with those that failed lately set back.
pub(crate) struct Endpoints {
    resolver: Arc<MqttConnectionResolver>,
    endpoints: Vec<Endpoint>,
    prefer_first: bool,
    cooldown: Duration,
    /// Where brokers may send the client.
    permitted: Permitted,
    /// Until when an endpoint is tried only after the others, by its address.
    resting: HashMap<String, Instant>,
    /// The address that welcomed us last.
    last: Option<String>,
    /// Where the last broker has sent us; tried before everything else, once.
    detour: Option<Endpoint>,
    hops: u32,
    /// The last look-up failed, and that was said.
    warned: bool,
    /// Those that refuse us for good, which was said once each.
    refusing: HashSet<String>,
    /// Server references that were not followed, which was said once each.
    unfollowed: HashSet<(String, String)>,
}

impl Endpoints {
    /// What was resolved first, and what resolves it anew.
    pub(crate) fn new(
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
            resting: HashMap::new(),
            last: None,
            detour: None,
            hops: 0,
            warned: false,
            refusing: HashSet::new(),
            unfollowed: HashSet::new(),
        }
    }

    /// Asks discovery and credential stores again. When they fail, what was known goes on.
    pub(super) async fn refresh(&mut self, limit: Duration, logger: &Logger) {
        let failed = match timeout(limit, self.resolver.resolve()).await {
            Ok(Ok(endpoints)) => {
                self.resting.retain(|address, _| endpoints.iter().any(|one| one.to_string() == *address));
                self.endpoints = endpoints;
                self.warned = false;
                return;
            }
            Ok(Err(error)) => error.chain(),
            Err(_) => format!("no answer within {} ms", limit.as_millis()),
        };
        if !std::mem::replace(&mut self.warned, true) {
            logger.warn(format_args!(
                "MQTT brokers or credentials cannot be looked up again, so what was known is used: {failed}"
            ));
        }
    }

    /// All endpoints in the order in which to try them: where a broker sent us, where we were (unless the first is
    /// preferred), then the list; those that failed lately come last, the longest rested first.
    pub(super) fn order(&mut self, now: Instant) -> Vec<Endpoint> {
        self.resting.retain(|_, until| *until > now);
        let place = |endpoint: &Endpoint| {
            let address = endpoint.to_string();
            let resting = self.resting.get(&address).copied();
            let elsewhere = self.prefer_first || self.last.as_ref() != Some(&address);
            (resting, elsewhere)
        };
        let mut order: Vec<Endpoint> = self.endpoints.clone();
        // Stable: what is alike stays in the order of the list.
        order.sort_by_key(place);
        order.splice(0..0, self.detour.take());
        order
    }

    /// An attempt has failed, or a link did not last.
    pub(super) fn failed(&mut self, endpoint: &Endpoint, now: Instant) {
        if !self.cooldown.is_zero() {
            self.resting.insert(endpoint.to_string(), now + self.cooldown);
        }
    }

    /// A broker refuses us for good; true if it did not do so before.
    pub(super) fn refused(&mut self, at: &Endpoint) -> bool {
        // Redirects can name any number.
        if self.refusing.len() >= MOST_REFUSING {
            self.refusing.clear();
        }
        self.refusing.insert(at.to_string())
    }

    /// A broker has welcomed us.
    pub(super) fn welcomed(&mut self, endpoint: &Endpoint) {
        let address = endpoint.to_string();
        self.resting.remove(&address);
        self.refusing.remove(&address);
        self.last = Some(address);
    }

    /// The link has lasted: whoever sends us on from here is not part of a ring.
    pub(super) fn lasted(&mut self) {
        self.hops = 0;
    }

    /// The broker at `from` ended a good link and named another server: that is tried first next time, where it is permitted,
    /// unless we have been sent around enough.
    pub(super) fn sent_on(&mut self, from: &Endpoint, reference: &str, logger: &Logger) {
        if self.hops < MOST_HOPS {
            self.detour = self.direct(from, reference, logger);
            self.hops += 1;
        }
    }

    /// The server that the broker at `from` names in place of itself, where it may be connected to. Otherwise that is said
    /// once, with the key that would permit it.
    pub(super) fn direct(&mut self, from: &Endpoint, reference: &str, logger: &Logger) -> Option<Endpoint> {
        let why = match self.permitted.direct(from, reference, &self.endpoints) {
            Direction::Follow(to) => return Some(to),
            Direction::Stay(why) => why,
        };
        // A hostile broker can name any number.
        if self.unfollowed.len() >= MOST_REFUSING {
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

    /// How TLS trusts and is trusted at a server. A name that was configured is that of the configured brokers, and where
    /// credentials do not go, the client certificate does not go either.
    pub(super) fn tls<'a>(&self, server: &Endpoint, tls: &'a TlsConfig) -> Cow<'a, TlsConfig> {
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

    /// The first endpoint, where being at another one is not wanted.
    pub(super) fn preferred(&self, now_at: &Endpoint) -> Option<&Endpoint> {
        let first = self.endpoints.first().filter(|_| self.prefer_first)?;
        // Where the first has sent us we are at its wish.
        let listed = self.endpoints.iter().skip(1).any(|one| one.to_string() == now_at.to_string());
        listed.then_some(first)
    }

    /// The preferred endpoint is there again.
    pub(super) fn back(&mut self, first: &Endpoint) {
        self.resting.remove(&first.to_string());
    }

    /// How many brokers the list has.
    pub(super) fn count(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn cooldown(&self) -> Duration {
        self.cooldown
    }

    /// The endpoints as messages name them.
    pub(super) fn names(&self) -> String {
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
        endpoints.welcomed(&all[2]);
        assert_eq!(hosts(&mut endpoints, now + COOL), "cab", "where the session is");
        endpoints.failed(&all[2], now + COOL);
        assert_eq!(hosts(&mut endpoints, now + COOL), "abc");
    }

    #[tokio::test]
    async fn the_first_is_preferred_when_asked() {
        let mut endpoints = endpoints("mqtt://a,b", true).await;
        let (now, all) = (Instant::now(), endpoints.endpoints.clone());
        endpoints.welcomed(&all[1]);
        assert_eq!(hosts(&mut endpoints, now), "ab");
        assert_eq!(endpoints.preferred(&all[1]).map(|one| one.host.as_str()), Some("a"));
        assert!(endpoints.preferred(&all[0]).is_none());
    }

    #[tokio::test]
    async fn a_reference_is_followed_so_often_and_no_more() {
        let mut endpoints = endpoints("mqtts://ann:secret@a:1", false).await;
        let from = endpoints.endpoints[0].clone();
        let logger = Logger::standalone();
        for _ in 0..MOST_HOPS {
            endpoints.sent_on(&from, "b", &logger);
            assert_eq!(hosts(&mut endpoints, Instant::now()), "ba");
            assert_eq!(hosts(&mut endpoints, Instant::now()), "a");
        }
        endpoints.sent_on(&from, "b", &logger);
        assert_eq!(hosts(&mut endpoints, Instant::now()), "a");
        endpoints.lasted();
        endpoints.sent_on(&from, "b", &logger);
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
