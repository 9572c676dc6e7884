//! What one link is like, and what the broker is like.

use std::collections::BTreeSet;

use super::super::fake_broker::Plain;

/// The conditions of one link; the default is a good one.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// The link breaks when so many bytes from the client have been read.
    pub cut_reading: Option<usize>,
    /// The link breaks when so many bytes have been written to the client.
    pub cut_writing: Option<usize>,
    /// Broken by RST instead of FIN.
    pub reset: bool,
    /// Every read and write moves one byte.
    pub drip: bool,
    /// The session is forgotten before this link.
    pub forget: bool,
    /// What CONNACK says of the session, when it lies.
    pub claim: Option<bool>,
    /// So many answers wait for each other, and leave in reverse; fewer when the client sends nothing more.
    pub reverse: usize,
    /// Every answer is sent twice.
    pub twice: bool,
    /// Every message of QoS 1 and 2 is sent once more on the same link, with DUP.
    pub repeat: bool,
    /// Every so many-th acknowledgement is never sent on this link.
    pub missing: Option<usize>,
    /// The broker ends the link at the so many-th packet of the client behind CONNECT, for no reason.
    pub patience: Option<usize>,
}

/// For what the broker ends any link instead of answering; the default is for nothing.
#[derive(Clone, Debug, Default)]
pub struct Temper {
    /// More filters in a SUBSCRIBE or UNSUBSCRIBE.
    pub most_filters: Option<usize>,
    /// A SUBSCRIBE of one of these.
    pub filters: BTreeSet<String>,
    /// A message with more bytes.
    pub most_bytes: Option<usize>,
}

impl Temper {
    /// Whether the broker goes on after this packet.
    pub(super) fn bears(&self, packet: &Plain) -> bool {
        let few = |count: usize| self.most_filters.is_none_or(|most| count <= most);
        match packet {
            Plain::Subscribe { filters, .. } => {
                few(filters.len()) && !filters.iter().any(|(filter, _)| self.filters.contains(filter))
            }
            Plain::Unsubscribe { filters, .. } => few(filters.len()),
            Plain::Publish { payload, .. } => self.most_bytes.is_none_or(|most| payload.len() <= most),
            _ => true,
        }
    }
}

impl Weather {
    /// Breaks after so many bytes from the client.
    pub fn cut_reading(bytes: usize) -> Self {
        Self { cut_reading: Some(bytes), ..Self::default() }
    }

    /// Breaks after so many bytes to the client.
    pub fn cut_writing(bytes: usize) -> Self {
        Self { cut_writing: Some(bytes), ..Self::default() }
    }
}
