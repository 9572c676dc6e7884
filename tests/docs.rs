//! Every link of README and the book leads somewhere.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// The pages: README and its neighbours, the book, and the pages of the examples.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    let mut folders = vec![root.join("docs"), root.join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let beside = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(beside.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    pages.sort();
    pages
}

/// The lines of a page that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// What stands in round brackets behind square ones, without code.
fn links(line: &str) -> Vec<String> {
    let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("_");
    let targets = outside.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// The anchor of a heading, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|one| one.is_alphanumeric() || matches!(one, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}

fn has_anchor(page: &Path, wanted: &str) -> bool {
    let text = fs::read_to_string(page).unwrap();
    let headings = prose(&text).filter_map(|line| line.strip_prefix('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|one| one == wanted)
}

#[test]
fn every_link_leads_somewhere() {
    let (mut dead, mut count) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in prose(&text).flat_map(links).filter(|target| !target.contains("://")) {
            count += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let is_dead = !file.exists() || (!fragment.is_empty() && !has_anchor(&file, fragment));
            if is_dead {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
    assert!(count > 30, "only {count} links were found");
}

/// What stands in backticks and is a path of this project: sources below a folder that begins so.
fn sources(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split('`').skip(1).step_by(2);
    let begins =
        |text: &&str| ["src/", "container/src/", "tests/"].iter().any(|start| text.starts_with(start));
    code.filter(begins).filter_map(|text| text.split("::").next()).filter(|text| text.ends_with(".rs"))
}

#[test]
fn every_source_that_a_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    // The guide names files of the reader's own crate.
    for page in pages().iter().filter(|page| !page.starts_with(root.join("docs/guide"))) {
        let text = fs::read_to_string(page).unwrap();
        let named = prose(&text).flat_map(sources).filter(|source| !root.join(source).is_file());
        missing.extend(named.map(|source| format!("{}: {source}", page.display())));
    }
    assert!(missing.is_empty(), "sources that are not there:\n{}", missing.join("\n"));
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = fs::read_to_string(book.join("SUMMARY.md")).unwrap();
    let named: Vec<_> = summary.lines().flat_map(links).map(|target| book.join(target)).collect();
    let missing: Vec<_> = pages()
        .into_iter()
        .filter(|page| page.starts_with(&book) && !page.ends_with("SUMMARY.md") && !named.contains(page))
        .collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
}

/// README shows a component, and so does the page on components: the same one.
#[test]
fn the_component_of_the_readme_is_that_of_the_book() {
    let block = |text: &str| {
        let (_, rest) = text.split_once("```rust\n").unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    assert_eq!(block(include_str!("../README.md")), block(include_str!("../docs/guide/components.md")));
}

#[test]
fn the_readme_is_short() {
    let readme = include_str!("../README.md");
    assert!(readme.lines().count() < 200, "README has {} lines: move some to docs/", readme.lines().count());
}
