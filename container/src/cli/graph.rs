//! `graph`: what will run, and who uses whom.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use wirework::Descriptor;
use wirework::text::escape;

use super::exit::{EXIT_CONFIG, EXIT_USAGE};
use super::options::Options;
use super::options::{Manifests, json_text};
use super::output::{answer, complain};
use super::selector::{Selector, tokens_of};
use crate::plan::{List, Plan, Planned, others};
use crate::program::Program;

/// Shows the components in the order in which they open, and who uses whom
#[derive(Args)]
#[command(after_help = "Example: graph service.toml --format mermaid")]
pub(super) struct Graph {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    options: Options,
    /// Text for people, a Mermaid flowchart, a Graphviz digraph, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Leave these out: a descriptor, a pattern with `*`, or some parts of one, such as `logger`; repeatable
    #[arg(long, value_name = "COMPONENT")]
    without: Vec<Selector>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Mermaid,
    Dot,
    Json,
}

impl Graph {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let Some(checked) = self.options.with(&self.manifests).plan(program) else {
            return ExitCode::from(EXIT_CONFIG);
        };
        checked.print_problems();
        if !checked.is_read() {
            return checked.code();
        }
        let nobody =
            |selector: &&Selector| !checked.plan().descriptors.iter().any(|one| selector.selects(one));
        if let Some(selector) = self.without.iter().find(nobody) {
            return nobody_is(selector, checked.plan());
        }
        answer(&shown(checked.plan(), &self.without, self.format), checked.code())
    }
}

/// Says that no component of a plan is called so, and what may be meant.
pub(super) fn nobody_is(selector: &Selector, plan: &Plan) -> ExitCode {
    complain(format_args!("error: no component of the manifest matches `{selector}`"));
    if let Some((disabled, _)) = plan.disabled.iter().find(|(one, _)| selector.selects(one)) {
        complain(format_args!("help: `{disabled}` is not enabled"));
    } else if let Some(near) = selector.nearest(plan.descriptors.iter().map(tokens_of)) {
        complain(format_args!("help: did you mean `{near}`?"));
    } else if !plan.descriptors.is_empty() {
        complain(format_args!("help: `graph` lists them"));
    }
    ExitCode::from(EXIT_USAGE)
}

/// What is shown of a plan.
pub(super) fn shown(plan: &Plan, without: &[Selector], format: Format) -> String {
    let view = View::new(plan, without);
    match format {
        Format::Text => text(&view),
        Format::Mermaid => mermaid(&view),
        Format::Dot => dot(&view),
        Format::Json => json(&view),
    }
}

/// Up to how many members a list is drawn as one arrow per member. A longer list is drawn as a node of its own, with one
/// arrow from each component that references it and one to each member: n + m arrows and not n * m.
const ARROWS: usize = 8;

/// The part of a plan that is shown.
struct View<'p> {
    plan: &'p Plan,
    /// By position, whether the component is shown.
    shown: Vec<bool>,
}

impl<'p> View<'p> {
    fn new(plan: &'p Plan, without: &[Selector]) -> Self {
        let shows = |descriptor: &Descriptor| !without.iter().any(|selector| selector.selects(descriptor));
        Self { plan, shown: plan.descriptors.iter().map(shows).collect() }
    }

    fn name(&self, position: u32) -> &'p str {
        self.plan.descriptors.get(position as usize).map_or("", |descriptor| descriptor.as_str())
    }

    fn shows(&self, position: u32) -> bool {
        self.shown.get(position as usize).copied().unwrap_or_default()
    }

    /// What is shown, in the order in which it opens.
    fn components(&self) -> impl Iterator<Item = (u32, &'p Planned)> {
        let shown = self.plan.order.iter().filter(|position| self.shows(**position));
        shown.filter_map(|&position| Some((position, self.plan.get(position)?)))
    }

    /// The references of a component.
    fn links(&self, from: u32, planned: &'p Planned) -> impl Iterator<Item = Link<'p>> {
        let wanted = planned.known.iter().flat_map(|known| &known.references);
        wanted.zip(&planned.references).map(move |(wanted, resolved)| Link {
            from,
            field: wanted.reference.field,
            pattern: resolved.pattern.as_str(),
            late: !wanted.waits(),
            list: &resolved.list,
        })
    }

    /// The references of a component, then what it opens after without asking for it.
    fn edges(&self, from: u32, planned: &'p Planned) -> impl Iterator<Item = Link<'p>> {
        let afters = self.plan.afters.get(from as usize).into_iter().flatten();
        let after = planned.entry.after.iter().zip(afters).map(move |((pattern, _), list)| Link {
            from,
            field: "after",
            pattern: pattern.as_str(),
            late: false,
            list,
        });
        self.links(from, planned).chain(after)
    }

    /// The shown members of a list, but the one that asks.
    fn members(&self, link: &Link<'p>) -> impl Iterator<Item = u32> {
        others(link.list, link.from).filter(|to| self.shows(*to))
    }
}

/// One reference of a component, or its `after`, and what it resolved to.
struct Link<'p> {
    from: u32,
    field: &'p str,
    pattern: &'p str,
    late: bool,
    /// Equal questions share one list, so that its address names it.
    list: &'p List,
}

impl Link<'_> {
    /// Whether it is one arrow to a node that stands for its list.
    fn is_shared(&self) -> bool {
        self.list.len() > ARROWS
    }
}

