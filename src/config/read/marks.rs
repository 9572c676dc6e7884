//! What is known of the places of a section from earlier attempts at reading it.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of a value with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Recorded: a placeholder stands for it.
    Placeholder,
    /// The placeholder was refused as well: it is left out.
    Omitted,
}

/// Places by their dotted path. Empty while nothing was wrong.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    values: BTreeMap<String, Mark>,
    /// Missing keys that are fed with placeholders, by the table in which they are missing.
    missing: BTreeMap<String, Vec<&'static str>>,
    /// Keys that an unknown key was probably meant to be.
    meant: BTreeSet<String>,
}

impl Marks {
    /// The same, but that a table is read, with all around it, and these places in it are left out.
    pub fn with_table<'a>(&self, table: &str, left_out: impl IntoIterator<Item = &'a str>) -> Self {
        let mut marks = self.clone();
        let is_around = |path: &str| {
            table == path
                || table.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
                || path.is_empty()
        };
        marks.values.retain(|path, _| !is_around(path));
        marks.values.extend(left_out.into_iter().map(|path| (path.to_owned(), Mark::Omitted)));
        marks
    }

    /// Whether nothing is marked.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.missing.is_empty()
    }

    /// The mark of one place.
    pub fn get(&self, path: &str) -> Option<Mark> {
        self.values.get(path).copied()
    }

    /// Marks a place and answers whether that is new.
    pub fn set(&mut self, path: String, mark: Mark) -> bool {
        let before = self.values.insert(path, mark);
        before != Some(mark)
    }

    /// Forgets the mark of a place.
    pub fn clear(&mut self, path: &str) {
        self.values.remove(path);
    }

    /// The worst mark at a path or below it. Entries are deserialized in this order, unmarked ones first, so that the
    /// error that ends an attempt comes after all values that have none.
    pub fn rank(&self, path: &str) -> Option<Mark> {
        let under = format!("{path}.");
        let inside = self.values.range(under.clone()..).take_while(|(path, _)| path.starts_with(&under));
        inside.map(|(_, mark)| *mark).chain(self.get(path)).max()
    }

    /// Whether any place in a table is marked.
    pub fn has_inside(&self, table: &str) -> bool {
        if table.is_empty() { !self.is_empty() } else { self.rank(table).is_some() }
    }

    /// Whether a key of the table was left out, but for the keys in `known`.
    pub fn lost_other_than(&self, table: &str, known: impl Fn(&str) -> bool) -> bool {
        let under = if table.is_empty() { String::new() } else { format!("{table}.") };
        let inside = self.values.range(under.clone()..).take_while(|(path, _)| path.starts_with(&under));
        let keys = inside
            .filter(|(_, mark)| **mark == Mark::Omitted)
            .filter_map(|(path, _)| path.get(under.len()..));
        keys.into_iter().any(|key| !key.contains('.') && !known(key))
    }

    /// Has serde given a placeholder for a missing key from the next attempt on. Returns whether that is new.
    pub fn supply_missing(&mut self, table: String, name: &'static str) -> bool {
        let names = self.missing.entry(table).or_default();
        if names.contains(&name) {
            return false;
        }
        names.push(name);
        true
    }

    /// The missing keys for which placeholders are given to serde in a table.
    pub fn supplied(&self, table: &str) -> Vec<&'static str> {
        self.missing.get(table).cloned().unwrap_or_default()
    }

    /// Everything that is marked, missing or meant.
    pub fn places(&self) -> Vec<String> {
        let missing = self.missing.iter().flat_map(|(table, names)| {
            let under = if table.is_empty() { String::new() } else { format!("{table}.") };
            names.iter().map(move |name| format!("{under}{name}"))
        });
        self.values.keys().chain(&self.meant).cloned().chain(missing).collect()
    }

    /// Notes that a key was probably meant, though misspelled.
    pub fn add_intended_key(&mut self, path: String) {
        self.meant.insert(path);
    }

    /// Whether a missing key was probably meant by an unknown one.
    pub fn is_meant(&self, path: &str) -> bool {
        self.meant.contains(path)
    }
}
