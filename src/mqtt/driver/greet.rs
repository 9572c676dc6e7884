//! From a stream to a broker that says welcome.

use std::io;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Framed;

use super::Settings;
use crate::connect::Endpoint;
use crate::mqtt::protocol::{Hello, Incoming, Limits, Protocol};
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
    match framed.next().await {
        None => Err(Lost::Ended),
        Some(Err(error)) => Err(protocol(error)),
        Some(Ok(packet)) => match P::read(packet) {
            Incoming::Welcome { session_present, limits } => {
                // A broker that keeps a session it was told to clear has nothing that we know of.
                let session_present = session_present && !clean_session;
                let limits = Limits {
                    topic_alias_maximum: limits.topic_alias_maximum.min(settings.topic_alias_maximum),
                    ..*limits
                };
                P::welcomed(framed.codec_mut(), &limits);
                Ok(Welcome { framed, session_present, limits })
            }
            Incoming::Refusal(reason) => Err(Lost::refused(reason)),
            Incoming::Disconnect(reason) => Err(Lost::disconnected(reason)),
            Incoming::Authentication => Err(Lost::Authentication),
            _ => Err(Lost::Unexpected("something else than CONNACK")),
        },
    }
}

/// A failure of the codec: of the stream below it, or of what came over it.
pub(super) fn protocol<E: std::error::Error + Send + Sync + 'static>(error: E) -> Lost {
    let below = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    let Some(io) = below else { return Lost::Protocol(Arc::new(error)) };
    match io.get_ref().and_then(|inner| inner.downcast_ref::<Arc<TlsError>>()) {
        Some(tls) => Lost::Tls(Arc::clone(tls)),
        None => Lost::io("talking to the broker", io::Error::new(io.kind(), io.to_string())),
    }
}
