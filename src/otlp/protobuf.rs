//! The little of protobuf that OTLP needs: fields are written one after the other, and those of an answer are read.
//!
//! What is sent is written once, when it happens, so that what waits is bytes whose number is known. For that no types are needed that
//! a generator makes; the numbers of the fields are those of <https://github.com/open-telemetry/opentelemetry-proto>, which never change.

/// The ways in which a field is written.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

/// A message that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// One without fields, and with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A number.
    pub fn number(&mut self, field: u32, value: u64) {
        self.key(field, VARINT);
        self.varint(value);
    }

    /// A number that may be negative.
    pub fn signed(&mut self, field: u32, value: i64) {
        self.number(field, value.cast_unsigned());
    }

    pub fn bool(&mut self, field: u32, value: bool) {
        self.number(field, value.into());
    }

    pub fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn double(&mut self, field: u32, value: f64) {
        self.fixed64(field, value.to_bits());
    }

    pub fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    pub fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub fn message(&mut self, field: u32, value: &Self) {
        self.bytes(field, &value.0);
    }

    /// A list of numbers of eight bytes each.
    pub fn packed(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64>) {
        self.key(field, LENGTH);
        self.varint(values.len() as u64 * 8);
        for value in values {
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// The beginning of a field that is a message of so many bytes, which are written behind it.
    pub fn begin(&mut self, field: u32, bytes: usize) {
        self.key(field, LENGTH);
        self.varint(bytes as u64);
    }

    /// Bytes of a field that was begun.
    pub fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, way: u32) {
        self.varint(u64::from(field << 3 | way));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// How many bytes a field takes that is a message of so many bytes; its number is below 16.
pub(super) fn field_length(bytes: usize) -> usize {
    let mut rest = bytes >> 7;
    let mut length = 2;
    while rest > 0 {
        rest >>= 7;
        length += 1;
    }
    length + bytes
}

/// The value of a field that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers, as far as they can be read.
pub(super) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || read_field(&mut bytes))
}

fn read_field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = read_varint(bytes)?;
    let field = match u32::try_from(key & 7).ok()? {
        VARINT => Field::Number(read_varint(bytes)?),
        FIXED64 => Field::Bytes(take(bytes, 8)?),
        LENGTH => {
            let length = usize::try_from(read_varint(bytes)?).ok()?;
            Field::Bytes(take(bytes, length)?)
        }
        FIXED32 => Field::Bytes(take(bytes, 4)?),
        _ => return None,
    };
    Some((key >> 3, field))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the documentation of protobuf, and others that were made by its reference implementation.
    #[test]
    fn fields_are_written_as_others_read_them() {
        let mut message = Message::default();
        message.number(1, 150);
        message.text(2, "testing");
        assert_eq!(message.as_bytes(), b"\x08\x96\x01\x12\x07testing");
        let mut numbers = Message::default();
        numbers.signed(1, -1);
        numbers.double(4, 1.0);
        numbers.packed(6, [1, 2].into_iter());
        let expected = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x21\0\0\0\0\0\0\xf0\x3f\x32\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0";
        assert_eq!(numbers.as_bytes(), expected);
    }

    #[test]
    fn what_is_cut_off_is_read_as_far_as_it_goes() {
        let mut message = Message::default();
        message.number(1, u64::MAX);
        message.text(2, "abc");
        let bytes = message.into_bytes();
        let all: Vec<_> = fields(&bytes).collect();
        assert_eq!(all, [(1, Field::Number(u64::MAX)), (2, Field::Bytes(b"abc"))]);
        assert_eq!(fields(&bytes[..bytes.len() - 1]).count(), 1);
        assert_eq!(fields(&[0x0f; 3]).count(), 0, "a way of writing that is none");
        assert_eq!(fields(&[0xff; 20]).count(), 0, "a number that does not end");
    }

    proptest! {
        #[test]
        fn the_length_of_a_field_is_known_before_it_is_written(length in 0_usize..70_000) {
            let mut message = Message::default();
            message.bytes(2, &vec![0; length]);
            prop_assert_eq!(message.as_bytes().len(), field_length(length));
        }

        #[test]
        fn whatever_comes_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
