//! What a broker permits on one link.

use tokio::time::Instant;

use super::{Protocol, Publish};
use crate::mqtt::QoS;
use crate::mqtt::session::Unfit;
use crate::mqtt::topic::Filter;

/// What CONNACK says about the link. It holds for that link alone: the next one begins from the broker's next CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many messages of QoS 1 and 2 may be on their way to the broker at a time.
    pub(crate) receive_maximum: u16,
    /// The largest packet that the broker takes, in bytes.
    pub(crate) maximum_packet_size: Option<usize>,
    /// How many topic aliases may be set.
    pub(crate) topic_alias_maximum: u16,
    pub(crate) maximum_qos: QoS,
    pub(crate) retain_available: bool,
    pub(crate) wildcard_available: bool,
    pub(crate) subscription_ids_available: bool,
    pub(crate) shared_available: bool,
    /// The keep-alive in seconds that holds instead of ours.
    pub(crate) server_keep_alive: Option<u16>,
    /// How long the session outlives the link, in seconds, where that is not what we asked for.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) assigned_client_id: Option<String>,
}

/// What 3.1.1 permits, which has no word for any of it.
impl Default for Limits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_available: true,
            subscription_ids_available: false,
            shared_available: true,
            server_keep_alive: None,
            session_expiry: None,
            assigned_client_id: None,
        }
    }
}

impl Limits {
    /// Why a message cannot be sent on this link, if so.
    pub(crate) fn unfit<P: Protocol>(&self, publish: &Publish, now: Instant) -> Option<Unfit> {
        if publish.qos > self.maximum_qos {
            return Some(Unfit::Qos(self.maximum_qos));
        }
        if publish.retain && !self.retain_available {
            return Some(Unfit::Retained);
        }
        if let Some(max) = self.maximum_packet_size {
            let size = P::publish_size(publish);
            if size > max {
                return Some(Unfit::TooLarge { size, max });
            }
        }
        let expires = publish.extra.as_ref().and_then(|extra| extra.expires);
        expires.filter(|expires| *expires <= now).map(|_| Unfit::Expired)
    }

    /// With which code the broker would refuse this filter, if that is known beforehand.
    pub(crate) fn refuses(&self, filter: &Filter) -> Option<u8> {
        if filter.has_wildcard() && !self.wildcard_available {
            return Some(0xa2);
        }
        if filter.group().is_some() && !self.shared_available {
            return Some(0x9e);
        }
        (!self.takes(filter)).then_some(0x95)
    }

    /// Whether a packet about this filter alone is not too large for the broker.
    pub(crate) fn takes(&self, filter: &Filter) -> bool {
        self.maximum_packet_size.is_none_or(|max| filter.as_str().len() + CONTROL <= max)
    }

    /// How many bytes of filters may go into one packet.
    pub(crate) fn room_for_filters(&self) -> usize {
        self.maximum_packet_size.unwrap_or(usize::MAX).saturating_sub(CONTROL)
    }
}

/// What SUBSCRIBE and UNSUBSCRIBE of one filter have beside its text, in bytes, at most: header, packet id, properties with
/// an identifier, length and options.
const CONTROL: usize = 5 + 2 + 6 + 3;
