//! A section into a typed configuration, with every problem at once.
//!
//! serde stops at the first error, so the deserializer does not tell it of most: a wrong leaf is recorded and answered
//! with a placeholder of the type that was asked for, and an unknown key is recorded and left out. Where a type itself
//! refuses, or misses a key, that is recorded, and the section is read again with this place [marked](marks::Marks):
//! a refused value comes last, as a placeholder; a missing key is fed. When an attempt has nothing new to tell, all
//! has been said. A section without problems is read once, and costs no more than serde does.

mod access;
mod deserializer;
mod findings;
mod key;
mod known;
mod locate;
mod marks;
mod path;
mod probe;
mod reader;
mod refusal;
mod shape;
mod source;
mod tables;
mod value_deserializer;
mod wanted;

#[cfg(test)]
mod measure;
#[cfg(test)]
mod refused_tests;
#[cfg(test)]
mod serde_tests;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::path::Path;
use self::probe::SubstituteValue;
use self::reader::Reader;
use self::refusal::DeserializeError;
use self::source::Source;
use super::{MOST_OF_A_KIND, Problems, Section, Span, Table, schema_of};

pub(super) use self::path::Segment;

/// How often a section is read again for another refused value; what is wrong beyond shows when these are mended.
const ATTEMPTS: usize = MOST_OF_A_KIND;
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

/// What became of a section.
#[derive(Debug)]
pub enum Reading<T> {
    /// All of it could be read.
    Whole(T),
    /// A part of it.
    Part(Part<T>),
    /// So little that no configuration can be made of it, not even a partial one.
    Nothing,
}

/// A section of which some values could not be read: it is read twice, with two different placeholders for each of them, so that
/// what holds of both readings holds whatever those values are.
#[derive(Debug)]
pub struct Part<T> {
    pub(crate) one: T,
    pub(crate) other: T,
    /// The places of what is missing, as dotted paths.
    aside: Vec<String>,
}

impl<T> Part<T> {
    /// Whether a sentence about the key at a dotted path may be about a value that could not be read: one at that path, under it or
    /// around it, or one that the sentence names. That may have been what was to make it right.
    pub(crate) fn lacks(&self, path: &str, sentence: &str) -> bool {
        let under = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let named = |aside: &str| sentence.contains(&format!("`{aside}"));
        self.aside.iter().any(|aside| under(aside, path) || under(path, aside) || named(aside))
    }
}

/// The same as [`read`], and goes on with what could be read where a part could not.
pub(crate) fn read_as_far<T>(section: &Section<'_>, problems: &mut Problems) -> Reading<T>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    read_table_as_far(section.table, section.span, problems)
}

/// Reads a table that belongs to no component.
pub(super) fn read_table<T>(table: &Table, span: Span, problems: &mut Problems) -> Option<T>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    match read_table_as_far(table, span, problems) {
        Reading::Whole(config) => Some(config),
        Reading::Part(_) | Reading::Nothing => None,
    }
}

fn read_table_as_far<T>(table: &Table, span: Span, problems: &mut Problems) -> Reading<T>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let reader = Reader::new(schema_of::<T>, problems.branch());
    let read = attempt(&reader, table, span);
    if reader.findings().recorded() > 0 {
        spare_aliases::<T>(&reader, table, span);
    }
    locate::tell(&reader, Source::Root(table, span), &|trial| {
        let _ = once::<T>(trial, table, span);
    });
    let mut found = reader.findings().take_problems();
    let whole = !reader.has_broken() && found.is_empty();
    found.sort();
    problems.join(found);
    match read {
        None => Reading::Nothing,
        Some(config) if whole => Reading::Whole(config),
        Some(_) => twice(&reader, table, span).map_or(Reading::Nothing, Reading::Part),
    }
}

/// How many keys are tried whether serde reads them though the schema does not name them.
const TRIED: usize = 20;

/// Takes back what was told of keys that are other spellings of one.
fn spare_aliases<T>(reader: &Reader, table: &Table, span: Span)
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let outcome = |trial: Reader| {
        let is_read = once::<T>(&trial, table, span).is_ok();
        reader.add_lookups(trial.lookups());
        let refusals: Vec<_> = trial.take_unplaced().iter().map(|one| one.refusal.to_string()).collect();
        (is_read, refusals, trial.findings().aside())
    };
    let minds = |path: &str| {
        let written = outcome(reader.trial(path, []));
        let with = |probe| outcome(reader.trial(path, []).with_probe(path, probe));
        SubstituteValue::ALL.iter().any(|probe| with(*probe) != written)
    };
    for (path, key) in reader.probes().passed_over().into_iter().take(TRIED) {
        if !reader.is_costly() && minds(&path) {
            reader.findings().withdraw_unknown(&path, key);
        }
    }
}

/// Reads a section twice more, with one set of placeholders and then with the other, after all of its problems have been
/// reported: a further problem in these readings is caused by a placeholder, and is dropped.
fn twice<T: DeserializeOwned>(reader: &Reader, table: &Table, span: Span) -> Option<Part<T>> {
    let one = attempt(reader, table, span)?;
    reader.change_placeholders();
    let other = attempt(reader, table, span)?;
    Some(Part { one, other, aside: reader.findings().aside() })
}

/// Reads until nothing new is to be told.
fn attempt<T: DeserializeOwned>(reader: &Reader, table: &Table, span: Span) -> Option<T> {
    let mut attempts = 0;
    loop {
        reader.begin();
        match once(reader, table, span) {
            Ok(config) => return Some(config),
            Err(_) => {
                attempts += 1;
                if !reader.has_progress() || attempts == ATTEMPTS || reader.is_costly() {
                    return None;
                }
            }
        }
    }
}

/// Reads once; what is refused has been recorded.
fn once<T: DeserializeOwned>(reader: &Reader, table: &Table, span: Span) -> Result<T, DeserializeError> {
    let source = Source::Root(table, span);
    let root = value_deserializer::ValueDeserializer { reader, path: &Path::Root, source };
    T::deserialize(root).map_err(|refusal| reader.refused(&Path::Root, source, refusal))
}
