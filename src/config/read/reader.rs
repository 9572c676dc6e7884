//! The state of reading one section: what was found so far, and what the next attempt will do otherwise.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::Schema;

use super::findings::Findings;
use super::marks::Mark;
use super::path::Path;
use super::probe::{Probes, SubstituteValue};
use super::refusal::{DeserializeError, Unplaced};
use super::shape;
use super::source::Source;
use crate::config::{Problem, Problems, Span, Table, code, mask_uri, place};
use crate::text::escape;

/// How much all attempts together may cost, in places looked up: a large section is not read again as often as a small one.
const MAX_LOOKUPS: usize = 200_000;

/// Shared by all deserializers of one section.
pub struct Reader {
    findings: Findings,
    /// How often a place was looked up among the marks: what another attempt costs.
    looked: Cell<usize>,
    progress: Cell<bool>,
    broken: Cell<bool>,
    /// Whether placeholders are the other ones.
    other: Cell<bool>,
    /// The tables that serde collected before it decided what they are.
    collected: RefCell<BTreeSet<String>>,
    /// The values in them.
    values: RefCell<BTreeSet<String>>,
    /// Tables that serde had collected and their types refused, in the order of refusal.
    unplaced: RefCell<Vec<Unplaced>>,
    /// The table, where this is a reading that only shows what that refuses.
    trial: Option<String>,
    probes: Probes,
}

crate::opaque::opaque!(Reader);

impl Reader {
    /// A reader for a type with this schema, which is only asked for when there is something to say; `problems` is where it
    /// says so.
    pub fn new(schema: fn() -> Arc<Schema>, problems: Problems) -> Self {
        Self {
            findings: Findings::new(schema, problems),
            looked: Cell::new(0),
            progress: Cell::new(false),
            broken: Cell::new(false),
            other: Cell::new(false),
            collected: RefCell::default(),
            values: RefCell::default(),
            unplaced: RefCell::default(),
            trial: None,
            probes: Probes::default(),
        }
    }

    /// The same with something else at a place.
    pub fn with_probe(self, path: &str, probe: SubstituteValue) -> Self {
        Self { probes: Probes::at(path, probe), ..self }
    }

