//! A manifest brought together with the factories: every component, what each reference resolved to, and the order.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use wirework::component::{AnyArc, Claim, Instance, Parsed, Registered, Registry};
use wirework::config::{Problem, Problems, Section, Span, code};
use wirework::log::LogSink;
use wirework::{Descriptor, Pattern};

use super::claims;
use super::factories::{Factories, Known};
use super::graph::{Edge, Graph, GraphBuilder};
use super::hints;
use super::index::Index;
use super::lists::{Asked, List, Lists, others};
use super::references::{Candidate, Question, Scene, Verdict};
use crate::manifest::{Entry, Files, Manifest, Service, warn_literal_secrets};

/// How long a component may take to open or close when its section does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// One component of a plan.
pub struct Planned {
    /// Its section.
    pub entry: Entry,
    /// Its factory, where there is exactly one.
    pub known: Option<Arc<Known>>,
    /// Its configuration, where it could be read.
    pub parsed: Option<Parsed>,
    /// What each of its references asks for and resolved to, in the order in which they are declared.
    pub references: Vec<Resolved>,
}

/// What one reference asks for and resolved to.
pub struct Resolved {
    /// What is asked for, `{name}` replaced.
    pub pattern: Pattern,
    /// Where the manifest says so; nothing where the component's own pattern holds.
    pub overridden: Option<Span>,
    /// The components it resolved to.
    pub list: List,
}

impl Planned {
    /// How long it may take to open.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.entry.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Its instance as a log sink, if it offers to be one.
    #[must_use]
    pub fn log_sink(&self, instance: &Arc<dyn Instance>) -> Option<Arc<dyn LogSink>> {
        let mut sink: Option<Arc<dyn LogSink>> = None;
        let offer = self.known.as_ref()?.offer(TypeId::of::<dyn LogSink>())?;
        offer.cast(Arc::clone(instance) as AnyArc, &mut sink);
        sink
    }
}

/// A plan: all that can be known of a service without creating a component. With problems it is as complete as they
/// allow, which is what `graph` and `explain` show; only one without errors can be run.
pub struct Plan {
    /// The `[service]` section.
    pub service: Service,
    /// The files it comes from.
    pub files: Files,
    /// The components, in manifest order.
    pub components: Vec<Planned>,
    /// Their descriptors, in the same order.
    pub descriptors: Vec<Descriptor>,
    /// The components that are declared but not enabled.
    pub disabled: Vec<(Descriptor, Option<Arc<Known>>)>,
    /// The order of creation: everything after what it references.
    pub order: Vec<u32>,
    /// Who opens before whom.
    pub graph: Graph,
}

impl Plan {
    /// Plans a manifest. Every problem is added to `problems`; where one is an error, the plan must not be run.
    #[must_use]
    pub fn new(manifest: Manifest, registry: &Registry, problems: &mut Problems) -> Self {
        let Manifest { service, entries, disabled, files } = manifest;
        let mut factories = Factories::new(registry);
        let disabled = disabled.into_iter().map(|entry| {
            let known = factories.find(&entry.descriptor).ok();
            (entry.descriptor, known)
        });
        let disabled: Vec<_> = disabled.collect();
        let mut components: Vec<_> =
            entries.into_iter().map(|entry| read(entry, &mut factories, problems)).collect();
        let descriptors: Vec<_> = components.iter().map(|planned| planned.entry.descriptor.clone()).collect();
        let afters = resolve(&mut components, &descriptors, &disabled, problems);
        check_claims(&mut components, problems);
        check_limits(&components, problems);
        let (graph, order, cycles) = wait_graph(&components, &afters).build();
        let plan = Self { service, files, components, descriptors, disabled, order, graph };
        cycles.iter().for_each(|cycle| problems.push(plan.cycle(cycle, &afters)));
        plan
    }

