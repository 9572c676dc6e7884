//! Templates of Pip.Services in a configuration: `{{NAME}}` becomes a parameter, `{{#if NAME}}…{{/if}}` around whole lines a
//! condition on them.

use std::ops::RangeInclusive;

use super::tags::{self, MAX_CONDITIONS, Section, TemplateError, TemplateErrorKind, TemplatePart};

/// Lines that are there only where a variable is set, or only where it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub name: String,
    pub negated: bool,
    /// Of the text without templates, from 1.
    lines: RangeInclusive<usize>,
}

impl Condition {
    /// One of a part of a line, which is that of no line.
    pub fn inline(name: &str, negated: bool) -> Self {
        Self { name: name.to_owned(), negated, lines: RangeInclusive::new(1, 0) }
    }

    /// Whether the other one holds where this one does.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.negated == other.negated
    }

    /// Whether the other one holds where this one does not.
    pub fn is_contrary(&self, other: &Self) -> bool {
        self.name == other.name && self.negated != other.negated
    }
}

/// What a stand-in takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    Parameter {
        name: String,
        default: Option<String>,
    },
    /// A part of a line that depends on a variable.
    Conditional {
        name: String,
        negated: bool,
        /// As it stands in the source.
        written: String,
        /// What is shown, and what is otherwise, where both are plain text.
        texts: Option<[String; 2]>,
    },
}

/// A text without templates: words stand in for what the templates bring.
#[derive(Debug)]
pub(super) struct Template {
    pub text: String,
    conditions: Vec<Condition>,
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
        let tree = tags::read(source)?;
        let (text, conditions, replaced, inserted) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        let mut template = Self { text, conditions, word, replaced, counted: (0, 0), inserted };
        template.write(source, &tree);
        if template.conditions.len() > MAX_CONDITIONS {
            return Err(TemplateError { line: 1, tag: None, kind: TemplateErrorKind::TooMany });
        }
        Ok(template)
    }

    /// The line of the source that a line of the text comes from.
    pub fn source_line(&self, line: usize) -> usize {
        line - self.inserted.partition_point(|inserted| *inserted <= line).min(line)
    }

    /// The conditions under which a line of the text stands.
    pub fn conditions_at(&self, line: usize) -> Vec<Condition> {
        self.conditions.iter().filter(|one| one.lines.contains(&line)).cloned().collect()
    }

    /// The conditions of a line that those around it leave open, each once.
    pub fn own_conditions(&self, line: usize, around: &[Condition]) -> Vec<Condition> {
        let mut own: Vec<Condition> = Vec::new();
        for one in self.conditions_at(line) {
            if !around.iter().chain(&own).any(|known| known.is_same(&one)) {
                own.push(one);
            }
        }
        own
    }

    /// Whether a line is never there where these conditions hold.
    pub fn is_absent(&self, line: usize, around: &[Condition]) -> bool {
        self.conditions_at(line).iter().any(|one| around.iter().any(|known| known.is_contrary(one)))
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

    /// Whether a variable is a value somewhere, and so more than `true` and `false`.
    pub fn has_value(&self, variable: &str) -> bool {
        self.replaced.iter().any(|one| matches!(one, Replaced::Parameter { name, .. } if name == variable))
    }

    /// Whether a part of the text has words that stand in for what templates bring, so that places in it are none of the source.
    pub fn has_stand_in(&self, part: &str) -> bool {
        part.contains(self.word.as_str())
    }

    /// The number of the last line so far.
    fn line(&mut self) -> usize {
        let (lines, at) = self.counted;
        let more = self.text.get(at..).map_or(0, |text| text.matches('\n').count());
        self.counted = (lines + more, self.text.len());
        self.counted.0 + 1
    }

    /// Whether a value of YAML begins here.
    fn begins_value(&self) -> bool {
        let line = self.text.rsplit('\n').next().unwrap_or_default();
        let before = line.trim_end();
        before.len() < line.len() && (before.ends_with(':') || before.trim_start() == "-")
    }

    fn stand_in(&mut self, replaced: Replaced) {
        let number = self.replaced.len();
        self.text.push_str(&format!("{}{number}z", self.word));
        self.replaced.push(replaced);
    }

    fn write(&mut self, source: &str, parts: &[TemplatePart<'_>]) {
        let mut parts = parts.iter().peekable();
        while let Some(part) = parts.next() {
            if let Some((name, otherwise)) = part.value() {
                let default = parts.peek().and_then(|next| next.default_of(name));
                if default.is_some() {
                    parts.next();
                }
                let is_whole = self.begins_value() && parts.peek().is_none_or(|next| next.ends_line());
                let default = default.or(otherwise).map(|text| if is_whole { unquoted(text) } else { text });
                let (name, default) = (name.to_owned(), default.map(str::to_owned));
                self.stand_in(Replaced::Parameter { name, default });
                continue;
            }
            match part {
                TemplatePart::Value(_) => {}
                TemplatePart::Text(text) => self.text.push_str(text),
                TemplatePart::Section(section) if section.is_of_whole_lines(source) => {
                    self.lines(source, section, section.negated, &section.shown);
                    if let Some(otherwise) = &section.otherwise {
                        self.lines(source, section, !section.negated, otherwise);
                    }
                }
                TemplatePart::Section(section) => {
                    let written = source.get(section.start..section.end).unwrap_or_default();
                    let (name, negated) = (section.name.to_owned(), section.negated);
                    let (written, texts) = (written.to_owned(), section.texts());
                    self.stand_in(Replaced::Conditional { name, negated, written, texts });
                }
            }
        }
    }

    /// Lines under a condition.
    fn lines(&mut self, source: &str, section: &Section<'_>, negated: bool, parts: &[TemplatePart<'_>]) {
        if self.text.rsplit('\n').next().is_some_and(|line| !line.trim().is_empty()) {
            self.text.push('\n');
            let line = self.line();
            self.inserted.push(line);
        }
        let first = self.line();
        self.write(source, parts);
        let lines = first..=self.line();
        self.conditions.push(Condition { name: section.name.to_owned(), negated, lines });
    }
}

