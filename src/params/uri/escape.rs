//! Percent-encoding, read strictly: a `%` that starts no escape is a mistake, not a character.

use super::{UriError, UriPart};

/// Replaces every `%XX` of `text`; `+` stays a plus.
pub(crate) fn decode(text: &str, part: UriPart) -> Result<String, UriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = rest.next().and_then(hex).ok_or(UriError::BadEscape { part })?;
        let low = rest.next().and_then(hex).ok_or(UriError::BadEscape { part })?;
        bytes.push(high << 4 | low);
    }
    // The error of `from_utf8` holds the bytes, which may be a password: it is dropped here.
    String::from_utf8(bytes).map_err(|_| UriError::NotText { part })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Appends `text` to `out`, everything escaped but letters, digits and `-._~`.
pub(crate) fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
        }
    }
}
