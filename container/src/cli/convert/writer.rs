//! The manifest that is being written, and its section: what has no counterpart, as comments; and what only a person can decide, as a parameter that nobody has set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use wirework::component::Registry;
use wirework::config::{KeyType, keys};
use wirework::text::escape;

use super::keys::{Counterpart, Keys};
use super::template::{Condition, Template};
use super::values::{Reason, Values, dotted};
use super::yaml::{Node, Value};
use crate::manifest::{Place, find};

/// What the names of parameters begin with that stand for what is undecided: nobody sets such a one by chance.
pub(super) const UNDECIDED: &str = "UNDECIDED";

/// A manifest that is being written.
pub(super) struct Writer<'a> {
    pub template: &'a Template,
    pub registry: &'a Registry,
    pub vocabulary: Vocabulary,
    pub out: String,
    pub components: usize,
    pub comments: usize,
}

impl<'a> Writer<'a> {
    pub fn values(&self) -> Values<'a> {
        Values(self.template)
    }

    /// A comment on what stands in a line; foreign text in it is escaped.
    pub fn comment(&mut self, what: &str, line: usize, text: &str) {
        self.comments += 1;
        let line = self.template.source_line(line);
        let _ = writeln!(self.out, "# {} (line {line}): {}", escape(what), escape(text));
    }

    /// A key that is not written, as a comment with what it was, and when it was there.
    pub fn lose(&mut self, path: &str, line: usize, node: &Node, section: Option<&Section>, text: &str) {
        let what = self.written(path, node, section);
        let around = section.map(|section| &*section.around).unwrap_or_default();
        let text = format!("{text}{}", self.only_where(line, around));
        self.comment(&what, line, &text);
    }

    /// A key that was there, or had its value, only where a variable is set: without it the component might trust where it did not, so
    /// that `check` asks for a decision.
    pub fn undecided(&mut self, path: &str, line: usize, node: &Node, section: &mut Section, reason: Reason) {
        if !section.take(path) {
            return self.lose(path, line, node, Some(section), section.why_taken(path));
        }
        section.undecided.insert(path.to_owned());
        let name: String = path
            .chars()
            .map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_uppercase() } else { '_' })
            .collect();
        let own = self.template.own_conditions(line, &section.around);
        let mut variables = self.values().variables(node, &section.around_line(self.template, line));
        if reason == Reason::Address {
            variables.extend(self.values().parameters(node));
        }
        let depends = match own.as_slice() {
            [] if variables.is_empty() => "as a default".to_owned(),
            [] => format!("by {}", variables.join(" and ")),
            own => format!("only where {}", when(own)),
        };
        let key = dotted(path);
        let _ =
            writeln!(self.out, "{key} = \"${{{UNDECIDED}_{name}:?to be decided: it was given {depends}}}\"");
        let help = match reason {
            Reason::Default => "write the value, or one parameter with a default for it",
            Reason::Address => "write the one or the others",
            _ => {
                "write the value, a parameter for it, or two components, each with a name of its own and `enabled`"
            }
        };
        let what = self.written(path, node, Some(section));
        self.comment(&what, line, &format!("given {depends}, and {}: {help}", reason.text()));
    }

    /// A key with its value as a comment may show it.
    pub fn written(&self, path: &str, node: &Node, section: Option<&Section>) -> String {
        let may_show = |path: &str| self.may_show(section, path);
        format!("{path} = {}", self.values().written(node, path, &may_show))
    }

    /// The conditions of a line that those around it leave open, as the end of a sentence.
    pub fn only_where(&self, line: usize, around: &[Condition]) -> String {
        also_where(&self.template.own_conditions(line, around))
    }

    /// All of an entry as comments.
    pub fn lose_all(&mut self, path: &str, node: &Node) {
        let Value::Map(map) = &node.value else {
            let written = self.written(path, node, None);
            let _ = writeln!(self.out, "#   {}", escape(&written));
            return;
        };
        for (key, _, node) in map {
            self.lose_all(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, node);
        }
    }

    /// Whether a comment may show the value of a key.
    fn may_show(&self, section: Option<&Section>, path: &str) -> bool {
        match section.and_then(|section| section.keys.as_ref()).filter(|keys| keys.is_known()) {
            Some(keys) if keys.has(path) => keys.is_shown(path),
            // The container's own keys are no secrets, nor is the name of a class.
            _ if path == "type" || find(Place::Component, path).is_some() => true,
            _ => self.vocabulary.may_show(path),
        }
    }
}

/// The names of all keys of the components that this binary has, and whether all that have the name may be shown: by it comments show
/// values of components that this binary does not have.
pub(super) struct Vocabulary(BTreeMap<String, bool>);

impl Vocabulary {
    pub fn new(registry: &Registry) -> Self {
        let mut names = BTreeMap::new();
        for key in registry.all().iter().flat_map(|one| keys(&one.factory().schema())) {
            let name = key.path.rsplit('.').next().unwrap_or_default().to_owned();
            // In the place of a table may stand what was meant for one of its keys.
            let is_open = key.secret || key.types.iter().any(KeyType::holds_table);
            *names.entry(name).or_insert(true) &= !is_open;
        }
        Self(names)
    }