    /// The position of a component.
    #[must_use]
    pub fn position(&self, descriptor: &Descriptor) -> Option<u32> {
        (0..).zip(&self.descriptors).find(|(_, other)| *other == descriptor).map(|(position, _)| position)
    }

    /// The component at a position.
    #[must_use]
    pub fn get(&self, position: u32) -> Option<&Planned> {
        self.components.get(position as usize)
    }

    /// The components without which the one at `position` cannot be: what its single, required references resolved to.
    pub fn requires(&self, position: u32) -> impl Iterator<Item = u32> + '_ {
        let planned = self.get(position);
        let wanted =
            planned.and_then(|planned| planned.known.as_ref()).map_or(&[][..], |known| &known.references);
        let resolved = planned.map_or(&[][..], |planned| &planned.references);
        let required = wanted.iter().zip(resolved).filter(|(wanted, _)| is_required(wanted.reference));
        required.flat_map(move |(_, resolved)| others(&resolved.list, position))
    }

    /// How many references were resolved to how many components in all; for the summary of `check`.
    #[must_use]
    pub fn references(&self) -> usize {
        self.components
            .iter()
            .flat_map(|planned| &planned.references)
            .map(|resolved| resolved.list.len())
            .sum()
    }

    /// The components that were considered for a reference, by its number, of the component at `position`: all that
    /// match its pattern or offer what it asks for, in manifest order, then those that are not enabled.
    #[must_use]
    pub fn candidates(&self, position: u32, reference: usize) -> Vec<Candidate<'_>> {
        let Some(planned) = self.get(position) else { return Vec::new() };
        let wanted = planned.known.as_ref().and_then(|known| known.references.get(reference));
        let Some((wanted, resolved)) = wanted.zip(planned.references.get(reference)) else {
            return Vec::new();
        };
        let known: Vec<_> = self.components.iter().map(|planned| planned.known.clone()).collect();
        let spans: Vec<_> = self.components.iter().map(|planned| planned.entry.span).collect();
        let scene =
            Scene { descriptors: &self.descriptors, known: &known, spans: &spans, disabled: &self.disabled };
        let pattern = &resolved.pattern;
        let question =
            Question { asker: position, span: planned.entry.span, reference: wanted.reference, pattern };
        let enabled = scene.candidates(&question).into_iter().filter_map(|(position, verdict)| {
            let descriptor = self.descriptors.get(position as usize)?;
            Some(Candidate { descriptor, verdict, enabled: true })
        });
        let disabled = self.disabled.iter().filter(|(descriptor, _)| pattern.matches(descriptor));
        let disabled = disabled.map(|(descriptor, _)| Candidate {
            descriptor,
            verdict: Verdict::OtherDescriptor,
            enabled: false,
        });
        enabled.chain(disabled).collect()
    }

    fn cycle(&self, cycle: &[u32], afters: &[Vec<List>]) -> Problem {
        let name = |position: u32| self.descriptors.get(position as usize).map_or("", Descriptor::as_str);
        let first = cycle.first().copied().unwrap_or_default();
        let mut path = format!("`{}`", name(first));
        for (at, &from) in cycle.iter().enumerate() {
            let to = cycle.get(at + 1).copied().unwrap_or(first);
            path.push_str(&format!(" → {} → `{}`", self.link(from, to, afters), name(to)));
        }
        let span = self.get(first).map_or_else(Span::default, |planned| planned.entry.span);
        Problem::error("CYCLE", span, format!("components wait for each other: {path}"))
            .with_help("let one of them use a late reference, or point its reference elsewhere")
    }

    /// By what `from` waits for `to`: the name of the reference, or `after`.
    fn link(&self, from: u32, to: u32, afters: &[Vec<List>]) -> &str {
        let Some(planned) = self.get(from) else { return "" };
        let wanted = planned.known.iter().flat_map(|known| &known.references);
        let by = wanted
            .zip(&planned.references)
            .find(|(wanted, resolved)| wanted.waits() && resolved.list.binary_search(&to).is_ok());
        let after =
            afters.get(from as usize).into_iter().flatten().any(|list| list.binary_search(&to).is_ok());
        match by {
            Some((wanted, _)) => wanted.reference.field,
            None if after => "after",
            None => "sinks open first",
        }
    }
}

