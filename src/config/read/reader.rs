//! The state of reading one section: its problems so far, and what is marked for the next attempt.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::Schema;

use super::known::Known;
use super::marks::{Mark, Marks};
use super::node::Source;
use super::path::{Path, Segment, shown_key};
use super::refusal::Refusal;
use super::shape;
use crate::config::suggest::quoted;
use crate::config::{Problem, Problems, Table, code, confidential, mask_uri, nearest, place};
use crate::text::escape;

/// Shared by all deserializers of one section.
pub struct Reader {
    known: Known,
    marks: RefCell<Marks>,
    problems: RefCell<Problems>,
    /// How often a place was looked up among the marks: what another attempt costs.
    looked: Cell<usize>,
    progress: Cell<bool>,
    broken: Cell<bool>,
    /// Whether placeholders are the other ones.
    other: Cell<bool>,
    /// The tables that serde collected before it decided what they are.
    collected: RefCell<BTreeSet<String>>,
}

crate::opaque::opaque!(Reader);

impl Reader {
    /// A reader for a type with this schema, which is only asked for when there is something to say; `problems` is where it
    /// says so.
    pub fn new(schema: fn() -> Arc<Schema>, problems: Problems) -> Self {
        Self {
            known: Known::new(schema),
            marks: RefCell::default(),
            problems: RefCell::new(problems),
            looked: Cell::new(0),
            progress: Cell::new(false),
            broken: Cell::new(false),
            other: Cell::new(false),
            collected: RefCell::default(),
        }
    }

    /// What is known of the keys.
    pub fn known(&self) -> &Known {
        &self.known
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
        let mut marks = self.marks.borrow_mut();
        let path = path.to_string();
        if marks.get(&path).is_none() {
            marks.set(path, Mark::Aside);
        }
    }

    /// Whether a value was met that has been reported before, so that there can be no configuration.
    pub fn has_broken(&self) -> bool {
        self.broken.get()
    }

    /// All that was recorded since the last time.
    pub fn take_problems(&self) -> Problems {
        self.problems.take()
    }

    /// From now on other values stand for those that cannot be had.
    pub fn change_placeholders(&self) {
        self.other.set(true);
    }

    /// Whether values that cannot be had are stood for by others than at first.
    pub fn has_other_placeholders(&self) -> bool {
        self.other.get()
    }

    /// The whole number that stands for one that cannot be had.
    pub fn number<T: From<u8>>(&self) -> T {
        T::from(if self.other.get() { 2 } else { 1 })
    }

    /// The places of all that could not be read, as dotted paths.
    pub fn aside(&self) -> Vec<String> {
        self.marks.borrow().places()
    }

