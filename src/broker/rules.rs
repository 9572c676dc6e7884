//! How a broker will judge the clients of the same manifest, as far as its configuration and its credential stores show it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures_util::FutureExt;

use super::admission::Admission;
use super::connect_request::{MAX_CONNECT, forbidden_in_client_id};
use super::limits::USER_PROPERTIES;
use super::{AccessConfig, BrokerConfig, filter_counts};
use crate::auth;
use crate::component::{
    Client, ClientFilters, ClientServer, FilterLimit, Neighbours, Refusal, ServerRules, TopicAction,
};
use crate::params::CredentialParams;
use crate::text::clip;

/// The code of what is refused when a client connects.
const REFUSED: &str = "CLIENT_REFUSED";
/// The code of topics that a client may not use.
const DENIED: &str = "TOPIC_DENIED";
/// Of what is denied, whoever asks knows the keys of the client.
const NO_KEYS: [&str; 0] = [];

/// The rules of a broker with this configuration.
pub(super) struct Rules(pub BrokerConfig);

impl Rules {
    /// The rule by which users are admitted; none where that is not known, or wrong and reported.
    fn admission(&self, around: &dyn Neighbours) -> Option<Admission> {
        let stores = if self.0.keyed_credentials().any(|(_, one)| one.store_key().is_some()) {
            auth::static_lookups(around, "credentials")?
        } else {
            Vec::new()
        };
        // A broker that listens elsewhere without credentials and admits nobody does not open.
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.0.port);
        Admission::resolve(&self.0, &stores, address).now_or_never()?.ok()
    }

    /// Where the users are.
    fn users_key(&self) -> &'static str {
        if self.0.credential.is_some() { "credential" } else { "credentials" }
    }

    fn refused_login(
        &self,
        by: &ClientServer,
        login: &CredentialParams,
        admission: &Admission,
    ) -> Option<Refusal> {
        let (user, password) = (login.username.as_deref(), login.password.as_ref());
        if admission.admits(user, password.map(|password| password.expose().as_bytes())) {
            return None;
        }
        let key = self.users_key();
        let (problem, remedy) = match user {
            None => (
                format!("gives no user name, and `{key}` asks for one"),
                "give the client the `credential` of the broker, or write `allow_anonymous = true` in the section of the broker",
            ),
            Some(name) if !admission.has_user(name) => (
                format!("gives a user name that is not in `{key}`"),
                "give the client the user name and the password of the broker, or the broker a `credential` of that user",
            ),
            Some(_) if password.is_none() => {
                ("gives a user name and no password".to_owned(), "give the client the password of the broker")
            }
            Some(_) => (
                format!("gives another password for its user than `{key}` has"),
                "give both the same, as by one parameter: `\"${MQTT_PASSWORD}\"`",
            ),
        };
        let is_of_password = password.is_some() && admission.has_user(user.unwrap_or_default());
        let keys = is_of_password.then(|| format!("{}.password", by.login_key)).into_iter();
        Some(refusal(problem, keys.chain([by.login_key.clone(), by.key.clone()]), key, remedy))
    }

    /// Limits and characters that the first packet breaks.
    fn refused_packet(&self, client: &Client, login: Option<&CredentialParams>) -> Vec<Refusal> {
        let mut found: Vec<_> = refused_client_id(client).into_iter().collect();
        found.extend(self.refused_sizes(client, login));
        if client.user_properties > USER_PROPERTIES {
            let count = client.user_properties;
            let problem =
                format!("has a will with {count} user properties, where this broker takes {USER_PROPERTIES}");
            found.push(refusal(problem, ["will.user"], "", "leave some out"));
        }
        found.extend(self.too_large(client));
        found
    }

    /// Names and topics of the first packet that are too long.
    fn refused_sizes(&self, client: &Client, login: Option<&CredentialParams>) -> Vec<Refusal> {
        let made = client.made_of.map_or_else(String::new, |of| format!(", made of {of},"));
        let (id, will) = (format!("a client id{made}"), client.will.as_deref().unwrap_or_default());
        let name = login.and_then(|login| login.username.as_deref()).unwrap_or_default();
        let levels = if will.is_empty() { 0 } else { will.split('/').count() };
        let (names, topic) = (("max_name_length", self.0.max_name_length), "a will with a topic");
        let lengths = ("max_topic_length", self.0.max_topic_length);
        let limits = [
            (&*id, (client.client_id.len(), "bytes"), names, "client_id"),
            ("a user name", (name.len(), "bytes"), names, "credential"),
            (topic, (will.len(), "bytes"), lengths, "will.topic"),
            (topic, (levels, "levels"), ("max_topic_levels", self.0.max_topic_levels), "will.topic"),
        ];
        let broken = limits.into_iter().filter(|(_, (size, _), (_, limit), _)| size > limit);
        let refused = broken.map(|(what, (size, unit), (limit_key, limit), key)| {
            let problem = format!("has {what} of {size} {unit}, where `{limit_key}` allows {limit}");
            refusal(problem, [key], limit_key, "make it shorter, or raise the limit of the broker")
        });
        refused.collect()
    }

    /// A first packet that is larger than one may be.
    fn too_large(&self, client: &Client) -> Option<Refusal> {
        let (size, limit) = (client.first_packet, self.0.max_packet_size.min(MAX_CONNECT));
        if size <= limit {
            return None;
        }
        let (by, key, remedy) = match self.0.max_packet_size < MAX_CONNECT {
            true => (
                "`max_packet_size` allows",
                "max_packet_size",
                "make its will shorter, or raise the limit of the broker",
            ),
            false => ("this broker takes", "", "make its will shorter"),
        };
        let problem = format!(
            "connects with a packet of {size} bytes or more, with the will in it, where {by} {limit}"
        );
        Some(refusal(problem, ["will.payload", "will"], key, remedy))
    }
}