/// A whole value of YAML without the quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(text)
}

/// A part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Replaced(&'a Replaced),
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
            Part::Replaced(Replaced::Conditional { written, .. }) => format!("<?{written}>"),
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
            ("a: {{X}}{{^X}}\"b\"{{/X}}\n", "a: <X|b>\n"),
            ("- {{X}}{{^X}}'b'{{/X}}", "- <X|b>"),
            ("a: {{#if X}}{{X}}{{else}}\"b\"{{/if}}", "a: <X|b>"),
            ("a: x{{X}}{{^X}}\"b\"{{/X}}", "a: x<X|\"b\">"),
            ("a: x-{{X}}{{^X}}\"b\"{{/X}}", "a: x-<X|\"b\">"),
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
    fn what_cannot_be_read_is_told_with_its_line_and_tag() {
        let other_end = |name: &str| TemplateErrorKind::OtherEnd { line: 1, name: name.to_owned() };
        for (source, line, tag, kind) in [
            ("a\n{{X", 2, "", TemplateErrorKind::Unclosed),
            ("{{a.b}}", 1, "{{a.b}}", TemplateErrorKind::Name),
            ("{{#if A == B}}x{{/if}}", 1, "{{#if A == B}}", TemplateErrorKind::Name),
            ("{{{@index}}}", 1, "{{{@index}}}", TemplateErrorKind::Name),
            ("\n{{#each X}}{{this}}{{/each}}", 2, "{{#each X}}", TemplateErrorKind::Each),
            ("{{> x}}", 1, "{{> x}}", TemplateErrorKind::Partial),
            ("{{=<% %>=}}", 1, "{{=<% %>=}}", TemplateErrorKind::Unknown),
            ("{{#with X}}{{/with}}", 1, "{{#with X}}", TemplateErrorKind::Unknown),
            ("{{#^X}}a{{/X}}", 1, "{{#^X}}", TemplateErrorKind::TwoSigns),
            ("{{^ #X}}a{{/X}}", 1, "{{^ #X}}", TemplateErrorKind::TwoSigns),
            ("\n\n{{#if X}}a", 3, "{{#if X}}", TemplateErrorKind::NoEnd),
            ("{{/if}}", 1, "{{/if}}", TemplateErrorKind::NoBegin),
            ("{{else}}", 1, "{{else}}", TemplateErrorKind::NoBegin),
            ("{{#if X}}\na{{/Y}}", 2, "{{/Y}}", other_end("X")),
            ("{{#X}}{{#Y}}{{/X}}{{/Y}}", 1, "{{/X}}", other_end("Y")),
            ("{{#X}}{{/}}", 1, "{{/}}", other_end("X")),
            (&"{{#X}}".repeat(40), 1, "{{#X}}", TemplateErrorKind::TooDeep),
            (&"{{#X}}a: 1{{/X}}\n".repeat(1001), 1, "", TemplateErrorKind::TooMany),
        ] {
            let tag = (!tag.is_empty()).then(|| tag.to_owned());
            assert_eq!(Template::new(source).unwrap_err(), TemplateError { line, tag, kind }, "{source}");
        }
        let long = Template::new(&format!("{{{{a {}}}}}", "b".repeat(80))).unwrap_err().to_string();
        assert!(
            long.starts_with(&format!("line 1: `{{{{a {}…`: a tag has the name", "b".repeat(36))),
            "{long}"
        );
        for source in ["{{#unless X}}a{{/if}}", "{{#X}}a{{/unless}}", "{{{^X}}}a{{{/X}}}", "{{#if X}}a{{/X}}"]
        {
            assert!(Template::new(source).is_ok(), "{source}");
        }
    }
}
