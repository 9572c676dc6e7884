//! What a service needs of the system that it runs on, as far as its manifest tells: for `unit` and `kubernetes`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::Schema;
use wirework::component::{Flow, QueueNamespace};
use wirework::config::{Node, Origin, Problems, Table, Value, code, is_shown, is_uri, mask_uri};
use wirework::connect::Uri;

use crate::manifest::{File, Fragment, container_values, fragments};
use crate::plan::{Plan, Planned};
use crate::run::CREATE_LIMIT;

/// How much longer than the service's own limits others wait for it.
const MARGIN: Duration = Duration::from_secs(5);

/// What a service needs.
pub(super) struct Needs<'p> {
    plan: &'p Plan,
    parameters: BTreeSet<&'p str>,
    secrets: BTreeSet<&'p str>,
    secret_files: Vec<WrittenFile<'p>>,
    /// The files and folders that components are given, and how they are written where that is relative.
    paths: BTreeMap<PathBuf, Option<WrittenFile<'p>>>,
    /// Whether a URI with a password or the like is written in the manifest.
    has_clear_uri: bool,
}

/// A file as the manifest names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WrittenFile<'p> {
    /// As it is written.
    pub written: &'p str,
    /// The file of the manifest in whose folder it is looked for.
    pub beside: &'p Path,
}

impl WrittenFile<'_> {
    /// Its path, relative as the manifest's own may be.
    pub fn path(&self) -> PathBuf {
        self.beside.parent().unwrap_or(Path::new("")).join(self.written)
    }
}

/// A text of a section.
struct Text<'a, 'p> {
    node: &'p Node,
    /// Its key, with 0 for any place in a list.
    path: &'a [&'p str],
    planned: &'p Planned,
}

impl<'p> Needs<'p> {
    /// Of a plan without errors.
    pub fn of(plan: &'p Plan) -> Self {
        let (parameters, secrets, secret_files) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let paths = BTreeMap::new();
        let mut needs = Self { plan, parameters, secrets, secret_files, paths, has_clear_uri: false };
        let own = plan.files.iter().flat_map(|file| container_values(&file.text));
        needs.parameters.extend(own.flat_map(names));
        for planned in &plan.components {
            walk(&planned.entry.table, planned, &mut Vec::new(), &mut |text| needs.note(text));
        }
        needs.secret_files.sort_unstable();
        needs.secret_files.dedup();
        needs
    }

    fn note(&mut self, text: &Text<'_, 'p>) {
        if let (true, Value::String(path)) = (text.is_path(), &text.node.value) {
            self.paths.insert(PathBuf::from(path), self.relative(text.node));
        }
        self.has_clear_uri |= text.node.origin == Origin::Literal && text.is_masked();
        let (plan, span) = (self.plan, text.node.span);
        let Some((written, file)) = plan.files.written(span).zip(plan.files.file(span)) else { return };
        let used = if text.is_shown() { &mut self.parameters } else { &mut self.secrets };
        used.extend(names(written));
        for fragment in fragments(written).unwrap_or_default() {
            if let Fragment::File(written) = fragment {
                self.secret_files.push(WrittenFile { written, beside: &file.path });
            }
        }
    }

    /// How a path is written that is relative to the folder of its file, and holds no parameter.
    fn relative(&self, node: &Node) -> Option<WrittenFile<'p>> {
        let (plan, is_literal) = (self.plan, node.origin == Origin::Literal);
        let (written, file) = plan.files.written(node.span).zip(plan.files.file(node.span))?;
        let written = written.trim_matches(['"', '\'']);
        let is_relative = is_literal && Path::new(written).is_relative();
        is_relative.then_some(WrittenFile { written, beside: &file.path })
    }

    /// The plan.
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// The parameters that hold no secret: each value that is made of them may be shown.
    pub fn parameters(&self) -> impl Iterator<Item = &'p str> {
        self.parameters.difference(&self.secrets).copied()
    }

    /// The parameters that may hold a secret.
    pub fn secrets(&self) -> impl Iterator<Item = &'p str> {
        self.secrets.iter().copied()
    }

    /// Whether a secret is written in the manifest itself, as far as that can be known; `problems` are those of its check.
    pub fn has_secret_in_clear(&self, problems: &Problems) -> bool {
        self.has_clear_uri || problems.iter().any(|problem| problem.code == code::SECRET_IN_CLEAR)
    }

    /// The files that the manifest takes secrets from.
    pub fn secret_files(&self) -> &[WrittenFile<'p>] {
        &self.secret_files
    }

    /// The files and folders that components are given, absolute.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.keys().map(PathBuf::as_path)
    }

    /// How the manifest writes the path of a component, where that is relative.
    pub fn written(&self, path: &Path) -> Option<WrittenFile<'p>> {
        self.paths.get(path).copied().flatten()
    }

    /// The files and sockets that components make.
    pub fn made(&self) -> &'p [PathBuf] {
        &self.plan.made
    }

    /// The folders of paths below those that a system keeps for what services write, such as `telemetry` in `/var/lib`.
    pub fn folders_in(&self, parent: &str) -> BTreeSet<String> {
        // A file that is made there is no folder.
        let is_folder = |path: &&Path| {
            path.parent() != Some(Path::new(parent)) || !self.made().contains(&path.to_path_buf())
        };
        let inside = self.paths().filter(is_folder).filter_map(|path| path.strip_prefix(parent).ok());
        let first = inside.filter_map(|path| path.components().next());
        first.filter_map(|part| part.as_os_str().to_str().map(str::to_owned)).collect()
    }

    /// The manifest's files, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = &'p File> {
        self.plan.files.iter()
    }

    /// Whether it speaks to others over a network. What components of others do nobody knows.
    pub fn is_networked(&self) -> bool {
        let is_foreign = |planned: &Planned| planned.known.as_ref().is_none_or(|known| !known.is_stock());
        let mut components = self.plan.components.iter();
        !self.plan.listeners.is_empty()
            || components.any(|planned| is_foreign(planned) || flows(planned).iter().any(connects))
    }

    /// Whether it listens at a port that only privileged processes may have.
    pub fn has_privileged_port(&self) -> bool {
        self.plan.listeners.iter().any(|listener| (1..1024).contains(&listener.port()))
    }

    /// How long the start may take before its first component opens, and then each component.
    pub fn start_limit(&self) -> Duration {
        let longest = self.plan.components.iter().map(Planned::timeout).max().unwrap_or_default();
        longest.saturating_add(CREATE_LIMIT).saturating_add(MARGIN)
    }

    /// How long the whole start may take, where each component waits for the one before.
    pub fn whole_start_limit(&self) -> Duration {
        let together = |sum: Duration, planned: &Planned| sum.saturating_add(planned.timeout());
        let all = self.plan.components.iter().fold(Duration::ZERO, together);
        all.saturating_add(CREATE_LIMIT).saturating_add(MARGIN)
    }

    /// How long the end may take: the drain, the close, and a margin.
    pub fn stop_limit(&self) -> Duration {
        let service = &self.plan.service;
        service.drain_delay.saturating_add(service.timeout).saturating_add(MARGIN)
    }
}

