//! The tags of a template, as a tree.

use thiserror::Error;

/// How deep sections may nest.
const MAX_DEPTH: usize = 32;

/// How many conditions a configuration may have: each line is held to all of them.
pub(super) const MAX_CONDITIONS: usize = 1000;

/// How much of a tag an error shows, in characters.
const SHOWN: usize = 40;

/// A template that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {}{kind}", tag.as_ref().map(|tag| format!("`{tag}`: ")).unwrap_or_default())]
pub(super) struct TemplateError {
    pub line: usize,
    /// The tag, as far as it is on one line and not long.
    pub tag: Option<String>,
    pub kind: TemplateErrorKind,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum TemplateErrorKind {
    #[error("`{{{{` has no `}}}}`")]
    Unclosed,
    #[error(
        "a tag that is none of `{{{{NAME}}}}`, `{{{{#NAME}}}}`, `{{{{^NAME}}}}`, `{{{{#if NAME}}}}`, `{{{{#unless NAME}}}}`, `{{{{else}}}}`, `{{{{/if}}}}`"
    )]
    Unknown,
    #[error(
        "a manifest has no loops, so that this cannot be converted: write its entries out, one after the other, with a `{{{{NAME}}}}` \
         where they differ"
    )]
    Each,
    #[error("a section has one sign: write `{{{{^NAME}}}}` for what is shown where NAME is not set")]
    TwoSigns,
    #[error(
        "it takes in another file, which `convert` does not read: put the text of that file in its place; or, where that file \
         has whole components, take the tag out, convert the file too, and write `include = [\"name.toml\"]`"
    )]
    Partial,
    #[error(
        "a tag has the name of one variable, of letters, digits and `_`, and no path, `@` or comparison: give what it stands for a variable \
         of its own"
    )]
    Name,
    #[error("a section has no end: write `{{{{/if}}}}`, `{{{{/unless}}}}` or `{{{{/NAME}}}}`")]
    NoEnd,
    #[error("the end of a section that was not begun")]
    NoBegin,
    #[error(
        "it ends another section than the one that line {line} begins, whose end is `{{{{/{name}}}}}`, `{{{{/if}}}}` or `{{{{/unless}}}}`"
    )]
    OtherEnd { line: usize, name: String },
    #[error("sections are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("there are more than {MAX_CONDITIONS} sections around whole lines")]
    TooMany,
}

/// The tree of a template.
pub(super) fn read(source: &str) -> Result<Vec<TemplatePart<'_>>, TemplateError> {
    Ok(Reader { source, at: 0 }.parts(None, 0)?.0)
}