impl ServerRules for Rules {
    fn refusals(&self, client: &Client, by: &ClientServer, around: &dyn Neighbours) -> Vec<Refusal> {
        if !by.is_plain {
            let problem = format!(
                "speaks `{}`, and this broker listens for MQTT over TCP, without TLS and WebSocket",
                by.protocol
            );
            let keys = [format!("{}.protocol", by.key), format!("{}.uri", by.key), by.key.clone()];
            let remedy = "write `protocol = \"mqtt\"` in the connection of the client";
            return vec![refusal(problem, keys, "port", remedy)];
        }
        let login = by.login.as_ref();
        let admission = login.and_then(|login| Some((login, self.admission(around)?)));
        let mut found = self.refused_packet(client, login);
        found.extend(admission.and_then(|(login, admission)| self.refused_login(by, login, &admission)));
        found
    }

    fn denial(
        &self,
        username: Option<&str>,
        topic: &str,
        action: TopicAction,
        around: &dyn Neighbours,
    ) -> Option<Refusal> {
        let (length, levels) = (topic.len(), topic.split('/').count());
        let limits = [
            ("max_topic_length", length, self.0.max_topic_length, "bytes"),
            ("max_topic_levels", levels, self.0.max_topic_levels, "levels"),
        ];
        let what = if action == TopicAction::Publish { "publish to" } else { "subscribe to" };
        let topic_shown = clip(topic);
        if let Some((key, found, limit, unit)) = limits.into_iter().find(|(_, found, limit, _)| found > limit)
        {
            let problem = format!(
                "may not {what} `{topic_shown}`, which has {found} {unit}, where `{key}` allows {limit}"
            );
            let remedy = "use a shorter topic, or raise the limit of the broker";
            return Some(Refusal { code: DENIED, ..refusal(problem, NO_KEYS, key, remedy) });
        }
        let admission = self.admission(around)?;
        let access = admission.access(username);
        let list = |access: &AccessConfig| match action {
            TopicAction::Publish => ("publish", access.allows_publish(topic)),
            _ => ("subscribe", access.allows_subscribe(topic)),
        };
        let (list, allowed) = list(access);
        if allowed {
            return None;
        }
        let named = username.filter(|name| admission.has_user(name));
        let key = named.map_or_else(|| format!("anonymous.{list}"), |name| format!("users.{name}.{list}"));
        let problem = format!("may not {what} `{topic_shown}`, which is not in `{}`", clip(&key));
        let remedy =
            "add the topic, or a filter that covers it, to the list of the broker, or use another topic";
        Some(Refusal { code: DENIED, ..refusal(problem, NO_KEYS, &key, remedy) })
    }

    fn most_clients(&self) -> (&'static str, usize) {
        if self.0.max_sessions < self.0.max_connections {
            ("max_sessions", self.0.max_sessions)
        } else {
            ("max_connections", self.0.max_connections)
        }
    }

