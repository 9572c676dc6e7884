//! Secrets in a manifest: where one is written in clear, and how a section looks without them.

use schemars::Schema;
use wirework::config::{
    Key, MASK, Node, Origin, Problem, Problems, Section, Table, Value, code, has_user_info, is_secret,
    is_shown, is_uri, mask_uri, schema_secrets,
};
use wirework::connect::Uri;
use wirework::file::Exposure;
use wirework::text::escape;

use super::files::Files;
use super::parameter_syntax::{Fragment, fragments};

/// Warns of every secret that is written in the manifest itself instead of coming from a parameter.
pub fn warn_literal_secrets(section: &Section<'_>, schema: &Schema, problems: &mut Problems) {
    for (path, node) in schema_secrets(schema, section.table) {
        let literal = node.origin == Origin::Literal && node.as_str().is_some_and(|text| !text.is_empty());
        if literal {
            let message = format!("the secret `{path}` is written in the manifest in clear");
            let problem = Problem::warning(code::SECRET_IN_CLEAR, node.span, message);
            problems.push(problem.with_help(
                "take it from a file, `${file:…}`, a parameter, `${NAME}`, or a credential store",
            ));
        }
    }
}

/// Warns of each file from which a secret of the section is taken, itself or by a parameter, and which others can read or write. What is
/// in a file that is the value of an open key, such as the id of the machine, is no secret.
pub fn warn_exposed_secrets(section: &Section<'_>, schema: &Schema, files: &Files, problems: &mut Problems) {
    from_files(section.table, schema, "", &mut |path, node| {
        let fragments = files.written(node.span).and_then(|written| fragments(written).ok());
        let named = fragments.unwrap_or_default().into_iter().filter_map(|fragment| match fragment {
            Fragment::File(name) => Some(files.beside(node.span, name)),
            Fragment::Parameter { name, .. } => files.of_parameter(name),
            Fragment::Text(_) => None,
        });
        problems.extend(named.filter_map(|file| {
            let exposure = Exposure::of(&file)?;
            let name = escape(&mask_uri(&file.display().to_string())).into_owned();
            let message =
                format!("the secret `{path}` is in the file `{name}`, which {}", exposure.sentence());
            Some(Problem::warning(code::EXPOSED_SECRET, node.span, message))
        }));
    });
}

/// Visits the values of a table that are made of files or parameters, and are secret or, as a URI, may have a secret in them; with their paths.
fn from_files<'t>(table: &'t Table, schema: &Schema, at: &str, visit: &mut impl FnMut(&str, &'t Node)) {
    for (key, node) in table.iter() {
        let path = if at.is_empty() { key.name.to_string() } else { format!("{at}.{}", key.name) };
        node_from_files(node, schema, &path, visit);
    }
}

fn node_from_files<'t>(node: &'t Node, schema: &Schema, path: &str, visit: &mut impl FnMut(&str, &'t Node)) {
    match &node.value {
        Value::Table(table) => from_files(table, schema, path, visit),
        Value::Array(list) => {
            for (number, node) in list.iter().enumerate() {
                node_from_files(node, schema, &format!("{path}.{number}"), visit);
            }
        }
        _ if matches!(node.origin, Origin::Literal | Origin::Broken) => {}
        _ if is_secret(schema, path) || is_uri(schema, &path.split('.').collect::<Vec<_>>()) => {
            visit(path, node)
        }
        _ => {}
    }
}

/// The table as it may be shown: secrets, and what the schema does not know, appear as `…`. Without a schema all
/// values do.
#[must_use]
pub fn mask_table(table: &Table, schema: Option<&Schema>) -> Table {
    masked(table, schema, &mut Vec::new())
}

fn masked<'t>(table: &'t Table, schema: Option<&Schema>, path: &mut Vec<&'t str>) -> Table {
    let mut result = Table::with_capacity(table.len());
    for (key, node) in table.iter() {
        path.push(&key.name);
        // A URI in the place of a key, by mistake.
        let name = if has_user_info(&key.name) { mask_uri(&key.name).into() } else { key.name.clone() };
        result.insert(Key::new(name, key.span), masked_node(node, schema, path));
        path.pop();
    }
    result
}

fn masked_node<'t>(node: &'t Node, schema: Option<&Schema>, path: &mut Vec<&'t str>) -> Node {
    let value = match &node.value {
        Value::Table(table) => Value::Table(masked(table, schema, path)),
        // The place in a list does not matter to the schema.
        Value::Array(list) => {
            path.push("0");
            let list = list.iter().map(|node| masked_node(node, schema, path)).collect();
            path.pop();
            Value::Array(list)
        }
        // One that cannot be read may hold its password anywhere.
        Value::String(text) if !node.origin.is_secret() && is_uri_at(schema, path) => {
            let uri: Result<Uri, _> = text.parse();
            Value::String(uri.map_or_else(|_| MASK.to_owned(), |uri| uri.masked()))
        }
        _ if node.origin.is_secret() || !schema.is_some_and(|schema| is_shown(schema, path)) => {
            Value::String(MASK.to_owned())
        }
        Value::String(text) => Value::String(mask_uri(text).into_owned()),
        value => value.clone(),
    };
    Node { value, ..*node }
}

fn is_uri_at(schema: Option<&Schema>, path: &[&str]) -> bool {
    schema.is_some_and(|schema| is_uri(schema, path))
}
