//! Tables and lists, and what to write where something else stands in their place.

use super::path::{Path, Segment, shown_key};
use super::source::Source;
use super::value_deserializer::ValueDeserializer;
use crate::config::suggest::quoted;
use crate::config::{Node, Problem, Table, Value, code};

/// How many keys of a table are listed in place of a value that is no table.
const LISTED: usize = 8;

impl<'a> ValueDeserializer<'a> {
    /// The table, and whether there is one at all; something else is recorded.
    pub fn table(&self) -> (Option<&'a Table>, Source<'a>) {
        if let Source::Root(table, _) = self.source {
            return (Some(table), self.source);
        }
        let table = match self.value() {
            Some(Value::Table(table)) => Some(table),
            Some(value) => {
                self.reader.findings().record(self.path, || self.no_table(value));
                None
            }
            None => None,
        };
        (table, if table.is_some() { self.source } else { Source::Nothing })
    }

    fn no_table(&self, value: &Value) -> Problem {
        let is_list = is_list_of_tables(self);
        let wanted = if is_list { "a table, not a list of them" } else { "a table" };
        let problem = self.reader.findings().wrong(self.path, self.source, code::WRONG_TYPE, wanted);
        let (key, keys) =
            (shown_key(self.path.last_key()), self.reader.findings().known().keys_at(self.path));
        if is_list {
            return problem
                .with_help(format!("for one table write {}`{key} = {{ … }}`", self.header("[", "]")));
        }
        match self.key_for(value, &keys) {
            Some(inner) if matches!(self.path, Path::Step(_, Segment::Index(_))) => {
                problem.with_help(format!("write `{{ {inner} = \"…\" }}`"))
            }
            Some(inner) => problem.with_help(format!("write `{key}.{inner} = \"…\"`")),
            None if keys.is_empty() => {
                problem.with_help(format!("write `{key}.<name> = …`, one line for each"))
            }
            None => {
                let more = if keys.len() > LISTED { ", …" } else { "" };
                let keys = quoted(keys.iter().take(LISTED).map(String::as_str));
                problem.with_help(format!("its keys are {keys}{more}"))
            }
        }
    }

    /// The header of a table in the section of a component, as one way of writing it; nothing inside of a list.
    fn header(&self, open: &str, close: &str) -> String {
        let is_index = |segment: &Segment<'_>| matches!(segment, Segment::Index(_));
        match self.path.segments().iter().any(is_index) {
            true => String::new(),
            false => format!("`{open}component.{}{close}` or ", self.path.shown()),
        }
    }

    /// Which of these keys takes a string that stands in the place of their table, where that is plain: it is an address.
    fn key_for(&self, value: &Value, keys: &[String]) -> Option<&'static str> {
        let Value::String(text) = value else { return None };
        let has = |name: &str| keys.iter().any(|key| key == name);
        if self.source.is_secret_place() {
            None
        } else if text.contains("://") && has("uri") {
            Some("uri")
        } else {
            has("host").then_some("host")
        }
    }

    /// The elements of the list, or of a table of numbered pairs given in code; something else is recorded.
    pub fn list(&self) -> Option<Vec<(usize, &'a Node)>> {
        if let Source::Root(..) | Source::Nothing | Source::Meant = self.source {
            return None;
        }
        let value = self.value()?;
        let list = match value {
            Value::Array(list) => Some(list.iter().enumerate().collect()),
            Value::Table(table) if self.source.is_text() => numbered(table),
            _ => None,
        };
        if list.is_none() {
            self.reader.findings().record(self.path, || self.no_list(value));
        }
        list
    }

    fn no_list(&self, value: &Value) -> Problem {
        let problem = self.reader.findings().wrong(self.path, self.source, code::WRONG_TYPE, "a list");
        let key = shown_key(self.path.last_key());
        match value {
            Value::Table(_) => problem.with_help(format!(
                "for a list of one table write {}`{key} = [{{ … }}]`",
                self.header("[[", "]]")
            )),
            Value::String(_) => {
                let keys = self.reader.findings().known().keys_at(&self.path.index(0));
                match self.key_for(value, &keys) {
                    Some(inner) => problem.with_help(format!("write `{key} = [{{ {inner} = \"…\" }}]`")),
                    None if !keys.is_empty() => problem.with_help(format!(
                        "for a list of one write `{key} = [{{ … }}]`; the keys of each are {}",
                        quoted(keys.iter().map(|key| &**key))
                    )),
                    None => problem.with_help(format!("for a list of one write `{key} = [\"…\"]`")),
                }
            }
            _ => problem.with_help(format!("for a list of one write `{key} = […]`")),
        }
    }
}

/// Whether a list stands where one table is wanted.
fn is_list_of_tables(de: &ValueDeserializer<'_>) -> bool {
    matches!(de.source, Source::Node(Node { value: Value::Array(list), .. })
        if list.iter().all(|node| node.as_table().is_some()))
}

/// The values of a table whose keys are all numbers, in the order of these.
fn numbered(table: &Table) -> Option<Vec<(usize, &Node)>> {
    let pairs = table.iter().map(|(key, node)| Some((key.name.parse().ok()?, node)));
    let mut list = pairs.collect::<Option<Vec<(usize, &Node)>>>()?;
    list.sort_by_key(|(index, _)| *index);
    Some(list)
}
