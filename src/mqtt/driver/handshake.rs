//! The handshake: CONNECT and CONNACK.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use super::refusal::RefusalText;
use super::settings::Settings;
use crate::connect::Endpoint;
use crate::mqtt::LinkError;
use crate::mqtt::protocol::{ConnectPacket, Incoming, Limits, PacketError, Protocol, Reason};
use crate::mqtt::transport::Kind;
use crate::text::clip;

/// A link on which the broker has accepted the client.
pub(super) struct Connected<P: Protocol, S> {
    pub framed: Framed<S, P::Codec>,
    /// Whether the broker has a session of the client.
    pub session_present: bool,
    /// What the broker permits on this link.
    pub limits: Limits,
}

impl<P: Protocol, S: AsyncRead + AsyncWrite + Unpin> Connected<P, S> {
    /// Sends CONNECT and waits for CONNACK. With `first`, there was no link before this one. When `cancel` is notified meanwhile, it
    /// sends DISCONNECT: the broker may have accepted CONNECT already, and would publish the will otherwise.
    pub async fn handshake(
        stream: S,
        endpoint: &Endpoint,
        settings: &Settings,
        first: bool,
        cancel: &Notify,
    ) -> Result<Self, LinkError> {
        // A session that outlives its link is cleared once, and then taken up again by later links.
        let clean_session = settings.clean_session && (first || !settings.outlives_links());
        let plain = !Kind::of(endpoint.protocol).is_tls();
        let mut framed =
            Framed::new(stream, P::codec(settings.max_packet_size, settings.topic_alias_maximum));
        let connect = P::connect(&hello(endpoint, settings, clean_session));
        framed.send(connect).await.map_err(|error| maybe_tls(error.into(), plain, false))?;
        let (mut framed, first) = read_first::<P, S>(framed, plain, cancel).await;
        let Some(first) = first else {
            Self::disconnect(framed, settings.clean_session).await;
            return Err(LinkError::NotYet);
        };
        match first.and_then(|read| connack(read, clean_session).map_err(|lost| (lost, false))) {
            Ok((session_present, limits)) => {
                let topic_alias_maximum = limits.topic_alias_maximum.min(settings.topic_alias_maximum);
                let limits = Limits { topic_alias_maximum, ..limits };
                P::accepted(framed.codec_mut(), &limits);
                Ok(Self { framed, session_present, limits })
            }
            Err((lost, tls)) => {
                if let Some(disconnect) = P::disconnect_for(&lost) {
                    // The link is given up in any case; whether the broker learns why is up to it.
                    let _ = timeout(Settings::DISCONNECT_TIMEOUT, framed.send(disconnect)).await;
                }
                Err(maybe_tls(with_client(lost, endpoint, settings), plain, tls))
            }
        }
    }

    /// Sends DISCONNECT on a link that nobody wants any more, and closes it. With `forget`, the broker is to forget the session.
    pub async fn disconnect(mut framed: Framed<S, P::Codec>, forget: bool) {
        // The link is given up in any case.
        let _ = timeout(Settings::DISCONNECT_TIMEOUT, async {
            if framed.send(P::disconnect(forget)).await.is_ok() {
                let _ = Self::shut_down(framed.into_inner()).await;
            }
        })
        .await;
    }

    /// Shuts a stream down after DISCONNECT, when the broker closes it. Until then bytes that it still sends are read: a socket
    /// closed over unread bytes is reset, and DISCONNECT may be lost.
    pub async fn shut_down(mut stream: S) -> io::Result<()> {
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    }
}

/// The first bytes of a TLS alert.
const ALERT: [u8; 2] = [0x15, 0x03];

/// Returns what CONNECT says.
fn hello(endpoint: &Endpoint, settings: &Settings, clean_session: bool) -> ConnectPacket {
    ConnectPacket {
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
    }
}

/// The first packet, or the end of the stream; or why there is neither, and whether that is because the other side speaks TLS.
type First = Result<Option<Result<Incoming, PacketError>>, (LinkError, bool)>;

