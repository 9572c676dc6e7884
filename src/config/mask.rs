//! What of a value may be shown.
//!
//! All functions take one whole value. A value goes through them before it becomes part of a message, since in a sentence
//! nobody can tell where it begins and ends.

use std::borrow::Cow;

use super::MASK;

/// Replaces user name and password of a URI by `…`: `mqtt://…@host`.
///
/// The user info is all from `scheme://` to the last `@`, whatever stands between, blanks, further URIs and `/` included;
/// without a scheme it is all before the last `@`, where that holds a `:` or `//`. `%40` counts as an `@`. So it masks rather
/// too much than too little: the `@` of a query ends the user info too, and of several hosts the last one is shown.
///
/// ```
/// use wirework::config::mask_user_info;
/// assert_eq!(mask_user_info("mqtt://me:p@ss word@broker:1883"), "mqtt://…@broker:1883");
/// assert_eq!(mask_user_info("tcp://broker"), "tcp://broker");
/// assert_eq!(mask_user_info("ann@example.org"), "ann@example.org");
/// ```
#[must_use]
pub fn mask_user_info(text: &str) -> Cow<'_, str> {
    let Some((before, host)) = split_at_sign(text) else { return Cow::Borrowed(text) };
    let begin = match before.find("//") {
        Some(slashes) if is_scheme(before.get(..slashes).unwrap_or_default()) => slashes + 2,
        Some(_) => 0,
        None if before.contains(':') || find_escaped(before, "3a").is_some() => 0,
        None => return Cow::Borrowed(text),
    };
    if begin == before.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{MASK}@{host}", before.get(..begin).unwrap_or_default()))
}

/// The same, and replaces the query and the fragment of a URI by `…`: `ws://…@host/path?…`. Both may hold tokens. Where a `?`
/// or `#` stands before the last `@`, nobody knows which of the two ends what, and only the scheme is left.
///
/// ```
/// use wirework::config::mask_uri;
/// assert_eq!(mask_uri("wss://ann:secret@broker/mqtt?token=x"), "wss://…@broker/mqtt?…");
/// assert_eq!(mask_uri("wss://broker/mqtt?mail=a@b&token=x"), "wss://…");
/// ```
#[must_use]
pub fn mask_uri(text: &str) -> Cow<'_, str> {
    let Some((before, behind)) = text.split_once("//") else { return mask_user_info(text) };
    let Some(query) = behind.find(['?', '#']) else { return mask_user_info(text) };
    let host = split_at_sign(behind).map_or(0, |(user, _)| user.len());
    if query < host {
        return Cow::Owned(if is_scheme(before) { format!("{before}//{MASK}") } else { MASK.to_owned() });
    }
    let masked = mask_user_info(text);
    match first_query(&masked) {
        Some(end) if end < masked.len() => {
            Cow::Owned(format!("{}{MASK}", masked.get(..end).unwrap_or_default()))
        }
        _ => masked,
    }
}

/// Behind the `?` or `#` with which a query begins.
fn first_query(text: &str) -> Option<usize> {
    let begin = text.find("//").map_or(0, |slashes| slashes + 2);
    text.get(begin..)?.find(['?', '#']).map(|mark| begin + mark + 1)
}

/// Whether a string holds what [`mask_uri`] replaces.
#[must_use]
pub fn has_user_info(text: &str) -> bool {
    mask_uri(text) != text
}

/// What is before the last `@` and what is behind it.
fn split_at_sign(text: &str) -> Option<(&str, &str)> {
    let plain = text.rfind('@').map(|at| (at, at + 1));
    let (start, end) = plain.max(find_escaped(text, "40"))?;
    Some((text.get(..start)?, text.get(end..)?))
}

/// Where the last percent-escape with this number stands, also one that was escaped again: `%40`, `%2540`.
fn find_escaped(text: &str, number: &str) -> Option<(usize, usize)> {
    let mut places = text.match_indices('%').filter_map(|(start, _)| {
        let mut end = start + 1;
        while text.get(end..end + 2) == Some("25") {
            end += 2;
        }
        let found = text.get(end..end + 2)?;
        found.eq_ignore_ascii_case(number).then_some((start, end + 2))
    });
    places.next_back()
}

/// Whether a string is a scheme and its colon, perhaps with blanks before it, or nothing: then what follows begins with `//`.
fn is_scheme(text: &str) -> bool {
    let text = text.trim_start();
    let Some(name) = text.strip_suffix(':') else { return text.is_empty() };
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn user_info_is_masked() {
        for (text, expected) in [
            ("no route to a@b", "no route to a@b"),
            ("user:pw@h", "…@h"),
            ("user:my secret@h", "…@h"),
            ("mqtt://user:my secret@h:1", "mqtt://…@h:1"),
            ("mqtt://user:a\tb\nc@h", "mqtt://…@h"),
            (" mqtt://user:pw@h", " mqtt://…@h"),
            ("//user:pw@", "//…@"),
            ("mqtt:user:pw@h", "…@h"),
            ("mqtt:/user:pw@h", "…@h"),
            ("mqtt//user:pw@h", "…@h"),
            ("user:p//w@h", "…@h"),
            ("mqtt://u:p@ss@[::1]:1", "mqtt://…@[::1]:1"),
            ("mqtt://u:p/w@h y ws://v@i/p?q=1", "mqtt://…@i/p?q=1"),
            ("mqtt://a:b@h1,mqtt://c:d@h2", "mqtt://…@h2"),
            ("mqtt://user:pw%40h", "mqtt://…@h"),
            ("mqtt://user:pw%2540h", "mqtt://…@h"),
            ("user%3Apw%40h", "…@h"),
            ("mqtt://@h", "mqtt://@h"),
            ("mqtt://…@h", "mqtt://…@h"),
        ] {
            assert_eq!(mask_user_info(text), expected, "{text}");
        }
    }

    #[test]
    fn a_query_is_masked() {
        for (text, expected) in [
            ("ws://h/p?token=x#y", "ws://h/p?…"),
            ("ws://h/p#secret", "ws://h/p#…"),
            ("ws://h/p?", "ws://h/p?"),
            ("what? //", "what? //"),
            ("a/b?c", "a/b?c"),
            ("ws://h/p?mail=a@b&token=x", "ws://…"),
            ("ws://ann:p?w@h", "ws://…"),
            ("ws//ann:p?w@h", "…"),
            ("ws//ann:pw@h?x", "…@h?…"),
        ] {
            assert_eq!(mask_uri(text), expected, "{text}");
        }
    }

    proptest! {
        /// Whatever a password holds, it ends at the last `@`.
        #[test]
        fn no_password_shows(scheme in "([a-z]{1,5}:)?//|[a-z]{1,5}:|", before in ".{0,9}", behind in ".{0,9}", host in "[a-z\\[\\]:.,]{0,9}") {
            let text = format!("{scheme}ann:{before}CANARY{behind}@{host}");
            prop_assert!(!mask_user_info(&text).contains("CANARY"), "{text}");
            let masked = mask_uri(&text).into_owned();
            prop_assert_eq!(mask_uri(&masked).into_owned(), masked);
        }
    }
}
