//! Tables, lists and variants, handed to serde element by element.

use std::vec::IntoIter;

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::findings::Fields;
use super::key::KeyDeserializer;
use super::marks::Mark;
use super::path::Path;
use super::reader::Reader;
use super::refusal::DeserializeError;
use super::source::Source;
use super::value_deserializer::ValueDeserializer;
use crate::config::{Key, Node, Table};

type Pair<'a> = (&'a Key, &'a Node);

/// The keys of a table, as fields of a struct or as entries of a map.
pub struct TableAccess<'a> {
    reader: &'a Reader,
    path: &'a Path<'a>,
    table: Option<&'a Table>,
    /// The names that a struct takes; a map takes all.
    fields: Option<&'static [&'static str]>,
    pairs: Pairs<'a>,
    /// Missing keys that are fed at the end, and what they are fed with.
    supplied: IntoIter<(&'static str, Source<'a>)>,
    current: Option<(&'a str, Source<'a>, Option<&'a Key>)>,
}

crate::opaque::opaque!(TableAccess<'_>);

/// As written, or the marked ones last.
enum Pairs<'a> {
    Plain(std::slice::Iter<'a, (Key, Node)>),
    Sorted(IntoIter<Pair<'a>>),
    None,
}

impl<'a> TableAccess<'a> {
    /// For a struct with these fields and other spellings of them.
    pub fn fields(
        reader: &'a Reader,
        path: &'a Path<'a>,
        table: Option<&'a Table>,
        fields: &'static [&'static str],
    ) -> Self {
        Self::new(reader, path, table, Some(fields))
    }

    /// The entries of a map, whose keys are not known beforehand.
    pub fn map(reader: &'a Reader, path: &'a Path<'a>, table: Option<&'a Table>) -> Self {
        Self::new(reader, path, table, None)
    }

    fn new(
        reader: &'a Reader,
        path: &'a Path<'a>,
        table: Option<&'a Table>,
        fields: Option<&'static [&'static str]>,
    ) -> Self {
        let pairs = match table {
            None => Pairs::None,
            Some(table) if reader.has_marks() => {
                let mut pairs: Vec<_> = table.iter().collect();
                pairs.sort_by_cached_key(|(key, _)| reader.rank(&path.key(&key.name)));
                Pairs::Sorted(pairs.into_iter())
            }
            Some(table) => Pairs::Plain(table.pairs()),
        };
        let supplied = fields.map_or_else(Vec::new, |fields| supplied(reader, path, fields));
        Self { reader, path, table, fields, pairs, supplied: supplied.into_iter(), current: None }
    }

    /// The field came twice, by two spellings; the current key is the second.
    pub fn twice(&self, name: &'static str) -> DeserializeError {
        let (key, source, written) = self.current.unwrap_or((name, Source::Nothing, None));
        let span = written.map_or_else(|| source.span(), |key| key.span);
        self.reader.twice(&self.path.key(key), span, name)
    }

    fn next_pair(&mut self) -> Option<Pair<'a>> {
        match &mut self.pairs {
            Pairs::Plain(pairs) => pairs.next().map(|(key, node)| (key, node)),
            Pairs::Sorted(pairs) => pairs.next(),
            Pairs::None => None,
        }
    }

    /// Whether a key is taken; one that no field has is recorded.
    fn takes(&self, key: &'a Key) -> bool {
        let Some(fields) = self.fields else {
            return self.reader.keeps(&self.path.key(&key.name));
        };
        if fields.contains(&&*key.name) {
            return self.reader.mark(&self.path.key(&key.name)) != Some(Mark::Omitted);
        }
        self.unknown(key, fields);
        false
    }

    fn unknown(&self, key: &Key, known: &'static [&'static str]) {
        self.reader.findings().unknown(
            self.path,
            &key.name,
            key.span,
            &Fields { known, present: self.table },
        );
    }

    /// Takes over why a key was refused, and answers what to tell serde.
    fn refused_key(&self, key: &Key, node: &Node, refusal: DeserializeError) -> DeserializeError {
        if self.fields.is_none() && !matches!(refusal, DeserializeError::Unknown(_)) {
            return self.reader.bad_key(&self.path.key(&key.name), key.span, &refusal);
        }
        if let DeserializeError::Unknown(known) = refusal {
            self.unknown(key, known);
            self.reader.again();
            return DeserializeError::Recorded;
        }
        self.reader.refused(&self.path.key(&key.name), Source::Node(node), refusal)
    }
}

