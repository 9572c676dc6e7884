//! What a configuration holds: its components, each with the conditions under which all of it stands, and what stands beside them.

use super::template::{Condition, Template};
use super::values::Values;
use super::yaml::{Node, Value};

/// A configuration by its parts.
pub(super) struct Source<'n> {
    /// The table `service` beside the components.
    pub service: Option<&'n Node>,
    pub components: Vec<Draft>,
    /// What else stands beside the list of components.
    pub others: Vec<&'n (String, usize, Node)>,
}

/// A component as it is to be written.
#[derive(Clone)]
pub(super) struct Draft {
    pub node: Node,
    pub descriptor: Result<String, Lack>,
    /// Under what all of it stands.
    pub conditions: Vec<Condition>,
    /// One of the same descriptor that is there where this one is not.
    pub contrary: Option<Contrary>,
    /// The line of an earlier one with the same descriptor.
    pub repeats: Option<usize>,
}

/// The other one of two components with one descriptor, of which one is there.
#[derive(Clone)]
pub(super) struct Contrary {
    pub node: Node,
    /// Where the first one is there, and the other one is not.
    pub condition: Condition,
}

/// Why an entry has no descriptor that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    None,
    /// It is given by `type`.
    Type,
    /// It depends on more than one variable.
    Conditional,
}

/// The parts of a document; `None` where it holds no components.
pub(super) fn read<'n>(root: &'n Node, template: &Template) -> Option<Source<'n>> {
    let list = field(root, "components").or_else(|| field(root, "component"));
    let (others, mut nodes): (_, Vec<&Node>) = match (&root.value, list.map(|list| &list.value)) {
        (Value::Map(top), Some(Value::List(list))) => (others(top), list.iter().collect()),
        (Value::Map(top), Some(Value::Map(map))) => {
            (others(top), map.iter().map(|(_, _, node)| node).collect())
        }
        (Value::List(list), None) => (Vec::new(), list.iter().collect()),
        (Value::Map(map), None) => (Vec::new(), map.iter().map(|(_, _, node)| node).collect()),
        _ => return None,
    };
    let service = field(root, "service").filter(|node| !is_component(node));
    nodes.retain(|node| !service.is_some_and(|service| std::ptr::eq(*node, service)));
    if !nodes.iter().any(|node| is_component(node)) {
        return None;
    }
    let drafts = nodes.into_iter().map(|node| (nested(node), base(node, template))).collect();
    let drafts =
        shared(drafts, template).into_iter().flat_map(|(node, base)| drafts_of(node, &base, template));
    Some(Source { service, components: joined(drafts.collect()), others })
}

/// What stands beside the list of components, but `service`.
fn others(top: &[(String, usize, Node)]) -> Vec<&(String, usize, Node)> {
    let is_known = |key: &str| matches!(key, "component" | "components");
    top.iter().filter(|(key, _, node)| !is_known(key) && (key != "service" || is_component(node))).collect()
}

fn is_component(node: &Node) -> bool {
    field(node, "descriptor").or_else(|| field(node, "type")).is_some()
}

pub(super) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(map) = &node.value else { return None };
    map.iter().find(|(key, ..)| key == name).map(|(_, _, node)| node)
}

/// A table whose dotted keys are tables, those of one table together.
fn nested(node: &Node) -> Node {
    let Value::Map(map) = &node.value else { return node.clone() };
    let mut nested = Vec::new();
    for (key, line, value) in map {
        insert(&mut nested, key, *line, self::nested(value));
    }
    Node { value: Value::Map(nested), line: node.line }
}

fn insert(map: &mut Vec<(String, usize, Node)>, key: &str, line: usize, value: Node) {
    let (head, rest) = key.split_once('.').map_or((key, None), |(head, rest)| (head, Some(rest)));
    let known = map.iter_mut().find(|(known, _, node)| known == head && matches!(node.value, Value::Map(_)));
    let table = known.map(|(_, _, node)| &mut node.value);
    match (rest, table, value.value) {
        (Some(rest), Some(Value::Map(table)), own) => {
            insert(table, rest, line, Node { value: own, line: value.line })
        }
        (Some(rest), _, own) => {
            let mut table = Vec::new();
            insert(&mut table, rest, line, Node { value: own, line: value.line });
            map.push((head.to_owned(), line, Node { value: Value::Map(table), line }));
        }
        (None, Some(Value::Map(table)), Value::Map(more)) => table.extend(more),
        (None, _, own) => map.push((head.to_owned(), line, Node { value: own, line: value.line })),
    }
}

/// The conditions under which all keys of a component stand.
fn base(node: &Node, template: &Template) -> Vec<Condition> {
    let Value::Map(map) = &node.value else { return template.conditions_at(node.line) };
    let mut all = map.iter().map(|(_, line, _)| template.conditions_at(*line));
    let first = all.next().unwrap_or_default();
    all.fold(first, |base, more| base.into_iter().filter(|one| more.contains(one)).collect())
}

/// The components, each with the keys that stand behind it and another one, of which only one is there: a component under a condition,
/// one under its contrary, and keys under neither.
fn shared(mut drafts: Vec<(Node, Vec<Condition>)>, template: &Template) -> Vec<(Node, Vec<Condition>)> {
    for at in (1..drafts.len()).rev() {
        let (before, behind) = drafts.split_at_mut(at);
        let (Some((first, ours)), Some((second, theirs))) = (before.last_mut(), behind.first_mut()) else {
            continue;
        };
        // Behind the end of the condition stand keys that are not under it, so that they are no keys of the second one alone.
        let begins = template.conditions_at(second.line);
        let is_contrary = matches!((&**ours, &*begins), ([one], [other]) if one.is_contrary(other));
        if let (true, Value::Map(map), Value::Map(of_both)) = (is_contrary, &mut first.value, &second.value) {
            let is_of_both = |line: usize| template.conditions_at(line).is_empty();
            map.extend(of_both.iter().filter(|(_, line, _)| is_of_both(*line)).cloned());
            *theirs = begins;
        }
    }
    drafts
}

