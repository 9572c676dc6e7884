//! The packets of the broker, in the terms of no version.

use std::sync::Arc;

use super::limits::Limits;
use super::outgoing::AckKind;
use super::reason::Reason;
use crate::mqtt::{MqttMessage, QoS};

/// What is known of a message that was too large, so that its payload was thrown away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Oversize {
    /// 0 at QoS 0.
    pub id: u16,
    pub qos: QoS,
    pub dup: bool,
    pub topic: Arc<str>,
    /// The size of the packet, in bytes.
    pub size: usize,
}

/// A received packet, in the terms of no version.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// CONNACK that accepts.
    Accepted {
        session_present: bool,
        limits: Box<Limits>,
    },
    /// CONNACK that refuses.
    Refusal(Reason),
    /// A message; the id is 0 at QoS 0.
    Publish {
        id: u16,
        message: MqttMessage,
        /// The identifiers of the subscriptions that it comes for, where the broker names them.
        subscriptions: Vec<u32>,
    },
    /// A message above `options.max_packet_size` that was read past.
    Oversize(Oversize),
    /// An acknowledgement; the code is below 0x80 unless it refuses.
    Ack {
        kind: AckKind,
        id: u16,
        code: u8,
        /// What the broker says beside it.
        reason: Option<Arc<str>>,
    },
    /// One code a filter, in their order; from 0x80 on they refuse.
    Subscribed {
        id: u16,
        codes: Vec<u8>,
        reason: Option<Arc<str>>,
    },
    /// On MQTT 5 one code a filter.
    Unsubscribed {
        id: u16,
        codes: Vec<u8>,
    },
    Pong,
    /// The broker ends the connection.
    Disconnect(Reason),
    /// AUTH, which belongs to a way of authentication that nobody asked for.
    Authentication,
    /// A message with a topic alias that was not set before, or was set for too long a topic.
    UnknownTopicAlias,
    /// A packet that only clients send, or that makes no sense.
    Unexpected(&'static str),
}
