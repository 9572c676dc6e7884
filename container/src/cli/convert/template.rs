//! Templates of Pip.Services in a configuration: `{{NAME}}` becomes a parameter, `{{#if NAME}}…{{/if}}` around whole lines a
//! condition on them.

use std::ops::RangeInclusive;

use thiserror::Error;

/// How deep sections may nest.
const MAX_DEPTH: usize = 32;

/// How many conditions a configuration may have: each line is held to all of them.
const MAX_CONDITIONS: usize = 1000;

/// A template that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {kind}")]
pub(super) struct TemplateError {
    line: usize,
    kind: TemplateErrorKind,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
enum TemplateErrorKind {
    #[error("`{{{{` has no `}}}}`")]
    Unclosed,
    #[error(
        "a tag that is none of `{{{{NAME}}}}`, `{{{{#NAME}}}}`, `{{{{^NAME}}}}`, `{{{{#if NAME}}}}`, `{{{{#unless NAME}}}}`, `{{{{else}}}}`, `{{{{/if}}}}`"
    )]
    Unknown,
    #[error("a section has no end: write `{{{{/if}}}}`, `{{{{/unless}}}}` or `{{{{/NAME}}}}`")]
    NoEnd,
    #[error("the end of a section that was not begun")]
    NoBegin,
    #[error("sections are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("there are more than {MAX_CONDITIONS} sections around whole lines")]
    TooMany,
}

/// Lines that are there only where a variable is set, or only where it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub name: String,
    pub negated: bool,
    /// Of the text without templates, from 1.
    lines: RangeInclusive<usize>,
}

impl Condition {
    pub fn covers(&self, line: usize) -> bool {
        self.lines.contains(&line)
    }
}

/// What a stand-in takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    Parameter {
        name: String,
        default: Option<String>,
    },
    /// A part of a line that depends on a variable, as it is written.
    Conditional(String),
}

/// A text without templates: words stand in for what the templates bring.
#[derive(Debug)]
pub(super) struct Template {
    pub text: String,
    pub conditions: Vec<Condition>,
    word: String,
    replaced: Vec<Replaced>,
    /// How many lines end before a place in the text.
    counted: (usize, usize),
    /// Lines of the text that begin where the source has no line break, in their order.
    inserted: Vec<usize>,
}

impl Template {
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let mut word = "wireworkparameter".to_owned();
        while source.contains(&word) {
            word.push('x');
        }
        let tree = Reader { source, at: 0 }.pieces(None, 0)?.0;
        let (text, conditions, replaced, inserted) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        let mut template = Self { text, conditions, word, replaced, counted: (0, 0), inserted };
        template.write(source, &tree);
        if template.conditions.len() > MAX_CONDITIONS {
            return Err(TemplateError { line: 1, kind: TemplateErrorKind::TooMany });
        }
        Ok(template)
    }

    /// The line of the source that a line of the text comes from.
    pub fn source_line(&self, line: usize) -> usize {
        line - self.inserted.partition_point(|inserted| *inserted <= line).min(line)
    }

    /// The parts of a value: texts, and what templates bring.
    pub fn parts<'a>(&'a self, value: &'a str) -> Vec<Part<'a>> {
        let (mut parts, mut rest) = (Vec::new(), value);
        while let Some((before, after)) = rest.split_once(self.word.as_str()) {
            let Some((number, behind)) = after.split_once('z') else { break };
            let Some(replaced) = number.parse().ok().and_then(|number: usize| self.replaced.get(number))
            else {
                break;
            };
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            parts.push(Part::Replaced(replaced));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        parts
    }

    /// The number of the last line so far.
    fn line(&mut self) -> usize {
        let (lines, at) = self.counted;
        let more = self.text.get(at..).map_or(0, |text| text.matches('\n').count());
        self.counted = (lines + more, self.text.len());
        self.counted.0 + 1
    }

    fn stand_in(&mut self, replaced: Replaced) {
        let number = self.replaced.len();
        self.text.push_str(&format!("{}{number}z", self.word));
        self.replaced.push(replaced);
    }

    fn write(&mut self, source: &str, pieces: &[Piece<'_>]) {
        let mut pieces = pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            if let Some((name, otherwise)) = piece.value() {
                let default = pieces.peek().and_then(|next| next.default_of(name));
                if default.is_some() {
                    pieces.next();
                }
                let (name, default) = (name.to_owned(), default.or(otherwise).map(str::to_owned));
                self.stand_in(Replaced::Parameter { name, default });
                continue;
            }
            match piece {
                Piece::Value(_) => {}
                Piece::Text(text) => self.text.push_str(text),
                Piece::Section(section) if section.is_of_whole_lines(source) => {
                    self.lines(source, section, section.negated, &section.shown);
                    if let Some(otherwise) = &section.otherwise {
                        self.lines(source, section, !section.negated, otherwise);
                    }
                }
                Piece::Section(section) => {
                    let written = source.get(section.start..section.end).unwrap_or_default();
                    self.stand_in(Replaced::Conditional(written.to_owned()));
                }
            }
        }
    }

    /// Lines under a condition.
    fn lines(&mut self, source: &str, section: &Section<'_>, negated: bool, pieces: &[Piece<'_>]) {
        if self.text.rsplit('\n').next().is_some_and(|line| !line.trim().is_empty()) {
            self.text.push('\n');
            let line = self.line();
            self.inserted.push(line);
        }
        let first = self.line();
        self.write(source, pieces);
        let lines = first..=self.line();
        self.conditions.push(Condition { name: section.name.to_owned(), negated, lines });
    }
}

