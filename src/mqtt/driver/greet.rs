//! From a stream to a broker that says welcome.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use super::Settings;
use super::drive::GOOD_BYE;
use super::whom::Whom;
use crate::connect::Endpoint;
use crate::mqtt::protocol::{Hello, Incoming, Limits, PacketError, Protocol, Reason};
use crate::mqtt::transport::Kind;
use crate::mqtt::{Lost, TlsError};

/// A link that the broker has welcomed.
pub(super) struct Welcome<P: Protocol, S> {
    pub(super) framed: Framed<S, P::Codec>,
    pub(super) session_present: bool,
    pub(super) limits: Limits,
}

/// The first bytes of an alert of TLS.
const ALERT: [u8; 2] = [0x15, 0x03];

/// Sends CONNECT and waits for CONNACK. With `anew` there was no link before this one. Told to `leave` meanwhile, it says
/// good-bye: the broker may have taken CONNECT already, and would publish the will otherwise.
pub(super) async fn greet<P: Protocol, S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    endpoint: &Endpoint,
    settings: &Settings,
    anew: bool,
    leave: &Notify,
) -> Result<Welcome<P, S>, Lost> {
    // A session that outlives its link is cleared once, and then taken up again by later links.
    let clean_session = settings.clean_session && (anew || !settings.outlives_links());
    let plain = !Kind::of(endpoint.protocol).is_tls();
    let mut framed = Framed::new(stream, P::codec(settings.max_packet_size, settings.topic_alias_maximum));
    let connect = P::connect(&hello(endpoint, settings, clean_session));
    framed.send(connect).await.map_err(|error| unlike_mqtt(protocol(error), plain, false))?;
    let (mut framed, heard) = hear::<P, S>(framed, plain, leave).await;
    let Some(heard) = heard else {
        good_bye::<P, _>(framed, settings.clean_session).await;
        return Err(Lost::NotYet);
    };
    match heard.and_then(|read| answer(read, clean_session).map_err(|lost| (lost, false))) {
        Ok((session_present, limits)) => {
            let topic_alias_maximum = limits.topic_alias_maximum.min(settings.topic_alias_maximum);
            let limits = Limits { topic_alias_maximum, ..limits };
            P::welcomed(framed.codec_mut(), &limits);
            Ok(Welcome { framed, session_present, limits })
        }
        Err((lost, tls)) => {
            if let Some(complaint) = P::complaint(&lost) {
                // The link is given up in any case; whether the broker learns why is up to it.
                let _ = timeout(GOOD_BYE, framed.send(complaint)).await;
            }
            Err(unlike_mqtt(of_whom(lost, endpoint), plain, tls))
        }
    }
}

fn hello(endpoint: &Endpoint, settings: &Settings, clean_session: bool) -> Hello {
    Hello {
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

/// What the other side says: a packet, the end, or why there is neither and whether that is for TLS.
type Heard = Result<Option<Result<Incoming, PacketError>>, (Lost, bool)>;

/// Waits for the first packet; for nothing when told to `leave` meanwhile.
async fn hear<P: Protocol, S: AsyncRead + AsyncWrite + Unpin>(
    framed: Framed<S, P::Codec>,
    plain: bool,
    leave: &Notify,
) -> (Framed<S, P::Codec>, Option<Heard>) {
    let mut parts = framed.into_parts();
    let begun = unless_left(begin(&mut parts.io, &mut parts.read_buf), leave).await;
    let mut framed = Framed::from_parts(parts);
    let heard = match begun {
        None => None,
        Some(Err(error)) => Some(Err((protocol(PacketError::Io(error)), false))),
        Some(Ok(())) if plain && framed.read_buffer().starts_with(&ALERT) => Some(Err((Lost::Ended, true))),
        Some(Ok(())) => {
            let read = unless_left(framed.next(), leave).await;
            read.map(|read| Ok(read.map(|packet| packet.map(P::read))))
        }
    };
    (framed, heard)
}

/// What comes of `work`, or nothing when told to `leave` first.
async fn unless_left<T>(work: impl Future<Output = T>, leave: &Notify) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = leave.notified() => None,
    }
}

/// Reads until it can be told which protocol the other side speaks.
async fn begin<S: AsyncRead + Unpin>(stream: &mut S, heard: &mut BytesMut) -> io::Result<()> {
    while heard.len() < ALERT.len() && stream.read_buf(heard).await? > 0 {}
    Ok(())
}

/// Says good-bye on a link that nobody wants any more.
pub(super) async fn good_bye<P: Protocol, S: AsyncRead + AsyncWrite + Unpin>(
    mut framed: Framed<S, P::Codec>,
    forget: bool,
) {
    let last = async {
        framed.send(P::disconnect(forget)).await.map_err(protocol)?;
        let mut stream = framed.into_inner();
        let ended = async {
            stream.shutdown().await?;
            // A socket closed over unread bytes is reset, and DISCONNECT may be lost.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        ended.await.map_err(|error| Lost::io("saying good-bye", error))
    };
    // The link is left in any case.
    let _ = timeout(GOOD_BYE, last).await;
}

/// Who is refused, where that is why.
fn of_whom(lost: Lost, endpoint: &Endpoint) -> Lost {
    match lost {
        Lost::Refused { code, reason, server_reference } => {
            Lost::Refused { code, reason: Whom::at(endpoint).add_to(code, reason), server_reference }
        }
        other => other,
    }
}

/// What an end before CONNACK looks like where one side speaks TLS and the other does not.
fn unlike_mqtt(lost: Lost, plain: bool, tls: bool) -> Lost {
    let cut = match &lost {
        Lost::Ended => true,
        Lost::Io { source, .. } => {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(source.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        }
        _ => false,
    };
    if plain && cut { Lost::Unlike { tls, last: Arc::new(lost) } } else { lost }
}

/// What the broker says to CONNECT: whether it has a session, and its limits.
fn answer(read: Option<Result<Incoming, PacketError>>, clean_session: bool) -> Result<(bool, Limits), Lost> {
    match read.ok_or(Lost::Ended)?.map_err(protocol)? {
        // MQTT-3.2.2-1 of 3.1.1, MQTT-3.2.2-4 of 5.
        Incoming::Welcome { session_present: true, .. } if clean_session => {
            Err(Lost::Unexpected("CONNACK with a session, though a new one was asked for"))
        }
        Incoming::Welcome { session_present, limits } => Ok((session_present, *limits)),
        Incoming::Refusal(reason) => Err(reason.refused()),
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
        PacketError::Unwritable(error) => Lost::io("writing a packet", io::Error::other(error)),
        other => Lost::Protocol(Arc::new(other)),
    }
}
