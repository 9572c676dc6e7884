//! YAML and JSON, which is YAML too, as a tree that keeps the order, repeated keys, and lines.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use thiserror::Error;

/// How deep a document may be nested.
const MAX_DEPTH: usize = 64;

/// How many values a document may have, those that aliases repeat counted each time.
const MAX_NODES: usize = 1_000_000;

/// A document that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum YamlError {
    #[error("line {line}, column {column}: {reason}")]
    Syntax { line: usize, column: usize, reason: String },
    #[error("line {line}: nested deeper than {MAX_DEPTH}")]
    TooDeep { line: usize },
    #[error("line {line}: more than {MAX_NODES} values")]
    TooLarge { line: usize },
    #[error("line {line}: a key that is no text")]
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

/// The one document of a text; `source_line` tells the lines of errors.
pub(super) fn read<'t>(text: &'t str, source_line: &'t dyn Fn(usize) -> usize) -> Result<Node, YamlError> {
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { parser, source_line, anchors: HashMap::new(), nodes: 0 };
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

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    source_line: &'t dyn Fn(usize) -> usize,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let (at, reason) = (error.marker(), error.info().to_owned());
                Err(YamlError::Syntax { line: (self.source_line)(at.line()), column: at.col() + 1, reason })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn count(&mut self, more: usize, line: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES {
            Err(YamlError::TooLarge { line: (self.source_line)(line) })
        } else {
            Ok(())
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let line = span.start.line();
        if depth > MAX_DEPTH {
            return Err(YamlError::TooDeep { line: (self.source_line)(line) });
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
                _ => return Err(YamlError::Key { line: (self.source_line)(line) }),
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
        read(text, &|line| line)
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
