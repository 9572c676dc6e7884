//! The deserializer proper: what serde asks for decides what a value is read as.

use serde::de::Visitor;
use serde::de::value::{I64Deserializer, MapDeserializer, StrDeserializer};
use serde::forward_to_deserialize_any;
use serde::{Deserialize, Deserializer};

use super::access::{EnumContent, ListAccess, TableAccess};
use super::node::ValueDeserializer;
use super::path::{Path, Segment, shown_key};
use super::probe::SubstituteValue;
use super::refusal::DeserializeError;
use super::source::Source;
use super::wanted::Wanted;
use crate::config::suggest::quoted;
use crate::config::{Millis, Node, Problem, Table, Value, code, nearest};

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            let number = self.integer(i128::from(<$type>::MIN), i128::from(<$type>::MAX));
            visitor.$visit(number.and_then(|number| <$type>::try_from(number).ok()).unwrap_or_else(|| <$type>::try_from(self.reader.number::<u8>()).unwrap_or(1)))
        }
    )* };
}

/// How many keys of a table are listed in place of a value that is no table.
const LISTED: usize = 8;

/// What stands for a text that cannot be had.
const PLACEHOLDERS: [&str; 2] = ["x", "y"];

impl<'de> Deserializer<'de> for ValueDeserializer<'_> {
    type Error = DeserializeError;

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
    }

    /// For types that take more than one kind of value, and for those that serde collects first. A parameter takes the type that
    /// the schema has for its place, and is text where that can be text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.reader.probes().find(self.path) {
            Some(SubstituteValue::Flag) => return visitor.visit_bool(true),
            Some(SubstituteValue::Number) => return visitor.visit_i64(i64::MIN),
            None => {}
        }
        if self.source.table().is_some() {
            return self.deserialize_map(visitor);
        }
        if self.reader.is_duration(self.path) {
            return self.duration(visitor);
        }
        match self.value() {
            None => visitor.visit_i64(self.reader.number()),
            Some(Value::String(text)) if self.source.is_text() => self.typed(text, visitor),
            Some(Value::String(text)) => visitor.visit_str(text),
            Some(Value::Datetime(text)) => visitor.visit_str(text),
            Some(Value::Integer(number)) => visitor.visit_i64(number.get()),
            Some(Value::Float(number)) => visitor.visit_f64(number.get()),
            Some(Value::Boolean(flag)) => visitor.visit_bool(*flag),
            Some(Value::Array(_)) => self.deserialize_seq(visitor),
            Some(Value::Table(_)) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_i128(self.integer(i128::MIN, i128::MAX).unwrap_or_else(|| self.reader.number()))
    }
    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let number = self.integer(0, i128::MAX).and_then(|number| u128::try_from(number).ok());
        visitor.visit_u128(number.unwrap_or_else(|| self.reader.number()))
    }
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_bool(self.boolean().unwrap_or_else(|| self.reader.has_other_placeholders()))
    }
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_f64(self.float().unwrap_or_else(|| self.reader.number()))
    }
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_f64(self.float().unwrap_or_else(|| self.reader.number()))
    }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_str(self.text().unwrap_or_else(|| self.placeholder()))
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_str(visitor)
    }
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_str(visitor)
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_bytes(self.text().unwrap_or_else(|| self.placeholder()).as_bytes())
    }
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_bytes(visitor)
    }
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let one = |value: &Value| match value {
            Value::String(text) => text.chars().next().filter(|first| first.len_utf8() == text.len()),
            _ => None,
        };
        let one = self.leaf(Wanted::Character, one);
        visitor.visit_char(one.unwrap_or_else(|| self.placeholder().chars().next().unwrap_or('x')))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.source {
            Source::Nothing => visitor.visit_none(),
            // Once without it, and once with it. What is inside of a placeholder is left out, however deep it would go.
            Source::Node(_) if self.value().is_none() && !self.reader.has_other_placeholders() => {
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if is_duration(name, fields) && !matches!(self.value(), Some(Value::Table(_))) {
            return self.duration(visitor);
        }
        let (table, source) = self.table();
        let mut entries = TableAccess::fields(self.reader, self.path, table, fields);
        match visitor.visit_map(&mut entries) {
            Err(DeserializeError::Missing(name)) => Err(self.reader.missing(self.path, source, name)),
            Err(DeserializeError::Duplicate(name)) => Err(entries.twice(name)),
            result => result,
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.reader.collects(self.path);
        let (table, _) = self.table();
        let read = visitor.visit_map(&mut TableAccess::map(self.reader, self.path, table))?;
        if let Some(table) = table {
            self.reader.look_for_unknown(self.path, table);
        }
        Ok(read)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let list = self.list();
        // Once empty, and once not.
        let stands_for = list.is_none()
            && self.reader.has_other_placeholders()
            && !matches!(self.source, Source::Nothing)
            && self.reader.mark(&self.path.index(0)).is_none();
        visitor.visit_seq(ListAccess::new(self.reader, self.path, list, usize::from(stands_for)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let list = self.list();
        if list.as_ref().is_some_and(|list| list.len() != len) {
            let wanted = format!("a list of {len}");
            self.reader.findings().record(self.path, || {
                self.reader.findings().wrong(self.path, self.source, code::BAD_VALUE, &wanted)
            });
        }
        visitor.visit_seq(ListAccess::new(self.reader, self.path, list, len))
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_enum(self.choice(variants))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_unit()
    }
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_unit()
    }
    forward_to_deserialize_any! { unit_struct }
}

/// Whether serde asks for a [`Duration`](std::time::Duration).
fn is_duration(name: &str, fields: &[&str]) -> bool {
    name == "Duration" && fields == ["secs", "nanos"]
}

impl<'a> ValueDeserializer<'a> {
    fn placeholder(&self) -> &'static str {
        let [one, other] = PLACEHOLDERS;
        if self.reader.has_other_placeholders() { other } else { one }
    }

    /// A time, as [`Millis`] are written.
    fn duration<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        // By the text or the number alone: whoever reads `Millis` here would be asked for a `Duration` again.
        let Millis(time) = match self.value() {
            Some(Value::String(text)) => Millis::deserialize(StrDeserializer::<DeserializeError>::new(text))?,
            Some(Value::Integer(number)) => {
                Millis::deserialize(I64Deserializer::<DeserializeError>::new(number.get()))?
            }
            Some(_) => return Err(DeserializeError::Expected(Millis::EXPECTED.to_owned())),
            None => Millis::new(1),
        };
        let parts = [("secs", time.as_secs()), ("nanos", u64::from(time.subsec_nanos()))];
        visitor.visit_map(MapDeserializer::new(parts.into_iter()))
    }

    /// The text of a parameter as what the schema has for its place.
    fn typed<'de, V: Visitor<'de>>(self, text: &str, visitor: V) -> Result<V::Value, DeserializeError> {
        let types = self.reader.findings().known().types(self.path);
        let takes = |name: &str| types.iter().any(|found| found == name);
        let trimmed = text.trim();
        if takes("string") {
            return visitor.visit_str(text);
        }
        if let Some(number) = trimmed.parse().ok().filter(|_| takes("integer") || takes("number")) {
            return visitor.visit_i64(number);
        }
        if let Some(number) = trimmed.parse().ok().filter(|_| takes("integer")) {
            return visitor.visit_u64(number);
        }
        if let Some(number) = trimmed.parse().ok().filter(|_| takes("number")) {
            return visitor.visit_f64(number);
        }
        match trimmed.parse().ok().filter(|_| takes("boolean")) {
            Some(flag) => visitor.visit_bool(flag),
            None => visitor.visit_str(text),
        }
    }

    /// The table, and whether there is one at all; something else is recorded.
    fn table(&self) -> (Option<&'a Table>, Source<'a>) {
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

    /// Which of these keys takes a text that stands in the place of their table, where that is plain: it is an address.
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
    fn list(&self) -> Option<Vec<(usize, &'a Node)>> {
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
                match self.key_for(value, &self.reader.findings().known().keys_at(&self.path.index(0))) {
                    Some(inner) => problem.with_help(format!("write `{key} = [{{ {inner} = \"…\" }}]`")),
                    None => problem.with_help(format!("for a list of one write `{key} = [\"…\"]`")),
                }
            }
            _ => problem.with_help(format!("for a list of one write `{key} = […]`")),
        }
    }

    /// The variant of an enum; a name that is none is recorded, and the first variant stands for it.
    fn choice(&self, variants: &'static [&'static str]) -> EnumContent<'a> {
        let found = match self.value() {
            Some(Value::String(name)) => Some((name.as_str(), Source::Nothing)),
            Some(Value::Table(table)) if table.len() == 1 => {
                table.iter().next().map(|(key, node)| (&*key.name, Source::Node(node)))
            }
            _ => None,
        };
        let known = found.filter(|(name, _)| variants.contains(name));
        if known.is_none() && self.value().is_some() {
            let names = quoted(variants.iter().copied());
            let wanted = if variants.len() == 1 { names } else { format!("one of {names}") };
            self.reader.findings().record(self.path, || {
                let code = if found.is_some() { code::BAD_VALUE } else { code::WRONG_TYPE };
                let problem = self.reader.findings().wrong(self.path, self.source, code, &wanted);
                match found.and_then(|(name, _)| nearest(name, variants.iter().copied())) {
                    Some(meant) => problem.with_guess(meant),
                    None => problem,
                }
            });
        }
        let other = self.reader.has_other_placeholders();
        let placeholder = if other { variants.last() } else { variants.first() };
        let (name, content) = known.unwrap_or((placeholder.copied().unwrap_or_default(), Source::Nothing));
        EnumContent { reader: self.reader, path: self.path, name, content, placeholder: known.is_none() }
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
