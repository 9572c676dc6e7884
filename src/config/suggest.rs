//! "Did you mean …?"

/// The candidate that `name` is most probably a misspelling of.
///
/// ```
/// use wirework::config::nearest;
/// assert_eq!(nearest("levle", ["level", "format"]), Some("level"));
/// assert_eq!(nearest("colour", ["level", "format"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name of a kilobyte is no misspelling, and the distance takes time that grows with the square.
    if name.len() > 100 {
        return None;
    }
    let near = |candidate: &'a str| {
        let (own, other) = differing(name, candidate);
        let (own, other) = (plain(own), plain(other));
        let allowed = (own.chars().count().max(other.chars().count()) / 3).max(1);
        let distance = strsim::damerau_levenshtein(&own, &other);
        let whole = distance > 0 && own.chars().count().min(other.chars().count()) <= distance;
        (distance <= allowed && !whole).then_some((distance, candidate))
    };
    candidates
        .into_iter()
        .filter_map(near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Two names without the whole words with which both begin or end: what `reset_timeout` and `refusal_timeout` have in common makes
/// neither a misspelling of the other.
fn differing<'n>(one: &'n str, other: &'n str) -> (&'n str, &'n str) {
    let is_end = |text: &str| text.bytes().next().is_none_or(|byte| matches!(byte, b'_' | b'-' | b'.'));
    let common = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let begin = (0..=common).rev().find(|at| {
        let rest = |text: &'n str| text.get(*at..).is_some_and(is_end);
        rest(one) && rest(other)
    });
    let cut = |text: &'n str| text.get(begin.unwrap_or_default()..).unwrap_or_default();
    let (one, other) = (cut(one), cut(other));
    let common = one.bytes().rev().zip(other.bytes().rev()).take_while(|(one, other)| one == other).count();
    let end = (0..=common).rev().find(|length| {
        let rest = |text: &'n str| {
            let before = text.len().checked_sub(*length).and_then(|at| text.get(..at));
            before.is_some_and(|before| {
                is_end(before.get(before.len().saturating_sub(1)..).unwrap_or_default())
            })
        };
        rest(one) && rest(other)
    });
    let cut = |text: &'n str| text.get(..text.len() - end.unwrap_or_default()).unwrap_or_default();
    (cut(one), cut(other))
}

/// The candidates of which `name` is one end, cut off between words or within one of three letters and more: `keepalive` of
/// `keepalive_timeout`, `timeout` of both `connect_timeout` and `keepalive_timeout`. Those that begin with it come first.
pub fn completions<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = plain(name);
    if plain.chars().count() < 3 || name.len() > 100 {
        return Vec::new();
    }
    let ending = format!("_{}", name.to_lowercase());
    let (mut begin, mut end) = (Vec::new(), Vec::new());
    for candidate in candidates {
        if self::plain(candidate).starts_with(&plain) {
            begin.push(candidate);
        } else if candidate.ends_with(&ending) {
            end.push(candidate);
        }
    }
    begin.append(&mut end);
    begin
}

/// What a word says, in the ways in which people and variables of an environment say it: `true`, `1`, `yes`, `on` and their
/// contraries, in any case.
///
/// ```
/// use wirework::config::parse_bool;
/// assert_eq!([parse_bool("Yes"), parse_bool("0"), parse_bool("maybe")], [Some(true), Some(false), None]);
/// ```
#[must_use]
pub fn parse_bool(word: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|one| word.eq_ignore_ascii_case(one));
    match (is(["true", "1", "yes", "on"]), is(["false", "0", "no", "off"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Lower case without separators, so that `keepAlive` and `keep-alive` are `keep_alive`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Alternatives for messages: `` `a`, `b` or `c` ``.
pub(crate) fn alternatives(names: &[String]) -> String {
    let quote = |name: &String| format!("`{name}`");
    match names {
        [rest @ .., last] if !rest.is_empty() => {
            format!("{} or {}", rest.iter().map(quote).collect::<Vec<_>>().join(", "), quote(last))
        }
        all => all.iter().map(quote).collect(),
    }
}

/// A list for messages: `` `a`, `b`, `c` ``.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_name_is_an_end_of() {
        let keys = ["connect_timeout", "keepalive_timeout", "timeout_of_all", "id"];
        for (name, expected) in [
            ("keepalive", &["keepalive_timeout"][..]),
            ("keepAlive", &["keepalive_timeout"]),
            ("conn", &["connect_timeout"]),
            ("timeout", &["timeout_of_all", "connect_timeout", "keepalive_timeout"]),
            ("out", &[]),
            ("i", &[]),
            ("", &[]),
        ] {
            assert_eq!(completions(name, keys), expected, "{name}");
        }
        let names =
            |names: &[&str]| alternatives(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["a"]), "`a`");
        assert_eq!(names(&["a", "b", "c"]), "`a`, `b` or `c`");
    }

    #[test]
    fn finds_misspellings_only() {
        let keys = ["port", "host", "keepalive_timeout", "refusal_timeout", "id"];
        for (name, expected) in [
            ("prot", Some("port")),
            ("hst", Some("host")),
            ("keepAliveTimeout", Some("keepalive_timeout")),
            ("Port", Some("port")),
            ("x", None),
            ("ab", None),
            ("timeout", None),
            ("reset_timeout", None),
            ("keepaliv_timeout", Some("keepalive_timeout")),
            ("keepalive_timout", Some("keepalive_timeout")),
            ("keepalive_timeout_", Some("keepalive_timeout")),
            ("", None),
        ] {
            assert_eq!(nearest(name, keys), expected, "{name}");
        }
    }
}
