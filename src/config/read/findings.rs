//! What reading one section has found: its problems, and the places that are marked for the next attempt.

use std::cell::{Ref, RefCell};
use std::sync::Arc;

use schemars::Schema;

use super::known::SchemaKeys;
use super::marks::{Mark, Marks};
use super::path::{Path, Segment, shown_key};
use super::refusal::DeserializeError;
use super::source::Source;
use crate::config::quantity::{size_help, time_help};
use crate::config::suggest::{alternatives, completions, quoted};
use crate::config::{Problem, Problems, Span, Table, code, confidential, mask_uri, nearest, place};
use crate::text::escape;

/// Of how many keys a name can be an end for them to be suggested.
const MOST_MEANT: usize = 12;

/// The problems of one section. Each place has one at most.
pub struct Findings {
    known: SchemaKeys,
    marks: RefCell<Marks>,
    problems: RefCell<Problems>,
}

impl Findings {
    /// Of a type with this schema, which is only asked for when there is something to say; `problems` is where it is said.
    pub fn new(schema: fn() -> Arc<Schema>, problems: Problems) -> Self {
        Self { known: SchemaKeys::new(schema), marks: RefCell::default(), problems: RefCell::new(problems) }
    }

    /// For another reading, in which a table is read and these places in it are left out.
    pub fn trial<'a>(&self, table: &str, left_out: impl IntoIterator<Item = &'a str>) -> Self {
        let marks = RefCell::new(self.marks.borrow().with_table(table, left_out));
        Self { known: self.known.clone(), marks, problems: RefCell::default() }
    }

    /// What is known of the keys.
    pub fn known(&self) -> &SchemaKeys {
        &self.known
    }

    /// The places that are marked.
    pub fn marks(&self) -> Ref<'_, Marks> {
        self.marks.borrow()
    }

    /// Marks a place. Returns whether that changes the next attempt.
    pub fn mark_as(&self, path: String, mark: Mark) -> bool {
        self.marks.borrow_mut().set(path, mark)
    }

    /// Has serde given a placeholder for a missing key of a table. Returns whether that changes the next attempt.
    pub fn supply_missing(&self, table: String, name: &'static str) -> bool {
        self.marks.borrow_mut().supply_missing(table, name)
    }

    /// All that was recorded since the last time.
    pub fn take_problems(&self) -> Problems {
        self.problems.take()
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

    /// Records a problem with the value at `path`, once, and sets the value aside.
    pub fn record(&self, path: &Path<'_>, problem: impl FnOnce() -> Problem) {
        if self.marks.borrow().get(&path.to_string()).is_none() {
            let problem = problem();
            self.problems.borrow_mut().push(problem);
            self.marks.borrow_mut().set(path.to_string(), Mark::Placeholder);
        }
    }

    /// Removes the problem that a key is not known: a type reads it all the same.
    pub fn withdraw_unknown(&self, path: &str, key: Span) {
        let is_it = |problem: &Problem| problem.code == code::UNKNOWN_KEY && problem.span == key;
        self.problems.borrow_mut().revise(|problem| (!is_it(&problem)).then_some(problem));
        self.marks.borrow_mut().clear(path);
    }

    /// Adds a problem of a place that is marked already.
    pub fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// How many problems have been recorded.
    pub fn recorded(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Records a key that the table has no field for.
    pub fn unknown(&self, table: &Path<'_>, name: &str, span: Span, facts: &Fields<'_>) {
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
            if let Some(instead) = self.known.not_here(table, name) {
                return problem.with_help(instead);
            }
            if let Some(tagged) = self.known.only_with(&path) {
                return problem.with_help(format!("it is there only with {tagged}"));
            }
            // A table that is there can still be meant by another, as `conection.host` is beside `connection.port`.
            let is_table = |name: &str| {
                present.and_then(|table| table.get(name)).is_some_and(|node| node.as_table().is_some())
            };
            let is_there = |field: &str| present.is_some_and(|table| table.get(field).is_some());
            let can_be = |field: &&str| !is_there(field) || (is_table(name) && is_table(field));
            let free = || facts.known.iter().copied().filter(can_be);
            let longer = completions(name, free());
            let only = if let [only] = &longer[..] { Some(*only) } else { None };
            if let Some(meant) = nearest(name, free()).or(only) {
                let meant = table.key(meant);
                self.marks.borrow_mut().add_intended_key(meant.to_string());
                return problem.with_guess(meant.shown());
            }
            if (2..=MOST_MEANT).contains(&longer.len()) {
                let meant: Vec<_> = longer.iter().map(|name| table.key(name).shown().to_string()).collect();
                return Problem { guess: true, ..problem }
                    .with_help(format!("did you mean {}?", alternatives(&meant)));
            }
            match self.known.elsewhere(name, facts.known) {
                Some(key) => Problem { guess: true, ..problem }
                    .with_help(format!("did you mean `{key}`{}?", beside(&key, table))),
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
            marks.set(path, Mark::Placeholder);
        }
    }

    /// The problem of a value that a type refused.
    pub fn refusal_problem(
        &self,
        path: &Path<'_>,
        source: Source<'_>,
        refusal: &DeserializeError,
    ) -> Problem {
        match refusal {
            // A time is a number or a text, and only a text can be none.
            DeserializeError::Expected(what) if what.starts_with("a time: ") && source.text().is_none() => {
                self.wrong(path, source, code::WRONG_TYPE, what)
            }
            DeserializeError::Expected(what) => self.wrong(path, source, code::BAD_VALUE, what),
            DeserializeError::Variant(known) => self.none_of(path, source, known),
            DeserializeError::Missing(name) => self.missing_inside(path, source, name),
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

    /// Records that a table has to have a key, and has not.
    pub fn misses(&self, path: &Path<'_>, span: Span, name: &str) {
        if !self.marks.borrow().is_meant(&path.key(name).to_string()) {
            let problem = self.missing_problem(path, span, name);
            // The table is looked at by itself, and once more by one around it that serde has collected too.
            let is_it = |told: &Problem| told.code == problem.code && told.message == problem.message;
            let is_told = self.problems.borrow().iter().any(is_it);
            if !is_told {
                self.problems.borrow_mut().push(problem);
            }
        }
    }

    /// Of a key that is missed in a table, or in one inside of it.
    fn missing_inside(&self, path: &Path<'_>, source: Source<'_>, name: &str) -> Problem {
        let takes = |path: &Path<'_>| self.known.keys_at(path).iter().any(|key| key == name);
        let inner = source.table().filter(|_| !takes(path)).into_iter().flat_map(Table::iter);
        let inner = inner.filter(|(_, node)| node.as_table().is_some_and(|table| table.get(name).is_none()));
        match inner.map(|(key, node)| (path.key(&key.name), node)).find(|(path, _)| takes(path)) {
            Some((path, node)) => self.missing_problem(&path, node.span, name),
            None => self.missing_problem(path, source.span(), name),
        }
    }

    fn missing_problem(&self, path: &Path<'_>, span: Span, name: &str) -> Problem {
        let key = path.key(name);
        let mut problem = Problem::error(code::MISSING_KEY, span, format!("missing key `{}`", key.shown()));
        if let Some(doc) = place::describe(&self.known.schema(), &key.segments()) {
            problem = problem.with_help(format!("add `{name}`, {doc}"));
        }
        problem
    }

    /// A value of a type or in a range that the field does not want.
    pub fn wrong(&self, path: &Path<'_>, source: Source<'_>, code: &'static str, wanted: &str) -> Problem {
        let may_show = self.may_show(path, source);
        let found = source.found(may_show);
        let message = format!("`{}`: expected {wanted}, found {found}", path.shown());
        let problem = Problem::error(code, source.span(), escape(&message));
        let written = source.text().filter(|_| may_show);
        let help = written.and_then(|text| match wanted {
            wanted if wanted.starts_with("a time: ") => time_help(text),
            wanted if wanted.starts_with("an integer") => size_help(text),
            _ => None,
        });
        let problem = match help {
            Some(help) => problem.with_help(help),
            None => problem,
        };
        if may_show && source.is_leaf() { problem.with_shown(source.span()) } else { problem }
    }

    /// A string that is none of those that are accepted.
    pub fn none_of(&self, path: &Path<'_>, source: Source<'_>, known: &[&str]) -> Problem {
        let problem = self.wrong(path, source, code::BAD_VALUE, &one_of(known));
        let given = source.text().filter(|_| !source.is_secret());
        match given.and_then(|given| nearest(given, known.iter().copied())) {
            Some(meant) => problem.with_guess(meant),
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

crate::opaque::opaque!(Findings);
crate::opaque::opaque!(Fields<'_>);
