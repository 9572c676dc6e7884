//! A section with the container's own keys taken out and understood.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::component::{DescriptorError, ReadinessRule};
use wirework::config::{
    Millis, Node, Origin, Problem, Problems, Section, Span, Table, Value, code, has_user_info, mask_uri, read,
};
use wirework::text::escape;
use wirework::{Descriptor, Pattern};

use super::container_keys::{Kind, Place, find, keys_of};
use super::readiness::{self, ReadinessKey};
use super::unitless_times;

/// Whether a key of a section is the container's; `descriptor` has been taken out by then.
pub(super) fn is_own(key: &str) -> bool {
    find(Place::Component, key).is_some_and(|key| key.kind != Kind::Descriptor)
}

/// One component of the service. `Debug` shows the fields of references as they may be shown.
#[derive(Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Which component.
    pub descriptor: Descriptor,
    /// Where its section begins: the header, in the first file that has it.
    pub span: Span,
    /// Where the descriptor stands.
    pub descriptor_span: Span,
    /// What `references.<field>` says: the field, the pattern, and where it stands.
    pub references: Vec<(Arc<str>, Pattern, Span)>,
    /// Where the keys of these stand, in their order.
    pub reference_keys: Vec<Span>,
    /// What must be open before it, without being referenced.
    pub after: Vec<(Pattern, Span)>,
    /// How long opening and closing may take each; nothing where the default holds.
    pub timeout: Option<Duration>,
    /// Where that stands.
    pub timeout_span: Option<Span>,
    /// Whether the start fails when it cannot open.
    pub critical: bool,
    /// When it makes the service not ready.
    pub readiness: ReadinessRule,
    /// The component's own keys.
    pub table: Table,
    /// The references whose pattern could not be read, or is given twice: what they resolve to instead means nothing.
    pub unreadable_references: Vec<Arc<str>>,
    /// A file has a syntax error: keys may be lost, so that what is missing means nothing.
    pub may_lack_keys: bool,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let references =
            self.references.iter().map(|(field, pattern, span)| (mask_uri(field), pattern, span));
        f.debug_struct("Entry")
            .field("descriptor", &self.descriptor)
            .field("span", &self.span)
            .field("descriptor_span", &self.descriptor_span)
            .field("references", &references.collect::<Vec<_>>())
            .field("after", &self.after)
            .field("timeout", &self.timeout)
            .field("critical", &self.critical)
            .field("readiness", &self.readiness)
            .field("table", &self.table)
            .field(
                "unreadable_references",
                &self.unreadable_references.iter().map(|field| mask_uri(field)).collect::<Vec<_>>(),
            )
            .field("may_lack_keys", &self.may_lack_keys)
            .finish()
    }
}

/// The keys of a section that belong to the container. Most are here only so that their type is checked.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is of the right type is taken from the tree, where it stands")]
struct Keys {
    #[serde(default)]
    #[schemars(extend("x-shown" = true))]
    references: BTreeMap<String, String>,
    #[serde(default)]
    #[schemars(extend("x-shown" = true))]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    after: Vec<String>,
    timeout: Option<Millis>,
    critical: Option<bool>,
    readiness: Option<ReadinessKey>,
    enabled: Option<bool>,
}

impl Entry {
    /// A section as it was written.
    pub(super) fn new(descriptor: Descriptor, (span, descriptor_span): (Span, Span), table: Table) -> Self {
        Self {
            descriptor,
            span,
            descriptor_span,
            references: Vec::new(),
            reference_keys: Vec::new(),
            after: Vec::new(),
            timeout: None,
            timeout_span: None,
            critical: true,
            readiness: ReadinessRule::default(),
            table,
            unreadable_references: Vec::new(),
            may_lack_keys: false,
        }
    }

    /// Takes the container's keys out of the section, once its parameters are replaced.
    pub(super) fn take_own_keys(&mut self, problems: &mut Problems) {
        let own = self.table.split_off(|key| is_own(&key.name));
        if !own.is_empty() {
            self.take(&own, problems);
        }
    }

    fn take(&mut self, own: &Table, problems: &mut Problems) {
        if !own.iter().all(|(key, node)| is_plain(&key.name, node)) {
            self.take_typed(own, problems);
        }
        for name in keys_of(Place::Component).filter(|key| key.kind == Kind::References).map(|key| key.name) {
            if let Some(table) = own.get(name).and_then(Node::as_table) {
                // Keys of one table differ, so that a second spelling is in the other table.
                let other = own.get("references").and_then(Node::as_table).filter(|_| name != "references");
                self.take_references(name, table, other, problems);
            }
        }
        if let Some(Value::Array(list)) = own.get("after").map(|node| &node.value) {
            for node in list {
                let pattern = text(node).and_then(|text| pattern(("after", None), text, node, problems));
                self.after.extend(pattern.map(|pattern| (pattern, node.span)));
            }
        }
    }

