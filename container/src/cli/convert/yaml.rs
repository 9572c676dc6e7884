//! YAML and JSON, which is YAML too, as a tree that keeps the order, repeated keys, and lines.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use thiserror::Error;

use super::template::Template;

/// How deep a document may be nested.
const MAX_DEPTH: usize = 64;

/// How many values a document may have, those that aliases repeat counted each time.
const MAX_NODES: usize = 1_000_000;

/// A document that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum YamlError {
    #[error("line {line}{}: this is no YAML; {cause}", column.map(|column| format!(", column {column}")).unwrap_or_default())]
    Syntax { line: usize, column: Option<usize>, cause: Cause },
    #[error("line {line}: nested deeper than {MAX_DEPTH}")]
    TooDeep { line: usize },
    #[error("line {line}: more than {MAX_NODES} values")]
    TooLarge { line: usize },
    #[error("line {line}: a key that is no string")]
    Key { line: usize },
    #[error("line {line}: a second document begins; a configuration is one")]
    SecondDocument { line: usize },
    #[error("the file holds nothing")]
    Empty,
}

/// A value with the line, from 1, on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub line: usize,
}

impl Node {
    /// Whether it is a table without keys.
    pub fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Map(map) if map.is_empty())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    /// A word or number without quotes.
    Plain(String),
    Quoted(String),
    List(Vec<Node>),
    /// Keys in their order, each with its line.
    Map(Vec<(String, usize, Node)>),
}

/// The one document of a template; errors have the lines of its source.
pub(super) fn read(template: &Template) -> Result<Node, YamlError> {
    let parser = Parser::new_from_str(&template.text);
    let source_line = |line| template.source_line(line);
    let mut reader = Reader { parser, template, anchors: HashMap::new(), nodes: 0 };
    let mut document = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => return document.ok_or(YamlError::Empty),
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if document.is_some() => {
                return Err(YamlError::SecondDocument { line: source_line(span.start.line()) });
            }
            event => document = Some(reader.node(event, span, 0)?),
        }
    }
}

/// What most likely stands behind a mistake, as far as the lines show it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Cause {
    #[error("a line begins with a tab: indent with blanks")]
    Tab,
    #[error("a colon of a key has no blank behind it: write `key: value`")]
    NoBlank,
    #[error("a value has a colon and a blank in it: write it in quotes")]
    Colon,
    #[error(
        "a string in quotes is not closed where it should be: write its last quote, and a quote inside of it twice or in the other kind"
    )]
    Quote,
    #[error(
        "a value begins with `@`, `%`, `` ` `` or another sign that YAML keeps for itself: write it in quotes"
    )]
    Sign,
    #[error(
        "a bracket, `{{` or `[`, is not closed, or closed twice: a template that is no `{{{{NAME}}}}`, and a string with brackets, stand in quotes"
    )]
    Bracket,
    #[error(
        "most often a key is indented by more or fewer blanks than its neighbours, or a string before this line lacks a quote"
    )]
    Unknown,
}

/// Looks at the line of a mistake and the one before it, where it often begins.
fn cause(text: &str, line: usize) -> Cause {
    let mut near = text.lines().take(line).collect::<Vec<_>>().into_iter().rev();
    let near: Vec<_> = near.by_ref().filter(|line| !line.trim().is_empty()).take(2).collect();
    let any = |is: fn(&str) -> bool| near.iter().any(|line| is(line));
    let begins_with_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    // A string without quotes goes on over lines, so that its end is where the next line is found wrong.
    if any(begins_with_tab) || text.lines().nth(line).is_some_and(begins_with_tab) {
        Cause::Tab
    } else if any(has_no_blank) {
        Cause::NoBlank
    } else if any(|line| value(line).is_some_and(|value| value.starts_with(['@', '`', '%', '&', '*', '!']))) {
        Cause::Sign
    } else if any(|line| ['"', '\''].into_iter().any(|quote| line.matches(quote).count() % 2 == 1)) {
        Cause::Quote
    } else if text.matches(['{', '[']).count() != text.matches(['}', ']']).count() {
        Cause::Bracket
    } else if any(|line| value(line).is_some_and(|value| is_bare(value) && value.contains(": "))) {
        Cause::Colon
    } else {
        Cause::Unknown
    }
}

/// What stands behind the key of a line.
fn value(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(_, value)| value.trim_start())
}

fn is_bare(value: &str) -> bool {
    !value.starts_with(['"', '\'', '{', '['])
}