    /// The keys of a table that unknown keys in it were probably meant to be, among those that it takes.
    pub fn meant(&self, table: &Path<'_>, fields: &[&'static str]) -> Vec<&'static str> {
        let marks = self.marks.borrow();
        fields.iter().copied().filter(|field| marks.is_meant(&table.key(field).to_string())).collect()
    }

    /// How often a place was looked up among the marks, in all attempts.
    pub fn looked(&self) -> usize {
        self.looked.get()
    }

    /// Whether any place is marked; where none is, nobody needs to ask for one.
    pub fn has_marks(&self) -> bool {
        !self.marks.borrow().is_empty()
    }

    /// The mark of a place.
    pub fn mark(&self, path: &Path<'_>) -> Option<Mark> {
        let marks = self.marks.borrow();
        if marks.is_empty() {
            return None;
        }
        self.looked.set(self.looked.get() + 1);
        marks.get(&path.to_string())
    }

    /// Whether an element of a list or a map stays: one that cannot be read is once left out, and once stood for.
    pub fn keeps(&self, path: &Path<'_>) -> bool {
        match self.mark(path) {
            None => true,
            Some(Mark::Aside) => self.other.get(),
            Some(Mark::Hopeless) => false,
        }
    }

    /// See [`Marks::rank`].
    pub fn rank(&self, path: &Path<'_>) -> Option<Mark> {
        self.looked.set(self.looked.get() + 1);
        self.marks.borrow().rank(&path.to_string())
    }

    /// The missing keys to feed to a table.
    pub fn fed(&self, path: &Path<'_>) -> Vec<&'static str> {
        if self.has_marks() { self.marks.borrow().fed(&path.to_string()) } else { Vec::new() }
    }

    /// Records a problem with the value at `path`, once, and sets the value aside.
    pub fn record(&self, path: &Path<'_>, problem: impl FnOnce() -> Problem) {
        if self.marks.borrow().get(&path.to_string()).is_none() {
            let problem = problem();
            self.problems.borrow_mut().push(problem);
            self.marks.borrow_mut().set(path.to_string(), Mark::Aside);
        }
    }

    /// Notes that serde collects the table at a place, so that its refusal will not say what is wrong in it.
    pub fn collects(&self, path: &Path<'_>) {
        self.collected.borrow_mut().insert(path.to_string());
    }

    /// Tells of every key of a collected table that is not known.
    pub fn look_for_unknown(&self, path: &Path<'_>, table: &Table) {
        shape::unknown_keys(self, &self.known.schema(), path, table);
    }

    /// How many problems have been recorded.
    pub fn recorded(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Whether a value that serde collects belongs to a [`Duration`](std::time::Duration).
    pub fn is_duration(&self, path: &Path<'_>) -> bool {
        !self.collected.borrow().is_empty() && self.known.is_duration(path)
    }

    /// Records why the key of an entry was refused, and leaves the entry out.
    pub fn bad_key(&self, path: &Path<'_>, span: crate::config::Span, refusal: &Refusal) -> Refusal {
        let message = format!("the key of `{}`: {}", path.shown(), mask_uri(&refusal.to_string()));
        self.record(path, || Problem::error(code::BAD_KEY, span, escape(&message)));
        self.mark_as(path.to_string(), Mark::Hopeless);
        Refusal::Recorded
    }

    /// Records a key that the table has no field for.
    pub fn unknown(&self, table: &Path<'_>, name: &str, span: crate::config::Span, facts: &Fields<'_>) {
        let path = table.key(name);
        if self.problems.borrow().is_full(code::UNKNOWN_KEY) {
            return self.count_unknown(&path);
        }
        let present = facts.present;
        self.record(&path, || {
            let problem = Problem::error(code::UNKNOWN_KEY, span, format!("unknown key `{}`", path.shown()));
            if let Some(key) = self.known.dotted(name) {
                return problem.with_help(format!("write `{key}` without quotes around all of it"));
            }
            // A table that is there can still be meant by another, as `conection.host` is beside `connection.port`.
            let is_table = |name: &str| {
                present.and_then(|table| table.get(name)).is_some_and(|node| node.as_table().is_some())
            };
            let is_there = |field: &str| present.is_some_and(|table| table.get(field).is_some());
            let can_be = |field: &&str| !is_there(field) || (is_table(name) && is_table(field));
            let free = facts.known.iter().copied().filter(can_be);
            if let Some(meant) = nearest(name, free) {
                let meant = table.key(meant);
                let help = format!("did you mean `{}`?", meant.shown());
                self.marks.borrow_mut().mean(meant.to_string());
                return problem.with_help(help);
            }
            match self.known.elsewhere(name, facts.known) {
                Some(key) => problem.with_help(format!("did you mean `{key}`{}?", beside(&key, table))),
                None if facts.known.is_empty() => problem.with_help("no key is known here"),
                None => problem.with_help(format!("known here: {}", quoted(facts.known.iter().copied()))),
            }
        });
    }

    /// Sets a key aside that nothing is said of but that there is one more.
    fn count_unknown(&self, path: &Path<'_>) {
        let path = path.to_string();
        let mut marks = self.marks.borrow_mut();
        if marks.get(&path).is_none() {
            self.problems.borrow_mut().omit(code::UNKNOWN_KEY);
            marks.set(path, Mark::Aside);
        }
    }

    /// Takes over what a type refused at `path`, and answers what to tell serde.
    pub fn refused(&self, path: &Path<'_>, source: Source<'_>, refusal: Refusal) -> Refusal {
        if matches!(refusal, Refusal::Recorded) {
            return refusal;
        }
        let text = path.to_string();
        let before = self.marks.borrow().get(&text);
        match (before, source) {
            (None, Source::Nothing | Source::Meant) => self.mark_as(text, Mark::Hopeless),
            (None, _) => {
                if !self.explained(path, &text, source) {
                    self.record(path, || self.refusal_problem(path, source, &refusal));
                }
                self.mark_as(text, Mark::Aside);
                self.progress.set(true);
            }
            (Some(_), _) => self.mark_as(text, Mark::Hopeless),
        }
        Refusal::Recorded
    }

    /// Whether the schema says of a collected table, or of a value that may be of several types, what is wrong; then that has been
    /// recorded.
    fn explained(&self, path: &Path<'_>, text: &str, source: Source<'_>) -> bool {
        let schema = self.known.schema();
        if self.collected.borrow().contains(text) {
            // What has been told of its keys is why it was refused.
            return shape::mistakes(self, &schema, path, source) || self.marks.borrow().has_inside(text);
        }
        let place = place::look_up(&schema, &path.segments());
        let applies = source.is_leaf() && (place.is_untagged() || place.takes_tables_only());
        applies && shape::mistakes(self, &schema, path, source)
    }

    fn mark_as(&self, path: String, mark: Mark) {
        if self.marks.borrow_mut().set(path, mark) {
            self.progress.set(true);
        }
    }

    fn refusal_problem(&self, path: &Path<'_>, source: Source<'_>, refusal: &Refusal) -> Problem {
        match refusal {
            Refusal::Expected(what) => self.wrong(path, source, code::BAD_VALUE, what),
            Refusal::Variant(known) => self.none_of(path, source, known),
            _ => {
                let name =
                    if let Path::Root = path { String::new() } else { format!("`{}`: ", path.shown()) };
                let may_show = self.may_show(path, source);
                let text = refusal.to_string();
                let message = if may_show || matches!(path, Path::Root) {
                    format!("{name}{}", mask_uri(&text))
                } else {
                    format!("{name}the value is not accepted")
                };
                let problem = Problem::error(code::BAD_VALUE, source.span(), escape(&message));
                if may_show && source.is_leaf() { problem.with_shown(source.span()) } else { problem }
            }
        }
    }

    /// A key that serde misses in the table at `path`.
    pub fn missing(&self, path: &Path<'_>, source: Source<'_>, name: &'static str) -> Refusal {
        let key = path.key(name).to_string();
        let table = path.to_string();
        let reported = {
            let marks = self.marks.borrow();
            let other_spelling = || {
                let schema = self.known.schema();
                let known = place::names_at(&schema, &path.segments());
                marks.lost_other_than(&table, |lost| known.contains(&lost))
            };
            marks.get(&key).is_some()
                || marks.is_meant(&key)
                || marks.get(&table).is_some()
                || other_spelling()
        };
        if !reported && !matches!(source, Source::Nothing) {
            self.misses(path, source.span(), name);
        }
        if self.marks.borrow_mut().feed(table, name) {
            self.progress.set(true);
        }
        Refusal::Recorded
    }

    /// Records that a table has to have a key, and has not.
    pub fn misses(&self, path: &Path<'_>, span: crate::config::Span, name: &str) {
        let key = path.key(name);
        if self.marks.borrow().is_meant(&key.to_string()) {
            return;
        }
        let mut problem = Problem::error(code::MISSING_KEY, span, format!("missing key `{}`", key.shown()));
        if let Some(doc) = place::describe(&self.known.schema(), &key.segments()) {
            problem = problem.with_help(format!("add `{name}`, {doc}"));
        }
        self.problems.borrow_mut().push(problem);
    }

    /// A key that came twice, by two spellings; `path` is the second.
    pub fn twice(&self, path: &Path<'_>, span: crate::config::Span, name: &'static str) -> Refusal {
        self.record(path, || {
            let other = path.last_key();
            let message = if other == name {
                format!("`{}` is given twice, by two of its spellings", path.shown())
            } else {
                format!("`{}` is another spelling of `{name}`, which is given too", path.shown())
            };
            Problem::error(code::DUPLICATE_KEY, span, message).with_help("keep one of them")
        });
        self.mark_as(path.to_string(), Mark::Hopeless);
        Refusal::Recorded
    }

    /// A value of a type or in a range that the field does not want.
    pub fn wrong(&self, path: &Path<'_>, source: Source<'_>, code: &'static str, wanted: &str) -> Problem {
        let may_show = self.may_show(path, source);
        let found = source.found(may_show);
        let message = format!("`{}`: expected {wanted}, found {found}", path.shown());
        let problem = Problem::error(code, source.span(), escape(&message));
        if may_show && source.is_leaf() { problem.with_shown(source.span()) } else { problem }
    }

    /// A text that is none of those that are accepted.
    pub fn none_of(&self, path: &Path<'_>, source: Source<'_>, known: &[&str]) -> Problem {
        let problem = self.wrong(path, source, code::BAD_VALUE, &one_of(known));
        let given = source.text().filter(|_| !source.is_secret());
        match given.and_then(|given| nearest(given, known.iter().copied())) {
            Some(meant) => problem.with_help(format!("did you mean `{meant}`?")),
            None => problem,
        }
    }

    /// Whether a message may show the value: its key is known and not secret, and neither is where it came from.
    pub fn may_show(&self, path: &Path<'_>, source: Source<'_>) -> bool {
        !source.is_secret() && confidential::is_public(&self.known.schema(), &path.segments())
    }
}

/// What a key of the section itself stands beside, where it was looked for in one of its tables.
fn beside(key: &str, table: &Path<'_>) -> String {
    match table.segments().first() {
        Some(Segment::Key(first)) if !key.contains('.') => format!(", beside `{}`", shown_key(first)),
        _ => String::new(),
    }
}

/// The names that are accepted, for a message.
pub fn one_of(names: &[&str]) -> String {
    let quoted = quoted(names.iter().copied());
    if names.len() == 1 { quoted } else { format!("one of {quoted}") }
}

/// What a table can take, for the message about a key that it can not.
pub struct Fields<'f> {
    /// All names and other spellings.
    pub known: &'f [&'f str],
    /// The table, with those that are there.
    pub present: Option<&'f Table>,
}

crate::opaque::opaque!(Fields<'_>);
