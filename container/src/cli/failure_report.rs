//! What a service that failed says last, on stderr: its log may be anywhere.

use wirework::Descriptor;
use wirework::config::{Node, Problem, Severity, Span};
use wirework::log::{Console, Format, Level, Record, Value as Shown};
use wirework::text::Escaped;

use super::options::Checked;
use crate::manifest::{Files, Fragment, fragments};
use crate::plan::Plan;
use crate::run::console::{is_console, say};
use crate::run::{Failure, Phase, ServeError};

/// The target of what the command says where the log is JSON.
const TARGET: &str = "wirework";

/// Says every problem of a manifest that is to run.
pub(super) fn problems(checked: &Checked) {
    let console = Console::process();
    let (problems, files) = checked.problems();
    match console.format() {
        Format::Text if problems.is_empty() => {}
        Format::Text => console.text(&checked.render()),
        Format::Json => problems.iter().for_each(|problem| said(problem, files)),
    }
}

/// A problem of a manifest as a record, for a log that is JSON to its last line.
fn said(problem: &Problem, files: &Files) {
    let level = match problem.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warn,
    };
    let place = files.locate(problem.span);
    let file = place.map(|place| place.path.display().to_string());
    let mut fields = vec![("code", Shown::Text(problem.code))];
    if let (Some(place), Some(file)) = (place, &file) {
        let number = |number: usize| Shown::U64(number as u64);
        fields.extend([
            ("file", Shown::Text(file)),
            ("line", number(place.line)),
            ("column", number(place.column)),
        ]);
    }
    fields.extend(problem.help.as_deref().map(|help| ("help", Shown::Text(help))));
    Console::process().record(&Record::new(level, &problem.message).with_target(TARGET).with_fields(&fields));
}

/// Says an error with its code: in text as `check` does.
fn say_error(code: &str, message: &str) {
    let console = Console::process();
    match console.format() {
        Format::Text => console.text(&format!("error[{}]: {}\n", Escaped(code), Escaped(message))),
        Format::Json => {
            let fields = [("code", Shown::Text(code))];
            console.record(&Record::new(Level::Error, message).with_target(TARGET).with_fields(&fields));
        }
    }
}

/// With at most this many components, the log record of a failure is taken to be visible on the terminal right above
/// this report.
const NEAR: usize = 8;

/// Says every failure with its causes, and where the manifest sets up what failed; a cause that `is_shown` on stderr already, a few
/// lines above, is not repeated. The plan has been used up by then: `again` reads the manifest once more.
pub(super) fn report(error: &ServeError, is_shown: bool, again: impl FnOnce() -> Option<Checked>) {
    let failures = error.failures();
    if failures.is_empty() {
        return say_error(error.code(), &wirework::chain(error));
    }
    let checked = again();
    let plan = checked.as_ref().map(Checked::plan);
    let is_near = is_shown && plan.is_some_and(|plan| plan.components.len() <= NEAR);
    for (number, failure) in failures.into_iter().enumerate() {
        let why = failure.source.chain();
        let lead = if number == 0 { format!("{error}: ") } else { String::new() };
        let is_told = is_near && is_logged(failure, plan);
        let text = if is_told {
            format!("{lead}{failure}, as said above")
        } else {
            format!("{lead}{failure}: {why}")
        };
        say_error(failure.source.code(), &text);
        for help in plan.into_iter().flat_map(|plan| helps(plan, failure)) {
            say(Level::Info, "  help: ", &help);
        }
    }
}

/// Whether a failure is one that has been logged, and not by what has failed itself.
fn is_logged(failure: &Failure, plan: Option<&Plan>) -> bool {
    let planned = plan.and_then(|plan| plan.get(plan.position(&failure.component)?));
    failure.phase != Phase::Create && planned.is_some_and(|planned| !is_console(&planned.entry))
}