/// Reads the first packet. Returns none when `cancel` is notified meanwhile.
async fn read_first<P: Protocol, S: AsyncRead + AsyncWrite + Unpin>(
    framed: Framed<S, P::Codec>,
    plain: bool,
    cancel: &Notify,
) -> (Framed<S, P::Codec>, Option<First>) {
    let mut parts = framed.into_parts();
    let begun = unless_cancelled(read_prefix(&mut parts.io, &mut parts.read_buf), cancel).await;
    let mut framed = Framed::from_parts(parts);
    let first = match begun {
        None => None,
        Some(Err(error)) => Some(Err((PacketError::Io(error).into(), false))),
        Some(Ok(())) if plain && framed.read_buffer().starts_with(&ALERT) => {
            Some(Err((LinkError::Ended, true)))
        }
        Some(Ok(())) => {
            let read = unless_cancelled(framed.next(), cancel).await;
            read.map(|read| Ok(read.map(|packet| packet.map(P::read))))
        }
    };
    (framed, first)
}

/// Returns what comes of `work`, or none when `cancel` is notified first.
async fn unless_cancelled<T>(work: impl Future<Output = T>, cancel: &Notify) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = cancel.notified() => None,
    }
}

/// Reads until it is known whether the other side speaks TLS.
async fn read_prefix<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> io::Result<()> {
    while buffer.len() < ALERT.len() && stream.read_buf(buffer).await? > 0 {}
    Ok(())
}

/// Adds to a refusal who is refused, where it is about that.
fn with_client(lost: LinkError, endpoint: &Endpoint, settings: &Settings) -> LinkError {
    let is_of_client = lost.is_identity_refused();
    match lost {
        LinkError::Refused { code, reason, server_reference } if is_of_client => {
            let reason = RefusalText::of(endpoint).with_user(code, reason);
            let made = if settings.is_client_id_made {
                ", which is made of the names of the service, the component and the machine, since no `client_id` is given"
            } else {
                ""
            };
            let client_id = settings.client_id.get();
            let reason = format!("{reason}, with the client id `{}`{made}", clip(client_id)).into();
            LinkError::Refused { code, reason, server_reference }
        }
        other => other,
    }
}

/// Returns what an end before CONNACK most likely means: often one side speaks TLS and the other does not.
fn maybe_tls(lost: LinkError, plain: bool, tls: bool) -> LinkError {
    let cut = match &lost {
        LinkError::Ended => true,
        LinkError::Io { source, .. } => {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(source.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        }
        _ => false,
    };
    if plain && cut { LinkError::TlsMismatch { tls, last: Arc::new(lost) } } else { lost }
}

/// Returns what CONNACK says: whether the broker has a session, and its limits.
fn connack(
    read: Option<Result<Incoming, PacketError>>,
    clean_session: bool,
) -> Result<(bool, Limits), LinkError> {
    match read.ok_or(LinkError::Ended)?? {
        // MQTT-3.2.2-1 of 3.1.1, MQTT-3.2.2-4 of 5.
        Incoming::Accepted { session_present: true, .. } if clean_session => {
            Err(LinkError::Unexpected("CONNACK with a session, though a new one was asked for"))
        }
        Incoming::Accepted { session_present, limits } => Ok((session_present, *limits)),
        Incoming::Refusal(reason) => Err(reason.refused()),
        // MQTT-3.14.0-1 of 5; 3.1.1 has none from a broker. What it says is of use all the same.
        Incoming::Disconnect(Reason { text, code, .. }) => {
            Err(LinkError::Protocol(Arc::new(EarlyDisconnect { text, code })))
        }
        Incoming::Authentication => Err(LinkError::Authentication),
        _ => Err(LinkError::Unexpected("something else than CONNACK")),
    }
}

/// The broker sent DISCONNECT before CONNACK.
#[derive(Debug, thiserror::Error)]
#[error("DISCONNECT came before CONNACK: {text} (code {code:#04x})")]
struct EarlyDisconnect {
    text: Arc<str>,
    code: u8,
}
