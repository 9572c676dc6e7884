//! What of a value may be shown.

use std::borrow::Cow;

use super::MASK;

/// Replaces user name and password of every URI in a text by `…`: `mqtt://…@host`. Masks rather too much than too
/// little: from `://`, or the beginning of a word that has a colon, to the last `@` of the word.
///
/// ```
/// use wirework::config::mask_user_info;
/// assert_eq!(mask_user_info("mqtt://me:p@ss@broker:1883"), "mqtt://…@broker:1883");
/// assert_eq!(mask_user_info("tcp://broker"), "tcp://broker");
/// ```
#[must_use]
pub fn mask_user_info(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_inclusive(char::is_whitespace).map(mask_word).collect())
}

/// Whether a text holds user name or password of a URI.
#[must_use]
pub fn has_user_info(text: &str) -> bool {
    mask_user_info(text) != text
}

fn mask_word(word: &str) -> Cow<'_, str> {
    let Some((before, host)) = word.rsplit_once('@') else { return Cow::Borrowed(word) };
    match (before.split_once("://"), before.contains(':')) {
        (Some((scheme, _)), _) => Cow::Owned(format!("{scheme}://{MASK}@{host}")),
        (None, true) => Cow::Owned(format!("{MASK}@{host}")),
        (None, false) => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_is_masked() {
        for (text, expected) in [
            ("no route to a@b", "no route to a@b"),
            ("user:pw@h", "…@h"),
            ("x mqtt://u:p/w@h y ws://v@i/p?q=1", "x mqtt://…@h y ws://…@i/p?q=1"),
            ("mqtt://a:b@h1,mqtt://c:d@h2", "mqtt://…@h2"),
        ] {
            assert_eq!(mask_user_info(text), expected);
        }
    }
}
