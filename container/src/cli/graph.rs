//! `graph`: what will run, and who uses whom.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::options::print;
use super::{EXIT_CONFIG, Host, Options};
use crate::plan::{Plan, Planned, others};

/// Shows the components in the order in which they open, and who uses whom
#[derive(Args)]
#[command(after_help = "Example: graph -c service.toml --format mermaid")]
pub(super) struct Graph {
    #[command(flatten)]
    options: Options,
    /// Text for people, a Mermaid flowchart, a Graphviz digraph, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Mermaid,
    Dot,
    Json,
}

impl Graph {
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let Some(checked) = self.options.plan(host) else { return ExitCode::from(EXIT_CONFIG) };
        checked.print_problems();
        let plan = checked.plan();
        print(&match self.format {
            Format::Text => text(plan),
            Format::Mermaid => mermaid(plan),
            Format::Dot => dot(plan),
            Format::Json => json_text(plan),
        });
        if checked.has_errors() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS }
    }
}

/// One reference of a component, or its `after`, and what it resolved to.
struct Link<'a> {
    field: &'a str,
    pattern: &'a str,
    late: bool,
    to: Vec<u32>,
}

fn links(position: u32, planned: &Planned) -> Vec<Link<'_>> {
    let wanted = planned.known.iter().flat_map(|known| &known.references);
    let links = wanted.zip(&planned.references).map(|(wanted, resolved)| Link {
        field: wanted.reference.field,
        pattern: resolved.pattern.as_str(),
        late: !wanted.waits(),
        to: others(&resolved.list, position).collect(),
    });
    links.collect()
}

/// The references of a component, then what it opens after without asking for it.
fn edges<'p>(plan: &'p Plan, position: u32, planned: &'p Planned) -> Vec<Link<'p>> {
    let mut edges = links(position, planned);
    for (pattern, _) in &planned.entry.after {
        let resolved = pattern.resolve(&planned.entry.descriptor);
        let matching = (0..)
            .zip(&plan.descriptors)
            .filter(|(other, descriptor)| *other != position && resolved.matches(descriptor));
        let to = matching.map(|(other, _)| other).collect();
        edges.push(Link { field: "after", pattern: pattern.as_str(), late: false, to });
    }
    edges
}

fn name(plan: &Plan, position: u32) -> &str {
    plan.descriptors.get(position as usize).map_or("", |descriptor| descriptor.as_str())
}

fn text(plan: &Plan) -> String {
    let mut out = format!(
        "{}: {} components, in the order in which they open\n",
        plan.service.shown_name(),
        plan.order.len()
    );
    for (number, &position) in plan.order.iter().enumerate() {
        let Some(planned) = plan.get(position) else { continue };
        let critical = if planned.entry.critical { "" } else { " (not critical)" };
        let _ = writeln!(out, "{:>3}  {}{critical}", number + 1, name(plan, position));
        let links: Vec<_> =
            edges(plan, position, planned).into_iter().filter(|link| !link.to.is_empty()).collect();
        let width = links.iter().map(|link| link.field.len()).max().unwrap_or_default();
        for link in links {
            let late = if link.late { " (late)" } else { "" };
            for to in link.to {
                let _ = writeln!(out, "       {:width$} → {}{late}", link.field, name(plan, to));
            }
        }
    }
    out
}

fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    for &position in &plan.order {
        let _ = writeln!(out, "  c{position}[\"{}\"]", name(plan, position).replace('"', "#quot;"));
    }
    each_edge(plan, |from, link, to| {
        let arrow = if link.late { "-.->" } else { "-->" };
        let _ = writeln!(out, "  c{from} {arrow}|{}| c{to}", link.field);
    });
    out
}

fn dot(plan: &Plan) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out =
        format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(plan.service.shown_name()));
    for &position in &plan.order {
        let _ = writeln!(out, "  c{position} [label={}];", quoted(name(plan, position)));
    }
    each_edge(plan, |from, link, to| {
        let style = if link.late { ", style=dashed" } else { "" };
        let _ = writeln!(out, "  c{from} -> c{to} [label={}{style}];", quoted(link.field));
    });
    out.push_str("}\n");
    out
}

fn each_edge(plan: &Plan, mut visit: impl FnMut(u32, &Link<'_>, u32)) {
    for &position in &plan.order {
        for link in plan.get(position).map(|planned| edges(plan, position, planned)).unwrap_or_default() {
            link.to.iter().for_each(|to| visit(position, &link, *to));
        }
    }
}

fn json_text(plan: &Plan) -> String {
    let components = plan.order.iter().filter_map(|&position| {
        let planned = plan.get(position)?;
        let references = links(position, planned).into_iter().map(|link| {
            let to: Vec<_> = link.to.iter().map(|to| name(plan, *to)).collect();
            json!({ "field": link.field, "pattern": link.pattern, "late": link.late, "to": to })
        });
        Some(json!({
            "descriptor": name(plan, position),
            "critical": planned.entry.critical,
            "after": planned.entry.after.iter().map(|(pattern, _)| pattern.as_str()).collect::<Vec<_>>(),
            "references": references.collect::<Vec<_>>(),
        }))
    });
    let all = json!({ "service": plan.service.shown_name(), "components": components.collect::<Vec<_>>() });
    format!("{all:#}\n")
}
