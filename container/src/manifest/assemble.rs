//! Documents to entries: descriptors, overlay, disabled sections, parameters.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::RandomState;

use wirework::Descriptor;
use wirework::component::{DescriptorError, TOKENS};
use wirework::config::{
    Key, Node, Problem, Problems, Span, Table, Value, code, has_user_info, mask_uri, nearest,
};
use wirework::text::escape;

use super::booleans;
use super::container_keys::{self, Kind, Place, keys_of};
use super::entry::{Entry, is_own};
use super::files::Files;
use super::likely_mistakes::warn_likely_mistake;
use super::load::Loader;
use super::misplaced::{BEFORE_HEADERS, is_section};
use super::near_descriptors::{Declared, warn_near_descriptors};
use super::overlay::overlay;
use super::parameters::Parameters;
use super::parts::TWO_BRACKETS;
use super::replace::{Replaced, Replacer};
use super::service::Service;

/// What all files together say, in manifest order. Where a problem is an error, it must not be run.
#[derive(Debug)]
pub struct Manifest {
    /// What `[service]` says.
    pub service: Service,
    /// The components that are enabled.
    pub entries: Vec<Entry>,
    /// Those that are not: nothing of them is read, but a message may name them.
    pub disabled: Vec<Disabled>,
    /// The files, to show where something stands.
    pub files: Files,
}

/// A component that is declared but not enabled.
#[derive(Clone, Debug)]
pub struct Disabled {
    /// Which component.
    pub descriptor: Descriptor,
    /// Where its section begins.
    pub span: Span,
}

/// A section of one file, or of several laid over each other.
struct Draft {
    entry: Entry,
    /// The document that it was last seen in, to find a descriptor twice in one.
    document: usize,
    /// Where its descriptor was seen first, and in which document.
    first: (Span, usize),
}

impl Draft {
    fn declared(&self) -> Declared<'_> {
        let (span, document) = self.first;
        Declared { descriptor: &self.entry.descriptor, span, document }
    }
}

impl Manifest {
    /// Reads the files, each lying over those before it, and what they include.
    ///
    /// ```
    /// use wirework::config::Problems;
    /// use wirework_container::manifest::{Manifest, Parameters, render};
    /// let mut problems = Problems::new();
    /// let manifest = Manifest::load(&["nowhere.toml".into()], &Parameters::new(), &mut problems);
    /// let text = render(&problems, &manifest.files, false);
    /// assert!(text.starts_with("error[NO_CONFIG_FILE]: there is no file `nowhere.toml`"));
    /// ```
    pub fn load(paths: &[PathBuf], parameters: &Parameters, problems: &mut Problems) -> Self {
        let mut loader = Loader::new(parameters);
        for path in paths {
            loader.load(path, problems);
        }
        Self::build(loader, problems)
    }

    /// Takes a text for a manifest; `path` is how messages call it, and what includes are relative to.
    pub fn parse(path: &Path, text: &str, parameters: &Parameters, problems: &mut Problems) -> Self {
        let mut loader = Loader::new(parameters);
        loader.take(path, text.as_bytes().to_owned(), problems);
        Self::build(loader, problems)
    }

    fn build(loader: Loader<'_>, problems: &mut Problems) -> Self {
        let Loader { parameters, files, documents, .. } = loader;
        let replacer = Replacer::new(parameters, &files);
        // What a section lost in another file cannot be known.
        let may_lack_keys = documents.len() > 1 && files.has_broken();
        let (drafts, places) = (Vec::new(), HashMap::default());
        let mut sections = Sections { replacer, problems, drafts, places, service: None, may_lack_keys };
        for (number, document) in documents.into_iter().enumerate() {
            sections.document(number, document);
        }
        let Sections { replacer, problems, drafts, service, .. } = sections;
        warn_near_descriptors(drafts.iter().map(Draft::declared), problems);
        let service = service.map(|mut node| {
            if let Value::Table(table) = &mut node.value {
                replacer.table(table, |key| Some(format!("service.{key}")), problems);
                for (key, node) in table.iter() {
                    warn_likely_mistake(&format!("service.{}", key.name), node, replacer.files, problems);
                }
            }
            node
        });
        let service = Service::new(service, problems);
        let mut disabled = Vec::new();
        // The entries take the place of the drafts: a large manifest has no second list of them.
        let entries = drafts.into_iter().filter_map(|Draft { mut entry, .. }| {
            if let Some(Value::Boolean(false)) = entry.table.get("enabled").map(|node| &node.value) {
                disabled.push(Disabled { descriptor: entry.descriptor, span: entry.span });
                return None;
            }
            replacer.table(&mut entry.table, |key| is_own(key).then(|| key.to_owned()), problems);
            entry.take_own_keys(problems);
            Some(entry)
        });
        let entries = entries.collect();
        Self { service, entries, disabled, files }
    }
}

