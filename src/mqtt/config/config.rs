//! The configuration of a connection.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::CredentialConfig;
use crate::config::Millis;
use crate::connect::ConnectionConfig;
use crate::mqtt::{MqttVersion, Redirects, TlsConfig, WillConfig};
use crate::time::seconds;

/// The configuration of [`MqttConnection`](crate::mqtt::MqttConnection).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    /// Client id, by which the broker knows the client and keeps its session. When not given:
    /// `<service>-<name>-<host>-<8 hexadecimal digits>`, new each process. Two clients with one id throw each other out.
    pub client_id: Option<String>,
    /// Where the broker is: `host`, `port`, `protocol`, `uri` or `discovery_key`. Protocols and their ports: `mqtt` or `tcp`
    /// (1883), `mqtts`, `ssl` or `tls` (8883), `ws` (80), `wss` (443), with the path `/mqtt` unless the URI has one, and
    /// `unix:///path` for a Unix socket. Default `mqtt`.
    #[schemars(extend("examples" = [{ "host": "127.0.0.1" }]))]
    pub connection: Option<ConnectionConfig>,
    /// Several brokers in place of `connection`, in order of preference: they are tried in this order, except that those
    /// that failed within `options.endpoint_cooldown` come last, and after a lost connection the one that was lost first.
    pub connections: Option<Vec<ConnectionConfig>>,
    /// User name and password, or the `store_key` under which they are found.
    pub credential: Option<CredentialConfig>,
    /// Several credentials in place of `credential`: the first that is there is used.
    pub credentials: Option<Vec<CredentialConfig>>,
    /// Trust in TLS, with the protocols `mqtts`, `ssl`, `tls` and `wss`.
    pub tls: TlsConfig,
    /// What the broker publishes when the connection is lost without DISCONNECT.
    pub will: Option<WillConfig>,
    /// How the connection behaves.
    pub options: MqttOptions,
}

/// The documentation of the options that a queue with a connection of its own has too.
macro_rules! shared_option {
    (protocol_version) => {
        "Which MQTT is spoken: `3.1.1` (or 4), or `5`. Default `3.1.1`."
    };
    (retry_connect) => {
        "Whether a broker that cannot be reached is tried again, when opening and when the connection is lost. When false one \
         attempt is made at each broker, and a lost connection is a failure. Connections and credentials are looked up again \
         before each new attempt."
    };
    (connect_timeout) => {
        "How long opening takes at most, and how long a broker may take to answer CONNECT and SUBSCRIBE. 0 is without limit. An \
         UNSUBSCRIBE without an answer counts as done after that time, or after 30 s where there is no limit."
    };
    (reconnect_timeout) => {
        "The wait before the first attempt to connect again; it doubles from there, with a random part."
    };
    (keepalive_timeout) => {
        "How long nothing is sent or heard before the broker is pinged, rounded up to whole seconds. A lost connection is found \
         within 1.5 times this. 0 is off."
    };
    (clean_session) => {
        "Whether the broker forgets the session when the connection ends. When false it keeps subscriptions and messages for a \
         client that is away, and `client_id` must be given."
    };
}