/// Finds the factory of a section and reads its configuration.
fn read(entry: Entry, factories: &mut Factories<'_>, problems: &mut Problems) -> Planned {
    let known = match factories.find(&entry.descriptor) {
        Ok(known) => known,
        Err(rivals) => {
            problems.push(no_factory(&entry, &rivals, factories.registry()));
            return Planned { entry, known: None, parsed: None, references: Vec::new() };
        }
    };
    if let Some(key) = known.clash {
        let (descriptor, at) = (&entry.descriptor, known.registered.at());
        let message =
            format!("the factory of `{descriptor}`, registered at {at}, has a configuration key `{key}`");
        problems.push(
            Problem::error("BAD_FACTORY", entry.span, message)
                .with_help("the container reads that key itself; the component's author must rename it"),
        );
    }
    let section = Section { descriptor: &entry.descriptor, table: &entry.table, span: entry.span };
    let mut found = Problems::new();
    let parsed = known.factory().parse(&section, &mut found);
    if entry.damaged {
        // A syntax error lies in the section: keys may be lost, so that what is missing means nothing.
        found = found.into_iter().filter(|problem| problem.code != code::MISSING_KEY).collect();
    }
    hints::extend(problems, found, section.table);
    if known.secrets {
        warn_literal_secrets(&section, &known.schema, problems);
    }
    Planned { entry, known: Some(known), parsed, references: Vec::new() }
}

fn no_factory(entry: &Entry, rivals: &[Arc<Registered>], registry: &Registry) -> Problem {
    let descriptor = &entry.descriptor;
    if let [first, ..] = rivals {
        let places: Vec<_> = rivals.iter().map(|rival| rival.at()).collect();
        let message =
            format!("{} factories serve `{descriptor}` alike, by `{}`", rivals.len(), first.pattern());
        return Problem::error("AMBIGUOUS_FACTORY", entry.descriptor_span, message).with_help(format!(
            "registered at {}; add one to the `Registry` in code to decide",
            places.join(" and ")
        ));
    }
    let near: Vec<_> =
        registry.nearest(descriptor).iter().map(|near| format!("`{}`", near.pattern())).collect();
    let hint = if near.is_empty() { String::new() } else { format!("nearest: {}; ", near.join(", ")) };
    let help = format!(
        "{hint}a factory registers only when its crate is linked: name it once in the binary, `use {}_components as _;` \
         or whatever its crate is called",
        descriptor.group().replace('-', "_")
    );
    Problem::error(
        "UNKNOWN_DESCRIPTOR",
        entry.descriptor_span,
        format!("no linked factory makes `{descriptor}`"),
    )
    .with_help(help)
}

/// Resolves the references of all components, and returns for each what its `after` patterns matched.
fn resolve(
    components: &mut [Planned],
    descriptors: &[Descriptor],
    disabled: &[(Descriptor, Option<Arc<Known>>)],
    problems: &mut Problems,
) -> Vec<Vec<List>> {
    let known: Vec<_> = components.iter().map(|planned| planned.known.clone()).collect();
    let spans: Vec<_> = components.iter().map(|planned| planned.entry.span).collect();
    let index = Index::new(descriptors);
    let mut lists = Lists::new(&index, &known);
    let scene = Scene { descriptors, known: &known, spans: &spans, disabled };
    let resolve_one = |(asker, planned): (u32, &mut Planned)| {
        let entry = &planned.entry;
        for wanted in planned.known.iter().flat_map(|known| &known.references) {
            let field = wanted.reference.field;
            let overridden = entry.references.iter().find(|(name, ..)| name == field);
            let pattern =
                overridden.map_or(&wanted.pattern, |(_, pattern, _)| pattern).resolve(&entry.descriptor);
            let span = overridden.map(|(.., span)| *span);
            let list = lists.find(pattern.clone(), Asked::Capability(wanted.id));
            let question = Question {
                asker,
                span: span.unwrap_or(entry.span),
                reference: wanted.reference,
                pattern: &pattern,
            };
            if !entry.misread.iter().any(|name| name == field) {
                problems.extend(scene.problem(&question, &list));
            }
            planned.references.push(Resolved { pattern, overridden: span, list });
        }
        unknown_references(planned, problems);
        find_after(&planned.entry, asker, &mut lists, problems)
    };
    let afters = (0..).zip(components.iter_mut()).map(resolve_one).collect();
    check_critical(components, descriptors, problems);
    afters
}

