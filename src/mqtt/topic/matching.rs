//! Which topics a filter matches, and what that means for two filters. Written to be obviously right.

/// Whether `filter`, without `$share/<group>/`, matches `topic`; level by level, in time linear in their length.
///
/// ```
/// use wirework::mqtt::topic::matches;
/// assert!(matches("a/+/#", "a/b"));
/// assert!(!matches("+/b", "$SYS/b"));
/// ```
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (name, Some(level)) if name == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether every topic that `narrow` matches is matched by `wide`; both without `$share/<group>/`.
///
/// It goes level by level, with one exception: a topic has at least one level, so `+/#` is the same as `#`.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    if narrow.starts_with('$') && wide.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = canonical(narrow).split('/');
    for wanted in canonical(wide).split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            // `a/#` matches `a` and every depth below it, which nothing but `#` does.
            (_, Some("#")) => return false,
            ("+", Some(_)) => {}
            (name, Some(level)) if name == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether there is a topic that both match; both without `$share/<group>/`.
pub(super) fn overlaps(one: &str, other: &str) -> bool {
    let hidden = |one: &str, other: &str| one.starts_with('$') && other.starts_with(['+', '#']);
    if hidden(one, other) || hidden(other, one) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// The filter under which `pattern` is known: `#` for `+/#`.
pub(super) fn canonical(pattern: &str) -> &str {
    if pattern == "+/#" { "#" } else { pattern }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_standard() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", "sport", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/monitor", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/monitor", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("a/#", "a/$x", true),
            ("ACCOUNTS", "Accounts", false),
            ("é/#", "é", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    /// All texts of up to `depth` levels out of `levels`.
    fn texts(levels: &[&str], depth: usize) -> Vec<String> {
        let mut all: Vec<String> = levels.iter().map(ToString::to_string).collect();
        let mut last = all.clone();
        for _ in 1..depth {
            last = last.iter().flat_map(|head| levels.iter().map(move |l| format!("{head}/{l}"))).collect();
            all.extend(last.clone());
        }
        all
    }

    #[test]
    fn covering_and_overlapping_are_what_matching_says() {
        // Deeper topics and one more name than the filters use stand for all topics there are.
        let topics = texts(&["a", "", "$s", "z"], 4);
        let filters: Vec<String> = texts(&["a", "", "$s", "+", "#"], 3)
            .into_iter()
            .filter(|text| !text.is_empty() && !text.contains("#/"))
            .collect();
        let matched: Vec<Vec<bool>> =
            filters.iter().map(|f| topics.iter().map(|topic| matches(f, topic)).collect()).collect();
        for (wide, by_wide) in filters.iter().zip(&matched) {
            for (narrow, by_narrow) in filters.iter().zip(&matched) {
                let expected = by_wide.iter().zip(by_narrow).all(|(wide, narrow)| *wide || !narrow);
                assert_eq!(covers(wide, narrow), expected, "{wide} covers {narrow}");
                let common = by_wide.iter().zip(by_narrow).any(|(wide, narrow)| *wide && *narrow);
                assert_eq!(overlaps(wide, narrow), common, "{wide} overlaps {narrow}");
            }
        }
    }
}