/// A part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Replaced(&'a Replaced),
}

enum Piece<'s> {
    Text(&'s str),
    Value(&'s str),
    Section(Section<'s>),
}

impl<'s> Piece<'s> {
    /// The variable whose value it shows and nothing else, with what is shown where that is not set: `{{X}}`, or `{{#X}}{{X}}{{/X}}` with
    /// or without `{{else}}`.
    fn value(&self) -> Option<(&'s str, Option<&'s str>)> {
        match self {
            Self::Value(name) => Some((name, None)),
            Self::Section(Section { name, negated: false, shown, otherwise, .. }) => match shown.as_slice() {
                [Self::Value(value)] if value == name => {
                    let otherwise = otherwise.as_ref().map_or(Some(""), |pieces| plain(pieces))?;
                    Some((name, Some(otherwise)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// What is shown where `name` is not set, if that is all that the section does.
    fn default_of(&self, name: &str) -> Option<&'s str> {
        let Self::Section(section) = self else { return None };
        if !section.negated || section.name != name || section.otherwise.is_some() {
            return None;
        }
        plain(&section.shown)
    }
}

/// The text of pieces that are nothing else, and can be a default.
fn plain<'s>(pieces: &[Piece<'s>]) -> Option<&'s str> {
    match pieces {
        [] => Some(""),
        [Piece::Text(text)] if !text.contains(['\n', '}']) => Some(text),
        _ => None,
    }
}

struct Section<'s> {
    name: &'s str,
    negated: bool,
    shown: Vec<Piece<'s>>,
    otherwise: Option<Vec<Piece<'s>>>,
    start: usize,
    end: usize,
}

impl Section<'_> {
    /// Whether nothing else stands on its first and its last line, but other tags behind its end.
    fn is_of_whole_lines(&self, source: &str) -> bool {
        let before = source.get(..self.start).unwrap_or_default();
        let behind = source.get(self.end..).unwrap_or_default();
        let before = before.rsplit('\n').next().unwrap_or_default().trim();
        let behind = behind.split('\n').next().unwrap_or_default().trim();
        let inside = source.get(self.start..self.end).unwrap_or_default();
        let alone =
            (before.is_empty() || before.ends_with("}}")) && (behind.is_empty() || behind.starts_with("{{"));
        alone && (inside.contains('\n') || inside.contains(':'))
    }
}

enum Tag<'s> {
    Value(&'s str),
    Begin { name: &'s str, negated: bool },
    Otherwise,
    End,
    Comment,
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
}

/// What is shown, what is shown otherwise, and where the section ends.
type Pieces<'s> = (Vec<Piece<'s>>, Option<Vec<Piece<'s>>>);

impl<'s> Reader<'s> {
    fn error(&self, at: usize, kind: TemplateErrorKind) -> TemplateError {
        let before = self.source.get(..at).unwrap_or_default();
        TemplateError { line: before.matches('\n').count() + 1, kind }
    }

    /// All up to the end of the section that began at `begun`, or of the text.
    fn pieces(&mut self, begun: Option<usize>, depth: usize) -> Result<Pieces<'s>, TemplateError> {
        let (mut shown, mut otherwise) = (Vec::new(), None);
        loop {
            let rest = self.source.get(self.at..).unwrap_or_default();
            let list = otherwise.as_mut().unwrap_or(&mut shown);
            let Some(offset) = rest.find("{{") else {
                if let Some(begun) = begun {
                    return Err(self.error(begun, TemplateErrorKind::NoEnd));
                }
                list.push(Piece::Text(rest));
                return Ok((shown, otherwise));
            };
            let (text, start) = (rest.get(..offset).unwrap_or_default(), self.at + offset);
            if !text.is_empty() {
                list.push(Piece::Text(text));
            }
            match self.tag(start)? {
                Tag::Value(name) => list.push(Piece::Value(name)),
                Tag::Comment => {}
                Tag::Begin { .. } if depth == MAX_DEPTH => {
                    return Err(self.error(start, TemplateErrorKind::TooDeep));
                }
                Tag::Begin { name, negated } => {
                    let (shown, otherwise) = self.pieces(Some(start), depth + 1)?;
                    let section = Section { name, negated, shown, otherwise, start, end: self.at };
                    list.push(Piece::Section(section));
                }
                Tag::Otherwise if begun.is_some() && otherwise.is_none() => otherwise = Some(Vec::new()),
                Tag::End if begun.is_some() => return Ok((shown, otherwise)),
                Tag::Otherwise | Tag::End => return Err(self.error(start, TemplateErrorKind::NoBegin)),
            }
        }
    }

    /// The tag that begins at `start`.
    fn tag(&mut self, start: usize) -> Result<Tag<'s>, TemplateError> {
        let rest = self.source.get(start..).unwrap_or_default();
        let (open, close) = if rest.starts_with("{{{") { ("{{{", "}}}") } else { ("{{", "}}") };
        let inside = rest.get(open.len()..).unwrap_or_default();
        let end = inside.find(close).ok_or_else(|| self.error(start, TemplateErrorKind::Unclosed))?;
        self.at = start + open.len() + end + close.len();
        let inside = inside.get(..end).unwrap_or_default().trim();
        let unknown = || self.error(start, TemplateErrorKind::Unknown);
        let named = |name: &'s str| if is_name(name) { Ok(name) } else { Err(unknown()) };
        let condition = |rest: &'s str, negated: bool| {
            let rest = rest.trim();
            let (negated, name) = match rest.split_once(char::is_whitespace) {
                Some(("if", name)) => (negated, name),
                Some(("unless", name)) => (true, name),
                _ => (negated, rest),
            };
            named(name.trim()).map(|name| Tag::Begin { name, negated })
        };
        match inside.split_at_checked(1) {
            Some(("#", rest)) => condition(rest, false),
            Some(("^", rest)) => condition(rest, true),
            Some(("/", _)) => Ok(Tag::End),
            Some(("!", _)) => Ok(Tag::Comment),
            _ if inside == "else" => Ok(Tag::Otherwise),
            _ => named(inside).map(Tag::Value),
        }
    }
}

