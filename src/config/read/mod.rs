//! A section into a typed configuration, with every problem at once.
//!
//! serde stops at the first error, so the deserializer does not tell it of most: a wrong leaf is recorded and answered
//! with a placeholder of the type that was asked for, and an unknown key is recorded and left out. Where a type itself
//! refuses, or misses a key, that is recorded, and the section is read again with this place [marked](marks::Marks):
//! a refused value comes last, as a placeholder; a missing key is fed. When an attempt has nothing new to tell, all
//! has been said. A section without problems is read once, and costs no more than serde does.

mod access;
mod key;
mod leaf;
mod marks;
mod node;
mod path;
mod reader;
mod refusal;
mod shape;

#[cfg(test)]
mod measure;
#[cfg(test)]
mod serde_tests;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::path::Path;
use self::reader::Reader;
use super::{MOST_OF_A_KIND, Problems, Section, Span, Table, schema_of};

pub(super) use self::path::Segment;

/// How often a section is read again for another refused value; what is wrong beyond shows when these are mended.
const ATTEMPTS: usize = MOST_OF_A_KIND;
/// How much all attempts together may cost, in places looked up: a large section is not read again as often as a small one.
const LOOKED: usize = 200_000;

/// Reads a component's configuration. Every problem is added to `problems`: unknown keys, wrong types, missing keys
/// and refused values; `None` where one of them is an error, or where a parameter could not be
/// replaced, which has been reported by then.
///
/// ```
/// use wirework::config::{Problems, Section, Span, parse_toml, read};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     host: String,
///     port: Option<u16>,
/// }
/// let descriptor = "acme:sensor:simulated:default:1.0".parse()?;
/// let mut problems = Problems::new();
/// let table = parse_toml("port = 99999\nhots = 'h'", 0, &mut problems);
/// let section = Section { descriptor: &descriptor, table: &table, span: Span::default() };
/// assert!(read::<Config>(&section, &mut problems).is_none());
/// let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
/// assert_eq!(
///     texts,
///     [
///         "`port`: expected an integer from 0 to 65535, found 99999",
///         "unknown key `hots`; did you mean `host`?",
///     ]
/// );
/// # Ok::<(), wirework::Error>(())
/// ```
pub fn read<T>(section: &Section<'_>, problems: &mut Problems) -> Option<T>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    read_table(section.table, section.span, problems)
}

/// Reads a table that belongs to no component.
pub(super) fn read_table<T>(table: &Table, span: Span, problems: &mut Problems) -> Option<T>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let reader = Reader::new(schema_of::<T>, problems.branch());
    let mut attempts = 0;
    let config = loop {
        reader.begin();
        let root = node::De { reader: &reader, path: &Path::Root, source: node::Source::Root(table, span) };
        match T::deserialize(root) {
            Ok(config) => break Some(config),
            Err(refusal) => {
                reader.refused(&Path::Root, node::Source::Root(table, span), refusal);
                attempts += 1;
                if !reader.has_progress() || attempts == ATTEMPTS || reader.looked() > LOOKED {
                    break None;
                }
            }
        }
    };
    let whole = !reader.has_broken();
    let mut found = reader.into_problems();
    found.sort();
    let config = config.filter(|_| whole && found.is_empty());
    problems.join(found);
    config
}