/// An end of an arrow.
#[derive(Clone, Copy)]
enum Node {
    Component(u32),
    /// A list, by its number.
    List(usize),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(position) => write!(f, "c{position}"),
            Self::List(number) => write!(f, "l{number}"),
        }
    }
}

/// What a drawing is made of.
enum Drawn<'a> {
    /// A node that stands for a list, and the pattern of the first who asked for it.
    List(Node, &'a str),
    /// An arrow with its name; one from a list to a member has none.
    Arrow { from: Node, to: Node, name: &'a str, late: bool },
}

/// Draws each arrow, and each list that is a node before the first arrow to it.
fn draw<'p>(view: &View<'p>, mut put: impl FnMut(&Drawn<'p>)) {
    let mut lists: HashMap<*const u32, usize> = HashMap::new();
    for (from, planned) in view.components() {
        for link in view.edges(from, planned) {
            let Link { field: name, late, .. } = link;
            let from = Node::Component(from);
            if !link.is_shared() {
                view.members(&link)
                    .for_each(|to| put(&Drawn::Arrow { from, to: Node::Component(to), name, late }));
                continue;
            }
            let number = lists.len();
            let list = *lists.entry(link.list.as_ptr()).or_insert(number);
            if list == number {
                put(&Drawn::List(Node::List(list), link.pattern));
                let members = link.list.iter().filter(|member| view.shows(**member));
                members.for_each(|member| {
                    let (from, to) = (Node::List(list), Node::Component(*member));
                    put(&Drawn::Arrow { from, to, name: "", late: false });
                });
            }
            put(&Drawn::Arrow { from, to: Node::List(list), name, late });
        }
    }
}

fn text(view: &View<'_>) -> String {
    let count = view.components().count();
    let left_out = match view.plan.order.len().saturating_sub(count) {
        0 => String::new(),
        left_out => format!(" ({left_out} left out)"),
    };
    let name = escape(view.plan.service.shown_name());
    let mut out = match count {
        1 => format!("{name}: 1 component{left_out}\n"),
        _ => format!("{name}: {count} components, in the order in which they open{left_out}\n"),
    };
    for (number, (position, planned)) in view.components().enumerate() {
        let critical = if planned.entry.critical { "" } else { " (not critical)" };
        let _ = writeln!(out, "{:>3}  {}{critical}", number + 1, view.name(position));
        let links: Vec<_> =
            view.edges(position, planned).filter(|link| view.members(link).next().is_some()).collect();
        let width = links.iter().map(|link| link.field.len()).max().unwrap_or_default();
        for link in links {
            let (field, late) = (link.field, if link.late { " (late)" } else { "" });
            if link.is_shared() {
                let all = link.list.len();
                let _ = writeln!(out, "       {field:width$} → {} ({all} components){late}", link.pattern);
                continue;
            }
            for to in view.members(&link) {
                let _ = writeln!(out, "       {field:width$} → {}{late}", view.name(to));
            }
        }
    }
    out
}

fn mermaid(view: &View<'_>) -> String {
    let mut out = String::from("flowchart LR\n");
    for (position, _) in view.components() {
        let _ = writeln!(out, "  c{position}[\"{}\"]", view.name(position).replace('"', "#quot;"));
    }
    draw(view, |drawn| {
        let _ = match drawn {
            Drawn::List(node, pattern) => writeln!(out, "  {node}([\"{}\"])", pattern.replace('"', "#quot;")),
            Drawn::Arrow { from, to, name: "", .. } => writeln!(out, "  {from} --> {to}"),
            Drawn::Arrow { from, to, name, late: true } => writeln!(out, "  {from} -.->|{name}| {to}"),
            Drawn::Arrow { from, to, name, late: false } => writeln!(out, "  {from} -->|{name}| {to}"),
        };
    });
    out
}

fn dot(view: &View<'_>) -> String {
    let quoted = |text: &str| format!("\"{}\"", escape(text).replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n",
        quoted(view.plan.service.shown_name())
    );
    for (position, _) in view.components() {
        let _ = writeln!(out, "  c{position} [label={}];", quoted(view.name(position)));
    }
    draw(view, |drawn| {
        let _ = match drawn {
            Drawn::List(node, pattern) => {
                writeln!(out, "  {node} [label={}, shape=ellipse];", quoted(pattern))
            }
            Drawn::Arrow { from, to, name: "", .. } => writeln!(out, "  {from} -> {to};"),
            Drawn::Arrow { from, to, name, late } => {
                let style = if *late { ", style=dashed" } else { "" };
                writeln!(out, "  {from} -> {to} [label={}{style}];", quoted(name))
            }
        };
    });
    out.push_str("}\n");
    out
}

fn json(view: &View<'_>) -> String {
    let components = view.components().map(|(position, planned)| {
        let references = view.links(position, planned).map(|link| {
            let to: Vec<_> = view.members(&link).map(|to| view.name(to)).collect();
            json!({ "field": link.field, "pattern": link.pattern, "late": link.late, "to": to })
        });
        json!({
            "descriptor": view.name(position),
            "critical": planned.entry.critical,
            "readiness": planned.entry.readiness.to_string(),
            "after": planned.entry.after.iter().map(|(pattern, _)| pattern.as_str()).collect::<Vec<_>>(),
            "references": references.collect::<Vec<_>>(),
        })
    });
    let all =
        json!({ "service": view.plan.service.shown_name(), "components": components.collect::<Vec<_>>() });
    json_text(&all)
}