    /// Another reading to see what a collected table refuses when these places are left out.
    pub fn trial<'a>(&self, table: &str, left_out: impl IntoIterator<Item = &'a str>) -> Self {
        let findings = self.findings.trial(table, left_out);
        Self {
            findings,
            trial: Some(table.to_owned()),
            ..Self::new(self.findings.known().make(), Problems::new())
        }
    }

    /// Takes out the refusals of collected tables so far.
    pub fn take_unplaced(&self) -> Vec<Unplaced> {
        self.unplaced.take()
    }

    /// Notes that serde collects the value at a place.
    pub fn collects_value(&self, path: &Path<'_>) {
        if !self.collected.borrow().is_empty() {
            self.values.borrow_mut().insert(path.to_string());
        }
    }

    /// Whether serde collects the value at a dotted path.
    pub fn is_collected_value(&self, path: &str) -> bool {
        self.values.borrow().contains(path)
    }

    /// The keys that only the schema does not know, and what stands in their place.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// What was found so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Begins another attempt.
    pub fn begin(&self) {
        self.progress.set(false);
    }

    /// Asks for another attempt, since something was set aside that ended this one.
    pub fn again(&self) {
        self.progress.set(true);
    }

    /// Whether this attempt found something that will change the next one.
    pub fn has_progress(&self) -> bool {
        self.progress.get()
    }

    /// Sets aside a value whose problem has been reported before.
    pub fn broken(&self, path: &Path<'_>) {
        self.broken.set(true);
        let path = path.to_string();
        if self.findings.marks().get(&path).is_none() {
            self.findings.mark_as(path, Mark::Placeholder);
        }
    }

    /// Whether a value was met that has been reported before, so that there can be no configuration.
    pub fn has_broken(&self) -> bool {
        self.broken.get()
    }

    /// From now on other values stand for those that cannot be had.
    pub fn change_placeholders(&self) {
        self.other.set(true);
    }

    /// Whether this is the second reading, with the other set of placeholders.
    pub fn has_other_placeholders(&self) -> bool {
        self.other.get()
    }

    /// The whole number that stands for one that cannot be had.
    pub fn number<T: From<u8>>(&self) -> T {
        T::from(if self.other.get() { 2 } else { 1 })
    }

    /// Counts what another reading has looked up.
    pub fn add_lookups(&self, more: usize) {
        self.looked.set(self.looked.get() + more);
    }

    /// How often a place was looked up among the marks, in all attempts.
    pub fn lookups(&self) -> usize {
        self.looked.get()
    }

    /// Whether the marks were asked so often that reading the section once more would take too long.
    pub fn is_costly(&self) -> bool {
        self.looked.get() > MAX_LOOKUPS
    }

    /// Whether any place is marked; where none is, nobody needs to ask for one.
    pub fn has_marks(&self) -> bool {
        !self.findings.marks().is_empty()
    }

    /// The mark of a place.
    pub fn mark(&self, path: &Path<'_>) -> Option<Mark> {
        let marks = self.findings.marks();
        if marks.is_empty() {
            return None;
        }
        self.looked.set(self.looked.get() + 1);
        marks.get(&path.to_string())
    }

    /// Whether an element of a list or a map is kept: one that cannot be read is left out in the first reading, and
    /// replaced by a placeholder in the second.
    pub fn keeps(&self, path: &Path<'_>) -> bool {
        match self.mark(path) {
            None => true,
            Some(Mark::Placeholder) => self.other.get(),
            Some(Mark::Omitted) => false,
        }
    }

    /// See [`Marks::rank`](super::marks::Marks::rank).
    pub fn rank(&self, path: &Path<'_>) -> Option<Mark> {
        self.looked.set(self.looked.get() + 1);
        let path = path.to_string();
        // Where a table is tried, the order is as written: serde collects what stands before the tag, and that alone.
        let is_tried = |table: &String| {
            table.is_empty()
                || path.strip_prefix(&**table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if self.trial.as_ref().is_some_and(is_tried) {
            return None;
        }
        self.findings.marks().rank(&path)
    }

    /// The missing keys for which placeholders are given to serde in a table.
    pub fn supplied(&self, path: &Path<'_>) -> Vec<&'static str> {
        if self.has_marks() { self.findings.marks().supplied(&path.to_string()) } else { Vec::new() }
    }

    /// Notes that serde collects the table at a place, so that its refusal will not say what is wrong in it.
    pub fn collects(&self, path: &Path<'_>) {
        self.collected.borrow_mut().insert(path.to_string());
    }

    /// Tells of every key of a collected table that is not known.
    pub fn look_for_unknown(&self, path: &Path<'_>, table: &Table) {
        for key in shape::unknown_keys(&self.findings, &self.findings.known().schema(), path, table) {
            self.probes.pass_over(path.key(&key.name).to_string(), key.span);
        }
    }

    /// Whether a key in a table that serde collects is a number, and not a string that looks like one.
    pub fn is_number(&self, table: &Path<'_>, key: &str) -> bool {
        key.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && !self.collected.borrow().is_empty()
            && self.findings.known().has_numbers_as_keys(table)
    }

    /// Whether a value that serde collects belongs to a [`Duration`](std::time::Duration).
    pub fn is_duration(&self, path: &Path<'_>) -> bool {
        !self.collected.borrow().is_empty() && self.findings.known().is_duration(path)
    }

    /// Records why the key of an entry was refused, and leaves the entry out.
    pub fn bad_key(&self, path: &Path<'_>, span: Span, refusal: &DeserializeError) -> DeserializeError {
        let message = format!("the key of `{}`: {}", path.shown(), mask_uri(&refusal.to_string()));
        self.findings.record(path, || Problem::error(code::BAD_KEY, span, escape(&message)));
        self.mark_as(path.to_string(), Mark::Omitted);
        DeserializeError::Recorded
    }

    /// Takes over what a type refused at `path`, and answers what to tell serde.
    pub fn refused(
        &self,
        path: &Path<'_>,
        source: Source<'_>,
        refusal: DeserializeError,
    ) -> DeserializeError {
        if matches!(refusal, DeserializeError::Recorded) {
            return refusal;
        }
        let text = path.to_string();
        let before = self.findings.marks().get(&text);
        match (before, source) {
            (None, Source::Nothing | Source::Meant) => self.mark_as(text, Mark::Omitted),
            (None, _) => {
                if self.is_left_unplaced(&text, &refusal) {
                    self.leave_unplaced(path, &text, source, refusal);
                } else if !self.explained(path, &text, source)
                    && !self.lacks_what_was_set_aside(path, &refusal)
                {
                    self.findings.record(path, || self.findings.refusal_problem(path, source, &refusal));
                }
                self.mark_as(text, Mark::Placeholder);
                self.progress.set(true);
            }
            (Some(_), _) => self.mark_as(text, Mark::Omitted),
        }
        DeserializeError::Recorded
    }

    /// Whether serde misses a key of a collected table only because what stands there has been told of.
    fn lacks_what_was_set_aside(&self, path: &Path<'_>, refusal: &DeserializeError) -> bool {
        let DeserializeError::Missing(name) = refusal else { return false };
        if !self.findings.marks().supplied(&path.to_string()).is_empty() {
            return true;
        }
        let key = path.key(name).to_string();
        let marks = self.findings.marks();
        marks.get(&key).is_some() || marks.is_meant(&key)
    }

    fn is_left_unplaced(&self, table: &str, refusal: &DeserializeError) -> bool {
        (self.trial.is_some() || refusal.is_of_a_value())
            && (self.collected.borrow().contains(table) || self.has_collected_in(table))
    }

    /// Whether serde has collected values of a table, which it has read otherwise.
    fn has_collected_in(&self, table: &str) -> bool {
        let under = if table.is_empty() { String::new() } else { format!("{table}.") };
        self.values.borrow().range(under.clone()..).next().is_some_and(|value| value.starts_with(&under))
    }

    /// Leaves it for the end of the reading to find out which value in a collected table it was.
    fn leave_unplaced(&self, path: &Path<'_>, table: &str, source: Source<'_>, refusal: DeserializeError) {
        let is_told = self.trial.is_some() || self.explained(path, table, source);
        let otherwise = (!is_told).then(|| self.findings.refusal_problem(path, source, &refusal));
        self.unplaced.borrow_mut().push(Unplaced { table: table.to_owned(), refusal, otherwise });
    }

    /// Whether the schema says of a collected table, or of a value that may be of several types, what is wrong; then that has been
    /// recorded.
    fn explained(&self, path: &Path<'_>, text: &str, source: Source<'_>) -> bool {
        let schema = self.findings.known().schema();
        if self.collected.borrow().contains(text) {
            if let Some(table) = source.table() {
                self.look_for_unknown(path, table);
            }
            // What has been told of its keys is why it was refused.
            return shape::mistakes(&self.findings, &schema, path, source)
                || self.findings.marks().has_inside(text);
        }
        let place = place::look_up(&schema, &path.segments());
        let applies = source.is_leaf() && (place.is_untagged() || place.takes_tables_only());
        applies && shape::mistakes(&self.findings, &schema, path, source)
    }

    /// A key that serde misses in the table at `path`.
    pub fn missing(&self, path: &Path<'_>, source: Source<'_>, name: &'static str) -> DeserializeError {
        let key = path.key(name).to_string();
        let table = path.to_string();
        let reported = {
            let marks = self.findings.marks();
            let other_spelling = || {
                let schema = self.findings.known().schema();
                let known = place::names_at(&schema, &path.segments());
                marks.lost_other_than(&table, |lost| known.contains(&lost))
            };
            marks.get(&key).is_some()
                || marks.is_meant(&key)
                || marks.get(&table).is_some()
                || other_spelling()
        };
        if !reported && !matches!(source, Source::Nothing) {
            self.findings.misses(path, source.span(), name);
        }
        if self.findings.supply_missing(table, name) {
            self.progress.set(true);
        }
        DeserializeError::Recorded
    }

    /// A key that came twice, by two spellings; `path` is the second.
    pub fn twice(&self, path: &Path<'_>, span: Span, name: &'static str) -> DeserializeError {
        self.findings.record(path, || {
            let other = path.last_key();
            let message = if other == name {
                format!("`{}` is given twice, by two of its spellings", path.shown())
            } else {
                format!("`{}` is another spelling of `{name}`, which is given too", path.shown())
            };
            Problem::error(code::DUPLICATE_KEY, span, message).with_help("keep one of them")
        });
        self.mark_as(path.to_string(), Mark::Omitted);
        DeserializeError::Recorded
    }

    fn mark_as(&self, path: String, mark: Mark) {
        if self.findings.mark_as(path, mark) {
            self.progress.set(true);
        }
    }
}
