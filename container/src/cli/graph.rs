//! `graph`: what will run, and who uses whom.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use wirework::Pattern;
use wirework::text::escape;

use super::options::{Manifests, json_text};
use super::output::{answer, complain};
use super::{EXIT_CONFIG, EXIT_USAGE, Host, Options};
use crate::plan::{Plan, Planned, others};

/// Shows the components in the order in which they open, and who uses whom
#[derive(Args)]
#[command(after_help = "Example: graph service.toml --format mermaid")]
pub(super) struct Graph {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    manifests: Manifests,
    /// Text for people, a Mermaid flowchart, a Graphviz digraph, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Leave out what matches, such as '*:logger:*:*:*'; repeatable
    #[arg(long, value_name = "PATTERN")]
    without: Vec<Pattern>,
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
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let Some(checked) = self.options.with(&self.manifests).plan(host) else {
            return ExitCode::from(EXIT_CONFIG);
        };
        checked.print_problems();
        let nobody = |pattern: &&Pattern| !checked.plan().descriptors.iter().any(|one| pattern.matches(one));
        if let Some(pattern) = self.without.iter().find(nobody) {
            complain(format_args!("error: no component of the manifest matches `{pattern}`"));
            return ExitCode::from(EXIT_USAGE);
        }
        answer(&shown(checked.plan(), &self.without, self.format), checked.code())
    }
}

/// What is shown of a plan.
pub(super) fn shown(plan: &Plan, without: &[Pattern], format: Format) -> String {
    let view = View { plan, without };
    match format {
        Format::Text => text(&view),
        Format::Mermaid => mermaid(&view),
        Format::Dot => dot(&view),
        Format::Json => json(&view),
    }
}

/// The part of a plan that is shown.
struct View<'p> {
    plan: &'p Plan,
    without: &'p [Pattern],
}

impl<'p> View<'p> {
    fn name(&self, position: u32) -> &'p str {
        self.plan.descriptors.get(position as usize).map_or("", |descriptor| descriptor.as_str())
    }

    fn shows(&self, position: u32) -> bool {
        let descriptor = self.plan.descriptors.get(position as usize);
        descriptor.is_some_and(|descriptor| !self.without.iter().any(|pattern| pattern.matches(descriptor)))
    }

    /// What is shown, in the order in which it opens.
    fn components(&self) -> impl Iterator<Item = (u32, &'p Planned)> {
        let shown = self.plan.order.iter().filter(|position| self.shows(**position));
        shown.filter_map(|&position| Some((position, self.plan.get(position)?)))
    }

    /// The references of a component.
    fn links(&self, position: u32, planned: &'p Planned) -> Vec<Link<'p>> {
        let wanted = planned.known.iter().flat_map(|known| &known.references);
        let links = wanted.zip(&planned.references).map(|(wanted, resolved)| Link {
            field: wanted.reference.field,
            pattern: resolved.pattern.as_str(),
            late: !wanted.waits(),
            to: others(&resolved.list, position).filter(|to| self.shows(*to)).collect(),
        });
        links.collect()
    }

    /// The references of a component, then what it opens after without asking for it.
    fn edges(&self, position: u32, planned: &'p Planned) -> Vec<Link<'p>> {
        let mut edges = self.links(position, planned);
        for (pattern, _) in &planned.entry.after {
            let resolved = pattern.resolve(&planned.entry.descriptor);
            let matching = (0..)
                .zip(&self.plan.descriptors)
                .filter(|(other, descriptor)| *other != position && resolved.matches(descriptor));
            let to = matching.map(|(other, _)| other).filter(|to| self.shows(*to)).collect();
            edges.push(Link { field: "after", pattern: pattern.as_str(), late: false, to });
        }
        edges
    }

    fn each_edge(&self, mut visit: impl FnMut(u32, &Link<'_>, u32)) {
        for (position, planned) in self.components() {
            for link in self.edges(position, planned) {
                link.to.iter().for_each(|to| visit(position, &link, *to));
            }
        }
    }
}

/// One reference of a component, or its `after`, and what it resolved to.
struct Link<'a> {
    field: &'a str,
    pattern: &'a str,
    late: bool,
    to: Vec<u32>,
}

fn text(view: &View<'_>) -> String {
    let count = view.components().count();
    let left_out = match view.plan.order.len().saturating_sub(count) {
        0 => String::new(),
        left_out => format!(" ({left_out} left out)"),
    };
    let name = escape(view.plan.service.shown_name());
    let mut out = format!("{name}: {count} components, in the order in which they open{left_out}\n");
    for (number, (position, planned)) in view.components().enumerate() {
        let critical = if planned.entry.critical { "" } else { " (not critical)" };
        let _ = writeln!(out, "{:>3}  {}{critical}", number + 1, view.name(position));
        let links: Vec<_> =
            view.edges(position, planned).into_iter().filter(|link| !link.to.is_empty()).collect();
        let width = links.iter().map(|link| link.field.len()).max().unwrap_or_default();
        for link in links {
            let late = if link.late { " (late)" } else { "" };
            for to in link.to {
                let _ = writeln!(out, "       {:width$} → {}{late}", link.field, view.name(to));
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
    view.each_edge(|from, link, to| {
        let arrow = if link.late { "-.->" } else { "-->" };
        let _ = writeln!(out, "  c{from} {arrow}|{}| c{to}", link.field);
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
    view.each_edge(|from, link, to| {
        let style = if link.late { ", style=dashed" } else { "" };
        let _ = writeln!(out, "  c{from} -> c{to} [label={}{style}];", quoted(link.field));
    });
    out.push_str("}\n");
    out
}

fn json(view: &View<'_>) -> String {
    let components = view.components().map(|(position, planned)| {
        let references = view.links(position, planned).into_iter().map(|link| {
            let to: Vec<_> = link.to.iter().map(|to| view.name(*to)).collect();
            json!({ "field": link.field, "pattern": link.pattern, "late": link.late, "to": to })
        });
        json!({
            "descriptor": view.name(position),
            "critical": planned.entry.critical,
            "after": planned.entry.after.iter().map(|(pattern, _)| pattern.as_str()).collect::<Vec<_>>(),
            "references": references.collect::<Vec<_>>(),
        })
    });
    let all =
        json!({ "service": view.plan.service.shown_name(), "components": components.collect::<Vec<_>>() });
    json_text(&all)
}
