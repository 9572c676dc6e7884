//! The place of what a type refused in a table that serde had collected before it read it.
//!
//! serde only says why. Which value it was shows when one after another is left out: without one that is read earlier serde
//! misses a key, without one that is read later it says the same, and without the refused one it says something else or nothing.

use std::cell::Cell;

use super::path::{Path, Segment};
use super::probe::SubstituteValue;
use super::reader::Reader;
use super::refusal::{DeserializeError, Unplaced};
use super::source::Source;
use crate::config::{MOST_OF_A_KIND, Span, Value};

/// How often a section is read to find the places of what it refused.
const TRIALS: usize = 200;

/// Tells of everything that collected tables refused, each at its place. `read` reads the section once.
pub fn tell(reader: &Reader, root: Source<'_>, read: &dyn Fn(&Reader)) {
    let trials = Cell::new(0);
    for Unplaced { table, otherwise, .. } in reader.take_unplaced() {
        let mut search = Search { reader, read, table: &table, left_out: Vec::new(), trials: &trials };
        let mut steps = Vec::new();
        let found =
            find(root, &Path::Root, &table, &mut steps).map_or(0, |source| search.all(&steps, source));
        if let (0, Some(problem)) = (found, otherwise) {
            reader.findings().add(problem);
        }
    }
}

/// The value at a dotted path, and the steps that lead to it.
fn find<'t>(
    source: Source<'t>,
    path: &Path<'_>,
    wanted: &str,
    steps: &mut Vec<Segment<'t>>,
) -> Option<Source<'t>> {
    if path.to_string() == wanted {
        return Some(source);
    }
    children(source).into_iter().find_map(|(step, _, child)| {
        let path = Path::Step(path, step);
        let text = path.to_string();
        let leads = wanted.strip_prefix(&*text).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if !leads {
            return None;
        }
        steps.push(step);
        find(child, &path, wanted, steps)
    })
}

/// The values of a table or a list, each with its key or index and the place where that is written.
fn children(source: Source<'_>) -> Vec<Child<'_>> {
    if let Some(table) = source.table() {
        let pairs = table.iter();
        return pairs.map(|(key, node)| (Segment::Key(&key.name), key.span, Source::Node(node))).collect();
    }
    match source {
        Source::Node(node) => match &node.value {
            Value::Array(list) => {
                let elements = list.iter().enumerate();
                elements.map(|(index, node)| (Segment::Index(index), node.span, Source::Node(node))).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

type Child<'t> = (Segment<'t>, Span, Source<'t>);

/// A value that may have been refused.
struct RefusedValue<'t> {
    steps: Vec<Segment<'t>>,
    /// Where its key stands.
    key: Span,
    source: Source<'t>,
}

/// Looks for what one collected table refused.
struct Search<'s> {
    reader: &'s Reader,
    read: &'s dyn Fn(&Reader),
    table: &'s str,
    /// The places that were found, which are left out to find the next one.
    left_out: Vec<String>,
    trials: &'s Cell<usize>,
}

impl Search<'_> {
    /// Tells of everything that is refused in the table; answers how much that was.
    fn all<'t>(&mut self, steps: &[Segment<'t>], table: Source<'t>) -> usize {
        let mut found = 0;
        while found < MOST_OF_A_KIND {
            let Some(refusal) = self.refusal(&[]).filter(DeserializeError::is_of_a_value) else { break };
            let Some(refused) = self.refused_value(steps, table, &refusal) else { break };
            self.record(&refused, &refusal);
            self.left_out.push(dotted(&refused.steps));
            found += 1;
        }
        found
    }

    /// What the table refuses when these are left out, too; nothing where the trials are used up.
    fn refusal(&self, also: &[&str]) -> Option<DeserializeError> {
        let left_out = self.left_out.iter().map(String::as_str).chain(also.iter().copied());
        self.try_with(self.reader.trial(self.table, left_out))
    }

    fn try_with(&self, trial: Reader) -> Option<DeserializeError> {
        self.trials.set(self.trials.get() + 1);
        (self.read)(&trial);
        self.reader.add_lookups(trial.lookups());
        trial.take_unplaced().into_iter().find(|one| one.table == self.table).map(|one| one.refusal)
    }

    /// The innermost value without which the refusal is another.
    fn refused_value<'t>(
        &self,
        steps: &[Segment<'t>],
        source: Source<'t>,
        refusal: &DeserializeError,
    ) -> Option<RefusedValue<'t>> {
        let mut certain: Vec<RefusedValue<'t>> = Vec::new();
        let mut last: Option<(RefusedValue<'t>, DeserializeError)> = None;
        for (step, key, source) in children(source) {
            let steps: Vec<_> = steps.iter().copied().chain([step]).collect();
            let text = dotted(&steps);
            if !self.reader.is_collected_value(&text) || self.left_out.contains(&text) {
                continue;
            }
            if self.is_used_up() {
                return None;
            }
            let refused = RefusedValue { steps, key, source };
            match self.refusal(&[&text]) {
                Some(other) if other == *refusal => {}
                Some(missing @ DeserializeError::Missing(_)) => {
                    // Of two without which serde misses a key, it reads the one first that it misses without both.
                    let is_later = last.as_ref().is_none_or(|(before, said)| {
                        let both = self.refusal(&[&dotted(&before.steps), &text]);
                        both.is_some_and(|both| both == *said)
                    });
                    if is_later {
                        last = Some((refused, missing));
                    }
                }
                _ => certain.push(refused),
            }
        }
        // Two of which each is enough to mend it are refused together: that is the table's.
        let found = match certain.len() {
            0 => last.map(|(refused, _)| refused),
            1 => certain.pop(),
            _ => None,
        }?;
        self.refused_value(&found.steps, found.source, refusal).or(Some(found))
    }

    fn is_used_up(&self) -> bool {
        self.trials.get() >= TRIALS || self.reader.is_costly()
    }

    fn record(&self, refused: &RefusedValue<'_>, refusal: &DeserializeError) {
        along(&Path::Root, &refused.steps, &mut |path| match path {
            Path::Step(parent, Segment::Key(_)) if self.is_key(parent, path, refusal) => {
                self.reader.bad_key(path, refused.key, refusal);
            }
            _ => self
                .reader
                .findings()
                .record(path, || self.reader.findings().refusal_problem(path, refused.source, refusal)),
        });
    }

    /// Whether it is the key of an entry that is refused: then it makes no difference what stands there.
    fn is_key(&self, parent: &Path<'_>, path: &Path<'_>, refusal: &DeserializeError) -> bool {
        let text = path.to_string();
        let is_entry =
            !self.reader.findings().known().keys_at(parent).iter().any(|key| key == path.last_key());
        let with = |probe| {
            let left_out = self.left_out.iter().map(String::as_str);
            self.try_with(self.reader.trial(self.table, left_out).with_probe(&text, probe))
        };
        is_entry
            && SubstituteValue::ALL.into_iter().all(|probe| with(probe).is_some_and(|one| one == *refusal))
    }
}

fn dotted(steps: &[Segment<'_>]) -> String {
    let mut text = String::new();
    along(&Path::Root, steps, &mut |path| text = path.to_string());
    text
}

fn along(path: &Path<'_>, steps: &[Segment<'_>], then: &mut dyn FnMut(&Path<'_>)) {
    match steps.split_first() {
        None => then(path),
        Some((step, rest)) => along(&Path::Step(path, *step), rest, then),
    }
}
