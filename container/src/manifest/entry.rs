//! A section with the container's own keys taken out and understood.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::config::{Key, Millis, Node, Problem, Problems, Section, Span, Table, Value, code, read};
use wirework::{Descriptor, Pattern};

/// The keys of a section that are the container's, but for `descriptor`.
const OWN: [&str; 6] = ["enabled", "references", "dependencies", "after", "timeout", "critical"];

/// How long closing may take in all unless the manifest says otherwise.
const SERVICE_TIMEOUT: Millis = Millis::new(25_000);

/// How many components may open at once unless the manifest says otherwise.
const OPEN_CONCURRENCY: u32 = 64;

/// One component of the service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Which component.
    pub descriptor: Descriptor,
    /// Where its section begins: the header, in the first file that has it.
    pub span: Span,
    /// Where the descriptor stands.
    pub descriptor_span: Span,
    /// What `references.<field>` says: the field, the pattern, and where it stands.
    pub references: Vec<(String, Pattern, Span)>,
    /// What must be open before it, without being referenced.
    pub after: Vec<(Pattern, Span)>,
    /// How long opening and closing may take each; nothing where the default holds.
    pub timeout: Option<Duration>,
    /// Whether the start fails when it cannot open.
    pub critical: bool,
    /// The component's own keys.
    pub table: Table,
    /// A syntax error lies in the section: keys may be lost, so that what is missing means nothing.
    pub damaged: bool,
}

/// What `[service]` says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Service {
    /// The service's name; `service` unless given.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How long closing may take in all; 25 s unless given.
    pub timeout: Duration,
    /// How many components may open at once; 64 unless given.
    pub open_concurrency: usize,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: "service".to_owned(),
            description: None,
            timeout: SERVICE_TIMEOUT.0,
            open_concurrency: OPEN_CONCURRENCY as usize,
        }
    }
}

/// The keys of a section that belong to the container.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    references: BTreeMap<String, String>,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    after: Vec<String>,
    timeout: Option<Millis>,
    critical: Option<bool>,
    #[expect(dead_code, reason = "read before; here so that its type is checked")]
    enabled: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Top {
    #[serde(default)]
    service: ServiceKeys,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServiceKeys {
    /// The service's name.
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// How long closing may take in all.
    timeout: Option<Millis>,
    /// How many components may open at once.
    open_concurrency: Option<u32>,
}

impl Entry {
    /// Takes the container's keys out of a section.
    pub(super) fn new(
        descriptor: Descriptor,
        (span, descriptor_span): (Span, Span),
        mut table: Table,
        problems: &mut Problems,
    ) -> Self {
        let mut own = Table::new();
        for name in OWN {
            own.extend(table.remove(name));
        }
        let mut entry = Self {
            descriptor,
            span,
            descriptor_span,
            references: Vec::new(),
            after: Vec::new(),
            timeout: None,
            critical: true,
            table,
            damaged: false,
        };
        if !own.is_empty() {
            entry.take(&own, problems);
        }
        entry
    }

    fn take(&mut self, own: &Table, problems: &mut Problems) {
        let section = Section { descriptor: &self.descriptor, table: own, span: self.span };
        let Some(keys) = read::<Keys>(&section, problems) else { return };
        self.critical = keys.critical.unwrap_or(true);
        self.timeout = keys.timeout.map(Duration::from);
        if self.timeout == Some(Duration::ZERO) {
            let span = own.get("timeout").map_or(self.span, |node| node.span);
            let message = "`timeout`: expected a time longer than 0, found 0";
            problems.push(Problem::error(code::BAD_VALUE, span, message).with_shown(span));
            self.timeout = None;
        }
        for (name, list) in [("references", &keys.references), ("dependencies", &keys.dependencies)] {
            for (field, text) in list {
                let found = own.get(name).and_then(Node::as_table).and_then(|table| table.entry(field));
                let span = found.map_or(self.span, |(_, node)| node.span);
                if self.references.iter().any(|(known, ..)| known == field) {
                    let key = found.map_or(self.span, |(key, _)| key.span);
                    let message = format!(
                        "`dependencies.{field}` is another spelling of `references.{field}`, which is given too"
                    );
                    problems.push(
                        Problem::error(code::DUPLICATE_KEY, key, message).with_help("keep one of them"),
                    );
                    continue;
                }
                let pattern = pattern(&format!("{name}.{field}"), text, span, problems);
                self.references.extend(pattern.map(|pattern| (field.clone(), pattern, span)));
            }
        }
        let spans = match own.get("after").map(|node| &node.value) {
            Some(Value::Array(list)) => list.iter().map(|node| node.span).collect(),
            _ => Vec::new(),
        };
        for (text, span) in keys.after.iter().zip(spans) {
            self.after.extend(pattern("after", text, span, problems).map(|pattern| (pattern, span)));
        }
    }
}

fn pattern(key: &str, text: &str, span: Span, problems: &mut Problems) -> Option<Pattern> {
    match text.parse() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let message = format!("`{key}`: {error}");
            problems.push(Problem::error(code::BAD_DESCRIPTOR, span, message).with_shown(span));
            None
        }
    }
}

impl Service {
    /// Reads `[service]`.
    pub(super) fn new(node: Option<Node>, problems: &mut Problems) -> Self {
        let Some(node) = node else { return Self::default() };
        let Ok(nobody) = "wirework:service:manifest:default:1.0".parse() else { return Self::default() };
        let span = node.span;
        let find =
            |name: &str| node.as_table().and_then(|table| table.get(name)).map_or(span, |node| node.span);
        let (timeout, concurrency) = (find("timeout"), find("open_concurrency"));
        let table: Table = [(Key::new("service", span), node)].into_iter().collect();
        let section = Section { descriptor: &nobody, table: &table, span };
        let Some(Top { service }) = read::<Top>(&section, problems) else { return Self::default() };
        let default = Self::default();
        let mut positive = |given: bool, key: &str, span| {
            if !given {
                let message = format!("`service.{key}`: expected more than 0, found 0");
                problems.push(Problem::error(code::BAD_VALUE, span, message).with_shown(span));
            }
        };
        positive(service.timeout.is_none_or(|time| !time.0.is_zero()), "timeout", timeout);
        positive(service.open_concurrency != Some(0), "open_concurrency", concurrency);
        Self {
            name: service.name.unwrap_or(default.name),
            description: service.description,
            timeout: service.timeout.map_or(default.timeout, Duration::from),
            open_concurrency: service
                .open_concurrency
                .map_or(default.open_concurrency, |count| count as usize),
        }
    }
}
