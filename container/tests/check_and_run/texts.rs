//! The manifests of the tree: files of their own, and texts in the code of tests.

use std::path::Path;

use crate::world::repository;

/// All manifests, each with the file that it is from.
pub fn manifests() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["examples", "tests", "container/tests", "container/src"] {
        walk(&repository().join(folder), &mut found);
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, found);
            continue;
        }
        let name = path.strip_prefix(repository()).unwrap().display().to_string();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let texts = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => vec![text],
            Some("rs") => literals(&text),
            None if name.starts_with("tests/corpus/manifest") => vec![text],
            _ => continue,
        };
        let manifests = texts.into_iter().filter(|text| text.contains("[[component]]"));
        found.extend(manifests.map(|text| (name.clone(), text)));
    }
}

/// The texts in a file of Rust.
fn literals(code: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some(at) = rest.find(['"', '/', '\'', 'r']) {
        let (mark, behind) = (&rest[at..], &rest[at + 1..]);
        rest = if mark.starts_with("//") {
            behind.split_once('\n').map_or("", |(_, next)| next)
        } else if let Some(next) = mark.strip_prefix("'\"'").or_else(|| mark.strip_prefix("'\\\"'")) {
            next
        } else if let Some((text, next)) = raw(mark) {
            found.push(text.to_owned());
            next
        } else if mark.starts_with('"') {
            let (text, next) = escaped(behind);
            found.push(text);
            next
        } else {
            behind
        };
    }
    found
}

/// A text as `r#"…"#`, and what is behind it.
fn raw(mark: &str) -> Option<(&str, &str)> {
    let behind = mark.strip_prefix('r')?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let inside = behind[hashes..].strip_prefix('"')?;
    inside.split_once(&format!("\"{}", "#".repeat(hashes)))
}

/// A text with escapes, and what is behind it.
fn escaped(behind: &str) -> (String, &str) {
    let (mut text, mut characters) = (String::new(), behind.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &behind[at + 1..]),
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('\n') => {
                    let skipped = characters.as_str().len() - characters.as_str().trim_start().len();
                    for _ in 0..skipped {
                        characters.next();
                    }
                }
                Some(other) => text.push(other),
                None => break,
            },
            character => text.push(character),
        }
    }
    (text, "")
}

#[test]
fn texts_are_found_in_code() {
    let code =
        "// \"no\"\nlet a = \"x\\n\\\"y\\\n   z\"; let q = '\"'; r#\"raw \"text\"\"#; for r in 1 { \"\" }";
    assert_eq!(literals(code), ["x\n\"yz", "raw \"text\"", ""]);
}
