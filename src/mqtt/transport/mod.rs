//! How a stream to a broker comes about: TCP, TLS, WebSocket, WebSocket over TLS, or a Unix socket.
//!
//! The protocol of an address says which: `mqtt` and `tcp` (port 1883), `mqtts`, `ssl` and `tls` (8883), `ws` (80), `wss`
//! (443), `unix` with a path. What comes out is a [`Stream`] of bytes, whatever is below it.

mod addresses;
mod counted;
mod dial;
mod kind;
#[cfg(feature = "websocket")]
mod pieces;
mod stream;
mod tcp;
mod tls;
#[cfg(feature = "websocket")]
mod upgrade;
mod watched;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(any(test, fuzzing))]
pub(crate) use counted::Counted;
pub(crate) use counted::Moved;
pub(crate) use dial::dial;
pub(crate) use kind::{Kind, PROTOCOLS};
pub(crate) use stream::{Stream, Transport};
pub use tls::{TlsConfig, TlsError, TlsFailure, TlsPem, TlsPlace};
#[cfg(test)]
pub(crate) use watched::Watched;