/// Whether a name can be that of a parameter.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> (String, Vec<(String, bool, RangeInclusive<usize>)>) {
        let template = Template::new(source).unwrap();
        let text = template.parts(&template.text).into_iter().map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Replaced(Replaced::Parameter { name, default: None }) => format!("<{name}>"),
            Part::Replaced(Replaced::Parameter { name, default: Some(default) }) => {
                format!("<{name}|{default}>")
            }
            Part::Replaced(Replaced::Conditional(text)) => format!("<?{text}>"),
        });
        let conditions = template.conditions.iter().cloned();
        (text.collect(), conditions.map(|one| (one.name, one.negated, one.lines)).collect())
    }

    #[test]
    fn values_and_defaults() {
        let cases = [
            ("a: {{X}}", "a: <X>"),
            ("a: {{{ X }}}", "a: <X>"),
            ("a: {{X}}{{^X}}1{{/X}}!", "a: <X|1>!"),
            ("a: {{X}}{{#unless X}}{{/unless}}", "a: <X|>"),
            ("a: {{X}}{{^Y}}1{{/Y}}", "a: <X><?{{^Y}}1{{/Y}}>"),
            ("a: {{#if X}}b{{else}}c{{/if}}", "a: <?{{#if X}}b{{else}}c{{/if}}>"),
            ("a: {{#X}}{{X}}{{/X}}{{^X}}b{{/X}}", "a: <X|b>"),
            ("a: {{#if X}}{{X}}{{else}}b{{/if}}", "a: <X|b>"),
            ("a: {{#if X}}{{X}}{{/if}}", "a: <X|>"),
            ("a{{! a comment }}b", "ab"),
        ];
        for (source, expected) in cases {
            assert_eq!(shown(source), (expected.to_owned(), Vec::new()), "{source}");
        }
    }

    #[test]
    fn whole_lines_are_under_a_condition() {
        let (text, conditions) = shown("a: 1\n{{#if X}}\nb: {{X}}\n{{/if}}\nc: 2\n");
        assert_eq!(
            text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(),
            ["a: 1", "b: <X>", "c: 2"]
        );
        let line = text.lines().position(|line| line.starts_with('b')).unwrap() + 1;
        let [(name, false, lines)] = &conditions[..] else { panic!("{conditions:?}") };
        assert!(name == "X" && lines.contains(&line) && !lines.contains(&1));
        let (text, conditions) = shown("{{#X}}\na: 1\n{{else}}\na: 2\n{{/X}}{{^Y}}\nb: 1\n{{/Y}}\n");
        let of = |start: &str| {
            let line = text.lines().position(|line| line.starts_with(start)).unwrap() + 1;
            let under = conditions.iter().filter(|(_, _, lines)| lines.contains(&line));
            under.map(|(name, negated, _)| (name.as_str(), *negated)).collect::<Vec<_>>()
        };
        assert_eq!(of("a: 1"), [("X", false)]);
        assert_eq!(of("a: 2"), [("X", true)]);
        assert_eq!(of("b"), [("Y", true)]);
        let (_, conditions) = shown("{{#if A}}a: {{A}}{{/if}}\n");
        assert_eq!(conditions, [("A".to_owned(), false, 1..=1)]);
        let template = Template::new("{{#if A}}a: 1{{/if}}{{#if B}}b: 1{{/if}}\nc: 1\n").unwrap();
        assert_eq!(template.text, "a: 1\nb: 1\nc: 1\n");
        assert_eq!([1, 2, 3].map(|line| template.source_line(line)), [1, 1, 2]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (source, line, kind) in [
            ("a\n{{X", 2, TemplateErrorKind::Unclosed),
            ("{{a.b}}", 1, TemplateErrorKind::Unknown),
            ("{{> x}}", 1, TemplateErrorKind::Unknown),
            ("\n\n{{#if X}}a", 3, TemplateErrorKind::NoEnd),
            ("{{/if}}", 1, TemplateErrorKind::NoBegin),
            ("{{else}}", 1, TemplateErrorKind::NoBegin),
            (&"{{#X}}".repeat(40), 1, TemplateErrorKind::TooDeep),
            (&"{{#X}}a: 1{{/X}}\n".repeat(1001), 1, TemplateErrorKind::TooMany),
        ] {
            assert_eq!(Template::new(source).unwrap_err(), TemplateError { line, kind }, "{source}");
        }
    }
}