/// Where the keys are set that the error is about; where none of them is, where the section is.
fn helps(plan: &Plan, failure: &Failure) -> Vec<String> {
    let Some(planned) = plan.position(&failure.component).and_then(|position| plan.get(position)) else {
        return Vec::new();
    };
    let (files, entry) = (&plan.files, &planned.entry);
    let place = |key: &str| match key.strip_prefix("references.") {
        Some(field) => {
            let (_, _, span) = entry.references.iter().find(|(name, ..)| **name == *field)?;
            set_in(files, key, *span)
        }
        None => setting(files, key, entry.table.find(key)?),
    };
    let named: Vec<_> = failure.source.keys().into_iter().filter_map(place).collect();
    if named.is_empty() {
        return section(files, &failure.component, entry.descriptor_span).into_iter().collect();
    }
    named
}

fn section(files: &Files, component: &Descriptor, span: Span) -> Option<String> {
    let place = files.locate(span)?;
    Some(format!("`{component}` is set up in {}:{}", place.path.display(), place.line))
}

fn set_in(files: &Files, path: &str, span: Span) -> Option<String> {
    let place = files.locate(span)?;
    Some(format!("`{path}` is set in {}:{}", place.path.display(), place.line))
}

/// Where a key is set and, where a parameter sets it, by which option of the command line.
fn setting(files: &Files, path: &str, node: &Node) -> Option<String> {
    let at = set_in(files, path, node.span)?;
    let file = files.file(node.span)?;
    let [start, end] = [node.span.start, node.span.end].map(|at| at.saturating_sub(file.base) as usize);
    let written = file.text.get(start..end).unwrap_or_default();
    let names = fragments(written).unwrap_or_default().into_iter().filter_map(|fragment| match fragment {
        Fragment::Parameter { name, .. } => Some(format!("`-p {name}=…`")),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    Some(if names.is_empty() { at } else { format!("{at}; change it with {}", names.join(" and ")) })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirework::component::{Component, ComponentFactory, Registry};
    use wirework::config::Problems;
    use wirework::{Category, Error};

    use super::*;
    use crate::manifest::{Manifest, Parameters};

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[expect(dead_code, reason = "only where they are set matters")]
    struct Config {
        port: u16,
        limits: Limits,
    }

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[expect(dead_code, reason = "only where they are set matters")]
    struct Limits {
        clients: u16,
    }

    struct Server;

    impl Component for Server {
        const DESCRIPTOR: &'static str = "t:server:*:*:1.0";
        const SUMMARY: &'static str = "Serves nothing.";
        type Config = Config;
        type References = ();
        fn create(_: &Descriptor, _: Config, (): ()) -> Result<Self, Error> {
            Err(Error::new(Category::Internal, "TEST", "not made"))
        }
    }

    fn helps_for(source: Error) -> Vec<String> {
        let text =
            "[[component]]\ndescriptor = 't:server:a:b:1.0'\nport = \"${PORT:-1883}\"\nlimits.clients = 3\n";
        let (mut registry, mut problems) = (Registry::new(), Problems::new());
        registry.add(ComponentFactory::<Server>::NEW).unwrap();
        let manifest = Manifest::parse(Path::new("a.toml"), text, &Parameters::new(), &mut problems);
        let plan = Plan::new(manifest, &registry, &mut problems);
        assert!(problems.is_empty());
        let component = "t:server:a:b:1.0".parse().unwrap();
        helps(&plan, &Failure { component, phase: Phase::Open, source })
    }

    #[test]
    fn a_key_that_the_error_is_about_is_found_with_its_parameter() {
        let error = || Error::new(Category::Conflict, "TEST", "`port` is not to be looked for in this text");
        let port = "`port` is set in a.toml:3; change it with `-p PORT=…`";
        assert_eq!(helps_for(error().with_key("port")), [port]);
        let both = error().with_key("limits.clients").context("opening").with_key("port").with_key("host");
        assert_eq!(helps_for(both), [port, "`limits.clients` is set in a.toml:4"]);
        for none in [error(), error().with_key("host"), error().with_key("references.port")] {
            assert_eq!(helps_for(none), ["`t:server:a:b:1.0` is set up in a.toml:2"]);
        }
    }
}