    fn filter_limit(&self, client: &ClientFilters<'_>) -> Option<FilterLimit> {
        let (at_open, all) = filter_counts::of_one(client);
        Some(FilterLimit { key: "max_filters", limit: self.0.max_filters, at_open, all })
    }

    fn filter_limit_in_all(&self, clients: &[ClientFilters<'_>]) -> Option<FilterLimit> {
        let (at_open, all) = filter_counts::of_all(clients);
        Some(FilterLimit { key: "max_filters_in_all", limit: self.0.max_filters_in_all, at_open, all })
    }
}

/// A client id that the broker's library would not take.
fn refused_client_id(client: &Client) -> Option<Refusal> {
    let forbidden = forbidden_in_client_id(&client.client_id)?;
    let made = client.made_of.map_or_else(String::new, |of| format!(" and is made of {of}"));
    let problem = format!("has a client id that {forbidden}{made}, which this broker does not permit");
    let remedy = "give the client a `client_id` of letters, digits, `-` and `_`";
    Some(refusal(problem, ["client_id"], "", remedy))
}

fn refusal<K: Into<Cow<'static, str>>>(
    problem: String,
    client_keys: impl IntoIterator<Item = K>,
    server_key: &str,
    remedy: &str,
) -> Refusal {
    let client_keys = client_keys.into_iter().map(Into::into).collect();
    let (server_key, remedy) = (Cow::Owned(server_key.to_owned()), remedy.to_owned());
    Refusal { code: REFUSED, problem, client_keys, server_key, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::Around;

    fn refusals(broker: &str, client: Client) -> Vec<(String, String)> {
        let rules = Rules(crate::config::from_toml(broker).unwrap());
        let all = client.servers.iter().flat_map(|by| rules.refusals(&client, by, &Around::default()));
        all.map(|one| (one.problem, one.server_key.into_owned())).collect()
    }

    fn client() -> Client {
        let by = ClientServer {
            key: "connection".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1883,
            protocol: "mqtt",
            is_plain: true,
            login: Some(CredentialParams::default()),
            login_key: "credential".to_owned(),
        };
        Client {
            servers: vec![by],
            has_others: false,
            client_id: "me".to_owned(),
            made_of: None,
            will: None,
            user_properties: 0,
            first_packet: 20,
            connects_later: false,
            merges_filters: true,
        }
    }

    #[test]
    fn each_limit_is_named_with_its_key() {
        assert!(refusals("", client()).is_empty());
        for (broker, change, named, key) in [
            (
                "",
                (|one| one.client_id = "a/b".to_owned()) as fn(&mut Client),
                "has a client id that holds `/`",
                "",
            ),
            ("", |one| one.client_id = "x".repeat(129), "has a client id that has 129 bytes", ""),
            (
                "max_name_length = 23",
                |one| one.client_id = "x".repeat(24),
                "has a client id of 24 bytes",
                "max_name_length",
            ),
            (
                "",
                |one| one.will = Some("x".repeat(1025)),
                "has a will with a topic of 1025 bytes",
                "max_topic_length",
            ),
            (
                "",
                |one| one.will = Some("/".repeat(64)),
                "has a will with a topic of 65 levels",
                "max_topic_levels",
            ),
            ("", |one| one.user_properties = 65, "has a will with 65 user properties", ""),
            (
                "max_packet_size = 1024",
                |one| one.first_packet = 1025,
                "connects with a packet of 1025",
                "max_packet_size",
            ),
            ("", |one| one.first_packet = MAX_CONNECT + 1, "connects with a packet of 131073", ""),
            ("", |one| one.servers[0].is_plain = false, "speaks `mqtt`, and this broker listens", "port"),
            ("credential = { user = 'ann', pass = 'x' }", |_| {}, "gives no user name", "credential"),
        ] {
            let mut changed = client();
            change(&mut changed);
            let found = refusals(broker, changed);
            assert!(
                found.len() == 1 && found[0].0.starts_with(named) && found[0].1 == key,
                "{named}: {found:?}"
            );
        }
    }

    #[test]
    fn what_a_store_has_not_told_is_not_judged() {
        let rules = Rules(crate::config::from_toml("credential.store_key = 'k'").unwrap());
        let (client, unknown) = (client(), Around::default().unknown("credentials"));
        assert!(rules.refusals(&client, &client.servers[0], &unknown).is_empty());
        assert!(rules.denial(None, "a", TopicAction::Publish, &unknown).is_none());
    }
}