/// The sections as they come, file by file.
struct Sections<'a> {
    replacer: Replacer<'a>,
    problems: &'a mut Problems,
    drafts: Vec<Draft>,
    places: HashMap<Descriptor, usize, RandomState>,
    service: Option<Node>,
    /// Keys of a section may be lost.
    may_lack_keys: bool,
}

impl Sections<'_> {
    fn document(&mut self, number: usize, mut table: Table) {
        let service = table.remove("service");
        let component = table.remove("component");
        let mut list = component.map(|(key, node)| self.sections(&key, node)).unwrap_or_default();
        let has_service = service.is_some();
        if let Some((key, node)) = service {
            self.service(key, node);
        }
        list.extend(self.unknown(table, has_service));
        self.drafts.reserve(list.len());
        self.places.reserve(list.len());
        for node in list {
            self.section(number, node);
        }
    }

    /// The sections that `component` stands for.
    fn sections(&mut self, key: &Key, node: Node) -> Vec<Node> {
        let value = match node.value {
            Value::Array(list) => return list,
            value => value,
        };
        let message = format!("`component`: expected sections `[[component]]`, found {}", value.a_kind());
        let problem = Problem::error(code::WRONG_TYPE, node.span, message);
        self.problems.push(problem.with_help(TWO_BRACKETS));
        match value {
            // `[component.logger]`
            Value::Table(table) if table.iter().any(|(_, node)| is_section(node)) => named_sections(table),
            Value::Table(_) => vec![Node::new(value, key.span)],
            _ => Vec::new(),
        }
    }

    /// Reports the keys at the top that are none, and answers the sections that can be read all the same.
    fn unknown(&mut self, mut table: Table, has_service: bool) -> Vec<Node> {
        let mut sections = Vec::new();
        if let Some((key, _)) = table.entry("descriptor") {
            let (span, message) = (key.span, "unknown key `descriptor` at the top");
            let problem = Problem::error(code::UNKNOWN_KEY, span, message);
            self.problems.push(problem.with_help(HEADER));
            let section =
                table.split_off(|key| nearest(&key.name, container_keys::names_of(Place::Top)).is_none());
            sections.push(Node::new(Value::Table(section), span));
        }
        for (key, node) in table {
            let message = format!("unknown key `{}` at the top", escape(&mask_uri(&key.name)));
            let meant = nearest(&key.name, container_keys::names_of(Place::Top));
            let help = match (meant, &node.value) {
                (Some("component"), _) => "did you mean `[[component]]`?".to_owned(),
                (Some("service"), _) => "did you mean `[service]`?".to_owned(),
                (Some(meant), _) => format!("did you mean `{meant}`?"),
                (None, _) if is_section(&node) => HEADER.to_owned(),
                (None, _) if container_keys::find(Place::Service, &key.name).is_some() => {
                    format!("`{}` stands below `[service]`", key.name)
                }
                (None, _) => "known here: `[service]`, `[[component]]`, `include`".to_owned(),
            };
            self.problems.push(Problem::error(code::UNKNOWN_KEY, key.span, message).with_help(help));
            match (meant, node.value) {
                (None, Value::Array(list)) if list.iter().all(is_section) => sections.extend(list),
                (None, value @ Value::Table(_)) => {
                    let section = Node::new(value, key.span);
                    sections.extend(Some(section).filter(is_section));
                }
                (Some("component"), Value::Array(list)) => {
                    sections.extend(list.into_iter().filter(|node| node.as_table().is_some()));
                }
                (Some("service"), value @ Value::Table(_)) if !has_service => {
                    self.service(key, Node::new(value, node.span));
                }
                _ => {}
            }
        }
        sections
    }

    fn service(&mut self, key: Key, node: Node) {
        let value = match node.value {
            Value::Array(mut list) if list.iter().all(|node| node.as_table().is_some()) => {
                let problem = Problem::error(
                    code::WRONG_TYPE,
                    key.span,
                    "`service`: expected one section, found a list",
                );
                self.problems.push(problem.with_help("write `[service]`, with one bracket on each side"));
                match list.pop() {
                    Some(last) => last.value,
                    None => return,
                }
            }
            value => value,
        };
        let span = if matches!(value, Value::Table(_)) { key.span } else { node.span };
        match (&mut self.service, value) {
            (Some(Node { value: Value::Table(below), .. }), Value::Table(above)) => overlay(below, above),
            (service, value) => *service = Some(Node::new(value, span)),
        }
    }

    fn section(&mut self, document: usize, node: Node) {
        let may_lack_keys = self.may_lack_keys;
        let Value::Table(mut table) = node.value else {
            let message =
                format!("`component`: expected sections `[[component]]`, found {}", node.value.a_kind());
            return self.problems.error(code::WRONG_TYPE, node.span, message);
        };
        let Some((descriptor, descriptor_span)) = self.descriptor(&mut table, node.span) else {
            return;
        };
        self.booleans(&mut table);
        let Some(draft) = self.places.get(&descriptor).and_then(|place| self.drafts.get_mut(*place)) else {
            self.places.insert(descriptor.clone(), self.drafts.len());
            let entry =
                Entry { may_lack_keys, ..Entry::new(descriptor, (node.span, descriptor_span), table) };
            self.drafts.push(Draft { entry, document, first: (descriptor_span, document) });
            return;
        };
        let entry = &mut draft.entry;
        if draft.document == document {
            let message = format!("`{descriptor}` is declared twice in one file");
            let problem = Problem::error(code::DUPLICATE_DESCRIPTOR, descriptor_span, message)
                .with_help("give one of them another name, the fourth token")
                .with_related(entry.descriptor_span, "declared here first")
                .with_shown(descriptor_span)
                .with_shown(entry.descriptor_span);
            self.problems.push(problem);
        }
        draft.document = document;
        entry.descriptor_span = descriptor_span;
        overlay(&mut entry.table, table);
    }

    /// Takes out the descriptor, with its parameters replaced.
    fn descriptor(&mut self, table: &mut Table, section: Span) -> Option<(Descriptor, Span)> {
        let Some((_, node)) = table.remove("descriptor").or_else(|| self.misspelt(table)) else {
            let problem = Problem::error(code::MISSING_KEY, section, "missing key `descriptor`");
            self.problems.push(problem.with_help(FIVE_TOKENS));
            return None;
        };
        let span = node.span;
        let Value::String(text) = node.value else {
            let message = format!("`descriptor`: expected a string, found {}", node.value.shown());
            let problem = Problem::error(code::WRONG_TYPE, span, message);
            self.problems.push(problem.with_help(FIVE_TOKENS).with_shown(span));
            return None;
        };
        let text = match self.replacer.open_text("descriptor", &text, span, self.problems) {
            Replaced::Same => text,
            Replaced::Text(text, _) => text,
            Replaced::NotGiven => String::new(),
            Replaced::Failed => return None,
        };
        match text.parse() {
            Ok(descriptor) => Some((descriptor, span)),
            Err(_) if text.trim().is_empty() => {
                let problem = Problem::error(code::BAD_DESCRIPTOR, span, "`descriptor` is empty");
                self.problems.push(problem.with_help(FIVE_TOKENS).with_shown(span));
                None
            }
            Err(error) => {
                let error: DescriptorError = error;
                let text = if has_user_info(&text) {
                    "not a descriptor".to_owned()
                } else {
                    escape(&error.to_string()).into_owned()
                };
                let problem = Problem::error(code::BAD_DESCRIPTOR, span, text).with_shown(span);
                self.problems.push(problem.with_help(descriptor_help(&error)));
                None
            }
        }
    }

    /// Takes out what is a descriptor by its look and nearly by its key, or stands in one of the section's tables, which is
    /// reported.
    fn misspelt(&mut self, table: &mut Table) -> Option<(Key, Node)> {
        let near = table.iter().find(|(key, node)| is_meant(key, node));
        if let Some((name, span)) = near.map(|(key, _)| (Arc::clone(&key.name), key.span)) {
            let problem = Problem::error(code::UNKNOWN_KEY, span, format!("unknown key `{}`", escape(&name)));
            self.problems.push(problem.with_guess("descriptor"));
            return table.remove(&name);
        }
        let inner = table.iter_mut().find_map(|(outer, node)| match &mut node.value {
            Value::Table(inner) if has_descriptor(inner) => Some((outer, inner)),
            _ => None,
        });
        let (outer, inner) = inner?;
        let found = inner.remove("descriptor")?;
        let message = format!("unknown key `{}.descriptor`", escape(&mask_uri(&outer.name)));
        self.problems
            .push(Problem::error(code::UNKNOWN_KEY, found.0.span, message).with_help(BEFORE_HEADERS));
        Some(found)
    }

    /// Makes the container's keys that are true or false what they say after their parameters are replaced: a boolean, or nothing.
    fn booleans(&mut self, table: &mut Table) {
        for key in keys_of(Place::Component).filter(|key| key.kind == Kind::Boolean).map(|key| key.name) {
            let Some(node) = table.get_mut(key) else { continue };
            match booleans::read(key, node, &self.replacer, self.problems) {
                Some(value) => node.value = Value::Boolean(value),
                None => drop(table.remove(key)),
            }
        }
    }
}

