//! Where a queue publishes: to one topic, or to one that each message brings.

use std::fmt;
use std::iter::{Enumerate, Peekable};
use std::str::Chars;
use std::sync::Arc;

use crate::component::{Destination, Names, Share};
use crate::mqtt::topic::{Filter, Topic};
use crate::text::clip_to;

/// What the filters of shared subscriptions begin with, and no topic.
const SHARED: &str = "$share/";

/// What stands for the topic of a message, without its braces.
const TOPIC: &str = "topic";

/// The topic that a queue publishes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The same for all messages. Nothing can be published to one with wildcards.
    Fixed(Arc<str>),
    /// The topic of each message, between these texts.
    Each { before: Arc<str>, after: Arc<str> },
}

/// A string that is no template of a topic. Goes on with a sentence that begins with the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    #[error(
        "has `{{{name}}}` at character {at}; the only placeholder is `{{topic}}`, and a brace itself is `{{{{` or `}}}}`"
    )]
    Unknown { name: String, at: usize },
    #[error(
        "has `{brace}` at character {at}, which is no part of a placeholder; that is `{{topic}}`, and a brace itself is `{{{{` or `}}}}`"
    )]
    Unbalanced { brace: char, at: usize },
    #[error("has `{{topic}}` again at character {at}; it can be there once")]
    Twice { at: usize },
    #[error(
        "has `{{topic}}` at character {at} beside other characters; it stands for whole levels, as in `site/7/{{topic}}`"
    )]
    PartOfLevel { at: usize },
    #[error(
        "has `{wildcard}` at character {at} beside `{{topic}}`; what has a placeholder is published to, and only filters take wildcards"
    )]
    Wildcard { wildcard: char, at: usize },
}

impl Target {
    /// Reads a template: `{topic}` is the topic of each message, `{{` and `}}` are braces.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut before, mut after) = (String::new(), None::<(usize, String)>);
        let mut characters = text.chars().enumerate().peekable();
        while let Some((index, character)) = characters.next() {
            let (at, literal) = (index + 1, after.as_mut().map_or(&mut before, |(_, after)| after));
            match character {
                '{' | '}' if characters.next_if(|(_, next)| *next == character).is_some() => {
                    literal.push(character);
                }
                '{' => {
                    let unbalanced = TemplateError::Unbalanced { brace: '{', at };
                    let name = placeholder(&mut characters).ok_or(unbalanced)?;
                    if name != TOPIC {
                        return Err(TemplateError::Unknown { name: clip_to(&name, 40).into_owned(), at });
                    }
                    if after.replace((at, String::new())).is_some() {
                        return Err(TemplateError::Twice { at });
                    }
                }
                '}' => return Err(TemplateError::Unbalanced { brace: '}', at }),
                character => literal.push(character),
            }
        }
        let Some((at, after)) = after else { return Ok(Self::Fixed(before.into())) };
        let whole = |text: &str, at_edge: bool| text.is_empty() || at_edge;
        if !whole(&before, before.ends_with('/')) || !whole(&after, after.starts_with('/')) {
            return Err(TemplateError::PartOfLevel { at });
        }
        let wildcards = text.chars().zip(1..).find(|(character, _)| matches!(character, '+' | '#'));
        match wildcards {
            Some((wildcard, at)) => Err(TemplateError::Wildcard { wildcard, at }),
            None => Ok(Self::Each { before: before.into(), after: after.into() }),
        }
    }

    /// The topic for a message that came on this one; none where it has none, or an empty one, and needs one.
    pub fn fill(&self, topic: Option<&Arc<str>>) -> Option<Arc<str>> {
        let topic = topic.filter(|topic| !topic.is_empty());
        match self {
            Self::Fixed(fixed) => Some(Arc::clone(fixed)),
            Self::Each { before, after } if before.is_empty() && after.is_empty() => topic.cloned(),
            Self::Each { before, after } => {
                topic.map(|topic| [&**before, &**topic, &**after].concat().into())
            }
        }
    }

    /// A filter of the topics that it is filled to with topics of this filter, or with any. It may match more: what follows
    /// `#` cannot be told.
    pub fn pattern(&self, topics: Option<&str>) -> String {
        let non_empty = match self {
            Self::Fixed(fixed) => return fixed.to_string(),
            Self::Each { before, after } => [before, topics.unwrap_or("#"), after].concat(),
        };
        match non_empty.split_once('#') {
            Some((known, _)) => format!("{known}#"),
            None => non_empty,
        }
    }

    /// Where what is published to it goes, for a check of circles.
    pub fn destination(&self) -> Destination {
        let made: fn(&str, Option<&str>) -> Names = |template, topics| match Self::parse(template) {
            Ok(target) => Self::names(&target.pattern(topics)),
            Err(_) => Names::Nothing,
        };
        match self {
            Self::Fixed(topic) => Destination::Name(topic.to_string()),
            Self::Each { .. } => Destination::Made { template: self.to_string(), names: made },
        }
    }

    /// Why nothing can be published to it, whatever topics messages bring.
    pub fn unpublishable(&self) -> Option<String> {
        let sample = self.fill(Some(&"t".into()))?;
        if sample.starts_with(SHARED) {
            return Some(format!("cannot be published to: `{SHARED}` begins a shared subscription"));
        }
        Topic::new(&sample).err().map(|error| format!("cannot be published to: {error}"))
    }

    /// The topics of a filter.
    pub fn names(pattern: &str) -> Names {
        let is_wild = Filter::new(pattern).is_ok_and(|filter| filter.has_wildcard());
        if is_wild { Names::Many(pattern.to_owned()) } else { Names::One(pattern.to_owned()) }
    }

    /// How much of what is sent to a topic, or to those of a filter, a filter takes.
    pub fn share(takes: &str, sent: &str) -> Share {
        match (Filter::new(takes), Filter::new(sent)) {
            (Ok(takes), Ok(sent)) if takes.covers(&sent) => Share::All,
            (Ok(takes), Ok(sent)) if takes.overlaps(&sent) => Share::Part,
            _ => Share::Nothing,
        }
    }

    /// Whether each message brings its own topic.
    pub fn is_template(&self) -> bool {
        matches!(self, Self::Each { .. })
    }
}

