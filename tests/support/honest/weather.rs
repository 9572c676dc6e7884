//! What one link is like.

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
