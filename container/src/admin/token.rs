//! The token of an operator.

use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;
use wirework::config::{Secret, code};
use wirework::file::{Exposure, ReadError, RegularFile};
use wirework::text::trim_line_breaks;
use wirework::{Category, Coded};
use zeroize::Zeroizing;

/// The shortest token, in characters. Whoever guesses has to wait after each wrong one, so that this many cannot be guessed.
const SHORTEST: usize = 16;

/// The longest, in bytes.
const LONGEST: u64 = 4 * 1024;

/// What whoever changes something has to know.
pub(super) struct Token(Secret);

/// Why a file has no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum TokenError {
    #[error("names the file `{}`, which cannot be read: {source}", .path.display())]
    Read { path: PathBuf, source: ReadError },
    #[error("names the file `{}`, which {}", .path.display(), .exposure.sentence())]
    Exposed { path: PathBuf, exposure: Exposure },
    #[error("names the file `{}`, which is not UTF-8; a token is letters and digits", .path.display())]
    NotText { path: PathBuf },
    #[error(
        "names the file `{}`, whose token has {found} characters; a token has {SHORTEST} or more, all visible ASCII, as `openssl rand -hex 32` makes it", .path.display()
    )]
    Weak { path: PathBuf, found: usize },
    #[error("names the file `{}`, whose token has blanks or characters that are no visible ASCII, which a header cannot carry", .path.display())]
    NotVisible { path: PathBuf },
}

impl Coded for TokenError {
    fn category(&self) -> Category {
        match self {
            Self::Read { .. } | Self::NotText { .. } => Category::FileError,
            Self::Exposed { .. } | Self::Weak { .. } | Self::NotVisible { .. } => Category::Misconfiguration,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::NotText { .. } => "READ_FAILED",
            Self::Exposed { .. } => code::EXPOSED_SECRET,
            Self::Weak { .. } | Self::NotVisible { .. } => "WEAK_TOKEN",
        }
    }
}

impl Token {
    /// The token in a file. It blocks.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let unread = |source| TokenError::Read { path: path.to_owned(), source };
        let file = RegularFile::open(path).map_err(unread)?;
        if let Some(exposure) = file.exposure(path) {
            return Err(TokenError::Exposed { path: path.to_owned(), exposure });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_into(&mut bytes, LONGEST).map_err(unread)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| TokenError::NotText { path: path.to_owned() })?;
        let text = trim_line_breaks(text);
        let found = text.chars().count();
        if !text.chars().all(|letter| letter.is_ascii_graphic()) {
            return Err(TokenError::NotVisible { path: path.to_owned() });
        }
        if found < SHORTEST {
            return Err(TokenError::Weak { path: path.to_owned(), found });
        }
        Ok(Self(Secret::new(text)))
    }

    /// Whether somebody knows it. How long that takes says nothing about where a guess is wrong.
    pub fn is(&self, guess: &str) -> bool {
        self.0.expose().as_bytes().ct_eq(guess.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read(text: &str, mode: u32) -> Result<Token, TokenError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Token::read(&path)
    }

    #[test]
    fn a_token_is_the_whole_of_it() {
        let token = read("0123456789abcdef\n", 0o600).map_err(|error| error.to_string()).unwrap();
        assert!(token.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdefg", "0123456789abcdeF"] {
            assert!(!token.is(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_others_can_read_or_guess_is_no_token() {
        let codes = [
            ("0123456789abcdef", 0o604, "EXPOSED_SECRET"),
            ("0123456789abcdef", 0o620, "EXPOSED_SECRET"),
            ("0123456789abcde", 0o600, "WEAK_TOKEN"),
            ("0123456789 abcdef", 0o600, "WEAK_TOKEN"),
            ("", 0o600, "WEAK_TOKEN"),
        ];
        for (text, mode, code) in codes {
            assert_eq!(read(text, mode).err().map(|error| error.code()), Some(code), "{text} {mode:o}");
        }
        assert_eq!(
            Token::read(Path::new("/nowhere/token")).err().map(|error| error.code()),
            Some("READ_FAILED")
        );
    }
}