/// A time in whole seconds, not less.
pub(super) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl Text<'_, '_> {
    fn schema(&self) -> Option<&Schema> {
        self.planned.known.as_ref().map(|known| &*known.schema)
    }

    /// Whether everybody may see it.
    fn is_shown(&self) -> bool {
        let shown = self.schema().is_some_and(|schema| is_shown(schema, self.path));
        shown && !self.node.origin.is_secret() && !self.is_masked()
    }

    /// Whether it is a URI of which a part must not be seen.
    fn is_masked(&self) -> bool {
        let Some(text) = self.node.as_str() else { return false };
        match self.schema().filter(|schema| is_uri(schema, self.path)) {
            Some(_) => text.parse::<Uri>().map_or(true, |uri| uri.masked() != text),
            None => mask_uri(text) != text,
        }
    }

    /// Whether its key has a path.
    fn is_path(&self) -> bool {
        let fits = |pattern: &[String], path: &[&str]| {
            let same = |(wanted, key): (&String, &&str)| matches!(&**wanted, "*" | "<key>") || wanted == key;
            pattern.len() == path.len() && pattern.iter().zip(path).all(same)
        };
        let path = self.path;
        let listed = path.split_last().filter(|(last, _)| **last == PLACE).map(|(_, list)| list);
        let mut known = self.planned.known.iter().flat_map(|known| &known.paths);
        known.any(|pattern| fits(pattern, path) || listed.is_some_and(|list| fits(pattern, list)))
    }
}

/// What stands for any place in a list.
const PLACE: &str = "0";

/// Visits all texts of a table.
fn walk<'p>(
    table: &'p Table,
    planned: &'p Planned,
    path: &mut Vec<&'p str>,
    visit: &mut impl FnMut(&Text<'_, 'p>),
) {
    for (key, node) in table.iter() {
        path.push(&key.name);
        visit_node(node, planned, path, visit);
        path.pop();
    }
}

fn visit_node<'p>(
    node: &'p Node,
    planned: &'p Planned,
    path: &mut Vec<&'p str>,
    visit: &mut impl FnMut(&Text<'_, 'p>),
) {
    match &node.value {
        Value::Table(inner) => walk(inner, planned, path, visit),
        Value::Array(list) => {
            path.push(PLACE);
            list.iter().for_each(|node| visit_node(node, planned, path, visit));
            path.pop();
        }
        Value::String(_) => visit(&Text { node, path, planned }),
        _ => {}
    }
}

/// The names of the parameters in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    fragments(text).unwrap_or_default().into_iter().filter_map(|fragment| match fragment {
        Fragment::Parameter { name, .. } => Some(name),
        _ => None,
    })
}

fn flows(planned: &Planned) -> &[Flow] {
    planned.parsed.as_ref().map_or(&[][..], |parsed| &parsed.flows)
}

/// Whether a component of this flow connects to servers itself.
fn connects(flow: &Flow) -> bool {
    match flow {
        // Whoever looks up where servers are, or what they want to hear, connects to one.
        Flow::Server(_) | Flow::DiscoveredServers(_) | Flow::LooksUp(_) => true,
        Flow::Queue(queue) => matches!(queue.space, QueueNamespace::Servers(_)),
        _ => false,
    }
}