/// Names under `references` that the component does not have.
fn unknown_references(planned: &Planned, problems: &mut Problems) {
    let Some(known) = &planned.known else { return };
    for (name, _, span) in &planned.entry.references {
        let fields = known.references.iter().map(|wanted| wanted.reference.field);
        if fields.clone().any(|field| field == name) {
            continue;
        }
        let near = fields.clone().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
        let help = match near {
            Some(near) if strsim::jaro(near, name) > 0.7 => format!("did you mean `{near}`?"),
            Some(_) => {
                format!("it has {}", fields.map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", "))
            }
            None => "it asks for nothing".to_owned(),
        };
        let message = format!("`{}` has no reference `{name}`", planned.entry.descriptor);
        problems.push(Problem::error("UNKNOWN_REFERENCE", *span, message).with_help(help));
    }
}

fn find_after(entry: &Entry, asker: u32, lists: &mut Lists<'_>, problems: &mut Problems) -> Vec<List> {
    let find = |(pattern, span): &(Pattern, Span)| {
        let list = lists.find(pattern.resolve(&entry.descriptor), Asked::Anything);
        if others(&list, asker).next().is_none() {
            let message =
                format!("`after` of `{}` matches no other component: `{pattern}`", entry.descriptor);
            problems.push(Problem::warning("AFTER_NOTHING", *span, message));
        }
        list
    };
    entry.after.iter().map(find).collect()
}

/// A critical component that requires one that is not: the latter's failure would still fail the start.
fn check_critical(components: &[Planned], descriptors: &[Descriptor], problems: &mut Problems) {
    for (asker, planned) in (0..).zip(components).filter(|(_, planned)| planned.entry.critical) {
        let wanted = planned.known.iter().flat_map(|known| &known.references);
        let required = wanted.zip(&planned.references).filter(|(wanted, _)| is_required(wanted.reference));
        for (wanted, resolved) in required {
            // Several are an error of their own.
            let mut found = others(&resolved.list, asker);
            let (Some(at), None) = (found.next(), found.next()) else { continue };
            let Some(on) = components.get(at as usize) else { continue };
            if !on.entry.critical {
                let (name, field) = (&planned.entry.descriptor, wanted.reference.field);
                let other = descriptors.get(at as usize).map_or("", Descriptor::as_str);
                let message = format!(
                    "`{name}` is critical, but its reference `{field}` requires `{other}`, which is not"
                );
                let problem = Problem::warning("CRITICAL_NEEDS_UNCRITICAL", planned.entry.span, message)
                    .with_help(format!("when `{other}` fails to open, the start fails all the same"))
                    .with_related(on.entry.span, "declared with `critical = false`");
                problems.push(problem);
            }
        }
    }
}

fn is_required(reference: &wirework::component::Reference) -> bool {
    reference.cardinality == wirework::component::Cardinality::One
}

fn check_claims(components: &mut [Planned], problems: &mut Problems) {
    let mut claims: Vec<(Claim, &Descriptor, Span)> = Vec::new();
    for planned in components {
        let claimed =
            planned.parsed.as_mut().map(|parsed| std::mem::take(&mut parsed.claims)).unwrap_or_default();
        claims
            .extend(claimed.into_iter().map(|claim| (claim, &planned.entry.descriptor, planned.entry.span)));
    }
    claims::check(&claims, problems);
}

