//! Streams to a broker: TCP, TLS, WebSocket, WebSocket over TLS, or a Unix socket.
//!
//! The protocol of an address says which: `mqtt` and `tcp` (port 1883), `mqtts`, `ssl` and `tls` (8883), `ws` (80), `wss`
//! (443), `unix` with a path. [`Stream::dial`] makes a stream of bytes of each of them.

mod addresses;
mod byte_stream;
mod kind;
mod pausable_tcp;
#[cfg(feature = "websocket")]
mod split_frames;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod upgrade;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(any(test, fuzzing))]
pub(crate) use byte_stream::Counted;
pub(crate) use byte_stream::{Moved, Transport};
pub(crate) use kind::Kind;
pub(crate) use stream::Stream;
