//! What the proxy hangs up on, as some brokers do: too many filters in a packet, a filter without permission, a message that
//! is too large.

/// More filters in a SUBSCRIBE or UNSUBSCRIBE.
pub const MOST_FILTERS: usize = 8;

/// A larger packet, in bytes.
pub const MOST_BYTES: usize = 16 * 1024;

/// A SUBSCRIBE of this.
pub const FORBIDDEN: &str = "soak/forbidden";

const SUBSCRIBE: u8 = 0x82;
const UNSUBSCRIBE: u8 = 0xa2;

/// Reads what a client sends, packet by packet.
#[derive(Default)]
pub struct Temper {
    /// The beginning of a packet that has not come as a whole.
    begun: Vec<u8>,
}

impl Temper {
    /// Whether the link goes on after these bytes.
    pub fn bears(&mut self, bytes: &[u8]) -> bool {
        self.begun.extend_from_slice(bytes);
        loop {
            let Some((head, length)) = opening(&self.begun) else { return self.begun.len() <= MOST_BYTES };
            if head + length > MOST_BYTES {
                return false;
            }
            let Some(packet) = self.begun.get(..head + length) else { return true };
            let body = packet.get(head..).unwrap_or_default();
            let bears = match packet.first() {
                Some(&SUBSCRIBE) => bears_filters(body, 1),
                Some(&UNSUBSCRIBE) => bears_filters(body, 0),
                _ => true,
            };
            if !bears {
                return false;
            }
            self.begun.drain(..head + length);
        }
    }
}

/// How long the fixed header is, and how long the rest of the packet, once that can be told.
fn opening(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((place + 2, length));
        }
    }
    None
}

/// Filters of 3.1.1, each with so many bytes of options behind it.
fn bears_filters(body: &[u8], options: usize) -> bool {
    let mut rest = body.get(2..).unwrap_or_default();
    let mut count = 0;
    while let [high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if behind.get(..length) == Some(FORBIDDEN.as_bytes()) {
            return false;
        }
        count += 1;
        rest = behind.get(length + options..).unwrap_or_default();
    }
    count <= MOST_FILTERS
}
