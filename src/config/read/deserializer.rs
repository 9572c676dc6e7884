//! The deserializer proper: what serde asks for decides what a value is read as.

use serde::de::Visitor;
use serde::de::value::{I64Deserializer, MapDeserializer, StrDeserializer};
use serde::forward_to_deserialize_any;
use serde::{Deserialize, Deserializer};

use super::access::{EnumContent, ListAccess, TableAccess};
use super::probe::SubstituteValue;
use super::refusal::DeserializeError;
use super::source::Source;
use super::value_deserializer::ValueDeserializer;
use super::wanted::{Wanted, beyond_toml};
use crate::config::suggest::quoted;
use crate::config::{Millis, Value, code, nearest};

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            let number = self.integer(i128::from(<$type>::MIN), i128::from(<$type>::MAX));
            visitor.$visit(number.and_then(|number| <$type>::try_from(number).ok()).unwrap_or_else(|| <$type>::try_from(self.reader.number::<u8>()).unwrap_or(1)))
        }
    )* };
}

/// What stands for a string that cannot be had.
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
        self.reader.collects_value(self.path);
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
            Some(Value::String(text)) => {
                match beyond_toml(text).and_then(|number| u64::try_from(number).ok()) {
                    Some(number) if self.takes_only_integers() => visitor.visit_u64(number),
                    _ => visitor.visit_str(text),
                }
            }
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
            // Another key is missed in a table inside, which serde has collected.
            Err(DeserializeError::Missing(name)) if fields.contains(&name) => {
                Err(self.reader.missing(self.path, source, name))
            }
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

    fn takes_only_integers(&self) -> bool {
        let types = self.reader.findings().known().types(self.path);
        !types.is_empty() && types.iter().all(|name| name == "integer")
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
