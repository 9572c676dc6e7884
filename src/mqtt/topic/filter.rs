//! A topic filter, shared or not; which topics it matches, and what that means for two filters. Matching is written to be obviously
//! right.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::error::excerpt;
use super::name::check_text;
use super::{MAX_LEVELS, TopicError};

const SHARE: &str = "$share/";

/// A checked topic filter; `$share/<group>/<filter>` is a shared one. Cloning is cheap.
///
/// `+` stands for one level, also an empty one; `#`, as the last level, for any number of levels, and for the level
/// before it too. A filter that begins with a wildcard matches no topic that begins with `$`. A filter has at most
/// [`MAX_LEVELS`] levels.
///
/// ```
/// use wirework::mqtt::topic::Filter;
/// let filter: Filter = "$share/workers/sensors/+/temperature".parse()?;
/// assert_eq!(filter.group(), Some("workers"));
/// assert_eq!(filter.pattern(), "sensors/+/temperature");
/// assert!(filter.matches("sensors/kitchen/temperature"));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    /// Where the text that is matched against topics begins; 0 unless shared.
    start: usize,
}

impl Filter {
    /// Checks a text.
    ///
    /// # Errors
    /// Says what MQTT forbids in it, and in which level.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check_text(text)?;
        let start = check_share(text)?;
        let pattern = text.get(start..).unwrap_or_default();
        let found = pattern.split('/').count();
        if found > MAX_LEVELS {
            return Err(TopicError::TooDeep { text: excerpt(text), found });
        }
        for (index, level) in pattern.split('/').enumerate() {
            if level == "#" && index + 1 < found {
                return Err(TopicError::NotLast { text: excerpt(text), level: index + 1 });
            }
            if let (true, Some(wildcard)) = (level.len() > 1, level.chars().find(|c| matches!(c, '+' | '#')))
            {
                let text = excerpt(text);
                return Err(TopicError::PartialWildcard { text, wildcard, level: index + 1 });
            }
        }
        Ok(Self { text: text.into(), start })
    }

    /// The whole text, as SUBSCRIBE carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What topics are matched against: the text without `$share/<group>/`.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// The group of a shared filter.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.text.get(SHARE.len()..self.start.checked_sub(1)?)
    }

    /// Whether there is `+` or `#` in the filter.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.pattern().contains(['+', '#'])
    }

    /// Whether a message on `topic` is one that this filter asks for.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        matches(self.pattern(), topic)
    }

    /// Whether every topic that `other` matches is matched by this filter too. Groups of shared filters are not
    /// looked at.
    ///
    /// ```
    /// use wirework::mqtt::topic::Filter;
    /// let filter = |text: &str| text.parse::<Filter>();
    /// assert!(filter("a/#")?.covers(&filter("a/+/c")?));
    /// assert!(filter("a/#")?.covers(&filter("a")?));
    /// assert!(!filter("#")?.covers(&filter("$SYS/#")?));
    /// # Ok::<(), wirework::Error>(())
    /// ```
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        covers(self.pattern(), other.pattern())
    }

    /// Whether there is a topic that both match. Groups of shared filters are not looked at.
    ///
    /// ```
    /// use wirework::mqtt::topic::Filter;
    /// let filter = |text: &str| text.parse::<Filter>();
    /// assert!(filter("a/+")?.overlaps(&filter("+/b")?));
    /// assert!(!filter("a/+")?.overlaps(&filter("a/+/c")?));
    /// # Ok::<(), wirework::Error>(())
    /// ```
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        overlaps(self.pattern(), other.pattern())
    }
}

/// Where the filter proper begins: after `$share/<group>/`, else at 0.
fn check_share(text: &str) -> Result<usize, TopicError> {
    let Some(shared) = text.strip_prefix(SHARE) else { return Ok(0) };
    let group = shared.split('/').next().unwrap_or_default();
    if group.is_empty() || group.contains(['+', '#']) {
        return Err(TopicError::BadShareName { text: excerpt(text), group: excerpt(group) });
    }
    let start = SHARE.len() + group.len() + 1;
    if start >= text.len() {
        return Err(TopicError::NoSharedFilter { text: excerpt(text) });
    }
    Ok(start)
}

impl FromStr for Filter {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(text)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filter {}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.text)
    }
}

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
fn covers(wide: &str, narrow: &str) -> bool {
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
fn overlaps(one: &str, other: &str) -> bool {
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
    fn shared_filters_are_taken_apart() {
        for (text, group, pattern) in [
            ("$share/g/#", Some("g"), "#"),
            ("$share/g//a", Some("g"), "/a"),
            ("$share/g//", Some("g"), "/"),
            ("$share", None, "$share"),
            ("$SHARE/g/a", None, "$SHARE/g/a"),
            ("a/$share/g", None, "a/$share/g"),
        ] {
            let filter = Filter::new(text).unwrap();
            assert_eq!((filter.group(), filter.pattern(), filter.as_str()), (group, pattern, text));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let fail = |text: &str| Filter::new(text).unwrap_err().to_string();
        assert_eq!(fail("a/#/b"), "level 2 of filter `a/#/b` is `#`, which can only be the last level");
        let partial =
            "level 2 of filter `a/b+` holds `+` beside other characters; a wildcard is a whole level";
        assert_eq!(fail("a/b+"), partial);
        assert!(fail("a/##").contains("level 2"));
        assert_eq!(
            fail("$share//a"),
            "`` in filter `$share//a` is no share name; one has at least one character, and no `+` or `#`"
        );
        assert!(fail("$share/g+/a").contains("`g+`"));
        assert!(fail("$share/g").contains("`$share/<group>/<filter>`"));
        assert!(fail("$share/g/").contains("has no filter"));
        assert!(fail(&"+/".repeat(128)).contains("has 129 levels; at most 128"));
        assert!(Filter::new(&"a/".repeat(127)).is_ok());
    }

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
