//! The key of an entry on its way to serde: TOML has only texts, a map may want numbers.

use serde::Deserializer;
use serde::de::Visitor;
use serde::de::value::StrDeserializer;
use serde::forward_to_deserialize_any;

use super::refusal::DeserializeError;
use super::wanted::Wanted;

/// A deserializer of a key.
pub struct KeyDeserializer<'a> {
    /// As it is written.
    pub text: &'a str,
    /// Whether the schema has numbers as the keys of the table; serde asks for nothing where it collects.
    pub is_number: bool,
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            match self.text.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(DeserializeError::Expected(Wanted::Integer { low: i128::from(<$type>::MIN), high: i128::from(<$type>::MAX) }.to_string())),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for KeyDeserializer<'_> {
    type Error = DeserializeError;

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match (self.text.parse::<u64>(), self.text.parse::<i64>()) {
            (Ok(number), _) if self.is_number => visitor.visit_u64(number),
            (_, Ok(number)) if self.is_number => visitor.visit_i64(number),
            _ => visitor.visit_str(self.text),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.text.parse() {
            Ok(flag) => visitor.visit_bool(flag),
            Err(_) => Err(DeserializeError::Expected("`true` or `false`".to_owned())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_enum(StrDeserializer::<DeserializeError>::new(self.text))
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}