impl<'de> MapAccess<'de> for &mut TableAccess<'_> {
    type Error = DeserializeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeserializeError> {
        while let Some((key, node)) = self.next_pair() {
            if self.takes(key) {
                self.current = Some((&key.name, Source::Node(node), Some(key)));
                let is_number = self.fields.is_none() && self.reader.is_number(self.path, &key.name);
                let result = seed.deserialize(KeyDeserializer { text: &key.name, is_number });
                return result.map(Some).map_err(|refusal| self.refused_key(key, node, refusal));
            }
        }
        for (name, source) in self.supplied.by_ref() {
            let path = self.path.key(name);
            if self.reader.mark(&path) != Some(Mark::Omitted) {
                self.current = Some((name, source, None));
                return seed.deserialize(StrDeserializer::<DeserializeError>::new(name)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeserializeError> {
        let (name, source, _) = self.current.unwrap_or(("", Source::Nothing, None));
        let path = self.path.key(name);
        let de = ValueDeserializer { reader: self.reader, path: &path, source };
        seed.deserialize(de).map_err(|refusal| self.reader.refused(&path, source, refusal))
    }
}

/// The missing keys for which a placeholder is handed to serde. A key that was misspelt stays missing in the first
/// reading and gets a placeholder in the second.
fn supplied<'a>(
    reader: &Reader,
    path: &Path<'_>,
    fields: &'static [&'static str],
) -> Vec<(&'static str, Source<'a>)> {
    let missing = reader.supplied(path);
    let meant =
        if reader.has_other_placeholders() { reader.findings().meant(path, fields) } else { Vec::new() };
    let meant =
        meant.into_iter().filter(|meant| !missing.contains(meant)).map(|meant| (meant, Source::Meant));
    let meant: Vec<_> = meant.collect();
    missing.into_iter().map(|missing| (missing, Source::Nothing)).chain(meant).collect()
}

/// The elements of a list.
pub struct ListAccess<'a> {
    reader: &'a Reader,
    path: &'a Path<'a>,
    list: IntoIter<(usize, &'a Node)>,
    /// How many a tuple takes; 0 for a list of any length.
    len: usize,
    given: usize,
}

impl<'a> ListAccess<'a> {
    /// Hands out a list; a tuple is filled up to `len` with placeholders.
    pub fn new(
        reader: &'a Reader,
        path: &'a Path<'a>,
        list: Option<Vec<(usize, &'a Node)>>,
        len: usize,
    ) -> Self {
        let mut list = list.unwrap_or_default();
        if len == 0 && reader.has_marks() {
            list.retain(|(index, _)| reader.keeps(&path.index(*index)));
            list.sort_by_cached_key(|(index, _)| reader.rank(&path.index(*index)));
        }
        Self { reader, path, list: list.into_iter(), len, given: 0 }
    }
}

impl<'de> SeqAccess<'de> for ListAccess<'_> {
    type Error = DeserializeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DeserializeError> {
        let (index, source) = match self.list.next() {
            Some((index, node)) => (index, Source::Node(node)),
            None if self.given < self.len => (self.given, Source::Nothing),
            None => return Ok(None),
        };
        self.given += 1;
        let path = self.path.index(index);
        let de = ValueDeserializer { reader: self.reader, path: &path, source };
        seed.deserialize(de).map(Some).map_err(|refusal| self.reader.refused(&path, source, refusal))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len())
    }
}

/// A variant of an enum and what it holds.
pub struct EnumContent<'a> {
    /// The reading it belongs to.
    pub reader: &'a Reader,
    /// Where the enum is.
    pub path: &'a Path<'a>,
    /// The variant's name.
    pub name: &'a str,
    /// What it holds.
    pub content: Source<'a>,
    /// Whether it stands for a value that cannot be had.
    pub placeholder: bool,
}

impl<'a> EnumContent<'a> {
    fn with<R>(
        &self,
        what: &str,
        read: impl FnOnce(ValueDeserializer<'_>) -> Result<R, DeserializeError>,
    ) -> Result<R, DeserializeError> {
        if matches!(self.content, Source::Nothing) && !self.placeholder {
            return Err(DeserializeError::Expected(format!("{what} for `{}`", self.name)));
        }
        let path = self.path.key(self.name);
        let de = ValueDeserializer { reader: self.reader, path: &path, source: self.content };
        read(de).map_err(|refusal| self.reader.refused(&path, self.content, refusal))
    }
}

impl<'de, 'a> EnumAccess<'de> for EnumContent<'a> {
    type Error = DeserializeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeserializeError> {
        let variant = seed.deserialize(StrDeserializer::<DeserializeError>::new(self.name))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for EnumContent<'_> {
    type Error = DeserializeError;

    fn unit_variant(self) -> Result<(), DeserializeError> {
        match self.content.table() {
            None if matches!(self.content, Source::Nothing) => Ok(()),
            Some(table) if table.is_empty() => Ok(()),
            _ => Err(DeserializeError::Expected(format!("only the name {:?}", self.name))),
        }
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DeserializeError> {
        self.with("a value", |de| seed.deserialize(de))
    }
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DeserializeError> {
        self.with("a list", |de| de.deserialize_tuple(len, visitor))
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.with("a table", |de| de.deserialize_struct("", fields, visitor))
    }
}
