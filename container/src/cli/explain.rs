//! `explain`: why every reference went where it went, and what the code of an error means.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};
use serde_json::{Value, json};

use super::argument::is_manifest;
use super::exit::EXIT_CONFIG;
use super::graph::nobody_is;
use super::options::Options;
use super::options::{Format, json_text};
use super::output::{answer, complain};
use super::selector::Selector;
use super::width::{COLUMNS, hanging, indented};
use crate::manifest::codes::{self, Code};
use crate::plan::{Binary, Candidate, Plan, Planned, Verdict};
use crate::program::Program;

/// How many components are explained at once. Each is held against all others.
const MOST_EXPLAINED: usize = 100;

/// How many candidates of a reference are shown.
const MOST_CANDIDATES: usize = 100;

/// Says for every reference which components were considered and why each was or was not taken; or what a code means
#[derive(Args)]
#[command(after_help = "Examples: explain service.toml connection:mqtt\n          explain WRONG_TYPE")]
pub(super) struct Explain {
    /// A manifest, the same as `-c FILE`; components to explain: a descriptor, a pattern with `*`, or some parts of one, all without
    /// it; or the code of an error, such as WRONG_TYPE
    #[arg(value_name = "FILE|COMPONENT|CODE", value_parser = Words)]
    what: Vec<What>,
    #[command(flatten)]
    options: Options,
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// List all codes with what they mean
    #[arg(long)]
    codes: bool,
}

/// What one argument asks for.
#[derive(Clone)]
enum What {
    Manifest(PathBuf),
    Component(Selector),
    Code(&'static Code),
}

/// Tells files, codes and components from each other.
#[derive(Clone)]
struct Words;

impl TypedValueParser for Words {
    type Value = What;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<What, clap::Error> {
        if is_manifest(value) {
            return Ok(What::Manifest(value.into()));
        }
        let text = value.to_string_lossy();
        if let Some(code) = codes::find(&text) {
            return Ok(What::Code(code));
        }
        let fail = |reason: String| {
            Err(clap::Error::raw(ErrorKind::ValueValidation, format!("{reason}\n")).with_cmd(command))
        };
        let is_like_a_code =
            text.contains('_') && !text.contains(|c: char| c != '_' && !c.is_ascii_uppercase());
        match codes::near(&text.to_uppercase()).filter(|_| text.contains('_')) {
            Some(near) => fail(format!("there is no code `{text}`\n\n  tip: did you mean `{near}`?")),
            None if is_like_a_code => {
                fail(format!("there is no code `{text}`\n\n  tip: `explain --codes` lists them"))
            }
            None => match text.parse() {
                Ok(selector) => Ok(What::Component(selector)),
                Err(error) => fail(format!("`{text}` is no component: {error}")),
            },
        }
    }
}

impl Explain {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let codes: Vec<_> = self.what.iter().filter_map(What::code).collect();
        let codes = if self.codes { codes::all().iter().collect() } else { codes };
        if !codes.is_empty() {
            return answer(&said_of(&codes, self.codes, self.format), ExitCode::SUCCESS);
        }
        let options = self.options.with(self.what.iter().filter_map(What::manifest));
        let Some(checked) = options.plan(program) else { return ExitCode::from(EXIT_CONFIG) };
        checked.print_problems();
        if !checked.is_read() {
            return checked.code();
        }
        let (plan, selectors) = (checked.plan(), self.what.iter().filter_map(What::component));
        let selectors: Vec<_> = selectors.collect();
        let nobody =
            |selector: &&Selector| !plan.descriptors.iter().any(|descriptor| selector.selects(descriptor));
        if let Some(selector) = selectors.iter().copied().find(nobody) {
            return nobody_is(selector, plan);
        }
        let asked = |planned: &Planned| {
            selectors.is_empty() || selectors.iter().any(|one| one.selects(&planned.entry.descriptor))
        };
        let mut chosen: Vec<_> = (0..).zip(&plan.components).filter(|(_, planned)| asked(planned)).collect();
        let left_out = chosen.len().saturating_sub(MOST_EXPLAINED);
        chosen.truncate(MOST_EXPLAINED);
        if left_out > 0 {
            complain(format_args!(
                "note: the first {MOST_EXPLAINED} components are explained; name one, or a pattern, for the {left_out} others"
            ));
        }
        let text = match self.format {
            Format::Text => chosen
                .iter()
                .map(|(position, planned)| text(plan, program.binary(), *position, planned))
                .collect(),
            Format::Json => json_text(
                &chosen.iter().map(|(position, planned)| json_of(plan, *position, planned)).collect(),
            ),
        };
        answer(&text, checked.code())
    }
}

impl What {
    fn code(&self) -> Option<&'static Code> {
        if let Self::Code(code) = self { Some(code) } else { None }
    }
    fn manifest(&self) -> Option<&PathBuf> {
        if let Self::Manifest(path) = self { Some(path) } else { None }
    }
    fn component(&self) -> Option<&Selector> {
        if let Self::Component(selector) = self { Some(selector) } else { None }
    }
}

/// What is said of codes: of some all, of all a line.
fn said_of(codes: &[&'static Code], is_list: bool, format: Format) -> String {
    let line = |code: &Code| {
        let start = format!("{}  ", code.name);
        hanging(&start, code.meaning, 6, COLUMNS) + "\n"
    };
    let page =
        |code: &Code| format!("{}\n{}{}", code.name, indented(code.meaning, 2), indented(code.remedy, 2));
    match format {
        Format::Text if is_list => codes.iter().map(|code| line(code)).collect(),
        Format::Text => codes.iter().map(|code| page(code)).collect::<Vec<_>>().join("\n"),
        Format::Json => json_text(
            &codes
                .iter()
                .map(|code| json!({ "code": code.name, "meaning": code.meaning, "remedy": code.remedy }))
                .collect(),
        ),
    }
}

pub(super) fn text(plan: &Plan, binary: Binary, position: u32, planned: &Planned) -> String {
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
        let (takes, capability) = (reference.cardinality.as_str(), binary.asked(reference));
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
        (Verdict::Unused, _) => "the component makes no use of this reference as it is configured",
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
