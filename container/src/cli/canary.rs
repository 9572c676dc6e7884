//! Fuzz body: a manifest with canaries where secrets stand, changed in any way, shows them in no output.
//!
//! A canary may be shown where the text around it is sound and it stands in a key, in the container's own keys, at a key
//! of a component that its schema knows as not secret, or as the name of a parameter or a file. See [`fair`].

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

use schemars::Schema;
use wirework::component::{Lookup, Registry};
use wirework::config::{Node, Problems, Table, Value, code, is_shown, is_uri, mask_uri, nearest, parse_toml};
use wirework::connect::Uri;

use super::{convert, explain, graph, print};
use crate::manifest::{Manifest, Parameters, Place, find, render, render_json, render_sarif};
use crate::plan::{Binary, Plan};

/// What stands in the manifest, and is the value of the parameter `CANARY`.
pub const CANARY: &str = "Kn4ry-W0rd_Qx7z";
/// What the file `secret` beside the manifest holds; nothing may show it.
const FILED: &str = "Fz9-Lv_Mw3Xp";
/// How many characters in a row are a leak.
const WINDOW: usize = 6;

static REGISTRY: LazyLock<Option<Registry>> = LazyLock::new(|| Registry::linked().ok());

/// Any bytes as a manifest.
pub fn manifest(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (leaks, _) = leaks(&text);
    assert!(leaks.is_empty(), "{}\nin\n{text}", leaks.join("\n"));
}

/// Any bytes as a configuration of Pip.Services.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let wrong = conversion(&text);
    assert!(wrong.is_empty(), "{}\nin\n{text}", wrong.join("\n"));
}

/// What is wrong with the conversion of a text: an error that shows a canary, a manifest that is none, or one that shows a canary when it
/// is checked. What is converted holds the secrets of what it was made of, as it has to.
pub fn conversion(text: &str) -> Vec<String> {
    let Some(registry) = &*REGISTRY else { return vec!["the registry cannot be made".to_owned()] };
    match convert::converted(text, registry) {
        Err(said) => {
            let mut windows = (WINDOW..=CANARY.len()).filter_map(|end| CANARY.get(end - WINDOW..end));
            // What stands in a tag is the name of a variable.
            let is_named = |window: &str| text.split("{{").skip(1).any(|tag| tag.contains(window));
            windows
                .find(|window| said.contains(window) && !is_named(window))
                .map(|window| format!("{window} in {said}"))
                .into_iter()
                .collect()
        }
        Ok(converted) => {
            let mut problems = Problems::new();
            parse_toml(&converted, 0, &mut problems);
            let broken = problems.iter().filter(|problem| problem.code == code::BAD_SYNTAX);
            let broken = broken.map(|problem| format!("{problem} in\n{converted}"));
            broken.chain(leaks(&converted).0).collect()
        }
    }
}

/// What of the canaries shows in which output, and whether parts of them may be shown.
pub fn leaks(text: &str) -> (Vec<String>, bool) {
    let Some(registry) = &*REGISTRY else { return (vec!["the registry cannot be made".to_owned()], false) };
    let fair = fair(text, registry);
    let windows =
        |canary: &'static str| (WINDOW..=canary.len()).filter_map(|end| canary.get(end - WINDOW..end));
    // A fuzzer that sees what is compared writes parts of the file into the manifest, where they are no secret.
    let filed = windows(FILED).filter(|window| !text.contains(window));
    let forbidden: Vec<_> = windows(CANARY).filter(|window| !fair.contains(window)).chain(filed).collect();
    let mut leaks = Vec::new();
    for (name, output) in outputs(text, registry) {
        for line in output.lines() {
            if let Some(window) = forbidden.iter().find(|window| line.contains(**window)) {
                leaks.push(format!("{name}: {window} in {line}"));
            }
        }
    }
    (leaks, windows(CANARY).any(|window| fair.contains(window)))
}

/// A directory with the file `secret`.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("wirework-fuzz-{}", std::process::id()));
        // Without it `${file:secret}` is an error, and the body has less to find.
        let _ = std::fs::create_dir_all(&directory);
        let _ = std::fs::write(directory.join("secret"), FILED);
        directory
    })
}