/// A part of a template.
pub(super) enum TemplatePart<'s> {
    Text(&'s str),
    Value(&'s str),
    Section(Section<'s>),
}

impl<'s> TemplatePart<'s> {
    /// The variable whose value it shows and nothing else, with what is shown where that is not set: `{{X}}`, or `{{#X}}{{X}}{{/X}}` with
    /// or without `{{else}}`.
    pub fn value(&self) -> Option<(&'s str, Option<&'s str>)> {
        match self {
            Self::Value(name) => Some((name, None)),
            Self::Section(Section { name, negated: false, shown, otherwise, .. }) => match shown.as_slice() {
                [Self::Value(value)] if value == name => {
                    let otherwise = otherwise.as_ref().map_or(Some(""), |parts| plain(parts))?;
                    Some((name, Some(otherwise)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the line ends here.
    pub fn ends_line(&self) -> bool {
        matches!(self, Self::Text(text) if text.lines().next().is_none_or(|line| line.trim().is_empty()))
    }

    /// What is shown where `name` is not set, if that is all that the section does.
    pub fn default_of(&self, name: &str) -> Option<&'s str> {
        let Self::Section(section) = self else { return None };
        if !section.negated || section.name != name || section.otherwise.is_some() {
            return None;
        }
        plain(&section.shown)
    }
}

/// The text of parts that are nothing else, and can be a default.
fn plain<'s>(parts: &[TemplatePart<'s>]) -> Option<&'s str> {
    match parts {
        [] => Some(""),
        [TemplatePart::Text(text)] if !text.contains(['\n', '}']) => Some(text),
        _ => None,
    }
}

/// TemplateParts that are shown on a condition, and others otherwise.
pub(super) struct Section<'s> {
    pub name: &'s str,
    pub negated: bool,
    pub shown: Vec<TemplatePart<'s>>,
    pub otherwise: Option<Vec<TemplatePart<'s>>>,
    pub start: usize,
    pub end: usize,
}

impl Section<'_> {
    /// What it shows, and what otherwise, where both are plain text.
    pub fn texts(&self) -> Option<[String; 2]> {
        let otherwise = self.otherwise.as_deref().unwrap_or_default();
        Some([plain(&self.shown)?.to_owned(), plain(otherwise)?.to_owned()])
    }

    /// Whether nothing else stands on its first and its last line, but other tags behind its end.
    pub fn is_of_whole_lines(&self, source: &str) -> bool {
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
    End(&'s str),
    Comment,
}

/// Where a section begins, and the variable that it goes by.
type Begun<'s> = (usize, &'s str);

struct Reader<'s> {
    source: &'s str,
    at: usize,
}

/// What is shown, what is shown otherwise, and where the section ends.
type TemplateParts<'s> = (Vec<TemplatePart<'s>>, Option<Vec<TemplatePart<'s>>>);

impl<'s> Reader<'s> {
    fn error(&self, at: usize, kind: TemplateErrorKind) -> TemplateError {
        TemplateError { line: self.line(at), tag: self.shown(at), kind }
    }

    fn line(&self, at: usize) -> usize {
        self.source.get(..at).unwrap_or_default().matches('\n').count() + 1
    }

    /// The tag at a place, cut off where it is long; nothing where its line has no end of it.
    fn shown(&self, at: usize) -> Option<String> {
        let line = self.source.get(at..)?.lines().next()?;
        let end = line.find("}}")? + 2;
        let end = end + line.get(end..).filter(|rest| rest.starts_with('}')).map_or(0, |_| 1);
        let tag = line.get(..end)?;
        let shown: String = tag.chars().take(SHOWN).collect();
        Some(if shown.len() < tag.len() { format!("{shown}…") } else { shown })
    }

    /// All up to the end of the section that has begun, or of the text.
    fn parts(&mut self, begun: Option<Begun<'s>>, depth: usize) -> Result<TemplateParts<'s>, TemplateError> {
        let (mut shown, mut otherwise) = (Vec::new(), None);
        loop {
            let rest = self.source.get(self.at..).unwrap_or_default();
            let list = otherwise.as_mut().unwrap_or(&mut shown);
            let Some(offset) = rest.find("{{") else {
                if let Some((begun, _)) = begun {
                    return Err(self.error(begun, TemplateErrorKind::NoEnd));
                }
                list.push(TemplatePart::Text(rest));
                return Ok((shown, otherwise));
            };
            let (text, start) = (rest.get(..offset).unwrap_or_default(), self.at + offset);
            if !text.is_empty() {
                list.push(TemplatePart::Text(text));
            }
            match self.tag(start)? {
                Tag::Value(name) => list.push(TemplatePart::Value(name)),
                Tag::Comment => {}
                Tag::Begin { .. } if depth == MAX_DEPTH => {
                    return Err(self.error(start, TemplateErrorKind::TooDeep));
                }
                Tag::Begin { name, negated } => {
                    let (shown, otherwise) = self.parts(Some((start, name)), depth + 1)?;
                    let section = Section { name, negated, shown, otherwise, start, end: self.at };
                    list.push(TemplatePart::Section(section));
                }
                Tag::Otherwise if begun.is_some() && otherwise.is_none() => otherwise = Some(Vec::new()),
                Tag::Otherwise => return Err(self.error(start, TemplateErrorKind::NoBegin)),
                Tag::End(of) => return self.end(begun, start, of).map(|()| (shown, otherwise)),
            }
        }
    }

    /// Whether the end of `of` is that of the section that has begun: `{{/if}}` and `{{/unless}}` end any, as in Pip.Services.
    fn end(&self, begun: Option<Begun<'s>>, at: usize, of: &str) -> Result<(), TemplateError> {
        let (begun, name) = begun.ok_or_else(|| self.error(at, TemplateErrorKind::NoBegin))?;
        if of == name || matches!(of, "if" | "unless") {
            return Ok(());
        }
        let kind = TemplateErrorKind::OtherEnd { line: self.line(begun), name: name.to_owned() };
        Err(self.error(at, kind))
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
        let named = |name: &'s str| match is_name(name) {
            true => Ok(name),
            false => Err(self.error(start, TemplateErrorKind::Name)),
        };
        let condition = |rest: &'s str, negated: bool| {
            let rest = rest.trim();
            let (negated, name) = match rest.split_once(char::is_whitespace) {
                Some(("if", name)) => (negated, name),
                Some(("unless", name)) => (!negated, name),
                Some(("each", _)) => return Err(self.error(start, TemplateErrorKind::Each)),
                Some(_) => return Err(unknown()),
                None => (negated, rest),
            };
            named(name.trim()).map(|name| Tag::Begin { name, negated })
        };
        match inside.split_at_checked(1) {
            Some(("#" | "^", rest)) if rest.trim_start().starts_with(['#', '^']) => {
                Err(self.error(start, TemplateErrorKind::TwoSigns))
            }
            Some(("#", rest)) => condition(rest, false),
            Some(("^", rest)) => condition(rest, true),
            Some(("/", of)) => Ok(Tag::End(of.trim())),
            Some(("!", _)) => Ok(Tag::Comment),
            Some((">", _)) => Err(self.error(start, TemplateErrorKind::Partial)),
            Some(("&" | "=", _)) => Err(unknown()),
            _ if inside == "else" => Ok(Tag::Otherwise),
            _ => named(inside).map(Tag::Value),
        }
    }
}

/// Whether a name can be that of a parameter.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}
