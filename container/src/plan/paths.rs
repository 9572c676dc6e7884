//! Paths in sections: relative to the folder of the file that they are written in.

use std::path::{Path, absolute};

use wirework::config::{KeyDoc, Node, Origin, Table, Value};

use crate::manifest::Files;

/// Where a configuration has a path: its keys, with `*` for any place in a list and `<key>` for any key.
pub(super) fn of(keys: &[KeyDoc]) -> Vec<Vec<String>> {
    let paths = keys.iter().filter(|key| key.is_path);
    paths.map(|key| key.path.split('.').map(str::to_owned).collect()).collect()
}

/// Makes every path of a section absolute, so that it is the same for a service that a supervisor starts elsewhere, and
/// messages show all of it.
pub(super) fn resolve(table: &mut Table, paths: &[Vec<String>], files: &Files) {
    for path in paths {
        if let [first, rest @ ..] = path.as_slice() {
            in_table(table, first, rest, files);
        }
    }
}

fn in_table(table: &mut Table, first: &str, rest: &[String], files: &Files) {
    if first == "<key>" {
        table.iter_mut().for_each(|(_, node)| in_node(node, rest, files));
    } else if let Some(node) = table.get_mut(first) {
        in_node(node, rest, files);
    }
}

fn in_node(node: &mut Node, path: &[String], files: &Files) {
    match (&mut node.value, path) {
        (Value::String(text), []) if node.origin != Origin::Broken && !text.is_empty() => {
            let folder = files.file(node.span).and_then(|file| file.path.parent());
            if let Some(whole) = folder.and_then(|folder| whole(folder, text)) {
                *text = whole;
            }
        }
        (Value::Array(list), []) => list.iter_mut().for_each(|node| in_node(node, path, files)),
        (Value::Table(table), [first, rest @ ..]) => in_table(table, first, rest, files),
        (Value::Array(list), [first, rest @ ..]) if first == "*" => {
            list.iter_mut().for_each(|node| in_node(node, rest, files));
        }
        _ => {}
    }
}

/// The absolute path; nothing where it is one already, or cannot be written as text.
fn whole(folder: &Path, text: &str) -> Option<String> {
    if Path::new(text).is_absolute() {
        return None;
    }
    absolute(folder.join(text)).ok()?.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use wirework::config::{ConfigPath, Problems, keys, parse_toml, schema_of};

    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Config {
        one: Option<ConfigPath>,
        list: Vec<ConfigPath>,
        named: std::collections::BTreeMap<String, Inner>,
        text: String,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Inner {
        file: ConfigPath,
    }

    #[test]
    fn paths_are_relative_to_their_own_file() {
        let mut files = Files::default();
        let texts = [
            ("/etc/a/service.toml", "one = 'x.pem'\ntext = 'stays'\nlist = ['/abs', '../up', '']\n"),
            ("/etc/b/more.toml", "named.k.file = 'y.pem'\n"),
        ];
        let mut all = Table::default();
        for (path, text) in texts {
            let base = files.add(path, text.to_owned()).unwrap();
            for (key, node) in parse_toml(text, base, &mut Problems::new()) {
                all.insert(key, node);
            }
        }
        let paths = of(&keys(&schema_of::<Config>()));
        resolve(&mut all, &paths, &files);
        let at = |path: &str| all.find(path).and_then(Node::as_str).unwrap();
        let found = ["one", "text", "list.0", "list.1", "list.2", "named.k.file"].map(at);
        assert_eq!(found, ["/etc/a/x.pem", "stays", "/abs", "/etc/a/../up", "", "/etc/b/y.pem"]);
    }
}