/// Whether a line is `key:value`, and no URI or time.
fn has_no_blank(line: &str) -> bool {
    let line = line.trim_start_matches(['-', ' ']);
    let Some((key, value)) = line.split_once(':') else { return false };
    let is_key =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_key && !value.is_empty() && !value.starts_with([' ', '/'])
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    template: &'t Template,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = error.marker();
                let line = self.template.text.lines().nth(at.line().saturating_sub(1)).unwrap_or_default();
                let before: String = line.chars().take(at.col()).collect();
                let column = (!self.template.has_stand_in(&before)).then(|| at.col() + 1);
                let cause = cause(&self.template.text, at.line());
                Err(YamlError::Syntax { line: self.template.source_line(at.line()), column, cause })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn count(&mut self, more: usize, line: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES {
            Err(YamlError::TooLarge { line: self.template.source_line(line) })
        } else {
            Ok(())
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let line = span.start.line();
        if depth > MAX_DEPTH {
            return Err(YamlError::TooDeep { line: self.template.source_line(line) });
        }
        let before = self.nodes;
        self.count(1, line)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                // An anchor inside of itself has no value yet, and counts as none.
                let size = self.anchors.get(&anchor).map_or(0, |(_, size)| *size);
                self.count(size, line)?;
                let known = self.anchors.get(&anchor);
                return Ok(Node { value: known.map_or(Value::Null, |(node, _)| node.value.clone()), line });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                (scalar(&text, style == ScalarStyle::Plain && !is_text), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            _ => (Value::Null, 0),
        };
        let node = Node { value, line };
        if anchor > 0 {
            let size = self.nodes - before;
            self.count(size, line)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Value::List(list)),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, YamlError> {
        let (mut map, mut merged) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let key = match event {
                Event::MappingEnd | Event::StreamEnd => {
                    merged.into_iter().for_each(|node| merge(&mut map, node));
                    return Ok(Value::Map(map));
                }
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(YamlError::Key { line: self.template.source_line(line) }),
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            if key == "<<" { merged.push(node) } else { map.push((key, line, node)) }
        }
    }
}

/// Adds the keys of a table, or of a list of tables, that are not there yet: those of `<<`.
fn merge(map: &mut Vec<(String, usize, Node)>, node: Node) {
    match node.value {
        Value::Map(merged) => {
            for (key, line, node) in merged {
                if !map.iter().any(|(known, ..)| *known == key) {
                    map.push((key, line, node));
                }
            }
        }
        Value::List(list) => list.into_iter().for_each(|node| merge(map, node)),
        _ => {}
    }
}

fn scalar(text: &str, is_plain: bool) -> Value {
    match text {
        _ if !is_plain => Value::Quoted(text.to_owned()),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => Value::Plain(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Node, YamlError> {
        read(&Template::new(text).unwrap())
    }

    #[test]
    fn usual_causes_are_told_with_their_place() {
        for (text, line, column, cause) in [
            ("a:\n\tb: 1\n", 2, Some(2), Cause::Tab),
            ("- a: 1\n\tb: 2\n", 1, Some(6), Cause::Tab),
            ("- descriptor:a:b\n  x: 1\n", 2, Some(4), Cause::NoBlank),
            ("- a: 1\n  x: @a\n", 2, Some(6), Cause::Sign),
            ("- a: 1\n  x: \"a\n  y: 3\n", 2, Some(6), Cause::Quote),
            ("- a: 1\n  x: {a: {b}\n  y: 3\n", 3, Some(3), Cause::Bracket),
            ("- a: 1\n  x: b: c\n", 2, Some(7), Cause::Colon),
            ("- a: 1\n   x: 4\n  y: 3\n", 2, Some(5), Cause::Unknown),
            ("- a: {{X}}: 1\n", 1, None, Cause::Colon),
        ] {
            assert_eq!(of(text), Err(YamlError::Syntax { line, column, cause }), "{text}");
        }
    }

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Plain(text) => text.clone(),
            Value::Quoted(text) => format!("'{text}'"),
            Value::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
            Value::Map(map) => {
                let pairs = map.iter().map(|(key, line, node)| format!("{key}@{line}: {}", shown(node)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn keeps_order_lines_and_repeated_keys() {
        for (text, expected) in [
            ("- a: 1\n  b: '2'\n  a:\n- x\n", "[{a@1: 1, b@2: '2', a@3: null}, x]"),
            ("[{\"a\": true, \"b\": [1, null]}]", "[{a@1: true, b@1: [1, null]}]"),
            ("a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n", "{a@1: {b@1: 1}, c@2: {b@1: 1}, d@3: {b@1: 1}}"),
            ("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n", "{a@1: {b@1: 1, c@1: 2}, d@2: {b@2: 3, c@1: 2}}"),
            ("a: &x {b: 1}\nd: {<<: [*x, {e: 1}]}\n", "{a@1: {b@1: 1}, d@2: {b@1: 1, e@2: 1}}"),
            ("a: !!str 1\n", "{a@1: '1'}"),
        ] {
            assert_eq!(shown(&of(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert!(matches!(of("a: [1"), Err(YamlError::Syntax { .. })));
        assert_eq!(of("# nothing\n"), Err(YamlError::Empty));
        assert_eq!(of("a: 1\n---\nb: 1\n"), Err(YamlError::SecondDocument { line: 3 }));
        assert_eq!(of("? [a]\n: 1\n"), Err(YamlError::Key { line: 1 }));
        assert!(matches!(of(&"- ".repeat(100)), Err(YamlError::TooDeep { .. })));
        assert!(of(&"[".repeat(100_000)).is_err());
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for number in 1..20 {
            let before = format!("*a{}, ", number - 1).repeat(10);
            bomb.push_str(&format!("a{number}: &a{number} [{before}]\n"));
        }
        assert!(matches!(of(&bomb), Err(YamlError::TooLarge { .. })));
    }
}