/// How an [`MqttConnection`](crate::mqtt::MqttConnection) behaves. Times are milliseconds, or strings such as `30s`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
// No link has a QoS, but others that people come from set it here.
#[schemars(extend("x-not-here" = serde_json::json!({
    "qos": "the QoS is that of a message, not of a connection: it is `options.qos` of a message queue, and in code an argument of \
            `publish` and `subscribe`; `will.qos` is that of the will alone"
})))]
pub struct MqttOptions {
    #[doc = shared_option!(protocol_version)]
    pub protocol_version: MqttVersion,
    #[doc = shared_option!(retry_connect)]
    pub retry_connect: bool,
    #[doc = shared_option!(connect_timeout)]
    pub connect_timeout: Millis,
    #[doc = shared_option!(reconnect_timeout)]
    pub reconnect_timeout: Millis,
    /// The longest wait between attempts.
    pub max_reconnect_timeout: Millis,
    /// How long a broker that failed is tried only after the others, where there are several. 0 is off.
    pub endpoint_cooldown: Millis,
    /// Whether the first broker of several is preferred: while at another one, the first is looked for every `endpoint_cooldown`,
    /// and when it is there the connection moves back, once what is on its way has arrived. Otherwise it stays where it is.
    pub prefer_first: bool,
    /// How long a broker that had accepted the client may refuse it when it connects again (bad user name or password, not
    /// authorized, bad client id, banned) before the connection fails. Until then it is tried again with growing waits, and
    /// credential stores are asked each time. 0 fails at once, as a refusal while opening always does.
    pub refusal_timeout: Millis,
    /// MQTT 5: which of the servers that a broker names in place of itself are connected to: `none`; `listed`, those of
    /// `redirect_hosts` and the brokers that the connection has been given; or `any`, of which those that are not listed
    /// get neither user name and password nor client certificate. The protocol stays, so does TLS, and the certificate must
    /// have the name of the new host. Default `none`.
    pub redirects: Redirects,
    /// MQTT 5: the hosts that `redirects` permits and to which credentials may go: `broker.example`, with or without a port, or
    /// `*.broker.example` for all names with one more label. Without a port any is permitted.
    pub redirect_hosts: Vec<String>,
    #[doc = shared_option!(keepalive_timeout)]
    pub keepalive_timeout: Millis,
    /// How long the broker may take no bytes before the connection counts as lost. 0 is without limit.
    pub write_timeout: Millis,
    /// How long reading may pause while packets come in singly at over 20000 a second, so that they are read and acknowledged
    /// together; it saves most of the processor time of such a stream. A pause that slows it down is given up. Plain TCP only. 0 is
    /// off.
    pub max_read_pause: Millis,
    /// How long a publish takes at most, waiting for the connection included. 0 is without limit.
    pub publish_timeout: Millis,
    /// How long a subscription may wait to be granted. 0 is without limit.
    pub subscribe_timeout: Millis,
    /// How long closing waits for what is on its way.
    pub close_timeout: Millis,
    #[doc = shared_option!(clean_session)]
    pub clean_session: bool,
    /// MQTT 5: how long the broker keeps the session when the link is lost, rounded up to seconds. With `clean_session =
    /// true` the first link begins a new session, later ones take it up, and closing ends it. When not given: not at all with
    /// `clean_session = true`, else for ever.
    pub session_expiry: Option<Millis>,
    /// With `clean_session = false`: how long after opening a received message of QoS 1 or 2 for which nobody has subscribed yet
    /// waits, without acknowledgement, for a listener. It holds up the acknowledgements of later messages meanwhile. After that
    /// such messages are acknowledged, warned of and counted. 0 is without limit: nothing is acknowledged that no listener got.
    pub unclaimed_timeout: Millis,
    /// How many messages of QoS 1 and 2 can be on their way at a time, 1 to 65519; publishers wait for a place.
    pub max_inflight: u16,
    /// How many filters SUBSCRIBE and UNSUBSCRIBE carry at most, 1 to 65535. Some brokers end the connection for more than they
    /// take, which is 8 in AWS IoT Core; then fewer are sent. Several of these packets are on their way at a time, and with MQTT 5
    /// each carries one filter where the broker knows subscription identifiers.
    pub max_filters_per_packet: u16,
    /// MQTT 5: how many received messages of QoS 1 and 2 can wait for listeners before the broker sends no more of them, 1 to
    /// 65535.
    pub receive_maximum: u16,
    /// MQTT 5: what the topics begin with on which answers to requests come (`MqttClient::request`); behind it come the client id
    /// and 8 hexadecimal digits.
    pub response_topic: String,
    /// MQTT 5: how many topics can be abbreviated to a number, each way; the broker may permit fewer. 0 is off.
    pub topic_alias_maximum: u16,
    /// How many bytes of messages can be on their way or wait to be sent; publishers wait for room.
    pub max_queued_bytes: u32,
    /// How many bytes received messages can take in memory while they wait for listeners, are with them, or wait to be
    /// acknowledged. All that a message holds counts: topic, payload, properties, and its places before listeners; an empty one is
    /// about 700 bytes. Beyond it QoS 0 is dropped, and a message of QoS 1 or 2 makes the connection start anew once listeners have
    /// caught up. A single message is always let in. Beside it the connection takes up to twice `max_packet_size` while it reads a
    /// large packet.
    pub max_incoming_bytes: usize,
    /// How many messages can wait for one listener before QoS 0 is dropped.
    pub listener_queue: usize,
    /// The largest packet sent or received, in bytes, 16384 to 268435460. A larger message that comes is acknowledged and dropped
    /// on 3.1.1; on 5, where the broker is told the limit, it ends the link.
    pub max_packet_size: usize,
    /// Whether topics and filters may have control characters (U+0001 to U+001F, U+007F to U+009F). Brokers may end the connection
    /// for them.
    pub allow_control_characters: bool,
}

