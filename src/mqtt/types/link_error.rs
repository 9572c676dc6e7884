//! The reasons for which a link ends or cannot be made.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Coded as _, chain};
use crate::text::{clip, duration};
use crate::tls::TlsError;

/// Why a link to a broker is not, or no longer, there. Its `Debug` is the message with all causes.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// There has been no link yet.
    #[error("not connected yet")]
    NotYet,
    /// The address could not be found or reached, or reading or writing failed.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// TLS failed, or a file that it needs.
    #[error(transparent)]
    Tls(Arc<TlsError>),
    /// The broker closed the stream.
    #[error("the broker closed the connection")]
    Ended,
    /// The broker ended the connection before it had answered CONNECT.
    #[error("{}", unlike(*tls))]
    TlsMismatch {
        /// Whether it answered in TLS.
        tls: bool,
        /// How the connection ended.
        #[source]
        last: Arc<LinkError>,
    },
    /// The broker sent DISCONNECT.
    #[error("the broker sent DISCONNECT: {reason} (code {code:#04x}){}", elsewhere(server_reference))]
    Disconnected {
        /// The reason code; 0 where it gave none, as on 3.1.1.
        code: u8,
        /// What the code means, and what the broker said beside it, escaped and cut.
        reason: Arc<str>,
        /// Where the broker sends its clients instead (MQTT 5).
        server_reference: Option<Arc<str>>,
    },
    /// Another client has the same client id, and the broker ends the link of the older one; two such clients throw each other
    /// out for ever.
    #[error("{}", taken_over(client_id, *times, *certain))]
    TakenOver {
        /// The client id.
        client_id: Arc<str>,
        /// How many links in a row have ended that way.
        times: u32,
        /// Whether the broker has said so (MQTT 5); otherwise it is what the ends of the links look like.
        certain: bool,
        /// How the last one ended.
        #[source]
        last: Arc<LinkError>,
    },
    /// The link was left for the preferred broker, with nothing on its way.
    #[error("moving to the preferred broker at {}", clip(to))]
    Moving {
        /// Its address, without credentials.
        to: Arc<str>,
    },
    /// The link was left for a new one, with nothing on its way to the broker.
    #[error("the link is made anew, so that messages left unacknowledged come again")]
    Renewed,
    /// The broker wants enhanced authentication (MQTT 5), which was not asked for.
    #[error(
        "the broker sent AUTH, but enhanced authentication is not supported; use a user name and password"
    )]
    Authentication,
    /// Bytes that are no MQTT, or a packet that makes no sense at this point.
    #[error("the broker broke the protocol")]
    Protocol(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A packet that no broker sends, or not now.
    #[error("the broker sent {0}, which it may not send now")]
    Unexpected(&'static str),
    /// A message came with a topic alias that the broker had not set, or for too long a topic (MQTT 5).
    #[error(
        "the broker sent a message with a topic alias that it has not set, or for too long a topic, which it may not send now"
    )]
    UnknownTopicAlias,
    /// A message came whose topic is none. MQTT has the link closed for that (3.1.1: MQTT-1.5.3-1, MQTT-1.5.3-2, MQTT-3.3.2-2;
    /// 5: MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.3.2-2). Somebody published it and the broker passed it on, so it may come
    /// again on the next link.
    #[error(
        "a message came whose topic `{topic}` {problem}; MQTT forbids to go on after that: find out who publishes it"
    )]
    BadTopic {
        /// The topic, fit to be shown, cut where it is long.
        topic: Arc<str>,
        /// What is wrong with it.
        problem: &'static str,
        /// The reason code that MQTT 5 has for it.
        code: u8,
    },
    /// A packet came that is larger than `options.max_packet_size`. On MQTT 5 the broker was told that limit; on 3.1.1, where
    /// it cannot be told, messages above it are read past and do not end the link.
    #[error(
        "the broker sent {packet} of {size} bytes{}, more than the {max} of `options.max_packet_size`",
        on(topic)
    )]
    TooLarge {
        /// What the standard calls the packet.
        packet: &'static str,
        /// The topic of a message, fit to be shown, cut where it is long.
        topic: Option<Arc<str>>,
        /// The size of the packet, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// Nothing came within 1.5 keep-alives.
    #[error("nothing was heard from the broker for {}", duration(*.0))]
    Silent(Duration),
    /// The broker takes no bytes.
    #[error("the broker took no bytes for {}", duration(*.0))]
    Stalled(Duration),
    /// An answer to CONNECT or to the subscriptions after it did not come in time.
    #[error("the broker did not answer {what} within {}", duration(*limit))]
    NoAnswer {
        /// The packet that was not answered.
        what: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The listeners are so far behind that `options.max_incoming_bytes` was passed.
    #[error("listeners left {held} bytes unhandled, more than the {max} of `options.max_incoming_bytes`")]
    Overflow {
        /// How many bytes are held.
        held: usize,
        /// The limit.
        max: usize,
    },
    /// The broker sent more messages at a time than it was told to (MQTT 5).
    #[error(
        "the broker sent more than {max} messages of QoS 1 and 2 before they were acknowledged, against the receive maximum"
    )]
    Flooded {
        /// The receive maximum.
        max: u16,
    },
    /// The broker refused CONNECT.
    #[error("the broker refuses the connection: {reason} (code {code}){}", elsewhere(server_reference))]
    Refused {
        /// The return code of CONNACK.
        code: u8,
        /// What the code means, and what the broker said beside it, escaped and cut.
        reason: Arc<str>,
        /// Where the broker sends its clients instead (MQTT 5).
        server_reference: Option<Arc<str>>,
    },
}

