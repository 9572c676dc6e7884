//! Patterns that are constants, checked by the compiler: the grammar, and what an error says.
//!
//! The grammar is stricter than that of [`Pattern`](super::Pattern): constants take no blanks.

use super::tokens::{MAX_LEN, TOKENS};
use crate::text::is_unsafe;

/// Why a constant is no pattern; a number says which of the [`TOKENS`] it is.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// Not five tokens, but so many.
    TokenCount(usize),
    /// A token is empty.
    Empty(usize),
    /// `*` or a brace inside a longer token.
    PartialWildcard(usize),
    /// A blank, or a character that does not show.
    Unsafe(usize),
    /// More than [`MAX_LEN`] bytes.
    TooLong,
}

/// What keeps a text from being a pattern.
pub(super) const fn fault(text: &str) -> Option<Fault> {
    let bytes = text.as_bytes();
    if bytes.len() > MAX_LEN {
        return Some(Fault::TooLong);
    }
    let found = count(bytes);
    if found != TOKENS.len() {
        return Some(Fault::TokenCount(found));
    }
    let (mut at, mut start, mut token) = (0, 0, 0);
    while at <= bytes.len() {
        if at == bytes.len() || bytes[at] == b':' {
            let fault = token_fault(bytes, start, at, token);
            if fault.is_some() {
                return fault;
            }
            (token, start) = (token + 1, at + 1);
        }
        at += 1;
    }
    None
}

const fn count(text: &[u8]) -> usize {
    let (mut at, mut tokens) = (0, 1);
    while at < text.len() {
        if text[at] == b':' {
            tokens += 1;
        }
        at += 1;
    }
    tokens
}

const fn token_fault(text: &[u8], start: usize, end: usize, token: usize) -> Option<Fault> {
    if start == end {
        return Some(Fault::Empty(token));
    }
    if is(text, start, end, b"*") || is(text, start, end, b"{name}") {
        return None;
    }
    let mut at = start;
    while at < end {
        if matches!(text[at], b'*' | b'{' | b'}') {
            return Some(Fault::PartialWildcard(token));
        }
        if text[at] == b' ' || is_unsafe(character(text, at)) {
            return Some(Fault::Unsafe(token));
        }
        at += 1;
    }
    None
}

/// The character that begins at a byte of a text in UTF-8; within a character something that is safe.
const fn character(text: &[u8], at: usize) -> char {
    let (mut code, length) = match text[at] {
        first @ 0..0x80 => (first as u32, 1),
        first @ 0xc0..0xe0 => (first as u32 & 0x1f, 2),
        first @ 0xe0..0xf0 => (first as u32 & 0x0f, 3),
        first @ 0xf0..=0xff => (first as u32 & 0x07, 4),
        0x80..0xc0 => return 'x',
    };
    let mut next = 1;
    while next < length && at + next < text.len() {
        code = (code << 6) | (text[at + next] as u32 & 0x3f);
        next += 1;
    }
    match char::from_u32(code) {
        Some(character) => character,
        None => 'x',
    }
}

const fn is(text: &[u8], start: usize, end: usize, word: &[u8]) -> bool {
    if end - start != word.len() {
        return false;
    }
    let mut at = 0;
    while at < word.len() {
        if text[start + at] != word[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Ends the compilation where the pattern of a reference is none, and says why; what [`references!`](crate::references) writes for
/// each.
///
/// # Panics
/// In a constant that is an error of the compiler, where the call stands.
#[track_caller]
pub const fn check_reference(field: &'static str, text: &'static str) {
    if let Some(fault) = fault(text) {
        Message::new().push("reference `").push(field).push("`: ").push_fault(text, fault).end();
    }
}

/// The same for the `DESCRIPTOR` of a component type; what [`register!`](crate::register) writes. No other component asks for it, so
/// that `{name}` means nothing in it.
///
/// # Panics
/// In a constant that is an error of the compiler, where the call stands.
#[track_caller]
pub const fn check_descriptor(of: &'static str, text: &'static str) {
    let message = Message::new().push("`").push(of).push("::DESCRIPTOR`: ");
    if let Some(fault) = fault(text) {
        message.push_fault(text, fault).end();
    }
    let (bytes, mut at) = (text.as_bytes(), 0);
    while at < bytes.len() {
        if bytes[at] == b'{' {
            let message = message.push("`").push(text);
            message.push("` holds `{name}`, which stands for who asks; a `DESCRIPTOR` has `*` there").end();
        }
        at += 1;
    }
}

/// A text that is put together by the compiler, which formats nothing.
struct Message {
    text: [u8; Self::SIZE],
    len: usize,
}

impl Message {
    /// A text of [`MAX_LEN`] bytes, whose it is, and what is said of it.
    const SIZE: usize = MAX_LEN + 512;

    const fn new() -> Self {
        Self { text: [0; Self::SIZE], len: 0 }
    }

    /// Says what is wrong with a text.
    const fn push_fault(self, text: &str, fault: Fault) -> Self {
        const SHAPE: &str = "`group:type:kind:name:version`";
        if let Fault::TooLong = fault {
            return self.push("a pattern has at most 1024 bytes");
        }
        let quoted = self.push("`").push(text).push("`");
        match fault {
            Fault::TokenCount(found) => {
                quoted.push(" has ").push_number(found).push(" of the five tokens ").push(SHAPE)
            }
            Fault::Empty(token) => {
                quoted.push(": the ").push(TOKENS[token]).push(" is empty; the five tokens are ").push(SHAPE)
            }
            Fault::PartialWildcard(token) => quoted
                .push(": the ")
                .push(TOKENS[token])
                .push(" holds `*` or braces; `*` and `{name}` stand for a whole token"),
            Fault::Unsafe(token) => quoted
                .push(": the ")
                .push(TOKENS[token])
                .push(" holds a blank or a character that does not show"),
            Fault::TooLong => quoted,
        }
    }

    /// Adds a text; what does not fit is left out.
    const fn push(mut self, text: &str) -> Self {
        let (bytes, mut at) = (text.as_bytes(), 0);
        while at < bytes.len() && self.len < Self::SIZE {
            self.text[self.len] = bytes[at];
            (self.len, at) = (self.len + 1, at + 1);
        }
        self
    }

    const fn push_number(self, number: usize) -> Self {
        let digit = (number % 10) as u8 + b'0';
        let higher = if number < 10 { self } else { self.push_number(number / 10) };
        match std::str::from_utf8(&[digit]) {
            Ok(digit) => higher.push(digit),
            Err(_) => higher,
        }
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "a constant has no other way to end the compilation")]
    const fn end(&self) -> ! {
        let (text, _) = self.text.split_at(self.len);
        match std::str::from_utf8(text) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("a constant is no pattern"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;

    #[test]
    fn the_compiler_says_what_the_parser_says() {
        for text in
            ["acme:pen", "a::c:d:e", "a:b:c*:d:e", "a:b:c:d:{nam}", "a:b\u{202e}:c:d:e", "a:b c:c:d:e"]
        {
            let fault = fault(text).unwrap();
            let message = Message::new().push_fault(text, fault);
            let said = std::str::from_utf8(&message.text[..message.len]).unwrap();
            assert!(said.contains(text), "{said}");
            let is_blank = text.contains(' ');
            assert_eq!(text.parse::<Pattern>().is_err(), !is_blank, "{text}");
        }
        let long = "x".repeat(MAX_LEN + 1);
        assert!(matches!(fault(&long), Some(Fault::TooLong)));
        assert!(fault("é:ü:*:{name}:1.0").is_none());
    }
}
