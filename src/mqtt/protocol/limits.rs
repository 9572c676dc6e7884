//! What a broker permits on one link.

use tokio::time::Instant;

use super::header::Header;
use super::outgoing::Publish;
use crate::mqtt::QoS;
use crate::mqtt::properties::VariableInt;
use crate::mqtt::topic::Filter;

/// What CONNACK says about the link. It counts for that link alone: the next one begins with another CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many messages of QoS 1 and 2 may be on their way to the broker at a time.
    pub receive_maximum: u16,
    /// The largest packet that the broker takes, in bytes.
    pub maximum_packet_size: Option<usize>,
    /// How many topic aliases may be set.
    pub topic_alias_maximum: u16,
    pub maximum_qos: QoS,
    pub retain_available: bool,
    pub wildcard_available: bool,
    pub subscription_ids_available: bool,
    pub shared_available: bool,
    /// The keep-alive that counts in place of the one in CONNECT, in seconds.
    pub server_keep_alive: Option<u16>,
    /// How long the session outlives the link, in seconds, where that is not what CONNECT asked for.
    pub session_expiry: Option<u32>,
    pub assigned_client_id: Option<String>,
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    TooLarge {
        size: usize,
        max: usize,
    },
    /// The broker takes none above this.
    Qos(QoS),
    /// The broker has no retained messages.
    Retained,
    Expired,
}

/// The limits of 3.1.1, whose CONNACK names none.
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
    /// Why a message cannot be sent on this link, if so; `size` says the size of its packet, in bytes.
    pub fn unfit(
        &self,
        publish: &Publish,
        size: impl FnOnce(&Publish) -> usize,
        now: Instant,
    ) -> Option<Unfit> {
        if publish.qos > self.maximum_qos {
            return Some(Unfit::Qos(self.maximum_qos));
        }
        if publish.retain && !self.retain_available {
            return Some(Unfit::Retained);
        }
        if let Some(max) = self.maximum_packet_size {
            let size = size(publish);
            if size > max {
                return Some(Unfit::TooLarge { size, max });
            }
        }
        let expires = publish.extra.as_ref().and_then(|extra| extra.expires);
        expires.filter(|expires| *expires <= now).map(|_| Unfit::Expired)
    }

    /// With which code the broker would refuse this filter, if that is known beforehand.
    pub fn refuses(&self, filter: &Filter) -> Option<u8> {
        if filter.has_wildcard() && !self.wildcard_available {
            return Some(0xa2);
        }
        if filter.group().is_some() && !self.shared_available {
            return Some(0x9e);
        }
        (!self.has_room(subscribe_size(filter.as_str().len(), None))).then_some(0x95)
    }

    /// Whether an UNSUBSCRIBE of this filter alone is not too large for the broker.
    pub fn takes_back(&self, filter: &Filter) -> bool {
        self.has_room(Header::packet_size(2 + 1 + 2 + filter.as_str().len()))
    }

    /// The identifier for a filter, unless SUBSCRIBE would be too large for the broker with it: messages come without one then.
    pub fn fitting(&self, filter: &Filter, identifier: u32) -> Option<u32> {
        self.has_room(subscribe_size(filter.as_str().len(), Some(identifier))).then_some(identifier)
    }

    /// How many bytes of filters may go into one packet, three bytes more for each.
    pub fn room_for_filters(&self) -> usize {
        let Some(max) = self.maximum_packet_size else { return usize::MAX };
        // Type and length, packet id, the length of no properties.
        max.saturating_sub(1 + VariableInt::size(max) + 2 + 1)
    }

    fn has_room(&self, size: usize) -> bool {
        self.maximum_packet_size.is_none_or(|max| size <= max)
    }
}

/// The size of a SUBSCRIBE of MQTT 5 with one filter of this size, in bytes.
fn subscribe_size(filter: usize, identifier: Option<u32>) -> usize {
    let properties = identifier.map_or(0, |identifier| 1 + VariableInt::size(identifier as usize));
    Header::packet_size(2 + 1 + properties + 2 + filter + 1)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio_util::codec::Encoder;

    use super::*;
    use crate::mqtt::SubscribeOptions;
    use crate::mqtt::protocol::{Protocol, V5};

    fn written(packet: <V5 as Protocol>::Packet) -> usize {
        let mut bytes = BytesMut::new();
        V5::codec(usize::MAX, 0).encode(packet, &mut bytes).unwrap();
        bytes.len()
    }

    #[test]
    fn a_filter_is_refused_only_where_no_packet_with_it_would_fit() {
        for length in [1, 5, 110, 117, 118, 119, 120, 121, 122, 123, 200, 16_370, 16_380] {
            let filter: Filter = "f".repeat(length).parse().unwrap();
            let asked = [(filter.clone(), SubscribeOptions::default())];
            let smallest = written(V5::subscribe(1, &asked, None));
            let with = |max| Limits { maximum_packet_size: Some(max), ..Limits::default() };
            assert_eq!(
                (with(smallest).refuses(&filter), with(smallest - 1).refuses(&filter)),
                (None, Some(0x95))
            );
            for identifier in [1, 127, 128, 268_435_455] {
                let named = written(V5::subscribe(1, &asked, Some(identifier)));
                assert_eq!(with(named).fitting(&filter, identifier), Some(identifier));
                assert_eq!(with(named - 1).fitting(&filter, identifier), None);
            }
            let back = written(V5::unsubscribe(1, std::slice::from_ref(&filter)));
            assert!(with(back).takes_back(&filter) && !with(back - 1).takes_back(&filter));
        }
    }

    #[test]
    fn filters_that_have_room_make_a_packet_that_has_too() {
        for max in [20, 127, 128, 129, 130, 131, 300, 16_384] {
            let limits = Limits { maximum_packet_size: Some(max), ..Limits::default() };
            let count = limits.room_for_filters() / 4;
            let filters = vec![("f".parse().unwrap(), SubscribeOptions::default()); count];
            let size = written(V5::subscribe(1, &filters, None));
            assert!(size <= max && size + 5 > max, "{count} filters make {size} bytes of {max}");
        }
    }
}
