//! From a stream to a broker that says welcome.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::codec::Framed;

use super::Settings;
use crate::connect::Endpoint;
use crate::mqtt::protocol::{Hello, Incoming, Limits, PacketError, Protocol, Reason};
use crate::mqtt::{Lost, TlsError};

/// A link that the broker has welcomed.
pub(super) struct Welcome<P: Protocol, S> {
    pub(super) framed: Framed<S, P::Codec>,
    pub(super) session_present: bool,
    pub(super) limits: Limits,
}

/// Sends CONNECT and waits for CONNACK. With `anew` there was no link before this one.
pub(super) async fn greet<P: Protocol, S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    endpoint: &Endpoint,
    settings: &Settings,
    anew: bool,
) -> Result<Welcome<P, S>, Lost> {
    let mut framed = Framed::new(stream, P::codec(settings.max_packet_size, settings.topic_alias_maximum));
    // A session that outlives its link is cleared once, and then taken up again by later links.
    let clean_session = settings.clean_session && (anew || !settings.outlives_links());
    let hello = Hello {
        client_id: settings.client_id.get().to_owned(),
        clean_session,
        keep_alive: settings.keep_alive,
        username: endpoint.username.clone(),
        password: endpoint.password.clone(),
        will: settings.will.clone(),
        session_expiry: settings.session_expiry,
        receive_maximum: settings.receive_maximum,
        topic_alias_maximum: settings.topic_alias_maximum,
        max_packet_size: settings.max_packet_size,
    };
    framed.send(P::connect(&hello)).await.map_err(protocol)?;
    match answer(framed.next().await.map(|read| read.map(P::read)), clean_session) {
        Ok((session_present, limits)) => {
            let topic_alias_maximum = limits.topic_alias_maximum.min(settings.topic_alias_maximum);
            let limits = Limits { topic_alias_maximum, ..limits };
            P::welcomed(framed.codec_mut(), &limits);
            Ok(Welcome { framed, session_present, limits })
        }
        Err(lost) => {
            if let Some(complaint) = P::complaint(&lost) {
                // The link is given up in any case; whether the broker learns why is up to it.
                let _ = timeout(GOOD_BYE, framed.send(complaint)).await;
            }
            Err(lost)
        }
    }
}

/// What the broker says to CONNECT: whether it has a session, and its limits.
fn answer(read: Option<Result<Incoming, PacketError>>, clean_session: bool) -> Result<(bool, Limits), Lost> {
    match read.ok_or(Lost::Ended)?.map_err(protocol)? {
        // MQTT-3.2.2-1 of 3.1.1, MQTT-3.2.2-4 of 5.
        Incoming::Welcome { session_present: true, .. } if clean_session => {
            Err(Lost::Unexpected("CONNACK with a session, though a new one was asked for"))
        }
        Incoming::Welcome { session_present, limits } => Ok((session_present, *limits)),
        Incoming::Refusal(reason) => Err(Lost::refused(reason)),
        // MQTT-3.14.0-1 of 5; 3.1.1 has none from a broker. What it says is of use all the same.
        Incoming::Disconnect(Reason { text, code, .. }) => {
            Err(Lost::Protocol(Arc::new(EarlyDisconnect { text, code })))
        }
        Incoming::Authentication => Err(Lost::Authentication),
        _ => Err(Lost::Unexpected("something else than CONNACK")),
    }
}

/// A broker said good-bye before it said welcome.
#[derive(Debug, thiserror::Error)]
#[error("DISCONNECT came before CONNACK: {text} (code {code:#04x})")]
struct EarlyDisconnect {
    text: Arc<str>,
    code: u8,
}

/// How long the broker may take to hear why it is left.
const GOOD_BYE: Duration = Duration::from_millis(500);

/// A failure of the codec: of the stream below it, or of what came over it.
pub(super) fn protocol(error: PacketError) -> Lost {
    match error {
        PacketError::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<Arc<TlsError>>()) {
            Some(tls) => Lost::Tls(Arc::clone(tls)),
            None => Lost::io("talking to the broker", io),
        },
        PacketError::Topic { topic, problem, code } => Lost::BadTopic { topic: topic.into(), problem, code },
        PacketError::TooLarge { packet, topic, size, max } => {
            Lost::TooLarge { packet, topic: topic.map(Into::into), size, max }
        }
        PacketError::Unwritable(error) => Lost::io("writing a packet", std::io::Error::other(error)),
        other => Lost::Protocol(Arc::new(other)),
    }
}
