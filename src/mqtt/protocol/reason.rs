//! The reasons that a broker gives, and what their codes mean.

use std::sync::Arc;

use crate::mqtt::LinkError;
use crate::text::clip;

/// What a broker gives as its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub code: u8,
    /// What the code means, and what the broker says beside it.
    pub text: Arc<str>,
    /// Another server that the broker names.
    pub server_reference: Option<Arc<str>>,
}

impl Reason {
    /// A reason string of a broker as people are shown it: escaped and cut, since it may be 64 KiB of any characters.
    #[must_use]
    pub fn clip(reason: &str) -> Arc<str> {
        clip(reason).into()
    }

    /// What a code means, with the [clipped](Self::clip) reason string of the broker behind it.
    pub fn describe(code: u8, reason: Option<&str>) -> Arc<str> {
        match reason.filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{}: {reason}", meaning(code)).into(),
            None => meaning(code).into(),
        }
    }

    /// Why the link is lost when the broker refused CONNECT for this reason.
    pub fn refused(self) -> LinkError {
        let Self { code, text, server_reference } = self;
        LinkError::Refused { code, reason: text, server_reference }
    }

    /// Why the link is lost when the broker sent DISCONNECT for this reason.
    pub fn disconnected(self) -> LinkError {
        let Self { code, text, server_reference } = self;
        LinkError::Disconnected { code, reason: text, server_reference }
    }
}

/// What a code means.
const fn meaning(code: u8) -> &'static str {
    match code {
        0x00 => "no reason given",
        0x04 => "disconnect, with the will",
        0x10 => "nobody has subscribed",
        0x11 => "there is no such subscription",
        0x18 => "continue the authentication",
        0x19 => "authenticate again",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "it does not speak MQTT 5",
        0x85 => "the client id is not permitted",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "the server is unavailable",
        0x89 => "the server is busy",
        0x8a => "banned",
        0x8b => "the server is shutting down",
        0x8c => "bad authentication method",
        0x8d => "nothing was heard from the client within the keep-alive",
        0x8e => "another client has taken the session over: it connected with the same client id",
        0x8f => "the topic filter is not permitted",
        0x90 => "the topic name is not permitted",
        0x91 => "the packet id is in use",
        0x92 => "there is no such packet id",
        0x93 => "more messages were on their way than the receive maximum",
        0x94 => "a topic alias is not valid",
        0x95 => "a packet was too large",
        0x96 => "messages come too fast",
        0x97 => "a quota is exceeded",
        0x98 => "an administrator did it",
        0x99 => "the payload is not what its format says",
        0x9a => "retained messages are not supported",
        0x9b => "this QoS is not supported",
        0x9c => "use another server for now",
        0x9d => "the server has moved",
        0x9e => "shared subscriptions are not supported",
        0x9f => "connections come too fast",
        0xa0 => "the connection has lasted as long as it may",
        0xa1 => "subscription identifiers are not supported",
        0xa2 => "wildcards in filters are not supported",
        _ => "a code that MQTT 5 does not know",
    }
}