/// What others call a descriptor.
const SYNONYMS: [&str; 5] = ["type", "kind", "class", "component", "factory"];

/// How a section begins.
const HEADER: &str = "a component begins with its header, `[[component]]`";

/// What a descriptor looks like.
const FIVE_TOKENS: &str = "it names the component: `descriptor = \"group:type:kind:name:version\"`";

/// What to write instead of a text that is no descriptor.
fn descriptor_help(error: &DescriptorError) -> &'static str {
    match error {
        DescriptorError::TokenCount { .. } | DescriptorError::EmptyToken { .. } => {
            "write all five, such as `pip-services:logger:console:default:1.0`"
        }
        DescriptorError::Wildcard { token: "name", .. } => {
            "give the component a name of its own, such as `default`"
        }
        DescriptorError::Wildcard { .. } | DescriptorError::PartialWildcard { .. } => {
            "only patterns have wildcards, as in `references` and `after`"
        }
        _ => {
            "a token has letters, digits, `-`, `_` and `.`, such as in `pip-services:logger:console:default:1.0`"
        }
    }
}

/// The sections of a table that has them under names.
fn named_sections(table: Table) -> Vec<Node> {
    let sections = table.into_iter().filter(|(_, node)| is_section(node));
    let lists = sections.map(|(key, node)| match node.value {
        Value::Array(list) => list,
        value => vec![Node::new(value, key.span)],
    });
    lists.flatten().collect()
}

/// Whether a value is a descriptor by its look and nearly by its key.
fn is_meant(key: &Key, node: &Node) -> bool {
    has_look(node) && (nearest(&key.name, ["descriptor"]).is_some() || SYNONYMS.contains(&&*key.name))
}

/// Whether a table has a descriptor.
fn has_descriptor(table: &Table) -> bool {
    table.get("descriptor").is_some_and(has_look)
}

/// Whether a value looks like a descriptor.
fn has_look(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.matches(':').count() == TOKENS.len() - 1)
}