impl Default for MqttOptions {
    fn default() -> Self {
        Self {
            protocol_version: MqttVersion::V4,
            retry_connect: true,
            connect_timeout: Millis::new(30_000),
            reconnect_timeout: Millis::new(1000),
            max_reconnect_timeout: Millis::new(30_000),
            endpoint_cooldown: Millis::new(30_000),
            prefer_first: false,
            refusal_timeout: Millis::new(300_000),
            redirects: Redirects::None,
            redirect_hosts: Vec::new(),
            keepalive_timeout: Millis::new(60_000),
            write_timeout: Millis::new(30_000),
            max_read_pause: Millis::new(1),
            publish_timeout: Millis::new(30_000),
            subscribe_timeout: Millis::new(30_000),
            close_timeout: Millis::new(10_000),
            clean_session: true,
            session_expiry: None,
            unclaimed_timeout: Millis::new(30_000),
            max_inflight: 1000,
            max_filters_per_packet: 8,
            receive_maximum: 1000,
            response_topic: "responses".to_owned(),
            topic_alias_maximum: 16,
            max_queued_bytes: 64 * 1024 * 1024,
            max_incoming_bytes: 64 * 1024 * 1024,
            listener_queue: 1000,
            max_packet_size: 16 * 1024 * 1024,
            allow_control_characters: false,
        }
    }
}

impl MqttConfig {
    /// The client id, where one is given.
    pub(crate) fn explicit_client_id(&self) -> Option<&str> {
        self.client_id.as_deref().filter(|id| !id.is_empty())
    }
}

impl MqttOptions {
    /// The keep-alive as CONNECT carries it, unless it is too long for that.
    pub(crate) fn keepalive_seconds(&self) -> Option<u16> {
        seconds(self.keepalive_timeout.0).and_then(|seconds| u16::try_from(seconds).ok())
    }

    /// How long the session outlives its link, as CONNECT of MQTT 5 carries it.
    pub(crate) fn session_expiry_seconds(&self) -> u32 {
        match self.session_expiry {
            Some(time) => seconds(time.0).unwrap_or(u32::MAX),
            None if self.clean_session => 0,
            None => u32::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_pairs, from_toml};
    use crate::mqtt::check::invalid;

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config: MqttConfig = from_toml("").unwrap();
        let options = &config.options;
        assert!(invalid(&config).is_empty() && options.retry_connect && options.clean_session);
        let times = [options.connect_timeout, options.reconnect_timeout, options.keepalive_timeout];
        assert_eq!(times, [Millis::new(30_000), Millis::new(1000), Millis::new(60_000)]);
    }

    #[test]
    fn keep_alive_rounds_up_and_0_is_off() {
        let seconds = |text: &str| {
            let config: MqttConfig = from_pairs([("options.keepalive_timeout", text)]).unwrap();
            config.options.keepalive_seconds()
        };
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("1"), Some(1));
        assert_eq!(seconds("1001"), Some(2));
        assert_eq!(seconds("18h12m15s"), Some(65_535));
        assert_eq!(seconds("65535001"), None);
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let wrong = |key: &str, value: &str| {
            let config: MqttConfig = from_pairs([(key, value)]).unwrap();
            invalid(&config)[0].to_string()
        };
        assert_eq!(
            wrong("options.clean_session", "false"),
            "`options.clean_session` is false, but there is no `client_id`: the broker could never find the session \
             again"
        );
        assert!(wrong("options.max_inflight", "0").contains("between 1 and 65519"));
        assert!(wrong("options.max_inflight", "65535").contains("between 1 and 65519"));
        assert!(wrong("options.session_expiry", "1h").contains("protocol_version = 5"));
        assert!(wrong("options.receive_maximum", "0").contains("is 0"));
        assert!(wrong("client_id", "a\0b").contains("U+0000"));
        assert!(
            wrong("credential.username", "a\0b")
                .starts_with("`credential.username` has the character U+0000")
        );
        assert!(wrong("options.max_packet_size", "16383").contains("16384"));
        assert!(wrong("options.listener_queue", "0").starts_with("`options.listener_queue` is 0"));
    }

    #[test]
    fn reads_the_documented_keys() {
        let config: MqttConfig = from_pairs([
            ("client_id", "me"),
            ("connections.0.host", "a"),
            ("connections.1.uri", "mqtt://b:1884"),
            ("credential.store_key", "mqtt"),
            ("options.clean_session", "false"),
            ("options.retry_connect", "false"),
        ])
        .unwrap();
        assert!(invalid(&config).is_empty());
        assert_eq!(config.connections.map(|list| list.len()), Some(2));
    }
}
