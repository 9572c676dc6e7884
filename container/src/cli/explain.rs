//! `explain`: why every reference went where it went.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::options::{Format, json_text};
use super::output::{answer, complain};
use super::selector::Selector;
use super::width::{COLUMNS, hanging};
use super::{EXIT_CONFIG, EXIT_USAGE, Host, Options};
use crate::plan::{Candidate, Plan, Planned, Verdict};

/// How many components are explained at once. Each is held against all others.
const MOST_EXPLAINED: usize = 100;

/// How many candidates of a reference are shown.
const MOST_CANDIDATES: usize = 100;

/// Says for every reference which components were considered, and why each was or was not taken
#[derive(Args)]
#[command(after_help = "Example: explain -c service.toml connection:mqtt")]
pub(super) struct Explain {
    /// The components to explain: a descriptor, a pattern with `*`, or some parts of one; all without it
    component: Option<Selector>,
    #[command(flatten)]
    options: Options,
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let Some(checked) = self.options.plan(host) else { return ExitCode::from(EXIT_CONFIG) };
        checked.print_problems();
        let plan = checked.plan();
        let asked = |planned: &Planned| {
            self.component.as_ref().is_none_or(|selector| selector.selects(&planned.entry.descriptor))
        };
        let mut chosen: Vec<_> = (0..).zip(&plan.components).filter(|(_, planned)| asked(planned)).collect();
        let left_out = chosen.len().saturating_sub(MOST_EXPLAINED);
        chosen.truncate(MOST_EXPLAINED);
        if let (Some(selector), true) = (&self.component, chosen.is_empty()) {
            complain(format_args!("error: no component of the manifest matches `{selector}`"));
            return ExitCode::from(EXIT_USAGE);
        }
        if left_out > 0 {
            complain(format_args!(
                "note: the first {MOST_EXPLAINED} components are explained; name one, or a pattern, for the {left_out} others"
            ));
        }
        let text = match self.format {
            Format::Text => chosen.iter().map(|(position, planned)| text(plan, *position, planned)).collect(),
            Format::Json => json_text(
                &chosen.iter().map(|(position, planned)| json_of(plan, *position, planned)).collect(),
            ),
        };
        answer(&text, checked.code())
    }
}

pub(super) fn text(plan: &Plan, position: u32, planned: &Planned) -> String {
    let mut out = format!("{}\n", planned.entry.descriptor);
    let Some(known) = &planned.known else {
        out.push_str("  no factory makes it, so that nothing is known of its references\n");
        return out;
    };
    if known.references.is_empty() {
        out.push_str("  asks for nothing\n");
    }
    for (number, (wanted, resolved)) in known.references.iter().zip(&planned.references).enumerate() {
        let (reference, pattern) = (wanted.reference, &resolved.pattern);
        let (takes, capability) = (reference.cardinality.as_str(), (reference.capability)());
        let by = if resolved.overridden.is_some() { ", as the manifest says" } else { "" };
        let line = format!("{}: takes {takes} {capability} at `{pattern}`{by}", reference.field);
        let _ = writeln!(out, "{}", hanging("  ", &line, 6, COLUMNS));
        let candidates = plan.candidates(position, number);
        if candidates.is_empty() {
            out.push_str("    nothing to consider: no component matches or offers it\n");
        }
        for candidate in candidates.iter().take(MOST_CANDIDATES) {
            let mark = if candidate.verdict == Verdict::Taken { "taken" } else { "not taken" };
            let _ = writeln!(out, "    {mark:9}  {}\n      {}", candidate.descriptor, reason(candidate));
        }
        if candidates.len() > MOST_CANDIDATES {
            let _ = writeln!(out, "    and {} more", candidates.len() - MOST_CANDIDATES);
        }
    }
    out
}

fn reason(candidate: &Candidate<'_>) -> &'static str {
    match (candidate.verdict, candidate.enabled) {
        (_, false) => "it is not enabled",
        (Verdict::Taken, _) => "its descriptor matches and it offers this",
        (Verdict::Itself, _) => "a component never gets itself",
        (Verdict::OtherDescriptor, _) => "it offers this, but its descriptor does not match",
        (Verdict::NotOffered, _) => "its descriptor matches, but it does not offer this",
        (Verdict::Unknown, _) => "no factory makes it, so that nobody knows what it offers",
    }
}

pub(super) fn json_of(plan: &Plan, position: u32, planned: &Planned) -> Value {
    let wanted = planned.known.iter().flat_map(|known| &known.references);
    let references = wanted.zip(&planned.references).enumerate().map(|(number, (wanted, resolved))| {
        let candidates = plan.candidates(position, number);
        let more = candidates.len().saturating_sub(MOST_CANDIDATES);
        let candidates = candidates.into_iter().take(MOST_CANDIDATES).map(|candidate| {
            json!({
                "descriptor": candidate.descriptor.as_str(),
                "taken": candidate.verdict == Verdict::Taken,
                "reason": reason(&candidate),
            })
        });
        json!({
            "field": wanted.reference.field,
            "pattern": resolved.pattern.as_str(),
            "capability": (wanted.reference.capability)(),
            "takes": wanted.reference.cardinality.as_str(),
            "overridden": resolved.overridden.is_some(),
            "candidates": candidates.collect::<Vec<_>>(),
            "more": more,
        })
    });
    json!({ "component": planned.entry.descriptor.as_str(), "references": references.collect::<Vec<_>>() })
}
