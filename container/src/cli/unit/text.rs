//! The text of a unit: sections, settings, and values in which systemd finds nothing of its own.

use std::fmt::Write;

use wirework::text::is_unsafe;

/// A unit that is being written.
#[derive(Default)]
pub(super) struct UnitText(String);

impl UnitText {
    /// Begins a section.
    pub fn section(&mut self, name: &str) {
        let _ = writeln!(self.0, "\n[{name}]");
    }

    /// Sets a key to a value, as it is.
    pub fn set(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.0, "{key}={value}");
    }

    /// A comment of one line.
    pub fn comment(&mut self, text: &str) {
        let _ = writeln!(self.0, "# {}", one_line(text));
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.0
    }
}

/// A text as one line without control characters. No line ends with `\`, which would take the next one in.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_unsafe(c)).filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    words.join(" ").trim_end_matches(['\\', ' ']).to_owned()
}

/// A text as the value of a setting that is no command line: `%` begins nothing.
pub(super) fn setting(text: &str) -> String {
    one_line(text).replace('%', "%%")
}

/// A text as one word of a command line: `%` and `$` begin nothing, and what would end the word is in quotes.
pub(super) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@~".contains(c);
    let mut word = String::new();
    for character in text.chars() {
        match character {
            '%' => word.push_str("%%"),
            '$' => word.push_str("$$"),
            '"' | '\\' => word.extend(['\\', character]),
            '\n' => word.push_str("\\n"),
            other if is_unsafe(other) => {
                let mut bytes = [0; 4];
                for byte in other.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(word, "\\x{byte:02x}");
                }
            }
            other => word.push(other),
        }
    }
    if !text.is_empty() && text.chars().all(is_plain) { word } else { format!("\"{word}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_itself() {
        for (text, written) in [
            ("/etc/telemetry/service.toml", "/etc/telemetry/service.toml"),
            ("/etc/my service", "\"/etc/my service\""),
            ("100%", "\"100%%\""),
            ("A=$HOME", "\"A=$$HOME\""),
            ("say \"hi\"\\", "\"say \\\"hi\\\"\\\\\""),
            ("a\nExecStart=/bin/sh\u{7}", "\"a\\nExecStart=/bin/sh\\x07\""),
            ("", "\"\""),
            ("'a'", "\"'a'\""),
        ] {
            assert_eq!(word(text), written);
        }
    }

    #[test]
    fn a_setting_has_one_line() {
        for (text, written) in [
            ("Averages what the sensors send", "Averages what the sensors send"),
            ("a\n\nb\u{1b}c \\ \\", "a b c"),
            ("50 %", "50 %%"),
        ] {
            assert_eq!(setting(text), written);
        }
    }
}
