//! TOML text to our tree, with every syntax error.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::chunks::{Chunk, MIN_CHUNK, chunks};
use super::syntax::{self, Mistake};
use super::{Key, Node, Number, Problems, Span, Table, Value, code};

/// How deep tables and lists may nest; more is taken for a mistake, or an attack on the stack.
pub const MAX_DEPTH: usize = 64;

/// Reads TOML. All syntax errors are reported, at most one a line, since the parser takes up again behind each; the
/// table holds what could be read, which behind an error may be anything: show none of it. The messages hold nothing of the
/// text, but for the name of a key that is given twice where nothing else is wrong. Spans begin at `base`, the place of `text` in the address space of all files.
///
/// ```
/// use wirework::config::{Problems, parse_toml};
/// let mut problems = Problems::new();
/// let table = parse_toml("connection.host = 'h'\nport = \nlevel = info", 0, &mut problems);
/// assert_eq!(problems.len(), 2);
/// assert_eq!(table.find("connection.host").and_then(|host| host.as_str()), Some("h"));
/// ```
pub fn parse_toml(text: &str, base: u32, problems: &mut Problems) -> Table {
    parse_toml_timed(text, base, problems).0
}

/// The same, with the time that the TOML parser took; what it takes to make our tree of its own is not in it.
pub fn parse_toml_timed(text: &str, base: u32, problems: &mut Problems) -> (Table, Duration) {
    let began = Instant::now();
    let chunks = chunks(text, MIN_CHUNK);
    let mut took = began.elapsed();
    if chunks.len() > 1
        && let Some(table) = in_chunks(&chunks, base, &mut took)
    {
        return (table, took);
    }
    let began = Instant::now();
    let (document, errors) = DeTable::parse_recoverable(text);
    took += began.elapsed();
    let mut reader = Reader { text, base, names: HashSet::default(), deep: Vec::new() };
    let table = reader.table(document.into_inner(), 0);
    // In a text that is broken, what looks like a key may be part of a value.
    let sound = reader.deep.is_empty()
        && errors.iter().all(|error| Mistake::of(error.message()) == Mistake::DuplicateKey);
    let errors = errors.iter().map(|error| {
        let range = error.span();
        let span = range.clone().map_or_else(Span::default, |range| shift(base, range));
        let key = range.and_then(|range| text.get(range)).filter(|_| sound);
        (span, Wrong::Syntax(error.message(), key))
    });
    let mut wrong: Vec<_> =
        reader.deep.into_iter().map(|span| (span, Wrong::TooDeep)).chain(errors).collect();
    wrong.sort_by_key(|(span, _)| span.start);
    let (mut last, mut first) = (None, None);
    for (span, wrong) in wrong {
        let line = line_of(text, span.start.saturating_sub(base), last);
        first = match first.take() {
            Some((span, first)) if last.is_some_and(|(before, _)| before != line.0) => {
                Wrong::tell(&first, text, base, span, problems);
                None
            }
            // What follows on the same line is nearly always a consequence of the first; but that a key is given twice is
            // nothing beside a mistake that breaks the line.
            Some((_, first)) if first.is_duplicate() && !wrong.is_duplicate() => None,
            first => first,
        }
        .or(Some((span, wrong)));
        last = Some(line);
    }
    if let Some((span, first)) = first {
        first.tell(text, base, span, problems);
    }
    (table, took)
}

/// What is wrong at a place; put into words only when it is told of, since a text can be wrong in every byte.
enum Wrong<'t> {
    /// What the parser says, and the key that it says it of, where that may be shown.
    Syntax(&'t str, Option<&'t str>),
    TooDeep,
}

impl Wrong<'_> {
    /// Whether it says that a key is given twice.
    fn is_duplicate(&self) -> bool {
        matches!(self, Self::Syntax(message, _) if Mistake::of(message) == Mistake::DuplicateKey)
    }

    fn tell(&self, text: &str, base: u32, span: Span, problems: &mut Problems) {
        match self {
            // Of which there is a code of its own.
            Self::Syntax(message, _) if problems.is_full(syntax::code_of(Mistake::of(message))) => {
                problems.omit(syntax::code_of(Mistake::of(message)));
            }
            Self::TooDeep if problems.is_full(code::BAD_SYNTAX) => {
                problems.omit(code::BAD_SYNTAX);
            }
            Self::Syntax(message, key) => {
                let at = span.start.saturating_sub(base) as usize;
                problems.push(syntax::problem(message, *key, (text, at), span));
            }
            Self::TooDeep => {
                let message = format!("tables and lists nest deeper than {MAX_DEPTH}");
                problems.error(code::BAD_SYNTAX, span, message);
            }
        }
    }
}