/// The name in a placeholder whose first brace was read.
fn placeholder(characters: &mut Peekable<Enumerate<Chars<'_>>>) -> Option<String> {
    let mut name = String::new();
    loop {
        match characters.next()? {
            (_, '}') => return Some(name),
            (_, '{') => return None,
            (_, character) => name.push(character),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(fixed) => f.write_str(fixed),
            Self::Each { before, after } => {
                let escaped = |text: &str| text.replace('{', "{{").replace('}', "}}");
                write!(f, "{}{{topic}}{}", escaped(before), escaped(after))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_placeholder_is_the_topic_of_the_message() {
        let fill = |template: &str, topic: Option<&str>| {
            let topic = topic.map(Arc::from);
            Target::parse(template).unwrap().fill(topic.as_ref()).map(|non_empty| non_empty.to_string())
        };
        for (template, expected) in [
            ("{topic}", "a/b"),
            ("site/7/{topic}", "site/7/a/b"),
            ("{topic}/copy", "a/b/copy"),
            ("/{topic}/", "/a/b/"),
            ("{{x}}/{topic}/{{topic}}", "{x}/a/b/{topic}"),
            ("plain", "plain"),
            ("{{{{}}", "{{}"),
        ] {
            assert_eq!(fill(template, Some("a/b")).as_deref(), Some(expected), "{template}");
        }
        for none in [None, Some("")] {
            assert_eq!(fill("site/{topic}", none), None);
        }
        assert_eq!(fill("site", None).as_deref(), Some("site"));
    }

    #[test]
    fn what_is_no_template_has_its_place_and_what_would_do() {
        let wrong = |text: &str| Target::parse(text).unwrap_err().to_string();
        let brace = "and a brace itself is `{{` or `}}`";
        assert_eq!(
            wrong("ü/{tpoic}"),
            format!("has `{{tpoic}}` at character 3; the only placeholder is `{{topic}}`, {brace}")
        );
        assert!(wrong("{}").starts_with("has `{}` at character 1; the only placeholder is `{topic}`"));
        let unbalanced = "which is no part of a placeholder; that is `{topic}`, ";
        assert_eq!(wrong("a/{topic"), format!("has `{{` at character 3, {unbalanced}{brace}"));
        assert_eq!(wrong("a/topic}"), format!("has `}}` at character 8, {unbalanced}{brace}"));
        assert!(wrong("{{topic}").starts_with("has `}` at character 8"));
        assert!(wrong("{to{topic}").starts_with("has `{` at character 1"));
        assert_eq!(wrong("{topic}/{topic}"), "has `{topic}` again at character 9; it can be there once");
        for text in ["a{topic}", "{topic}a", "a/{topic}.b"] {
            assert!(wrong(text).ends_with("it stands for whole levels, as in `site/7/{topic}`"), "{text}");
        }
        assert_eq!(
            wrong("a/+/{topic}"),
            "has `+` at character 3 beside `{topic}`; what has a placeholder is published to, and only filters take wildcards"
        );
        assert!(wrong("{topic}/#").starts_with("has `#` at character 9"));
    }

    proptest! {
        /// The pattern matches every topic that comes out, and is a filter.
        #[test]
        fn the_pattern_is_no_narrower_than_what_comes_out(
            before in "([ab]/){0,2}", after in "(/[ab]){0,2}",
            filter in "([ab+]/){0,3}[ab+#]", topic in "([ab]/){0,4}[ab]",
        ) {
            let target = Target::parse(&format!("{before}{{topic}}{after}")).unwrap();
            let known = Filter::new(&target.pattern(Some(&filter))).unwrap();
            let any = Filter::new(&target.pattern(None)).unwrap();
            let non_empty = target.fill(Some(&topic.as_str().into())).unwrap();
            prop_assert!(Topic::new(&non_empty).is_ok() && any.matches(&non_empty));
            if Filter::new(&filter).unwrap().matches(&topic) {
                prop_assert!(known.matches(&non_empty));
            }
            prop_assert_eq!(Target::parse(&target.to_string()).unwrap(), target);
        }

        #[test]
        fn no_text_breaks_it(text in ".*") {
            let _ = Target::parse(&text);
        }
    }
}
