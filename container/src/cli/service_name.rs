//! The name of a service as systemd and Kubernetes take it.

use wirework::text::escape;

/// The most characters of a label in DNS, which is what Kubernetes takes.
const MAX: usize = 63;

/// Why a name cannot be one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    /// Nothing is left of it.
    #[error("`{0}` has no letter from a to z")]
    Empty(String),
    /// It begins with a digit.
    #[error("`{0}` begins with a digit")]
    Digit(String),
    /// It is too long.
    #[error("`{0}` has more than {MAX} characters")]
    Long(String),
}

/// A name of letters from a to z, digits and single `-`, as DNS has them (RFC 1035): capital letters become small ones, and each run of
/// other characters one `-`, which goes at the beginning and the end.
pub(super) fn service_name(name: &str) -> Result<String, NameError> {
    let mut label = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            label.push(character.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    let label = label.trim_end_matches('-');
    let shown = || escape(name).into_owned();
    match label.as_bytes().first() {
        None => Err(NameError::Empty(shown())),
        Some(first) if first.is_ascii_digit() => Err(NameError::Digit(shown())),
        Some(_) if label.len() > MAX => Err(NameError::Long(shown())),
        Some(_) => Ok(label.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        for (name, label) in [
            ("telemetry", "telemetry"),
            ("Acme Sensors (2)", "acme-sensors-2"),
            ("--a__b..c--", "a-b-c"),
            ("měření", "m-en"),
            ("a\n[Service]\nUser=root", "a-service-user-root"),
        ] {
            assert_eq!(service_name(name).as_deref(), Ok(label));
        }
        assert_eq!(service_name(&"a".repeat(63)).map(|label| label.len()), Ok(63));
    }

    #[test]
    fn what_cannot_be_one_is_refused() {
        assert_eq!(service_name("служба").unwrap_err().to_string(), "`служба` has no letter from a to z");
        assert_eq!(service_name("\n").unwrap_err().to_string(), "`\\n` has no letter from a to z");
        assert_eq!(service_name("3d").unwrap_err().to_string(), "`3d` begins with a digit");
        assert_eq!(service_name(&"a".repeat(64)), Err(NameError::Long("a".repeat(64))));
    }
}