/// A component whose own limit is not below the deadline never gets to report what went wrong.
fn check_limits(components: &[Planned], problems: &mut Problems) {
    for planned in components {
        let Some(limit) = planned.parsed.as_ref().and_then(|parsed| parsed.open_limit) else { continue };
        if limit >= planned.timeout() {
            let (descriptor, timeout) = (&planned.entry.descriptor, planned.timeout());
            let message = format!(
                "`{descriptor}` may take {limit:?} to open by its own settings, but is stopped after {timeout:?}"
            );
            let problem = Problem::warning("TIMEOUT_TOO_SHORT", planned.entry.span, message)
                .with_help("raise `timeout` of its section, so that it can report what went wrong");
            problems.push(problem);
        }
    }
}

/// Who waits for whom: by references that are not late, by `after`, and everybody for the sinks.
fn wait_graph(components: &[Planned], afters: &[Vec<List>]) -> GraphBuilder {
    let count = u32::try_from(components.len()).unwrap_or(u32::MAX);
    let mut builder = GraphBuilder::new(count);
    let mut groups = std::collections::HashMap::new();
    for ((asker, planned), afters) in (0..).zip(components).zip(afters) {
        let wanted = planned.known.iter().flat_map(|known| &known.references);
        for (wanted, resolved) in wanted.zip(&planned.references).filter(|(wanted, _)| wanted.waits()) {
            let edge = if is_required(wanted.reference) { Edge::Need } else { Edge::Order };
            wait(&mut builder, &mut groups, asker, &resolved.list, edge);
        }
        afters.iter().for_each(|list| wait(&mut builder, &mut groups, asker, list, Edge::Order));
    }
    // Counters and traces may end in the log, so that the log comes first of all.
    let early = stage(&mut builder, components, |known| known.log_sink, &[]);
    stage(&mut builder, components, |known| known.sink, &early);
    builder
}

/// Lets all components wait for those that `first` chooses and what these need; but for `before`, which came first
/// already. By position, whether a component is in the stage.
fn stage(
    builder: &mut GraphBuilder,
    components: &[Planned],
    first: impl Fn(&Known) -> bool,
    before: &[bool],
) -> Vec<bool> {
    let chosen = |planned: &Planned| planned.known.as_ref().is_some_and(|known| first(known));
    let roots: Vec<u32> =
        (0..).zip(components).filter(|(_, planned)| chosen(planned)).map(|(position, _)| position).collect();
    if roots.is_empty() {
        return Vec::new();
    }
    let mut staged = builder.reach(roots);
    staged.truncate(components.len());
    let earlier = |position: usize| before.get(position).copied().unwrap_or(false);
    let members = |wanted: bool| {
        let all = (0..).zip(&staged).enumerate();
        all.filter(move |(at, (_, staged))| **staged == wanted && !earlier(*at))
            .map(|(_, (position, _))| position)
    };
    let barrier = builder.group(members(true));
    members(false).for_each(|position| builder.wait(position, barrier, Edge::Order));
    staged
}

/// `asker` waits for the others of `list`: one by one when they are few or it is among them, else for their group.
fn wait(
    builder: &mut GraphBuilder,
    groups: &mut std::collections::HashMap<*const u32, u32>,
    asker: u32,
    list: &List,
    edge: Edge,
) {
    if list.len() <= 2 || list.binary_search(&asker).is_ok() {
        others(list, asker).for_each(|member| builder.wait(asker, member, edge));
        return;
    }
    // Equal questions share one list, so that its address names it.
    let group = *groups.entry(list.as_ptr()).or_insert_with(|| builder.group(list.iter().copied()));
    builder.wait(asker, group, Edge::Order);
}
