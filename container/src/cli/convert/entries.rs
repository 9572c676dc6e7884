//! The keys of a component, as keys of a section.

use std::fmt::Write;

use wirework::component::Pattern;

use super::keys::{Counterpart, Keys};
use super::template::Condition;
use super::values::{Reason, Values, dotted};
use super::writer::{Section, Writer};
use super::yaml::{Node, Value};

/// The parts of an address that a `uri` beside them says, too.
const ADDRESS: [&str; 4] = ["protocol", "host", "ip", "port"];

/// Why such a part is not written.
const DECIDED: &str = "`uri` says it and decides, as it does there";

/// What of a value is not written: keys with their values, lines and reasons.
type Lost = Vec<(String, usize, &'static str)>;

impl Writer<'_> {
    /// One key, or the keys of a table; nothing where it is never there.
    pub fn entry(&mut self, section: &mut Section, path: &str, line: usize, node: &Node) {
        if self.template.is_absent(line, &section.around) {
            return;
        }
        if let Value::Map(map) = &node.value {
            return match section.items(path, map) {
                Some(items) => {
                    let node = Node { value: Value::List(items), line: node.line };
                    self.entry(section, path, line, &node)
                }
                None => self.table(section, path, map),
            };
        }
        if let Some(name) = path.strip_prefix("references.").or_else(|| path.strip_prefix("dependencies.")) {
            return self.reference(section, name, line, node);
        }
        match section.counterpart(path) {
            Counterpart::Key(new, _) => self.key(section, &new, line, node),
            Counterpart::Parameter(new, _) => match section.misspelt(path) {
                Some(near) => {
                    let text = format!("the component has no such key; did you mean `{near}`?");
                    self.lose(path, line, node, Some(section), &text);
                }
                None => self.key(section, &new, line, node),
            },
            Counterpart::Container => {
                let text = "it is a key of the container here; give the component's own another name";
                self.lose(path, line, node, Some(section), text);
            }
            Counterpart::None => {
                let near = section.nearest(path).map(|near| format!("; did you mean `{near}`?"));
                let text = format!("the component has no such key{}", near.unwrap_or_default());
                self.lose(path, line, node, Some(section), &text);
            }
        }
    }

    /// The keys of a table. Beside a `uri`, which decides, the parts of an address are left out where it is always there, and are all that
    /// is written where it is not.
    fn table(&mut self, section: &mut Section, path: &str, map: &[(String, usize, Node)]) {
        let Some((_, uri_line, uri)) = address(section, path, map) else {
            return map
                .iter()
                .for_each(|(key, line, node)| self.entry(section, &format!("{path}.{key}"), *line, node));
        };
        let always = section.around.clone();
        let own = self.template.own_conditions(*uri_line, &always);
        let is_certain = own.is_empty() && self.values().is_certain(uri);
        let without = self.without(&own, uri);
        for (key, line, node) in map {
            let inner = format!("{path}.{key}");
            match key.as_str() {
                "uri" if !is_certain => self.undecided(&inner, *line, node, section, Reason::Address),
                key if !ADDRESS.contains(&key) => self.entry(section, &inner, *line, node),
                _ if is_certain => self.lose(&inner, *line, node, Some(section), DECIDED),
                _ => {
                    section.around.extend(without.clone());
                    self.entry(section, &inner, *line, node);
                    section.around.clone_from(&always);
                }
            }
        }
    }

    /// The condition under which there is no value that stands under `own` and depends on one variable.
    fn without(&self, own: &[Condition], node: &Node) -> Option<Condition> {
        match own {
            [one] => Some(Condition::inline(&one.name, !one.negated)),
            [] => match self.values().parameters(node).as_slice() {
                [name] => Some(Condition::inline(name, true)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A dependency, which is a reference here.
    fn reference(&mut self, section: &mut Section, name: &str, line: usize, node: &Node) {
        let path = format!("dependencies.{name}");
        let written = match &node.value {
            Value::Plain(text) | Value::Quoted(text) => self.values().text(text, false).unwrap_or_default(),
            _ => String::new(),
        };
        let is_literal = !written.is_empty() && self.values().parameters(node).is_empty();
        if is_literal && written.parse::<Pattern>().is_err() {
            let text = "a reference takes a descriptor, five tokens with colons between, or a pattern with `*` in it";
            return self.lose(&path, line, node, Some(section), text);
        }
        let keys = section.keys.as_ref().filter(|keys| keys.is_known());
        let field = keys.map_or(Some(name), |keys| keys.reference(name, &written));
        match field.map(|field| format!("references.{field}")) {
            Some(field) => self.key(section, &field, line, node),
            None => {
                let fields: Vec<_> =
                    keys.into_iter().flat_map(Keys::references).map(|name| format!("`{name}`")).collect();
                let text = match fields.as_slice() {
                    [] => "the component refers to none".to_owned(),
                    fields => format!("the component has no such reference; it has {}", fields.join(", ")),
                };
                self.lose(&path, line, node, Some(section), &text);
            }
        }
    }

    /// A key that is written, as far as it can be.
    fn key(&mut self, section: &mut Section, path: &str, line: usize, node: &Node) {
        match self.written_as(section, path, line, node) {
            Ok(_) if !section.take(path) => {
                let text = section.why_taken(path);
                self.lose(path, line, node, Some(section), text);
            }
            Ok((text, lost)) => {
                let _ = writeln!(self.out, "{} = {text}", dotted(path));
                for (what, line, reason) in lost {
                    self.comment(&what, line, reason);
                }
                if self.values().has_dollar_brace(node) {
                    let text = "`${…}` is text there, and stays text here as `$${…}`; where a parameter was meant, take the first `$` away";
                    self.comment(path, line, text);
                }
            }
            Err(reason @ (Reason::Conditional | Reason::Default | Reason::Address)) => {
                self.undecided(path, line, node, section, reason);
            }
            Err(reason) => self.lose(path, line, node, Some(section), reason.text()),
        }
    }

    /// What a key takes in a manifest, and what of it is left out.
    fn written_as(
        &self,
        section: &Section,
        path: &str,
        line: usize,
        node: &Node,
    ) -> Result<(String, Lost), Reason> {
        let around = section.around_line(self.template, line);
        let own = self.template.own_conditions(line, &section.around);
        let values = self.values();
        let mut nulls = Vec::new();
        let node = Values::without_nulls(&values.present(node, &around), path, &mut nulls);
        let mut lost: Lost = nulls
            .into_iter()
            .map(|(path, line)| (format!("{path} = null"), line, Reason::Empty.text()))
            .collect();
        let node = self.without_decided(section, path, &node, &mut lost)?;
        let text = match own.as_slice() {
            [] if !values.variables(&node, &around).is_empty() => Err(Reason::Conditional),
            [] => values.value(&node, path, &|path| section.types(path)),
            [condition] => values.under(condition, &node),
            _ => Err(Reason::Conditional),
        };
        Ok((text?, lost))
    }

    /// A list without the parts of addresses that a `uri` beside them says.
    fn without_decided(
        &self,
        section: &Section,
        path: &str,
        node: &Node,
        lost: &mut Lost,
    ) -> Result<Node, Reason> {
        let Value::List(items) = &node.value else { return Ok(node.clone()) };
        let mut kept = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}.{at}");
            match &item.value {
                Value::Map(map) if let Some((_, _, uri)) = address(section, &path, map) => {
                    if !self.values().is_certain(uri) {
                        return Err(Reason::Address);
                    }
                    let (left_out, rest): (Vec<_>, Vec<_>) =
                        map.iter().cloned().partition(|(key, ..)| ADDRESS.contains(&key.as_str()));
                    lost.extend(left_out.into_iter().map(|(key, line, node)| {
                        (self.written(&format!("{path}.{key}"), &node, Some(section)), line, DECIDED)
                    }));
                    kept.push(Node { value: Value::Map(rest), line: item.line });
                }
                _ => kept.push(item.clone()),
            }
        }
        Ok(Node { value: Value::List(kept), line: node.line })
    }

    /// What is otherwise here where the section does not say it.
    pub fn differences(&mut self, section: &Section, line: usize) {
        for one in section.keys.iter().flat_map(Keys::differences).filter(|one| !section.has_any(one.keys)) {
            let key = one.keys.first().copied().unwrap_or_default();
            self.comment(key, line, &format!("{}: write which", one.text));
        }
    }
}

/// The `uri` of a table that has parts of an address beside it.
fn address<'m>(
    section: &Section,
    path: &str,
    map: &'m [(String, usize, Node)],
) -> Option<&'m (String, usize, Node)> {
    let is_given = |node: &Node| node.value != Value::Null;
    let beside = |(key, _, node): &(String, usize, Node)| ADDRESS.contains(&key.as_str()) && is_given(node);
    let has = |key: &str| section.keys.as_ref().is_some_and(|keys| keys.has(&format!("{path}.{key}")));
    let uri = map.iter().find(|(key, _, node)| key == "uri" && is_given(node))?;
    (has("uri") && has("host") && map.iter().any(beside)).then_some(uri)
}