/// Reads one chunk after the other. `None` where there is anything to complain of, or a table is in two chunks: that takes
/// the whole text.
fn in_chunks(chunks: &[Chunk<'_>], base: u32, took: &mut Duration) -> Option<Table> {
    let mut reader = Reader { text: "", base, names: HashSet::default(), deep: Vec::new() };
    let mut all = Vec::new();
    for chunk in chunks {
        let began = Instant::now();
        let (document, errors) = DeTable::parse_recoverable(chunk.text);
        *took += began.elapsed();
        if !errors.is_empty() {
            return None;
        }
        reader.text = chunk.text;
        reader.base = base.saturating_add(u32::try_from(chunk.at).unwrap_or(u32::MAX));
        let first = all.len();
        reader.pairs(document.into_inner(), 0, &mut all);
        if chunk.continues {
            join(&mut all, first)?;
        }
    }
    Table::of(all).filter(|_| reader.deep.is_empty())
}

/// Puts the list at `at`, with which a chunk begins, behind the list of that name before it.
fn join(all: &mut Vec<(Key, Node)>, at: usize) -> Option<()> {
    if at >= all.len() {
        return None;
    }
    let (key, more) = all.remove(at);
    let (_, list) = all.iter_mut().take(at).rev().find(|(before, _)| *before == key)?;
    match (&mut list.value, more.value) {
        (Value::Array(list), Value::Array(more)) => list.extend(more),
        _ => return None,
    }
    Some(())
}

/// The number of the line at `offset`, counted on from a place before it.
fn line_of(text: &str, offset: u32, from: Option<(usize, usize)>) -> (usize, usize) {
    let (line, start) = from.unwrap_or((0, 0));
    let end = (offset as usize).min(text.len()).max(start);
    let between = text.as_bytes().get(start..end).unwrap_or_default();
    (line + between.iter().filter(|byte| **byte == b'\n').count(), end)
}

fn shift(base: u32, range: std::ops::Range<usize>) -> Span {
    let at = |offset: usize| base.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
    Span::new(at(range.start), at(range.end))
}

struct Reader<'t> {
    /// What is read, which begins at `base`.
    text: &'t str,
    base: u32,
    /// The names of keys so far: a large manifest has few, each many times.
    names: HashSet<Arc<str>, foldhash::fast::RandomState>,
    /// What nests too deep.
    deep: Vec<Span>,
}

impl Reader<'_> {
    fn table(&mut self, table: DeTable<'_>, depth: usize) -> Table {
        let mut pairs = Vec::with_capacity(table.len());
        self.pairs(table, depth, &mut pairs);
        // The parser gives no key twice.
        Table::of(pairs).unwrap_or_default()
    }

    fn pairs(&mut self, table: DeTable<'_>, depth: usize, to: &mut Vec<(Key, Node)>) {
        let first = to.len();
        for (key, value) in table {
            let span = shift(self.base, key.span());
            if let Some(node) = self.node(value, depth) {
                to.push((Key::new(self.name(key.into_inner()), span), node));
            }
        }
        // The parser may sort by name; a reader of a manifest expects the order in which it was written.
        let new = to.get_mut(first..).unwrap_or_default();
        if !new.is_sorted_by_key(|(key, _)| key.span.start) {
            new.sort_by_key(|(key, _)| key.span.start);
        }
    }

    fn name(&mut self, name: Cow<'_, str>) -> Arc<str> {
        if let Some(known) = self.names.get(&*name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, depth: usize) -> Option<Node> {
        let range = value.span();
        let span = shift(self.base, range.clone());
        let written = || self.text.get(range).unwrap_or_default();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Boolean(flag) => Value::Boolean(flag),
            DeValue::Datetime(time) => Value::Datetime(time.to_string()),
            DeValue::Integer(number) => integer(number.as_str(), number.radix(), written()),
            DeValue::Float(number) => {
                Value::Float(Number::float(number.as_str().parse().unwrap_or(f64::NAN), written()))
            }
            DeValue::Array(_) | DeValue::Table(_) if depth >= MAX_DEPTH => {
                self.deep.push(span);
                return None;
            }
            DeValue::Array(list) => {
                Value::Array(list.into_iter().filter_map(|node| self.node(node, depth + 1)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, depth + 1)),
        };
        Some(Node::new(value, span))
    }
}

/// A number beyond 64 bits becomes a float, so that whoever reads the key says what would be right.
fn integer(digits: &str, radix: u32, written: &str) -> Value {
    match i64::from_str_radix(digits, radix) {
        Ok(number) => Value::Integer(Number::integer(number, written)),
        Err(_) => Value::Float(Number::float(digits.parse().unwrap_or(f64::INFINITY), written)),
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