    /// Takes over the keys that have a type of their own, and has all that are of a wrong one reported.
    fn take_typed(&mut self, own: &Table, problems: &mut Problems) {
        let section = Section { descriptor: &self.descriptor, table: own, span: self.span };
        let mut found = problems.branch();
        let keys = read::<Keys>(&section, &mut found).unwrap_or_else(|| self.salvage(own));
        let rule = own.get("readiness");
        found.revise(|problem| {
            let help = rule.filter(|rule| rule.span == problem.span).and_then(readiness::help);
            Some(match help {
                Some(help) => problem.with_help(help),
                None => problem,
            })
        });
        problems.join(found);
        self.critical = keys.critical.unwrap_or(true);
        self.readiness = keys.readiness.map(|ReadinessKey(rule)| rule).unwrap_or_default();
        self.timeout = keys.timeout.map(Duration::from);
        self.timeout_span = own.get("timeout").map(|node| node.span);
        if self.timeout == Some(Duration::ZERO) {
            let span = self.timeout_span.unwrap_or(self.span);
            let message = "`timeout`: expected a time longer than 0, found 0";
            problems.push(Problem::error(code::BAD_VALUE, span, message).with_shown(span));
            self.timeout = None;
        }
        let times = ["timeout", "readiness"].into_iter().filter_map(|name| Some((name, own.get(name)?)));
        problems.extend(times.filter_map(|(name, node)| unitless_times::warning(name, node)));
    }

    fn take_references(&mut self, name: &str, table: &Table, other: Option<&Table>, problems: &mut Problems) {
        self.references.reserve_exact(table.len());
        for (key, node) in table.iter() {
            let field = &key.name;
            if other.is_some_and(|other| other.get(field).is_some()) {
                let shown = shown_key(field);
                let message = format!(
                    "`dependencies.{shown}` is another spelling of `references.{shown}`, which is given too"
                );
                problems.push(
                    Problem::error(code::DUPLICATE_KEY, key.span, message).with_help("keep one of them"),
                );
                self.unreadable_references.push(Arc::clone(field));
                continue;
            }
            match text(node).and_then(|text| pattern((name, Some(field)), text, node, problems)) {
                Some(pattern) => {
                    self.references.push((Arc::clone(field), pattern, node.span));
                    self.reference_keys.push(key.span);
                }
                None => self.unreadable_references.push(Arc::clone(field)),
            }
        }
    }

    /// What can be read of keys of which some can not, which has been reported: one wrong key loses no other.
    fn salvage(&self, own: &Table) -> Keys {
        let alone = |name: &str| {
            let table: Table =
                own.entry(name).map(|(key, node)| (key.clone(), node.clone())).into_iter().collect();
            let section = Section { descriptor: &self.descriptor, table: &table, span: self.span };
            read::<Keys>(&section, &mut Problems::new()).unwrap_or_default()
        };
        Keys {
            timeout: alone("timeout").timeout,
            critical: alone("critical").critical,
            readiness: alone("readiness").readiness,
            ..Keys::default()
        }
    }
}

/// Whether nothing can be said against a key of the container's: then it is not worth a deserializer, and a large
/// manifest has one in each of its sections.
fn is_plain(name: &str, node: &Node) -> bool {
    match (find(Place::Component, name).map(|key| key.kind), &node.value) {
        (Some(Kind::References), Value::Table(table)) => table.iter().all(|(_, node)| text(node).is_some()),
        (Some(Kind::List), Value::Array(list)) => list.iter().all(|node| text(node).is_some()),
        _ => false,
    }
}

/// A string whose parameters could be replaced.
fn text(node: &Node) -> Option<&str> {
    node.as_str().filter(|_| node.origin != Origin::Broken)
}

/// A key that an operator chose, for a message: it can be a URI, by mistake.
pub(crate) fn shown_key(name: &str) -> String {
    escape(&mask_uri(name)).into_owned()
}

/// Reads a pattern; a string with user name or password is not shown.
fn pattern(
    (key, field): (&str, Option<&str>),
    text: &str,
    node: &Node,
    problems: &mut Problems,
) -> Option<Pattern> {
    let error: DescriptorError = match text.parse() {
        Ok(pattern) => return Some(pattern),
        Err(error) => error,
    };
    let reason = if has_user_info(text) { "not a pattern".to_owned() } else { error.to_string() };
    let key = field.map_or_else(|| key.to_owned(), |field| format!("{key}.{}", shown_key(field)));
    let message = format!("`{key}`: {}", escape(&reason));
    let problem = Problem::error(code::BAD_DESCRIPTOR, node.span, message).with_shown(node.span);
    problems.push(problem.with_help("write all five, `*` for any: `*:logger:*:*:*` is every logger"));
    None
}