    /// Whether the last name of a path is that of keys which are all no secrets.
    pub fn may_show(&self, path: &str) -> bool {
        let mut names = path.rsplit('.').filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
        names.next().is_some_and(|name| self.0.get(name) == Some(&true))
    }
}

/// A section that is being written.
pub(super) struct Section {
    /// `None` where the descriptor cannot be read, or has parameters.
    pub keys: Option<Keys>,
    /// Under what the whole of it stands.
    pub around: Vec<Condition>,
    taken: BTreeSet<String>,
    /// The keys of which somebody has to decide.
    undecided: BTreeSet<String>,
}

impl Section {
    /// One of a component with these keys, all of which stands under these conditions.
    pub fn new(keys: Option<Keys>, around: Vec<Condition>) -> Self {
        Self { keys, around, taken: BTreeSet::new(), undecided: BTreeSet::new() }
    }

    /// The conditions around a line of it, and those of the line.
    pub fn around_line(&self, template: &Template, line: usize) -> Vec<Condition> {
        let own = template.own_conditions(line, &self.around);
        self.around.iter().cloned().chain(own).collect()
    }

    /// Why a path cannot be written that is taken.
    pub fn why_taken(&self, path: &str) -> &'static str {
        if self.undecided.contains(path) {
            "its other value"
        } else {
            "given twice, or as a value and a table"
        }
    }

    /// Whether one of these paths is taken, or a table of one or in one.
    pub fn has_any(&self, paths: &[&str]) -> bool {
        let is_in =
            |inner: &str, table: &str| inner.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'));
        let has = |path: &str| {
            self.taken.iter().any(|taken| taken == path || is_in(taken, path) || is_in(path, taken))
        };
        paths.iter().any(|path| has(path))
    }

    pub fn counterpart<'k>(&'k self, path: &str) -> Counterpart<'k> {
        self.keys
            .as_ref()
            .map_or_else(|| Counterpart::Key(path.to_owned(), &[]), |keys| keys.counterpart(path))
    }

    /// The items of a table that is a list here, each under a number or a name; those under numbers in their order.
    pub fn items(&self, path: &str, map: &[(String, usize, Node)]) -> Option<Vec<Node>> {
        let number = |key: &str| key.parse::<u32>().ok();
        let has_numbers = map.iter().all(|(key, ..)| number(key).is_some());
        let is_table = |node: &Node| matches!(node.value, Value::Map(_));
        let are_tables = !map.is_empty() && map.iter().all(|(_, _, node)| is_table(node));
        self.keys.as_ref().filter(|keys| are_tables && keys.is_list(path, has_numbers))?;
        let mut items: Vec<_> = map.iter().collect();
        if has_numbers {
            items.sort_by_key(|(key, ..)| number(key));
        }
        // An item stands where its key does, under the conditions there.
        Some(
            items
                .into_iter()
                .map(|(_, line, node)| Node { value: node.value.clone(), line: *line })
                .collect(),
        )
    }

    /// The known key that is most like one that is not.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        self.keys.as_ref()?.nearest(path)
    }

    /// The known key of its table that a further parameter was probably meant to be, with the table.
    pub fn misspelt(&self, path: &str) -> Option<String> {
        let (table, _) = path.rsplit_once('.')?;
        Some(format!("{table}.{}", self.keys.as_ref()?.misspelt(path)?))
    }

    /// What a key takes; no types where that is not known.
    pub fn types(&self, path: &str) -> &[KeyType] {
        match self.counterpart(path) {
            Counterpart::Key(_, types) | Counterpart::Parameter(_, types) => types,
            Counterpart::Container | Counterpart::None => &[],
        }
    }

    /// Whether a path is neither given yet nor a table of one that is.
    pub fn take(&mut self, path: &str) -> bool {
        let mut above = path.match_indices('.').filter_map(|(at, _)| path.get(..at));
        let below = format!("{path}.");
        let after = self.taken.range(below.clone()..).next();
        let is_free = !above.any(|above| self.taken.contains(above))
            && !after.is_some_and(|next| next.starts_with(&below));
        is_free && self.taken.insert(path.to_owned())
    }
}

/// Conditions as the end of a sentence; nothing where there are none.
pub(super) fn also_where(conditions: &[Condition]) -> String {
    match conditions {
        [] => String::new(),
        conditions => format!("; it was there only where {}", when(conditions)),
    }
}

/// Conditions in words.
pub(super) fn when(conditions: &[Condition]) -> String {
    let one = |one: &Condition| format!("{} is {}set", one.name, if one.negated { "not " } else { "" });
    conditions.iter().map(one).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_has_for_a_secret_are_shown() {
        let vocabulary = Vocabulary::new(&Registry::linked().unwrap());
        for (path, shown) in [
            ("connection.host", true),
            ("connections.0.host", true),
            ("connections.0", false),
            ("level", true),
            ("credential.password", false),
            ("credential", false),
            ("sasl.jaas", false),
            ("", false),
        ] {
            assert_eq!(vocabulary.may_show(path), shown, "{path}");
        }
    }
}