/// The components that an entry is: one, or one for each descriptor that it can have.
fn drafts_of(node: Node, base: &[Condition], template: &Template) -> Vec<Draft> {
    let Value::Map(map) = &node.value else {
        return vec![Draft::new(node, Err(Lack::None), base.to_vec())];
    };
    let mut drafts: Vec<Draft> = Vec::new();
    for (_, line, value) in map.iter().filter(|(key, ..)| key == "descriptor") {
        let mut under = base.to_vec();
        under.extend(template.own_conditions(*line, base));
        // Of two descriptors under one condition the second one is a mistake, which is told with the other keys.
        let is_twice = drafts.iter().any(|draft| !draft.excludes(&under));
        let (Value::Plain(text) | Value::Quoted(text)) = &value.value else { continue };
        if is_twice {
            continue;
        }
        match Values(template).alternatives(text) {
            Ok(all) => drafts.extend(all.into_iter().map(|(condition, text)| {
                let conditions = under.iter().cloned().chain(condition).collect();
                Draft::new(node.clone(), Ok(text), conditions)
            })),
            Err(_) => drafts.push(Draft::new(node.clone(), Err(Lack::Conditional), under)),
        }
    }
    if drafts.is_empty() {
        let lack = if field(&node, "type").is_some() { Lack::Type } else { Lack::None };
        drafts.push(Draft::new(node, Err(lack), base.to_vec()));
    }
    drafts
}

/// The components in which those of one descriptor, of which only one is there, are one.
fn joined(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut joined: Vec<Draft> = Vec::new();
    for draft in drafts {
        let same =
            joined.iter_mut().find(|known| known.descriptor.is_ok() && known.descriptor == draft.descriptor);
        let Some(known) = same else {
            joined.push(draft);
            continue;
        };
        match known.contrary_to(&draft).filter(|_| known.contrary.is_none()) {
            Some(condition) => {
                known.conditions.retain(|one| !one.is_same(&condition));
                known.contrary = Some(Contrary { node: draft.node, condition });
            }
            None => {
                let repeats = Some(known.node.line);
                joined.push(Draft { repeats, ..draft });
            }
        }
    }
    joined
}

impl Draft {
    fn new(node: Node, descriptor: Result<String, Lack>, conditions: Vec<Condition>) -> Self {
        Self { node, descriptor, conditions, contrary: None, repeats: None }
    }

    /// Whether it is an entry of context-info that is always there.
    pub fn is_about_the_service(&self) -> bool {
        let is_context_info =
            |text: &String| text.split(':').nth(1).is_some_and(|of| of.trim() == "context-info");
        let is_always = self.conditions.is_empty() && self.contrary.is_none() && self.repeats.is_none();
        is_always && self.descriptor.as_ref().is_ok_and(is_context_info)
    }

    /// Its descriptor as a comment shows it.
    pub fn shown(&self) -> &str {
        self.descriptor.as_deref().unwrap_or_default()
    }

    /// Whether it is never there under these conditions.
    fn excludes(&self, conditions: &[Condition]) -> bool {
        self.conditions.iter().any(|one| conditions.iter().any(|other| one.is_contrary(other)))
    }

    /// The condition of this one that the other one has the contrary of, where all others are the same.
    fn contrary_to(&self, other: &Self) -> Option<Condition> {
        let open = |ours: &[Condition], theirs: &[Condition]| -> Vec<Condition> {
            ours.iter().filter(|one| !theirs.iter().any(|known| known.is_same(one))).cloned().collect()
        };
        match (&*open(&self.conditions, &other.conditions), &*open(&other.conditions, &self.conditions)) {
            ([one], [contrary]) if one.is_contrary(contrary) => Some(one.clone()),
            _ => None,
        }
    }
}

impl Lack {
    /// What an entry is called that has none, and what to do.
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("an entry", "it has no descriptor"),
            Self::Type => ("a component by `type`", "give its factory a descriptor, and write that"),
            Self::Conditional => (
                "an entry",
                "its descriptor depends on more than one variable; write a component for each that it can be, with `enabled`",
            ),
        }
    }
}

/// What of a table another one has too, and the rest of it.
pub(super) fn divided(one: &Node, other: &Node, is_alike: &dyn Fn(&Node, &Node) -> bool) -> (Node, Node) {
    let (mut alike, mut rest) = (Vec::new(), Vec::new());
    let (Value::Map(map), Value::Map(_)) = (&one.value, &other.value) else {
        return (one.clone(), one.clone());
    };
    for (key, line, node) in map.iter().filter(|(key, ..)| key != "descriptor") {
        let push = |list: &mut Vec<_>, node: Node| {
            if !node.is_empty() {
                list.push((key.clone(), *line, node));
            }
        };
        match field(other, key) {
            Some(theirs) if matches!((&node.value, &theirs.value), (Value::Map(_), Value::Map(_))) => {
                let (same, own) = divided(node, theirs, is_alike);
                push(&mut alike, same);
                push(&mut rest, own);
            }
            Some(theirs) if is_alike(node, theirs) => push(&mut alike, node.clone()),
            _ => push(&mut rest, node.clone()),
        }
    }
    let table = |map| Node { value: Value::Map(map), line: one.line };
    (table(alike), table(rest))
}