/// All that the sub-commands print of a manifest, and the `Debug` of what they work with.
fn outputs(text: &str, registry: &Registry) -> Vec<(&'static str, String)> {
    let parameters = Parameters::new().with_environment(|name| (name == "CANARY").then(|| CANARY.to_owned()));
    let mut problems = Problems::new();
    let manifest = Manifest::parse(&directory().join("service.toml"), text, &parameters, &mut problems);
    let debug = format!("{manifest:?}");
    let plan = Plan::new(manifest, registry, &mut problems);
    let mut outputs = vec![
        ("debug of the manifest", debug),
        ("debug of the problems", format!("{problems:?}")),
        ("check", render(&problems, &plan.files, false)),
        ("check --format json", render_json(&problems, &plan.files)),
        ("check --format sarif", render_sarif(&problems, &plan.files)),
        ("print", print::shown(&plan, print::Format::Toml)),
        ("print --format json", print::shown(&plan, print::Format::Json)),
    ];
    for format in [graph::Format::Text, graph::Format::Mermaid, graph::Format::Dot, graph::Format::Json] {
        outputs.push(("graph", graph::shown(&plan, &[], format)));
    }
    let mut explained = String::new();
    for (position, planned) in (0..).zip(&plan.components) {
        explained.push_str(&explain::text(&plan, Binary::Own, position, planned));
        let _ = writeln!(explained, "{:#}", explain::json_of(&plan, position, planned));
        let _ = writeln!(explained, "{:?}", planned.entry);
    }
    outputs.push(("explain", explained));
    outputs
}

/// All that may be shown of a text.
fn fair(text: &str, registry: &Registry) -> String {
    let mut fair = String::new();
    let mut add = |part: &str| {
        let mut problems = Problems::new();
        let table = parse_toml(part, 0, &mut problems);
        let sound = problems.iter().all(|problem| problem.code != code::BAD_SYNTAX);
        if sound {
            top(&table, registry, &mut fair);
            for problem in problems.iter().filter(|problem| problem.code == code::DUPLICATE_KEY) {
                let table = parse_toml(&repeated(part, problem.span.start as usize), 0, &mut Problems::new());
                top(&table, registry, &mut fair);
            }
        }
        sound
    };
    let has_long_texts = text.contains("\"\"\"") || text.contains("'''");
    if !add(text) && has_long_texts {
        return fair;
    }
    let mut part = String::new();
    for line in text.split_inclusive('\n') {
        if matches!(line.trim(), "[[component]]" | "[component]" | "[service]") {
            add(&part);
            part.clear();
        }
        part.push_str(line);
    }
    add(&part);
    fair
}

/// The table in which a key is given twice, from that key on. The whole table has the first value alone, and what is said
/// of the second may show it where the key is no secret.
fn repeated(part: &str, at: usize) -> String {
    let line = part.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let (before, rest) = (part.get(..line).unwrap_or_default(), part.get(line..).unwrap_or_default());
    let is_header = |line: &&str| line.trim_start().starts_with('[');
    let mut text = String::new();
    let section = before.lines().rfind(|line| line.trim() == "[[component]]");
    let is_descriptor = |line: &&str| line.trim_start().starts_with("descriptor");
    // Of two descriptors the second is looked at.
    let again = rest.lines().next().is_some_and(|line| is_descriptor(&line));
    let descriptor = before.lines().find(is_descriptor).filter(|_| !again);
    let header = before.lines().rfind(is_header).filter(|header| header.trim() != "[[component]]");
    for line in section.into_iter().chain(descriptor).chain(header) {
        text.push_str(line);
        text.push('\n');
    }
    let lines = rest.split_inclusive('\n').enumerate();
    text.extend(lines.take_while(|(number, line)| *number == 0 || !is_header(line)).map(|(_, line)| line));
    text
}

fn top(table: &Table, registry: &Registry, fair: &mut String) {
    let sections = match table.get("component").map(|node| &node.value) {
        Some(Value::Array(list)) => list.as_slice(),
        _ => &[],
    };
    for (key, node) in table.iter() {
        // Under a misspelt name as under the right one.
        let meant = match (nearest(&key.name, ["component", "service", "include"]), &node.value) {
            (Some("include"), Value::Array(_)) => "include",
            (Some(meant @ ("component" | "service")), _) => meant,
            _ => &key.name,
        };
        match (meant, &node.value) {
            ("include", _) => all(node, true, fair),
            ("service", Value::Table(service)) => service.iter().for_each(|(key, node)| {
                let known = find(Place::Service, &key.name).is_some();
                all(node, known, fair);
                name(&key.name, fair);
            }),
            ("component", Value::Array(list)) => {
                list.iter().filter_map(Node::as_table).for_each(|table| section(table, registry, fair));
            }
            ("component", Value::Table(table)) => {
                section(table, registry, fair);
                let named = table.iter().filter(|(_, node)| has_descriptor(node));
                named.for_each(|(_, node)| sections_of(node, registry, fair));
            }
            _ if has_descriptor(node) => sections_of(node, registry, fair),
            // A table that TOML puts at the top belongs to the section before it; without a header all is one section.
            _ => {
                let before = sections.iter().rfind(|section| section.span.start < key.span.start);
                let section = before.and_then(Node::as_table).or(table.get("descriptor").map(|_| table));
                let schema = section.and_then(|section| schema(section, registry));
                let own = section.is_some() && find(Place::Component, &key.name).is_some();
                if own {
                    all(node, true, fair)
                } else {
                    component(node, schema.as_deref(), &mut vec![&key.name], fair)
                }
            }
        }
        name(&key.name, fair);
    }
}

