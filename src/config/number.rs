//! Numbers that know how they were written.

use std::fmt;

use super::MASK;

/// A number of a configuration. It shows as it was written, also where that says more than its value does: `0x75b`, `1_883`,
/// `1883.0`, or more digits than the value can hold. Two are equal when their values are.
///
/// ```
/// use wirework::config::{Problems, Value, parse_toml};
/// let table = parse_toml("port = 0x75b", 0, &mut Problems::new());
/// let Some(Value::Integer(port)) = table.get("port").map(|node| &node.value) else { panic!() };
/// assert_eq!((port.get(), port.to_string()), (1883, "0x75b".to_owned()));
/// ```
#[derive(Clone)]
pub struct Number<T> {
    value: T,
    /// Where it differs from how the value is shown.
    written: Option<Box<str>>,
}

impl<T: Copy> Number<T> {
    /// A number that was written nowhere.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { value, written: None }
    }

    /// Its value.
    #[must_use]
    pub const fn get(&self) -> T {
        self.value
    }
}

impl Number<i64> {
    /// A whole number as it was written.
    pub(super) fn integer(value: i64, written: &str) -> Self {
        let digits = written.strip_prefix('-').unwrap_or(written);
        let padded = written.len() > 1 && digits.starts_with('0');
        let plain = !padded && digits.bytes().all(|byte| byte.is_ascii_digit());
        Self { value, written: (!plain).then(|| written.into()) }
    }
}

impl Number<f64> {
    /// A number with a fraction, or a whole one beyond 64 bits, as it was written.
    pub(super) fn float(value: f64, written: &str) -> Self {
        let written = (value.to_string() != written).then(|| written.into());
        Self { value, written }
    }

    /// Whether a whole number was written, which 64 bits do not hold.
    #[must_use]
    pub fn is_beyond_integers(&self) -> bool {
        self.written.as_deref().is_some_and(|text| {
            let digits = text.trim_start_matches(['+', '-']);
            let radix = ["0x", "0o", "0b"].iter().any(|prefix| digits.starts_with(prefix));
            radix || digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        })
    }
}

impl<T> From<T> for Number<T> {
    fn from(value: T) -> Self {
        Self { value, written: None }
    }
}

impl<T: PartialEq> PartialEq for Number<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: fmt::Display> fmt::Display for Number<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => f.write_str(written),
            None => self.value.fmt(f),
        }
    }
}

/// Shows no digit: whether one is secret is for the schema of its key to say.
impl<T> fmt::Debug for Number<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_as_written() {
        for (value, written) in
            [(7, "7"), (-7, "-7"), (7, "+7"), (7, "0x7"), (1000, "1_000"), (0, "-0"), (0, "0")]
        {
            let number = Number::integer(value, written);
            assert_eq!((number.get(), number.to_string().as_str()), (value, written));
            assert_eq!(number, Number::new(value));
        }
        for (value, written) in [(1883.0, "1883.0"), (1.5, "1.5"), (1e3, "1e3"), (f64::INFINITY, "inf")] {
            let number = Number::float(value, written);
            assert_eq!((number.get(), number.to_string().as_str()), (value, written));
            assert!(!number.is_beyond_integers(), "{written}");
        }
        for written in ["12345678901234567890", "-12_345_678_901_234_567_890", "0xffff_ffff_ffff_ffff"] {
            let number = Number::float(1e20, written);
            assert!(number.is_beyond_integers() && number.to_string() == written, "{written}");
        }
        assert_eq!(format!("{:?}", Number::new(7)), MASK);
    }
}
