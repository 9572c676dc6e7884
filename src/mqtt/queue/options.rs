//! How queues over MQTT behave: the table `options`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Invalid, Millis};
use crate::messaging::kit::MAX_HOPS;
use crate::messaging::kit::options::{
    self, CLOSE_TIMEOUT, LOCK_TIMEOUT, MAX_BYTES, MAX_DELIVERIES, REDELIVERY_DELAY, SEND_TIMEOUT,
};
use crate::messaging::store::StoreOptions;
use crate::mqtt::{MqttOptions, MqttVersion, QoS, SubscribeOptions};

/// Defines the options of a queue, each once: its documentation, type and default. Those behind `..MqttOptions` are those of a
/// connection of the queue's own: they have the defaults of [`MqttOptions`], which are made `From` them.
macro_rules! queue_options {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $($(#[$doc:meta])* pub $option:ident: $type:ty = $default:expr,)+
            ..MqttOptions {
                $($(#[$its_doc:meta])* pub $its_option:ident: $its_type:ty,)+
            }
        }
    ) => {
        $(#[$attribute])*
        pub struct $name {
            $($(#[$doc])* pub $option: $type,)+
            $($(#[$its_doc])* pub $its_option: $its_type,)+
        }

        crate::setters::setters!($name { $($option: $type,)+ $($its_option: $its_type,)+ });

        impl Default for $name {
            fn default() -> Self {
                let connection = MqttOptions::default();
                Self { $($option: $default,)+ $($its_option: connection.$its_option,)+ }
            }
        }

        /// The options of a connection of the queue's own.
        impl From<&$name> for MqttOptions {
            fn from(options: &$name) -> Self {
                Self { $($its_option: options.$its_option,)+ ..Self::default() }
            }
        }
    };
}

queue_options! {
    /// How a queue over MQTT behaves. Times are milliseconds, or strings such as `30s`.
    #[derive(Clone, Debug, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    pub struct MqttQueueOptions {
        /// Whether messages travel as JSON envelopes, with id, type, trace id and time. When false the payload alone travels, and the
        /// type of a received message is its topic. All who share the topic must agree.
        pub serialize_envelope: bool = false,
        /// Whether the queue subscribes when it opens. When false it does so at the first `receive`, `peek` or `listen`, and without a
        /// persistent session gets nothing of what was sent before.
        pub autosubscribe: bool = false,
        /// QoS with which it publishes and subscribes, 0 to 2. At 0 nothing is acknowledged, and what a crash finds unfinished is lost.
        pub qos: u8 = 0,
        /// Whether the broker retains the last message for later subscribers.
        pub retain: bool = false,
        /// Whether what this connection itself publishes to the topic does not come, also what others of the process publish through
        /// it. It takes MQTT 5, a broker with subscription identifiers, and no `group`.
        pub no_local: bool = false,
        /// How many received messages it has in work, those with receivers included. At QoS 1 and 2 what comes beyond it waits,
        /// unacknowledged, so that the broker sends no more than its own limit; at QoS 0 it waits in the connection, which drops what
        /// is beyond its `listener_queue`.
        pub capacity: usize = 1000,
        /// How many bytes they take in memory, everything included; one message alone may be larger. What comes beyond it waits like
        /// what is beyond `capacity`.
        pub max_bytes: usize = MAX_BYTES,
        /// How long a received message is locked; after that it comes back.
        pub lock_timeout: Millis = LOCK_TIMEOUT,
        /// After how many deliveries a message that comes back goes to the dead letters; 0 is never. Deliveries by an earlier process
        /// are not known.
        pub max_deliveries: u32 = MAX_DELIVERIES,
        /// How long a message that came back waits before it is delivered again.
        pub redelivery_delay: Millis = REDELIVERY_DELAY,
        /// How often a message may have been passed on, by bridges and dead letters, before it is given up in place of going to the
        /// dead letters once more. The count travels in envelopes and in user properties of MQTT 5. At least 1.
        pub max_hops: u32 = MAX_HOPS,
        /// How long sending takes at most, and how long a receiver waits that moves a message to the dead letters, where it goes all
        /// the same. 0 is without limit.
        pub send_timeout: Millis = SEND_TIMEOUT,
        /// How long closing waits for receivers at work, and then, with a `group`, for what it gives back to it. Each takes less where
        /// the service has less time left to stop.
        pub close_timeout: Millis = CLOSE_TIMEOUT,
        ..MqttOptions {
            #[doc = concat!("Of a connection of its own. ", shared_option!(protocol_version))]
            pub protocol_version: MqttVersion,
            #[doc = concat!("Of a connection of its own. ", shared_option!(retry_connect))]
            pub retry_connect: bool,
            #[doc = concat!("Of a connection of its own. ", shared_option!(connect_timeout))]
            pub connect_timeout: Millis,
            #[doc = concat!("Of a connection of its own. ", shared_option!(reconnect_timeout))]
            pub reconnect_timeout: Millis,
            #[doc = concat!("Of a connection of its own. ", shared_option!(keepalive_timeout))]
            pub keepalive_timeout: Millis,
            #[doc = concat!("Of a connection of its own. ", shared_option!(clean_session))]
            pub clean_session: bool,
            /// Whether topics may have control characters, for which brokers may end the connection. A connection of its own permits them
            /// then; one of a section of its own has the same option.
            pub allow_control_characters: bool,
        }
    }
}

impl MqttQueueOptions {
    pub(super) fn store_options(&self) -> StoreOptions {
        StoreOptions {
            capacity: self.capacity,
            max_bytes: self.max_bytes,
            lock_timeout: self.lock_timeout.0,
            max_deliveries: self.max_deliveries,
            redelivery_delay: self.redelivery_delay.0,
        }
    }

    /// The QoS, which `check` has seen.
    pub(super) fn qos_level(&self) -> QoS {
        QoS::from_number(self.qos).unwrap_or_default()
    }

    /// How it subscribes.
    pub(super) fn subscribe_options(&self) -> SubscribeOptions {
        let options = SubscribeOptions { no_local: self.no_local, ..SubscribeOptions::default() };
        options.qos(self.qos_level()).manual_ack()
    }

    /// Every value that makes no sense.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let qos = (self.qos > 2).then(|| Invalid::new("options.qos", "is neither 0, 1 nor 2"));
        let blocked = "is 0; nothing could be received";
        qos.into_iter().chain(options::invalid(&self.store_options(), self.max_hops, blocked)).collect()
    }
}