/// The schema of the component that a section declares.
fn schema(section: &Table, registry: &Registry) -> Option<Arc<Schema>> {
    let misspelt = || section.iter().find(|(key, _)| is_descriptor(&key.name)).map(|(_, node)| node);
    let inner = || section.iter().find_map(|(_, node)| node.as_table()?.get("descriptor"));
    let node = section.get("descriptor").or_else(misspelt).or_else(inner)?;
    // What is replaced in it may be what names the component.
    let text = node.as_str()?.replace("${CANARY}", CANARY);
    match registry.find(&text.parse().ok()?) {
        Lookup::One(number) => Some(registry.all().get(number)?.factory().schema()),
        _ => None,
    }
}

fn is_descriptor(key: &str) -> bool {
    nearest(key, ["descriptor"]).is_some() || ["type", "kind", "class", "component", "factory"].contains(&key)
}

/// Whether a table, or one of a list, is a section by its look.
fn has_descriptor(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => table.get("descriptor").is_some(),
        Value::Array(list) => list.iter().any(has_descriptor),
        _ => false,
    }
}

fn sections_of(node: &Node, registry: &Registry, fair: &mut String) {
    match &node.value {
        Value::Table(table) => section(table, registry, fair),
        Value::Array(list) => list.iter().for_each(|node| sections_of(node, registry, fair)),
        _ => {}
    }
}

fn section(table: &Table, registry: &Registry, fair: &mut String) {
    let schema = schema(table, registry);
    for (key, node) in table.iter() {
        let is_named = table.get("descriptor").is_some();
        if &*key.name == "descriptor"
            && let Some(text) = node.as_str().filter(|text| text.parse::<wirework::Descriptor>().is_ok())
        {
            // It is no URI, whatever stands in it.
            let _ = write!(fair, "{text}\0");
        }
        if find(Place::Component, &key.name).is_some() || !is_named && is_descriptor(&key.name) {
            all(node, true, fair);
        } else {
            let inner = node.as_table().and_then(|table| table.get("descriptor"));
            inner.filter(|_| !is_named).into_iter().for_each(|node| all(node, true, fair));
            component(node, schema.as_deref(), &mut vec![&key.name], fair);
        }
        name(&key.name, fair);
    }
}

fn component<'t>(node: &'t Node, schema: Option<&Schema>, path: &mut Vec<&'t str>, fair: &mut String) {
    match &node.value {
        Value::Table(table) => table.iter().for_each(|(key, node)| {
            path.push(&key.name);
            component(node, schema, path, fair);
            path.pop();
            name(&key.name, fair);
        }),
        Value::Array(list) => {
            path.push("0");
            list.iter().for_each(|node| component(node, schema, path, fair));
            path.pop();
        }
        Value::String(text) if schema.is_some_and(|schema| is_uri(schema, path)) => {
            let uri: Option<Uri> = text.replace("${CANARY}", CANARY).parse().ok();
            uri.into_iter().for_each(|uri| fair.push_str(&uri.masked()));
            parameters(text, fair);
        }
        _ => all(node, schema.is_some_and(|schema| is_shown(schema, path)), fair),
    }
}

/// A value and all under it; where `open` is false, only what no value is.
fn all(node: &Node, open: bool, fair: &mut String) {
    match &node.value {
        Value::Table(table) => table.iter().for_each(|(key, node)| {
            all(node, open, fair);
            name(&key.name, fair);
        }),
        Value::Array(list) => list.iter().for_each(|node| all(node, open, fair)),
        Value::String(text) => {
            if open {
                // Only a URI has user info.
                let text = if text.contains("//") { mask_uri(text) } else { text.as_str().into() };
                let replaced = if text.contains("${CANARY") { CANARY } else { "" };
                let _ = write!(fair, "{text}\0{replaced}\0");
            }
            parameters(text, fair);
        }
        _ => {}
    }
}

fn name(key: &str, fair: &mut String) {
    let _ = write!(fair, "{}\0", mask_uri(key));
}

/// The names of parameters, of files, and the messages that a manifest gives for parameters.
fn parameters(text: &str, fair: &mut String) {
    for inside in text.split("${").skip(1) {
        let inside = inside.split('}').next().unwrap_or_default();
        let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
        let (name, rest) = inside.split_at(end);
        let shown = if name == "file" { rest } else { rest.strip_prefix(":?").unwrap_or_default() };
        let _ = write!(fair, "{name}\0{shown}\0");
    }
}

#[cfg(test)]
mod tests;
