//! PUBLISH packets as a broker that means harm sends them.

/// What a message looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub name: &'static str,
    /// The length of its topic, in bytes.
    pub topic: usize,
    pub payload: usize,
    /// Empty user properties (MQTT 5), of 5 bytes each.
    pub user: usize,
    pub retain: bool,
    /// Bytes of a message for nobody that comes behind each.
    pub filler: usize,
}

const PLAIN: Shape = Shape { name: "tiny", topic: 4, payload: 0, user: 0, retain: false, filler: 0 };

pub const SHAPES: [Shape; 9] = [
    PLAIN,
    Shape { name: "small", payload: 100, ..PLAIN },
    Shape { name: "retained", payload: 100, retain: true, ..PLAIN },
    Shape { name: "empty, amid large ones", filler: 30_000, ..PLAIN },
    Shape { name: "small, behind huge ones", payload: 10, filler: 900_000, ..PLAIN },
    Shape { name: "long topic", topic: 65_535, ..PLAIN },
    Shape { name: "large", payload: 1_000_000, ..PLAIN },
    Shape { name: "one user property", user: 1, ..PLAIN },
    Shape { name: "40000 user properties", user: 40_000, payload: 10, ..PLAIN },
];

pub fn length(mut length: usize, to: &mut Vec<u8>) {
    while length >= 0x80 {
        to.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}

/// A packet of this kind and body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    length(body.len(), &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

/// Empty user properties, with their length before them.
pub fn properties(user: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    length(5 * user, &mut bytes);
    bytes.extend([38, 0, 0, 0, 0].repeat(user));
    bytes
}

/// A message that can be sent again and again under other ids.
pub struct Publish {
    bytes: Vec<u8>,
    id: Option<usize>,
    pub size: usize,
}

impl Publish {
    /// On `in/…`, and behind it one on `out`.
    pub fn new(shape: Shape, qos: u8, five: bool) -> Self {
        let mut body = u16::try_from(shape.topic).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(b"in/");
        body.resize(2 + shape.topic, b't');
        let place = body.len();
        body.extend_from_slice(if qos > 0 { &[0, 1] } else { &[] });
        if five {
            body.extend(properties(shape.user));
        }
        body.resize(body.len() + shape.payload, b'x');
        let mut bytes = packet(0x30 | qos << 1 | u8::from(shape.retain), &body);
        let head = bytes.len() - body.len();
        if shape.filler > 0 {
            let mut body = [&[0, 3][..], b"out", if five { &[0] } else { &[] }].concat();
            body.resize(body.len() + shape.filler, b'x');
            bytes.extend(packet(0x30, &body));
        }
        let size = bytes.len();
        Self { bytes, id: (qos > 0).then_some(head + place), size }
    }

    pub fn bytes(&mut self, id: u16) -> &[u8] {
        if let Some(place) = self.id {
            self.bytes[place..place + 2].copy_from_slice(&id.to_be_bytes());
        }
        &self.bytes
    }
}