impl fmt::Debug for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

impl LinkError {
    pub(crate) fn io(doing: &'static str, source: io::Error) -> Self {
        Self::Io { doing, source: Arc::new(source) }
    }

    /// The keys of the configuration that it is about.
    pub(super) fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Tls(error) => error.keys(),
            Self::TlsMismatch { last, .. } => last.keys(),
            Self::TakenOver { .. } => vec!["client_id".into()],
            Self::Disconnected { server_reference, .. } | Self::Refused { server_reference, .. } => {
                keys_of_redirect(server_reference)
            }
            Self::TooLarge { .. } => vec!["options.max_packet_size".into()],
            Self::Overflow { .. } => vec!["options.max_incoming_bytes".into()],
            _ => Vec::new(),
        }
    }

    /// Whether the refusal is permanent: the same CONNECT would be refused again. "Server busy", "server unavailable"
    /// and redirects are not: another endpoint, or the same one later, may accept the client.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Self::Refused { code, .. } => {
                !matches!(code, 3 | 0x80 | 0x83 | 0x88 | 0x89 | 0x97 | 0x9c | 0x9d | 0x9f)
            }
            Self::Authentication => true,
            _ => false,
        }
    }

    /// Whether the broker refuses who the client is: its id, its user name and password, or that it is banned (MQTT 3.1.1
    /// section 3.2.2.3, MQTT 5 section 3.2.2.2).
    pub(crate) const fn is_identity_refused(&self) -> bool {
        matches!(self, Self::Refused { code: 2 | 4 | 5 | 0x85..=0x87 | 0x8a | 0x8c, .. })
    }

    /// Whether the broker refuses and sends its clients to another server: for a while, or for good.
    pub(crate) const fn is_redirect(&self) -> bool {
        matches!(self, Self::Refused { code: 0x9c | 0x9d, .. })
    }

    /// Whether the broker ended the link, for a reason that may be something it was sent.
    pub(crate) fn may_be_caused_by_sent_packet(&self) -> bool {
        match self {
            Self::Ended | Self::Io { .. } => true,
            // Unspecified, malformed, protocol error, its own reason, not authorized, topic, size, rate, quota, action, format,
            // retain, QoS, and what subscriptions may want (MQTT 5 section 3.14.2.1). All others are about the client, the
            // server, or the session.
            Self::Disconnected { code, .. } => {
                matches!(code, 0x80..=0x83 | 0x87 | 0x8f | 0x90 | 0x93..=0x9b | 0x9e | 0xa1 | 0xa2)
            }
            Self::TakenOver { last, certain: false, .. } => last.may_be_caused_by_sent_packet(),
            _ => false,
        }
    }
}

const fn unlike(tls: bool) -> &'static str {
    if tls {
        "this port speaks TLS, for which the protocol is `mqtts` (or `wss`)"
    } else {
        "the connection ended before CONNECT was answered: either this port speaks TLS, for which the protocol is `mqtts` (or `wss`), or \
         the broker does not take this client, as when it has as many as it may have, which its log tells"
    }
}

fn taken_over(client_id: &str, times: u32, certain: bool) -> String {
    let client_id = clip(client_id);
    if certain {
        format!("another client with the client id `{client_id}` has taken the session over")
    } else {
        format!(
            "the link has ended {times} times soon after CONNACK; another client may use the client id `{client_id}`"
        )
    }
}

/// Where the broker sends its clients, as the end of a message.
pub fn elsewhere(server_reference: &Option<Arc<str>>) -> String {
    server_reference.as_ref().map_or_else(String::new, |server| {
        format!(
            "; use {} instead, which is followed only as far as `options.redirects` permits",
            clip(server)
        )
    })
}

/// The keys that say whether [`elsewhere`] is followed.
pub fn keys_of_redirect(server_reference: &Option<Arc<str>>) -> Vec<Cow<'static, str>> {
    server_reference.iter().map(|_| "options.redirects".into()).collect()
}

fn on(topic: &Option<Arc<str>>) -> String {
    topic.as_ref().map_or_else(String::new, |topic| format!(" on `{topic}`"))
}

impl From<TlsError> for LinkError {
    fn from(error: TlsError) -> Self {
        Self::Tls(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_broker_did_may_be_an_answer() {
        let said = |code| LinkError::Disconnected { code, reason: "r".into(), server_reference: None };
        let guessed = |last| LinkError::TakenOver {
            client_id: "me".into(),
            times: 3,
            certain: false,
            last: Arc::new(last),
        };
        for answer in [LinkError::Ended, said(0x95), said(0x9e), guessed(LinkError::Ended)] {
            assert!(answer.may_be_caused_by_sent_packet(), "{answer}");
        }
        for other in [said(0x8b), said(0x8e), LinkError::Silent(Duration::ZERO)] {
            assert!(!other.may_be_caused_by_sent_packet(), "{other}");
        }
    }
}
