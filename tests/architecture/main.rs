//! The house as `docs/architecture.md` describes it: which room may use which, and no circle between files.
//!
//! The tree is read from the sources themselves: each file is a module, and an arrow goes from a file to the file that defines what it
//! names, through as many `pub use` as lie between. What is compiled for tests alone is left out.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod circles;
mod map;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use map::Map;
use tree::{Arrow, Tree};

/// The crates of the workspace, each with the folder of its sources.
const CRATES: [(&str, &str); 2] = [("wirework", "src"), ("wirework_container", "container/src")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn arrows() -> Vec<Arrow> {
    Tree::read(root(), &CRATES).arrows()
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let arrows = arrows();
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in &arrows {
        files.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let circles = circles::circles(&files);
    let said: Vec<String> = circles.iter().map(|circle| told(circle, &arrows)).collect();
    assert!(said.is_empty(), "{} circles between files:\n{}", said.len(), said.join("\n"));
}

/// A circle, with the names that tie it.
fn told(circle: &BTreeSet<&str>, arrows: &[Arrow]) -> String {
    let inside = arrows.iter().filter(|arrow| circle.contains(&*arrow.from) && circle.contains(&*arrow.to));
    let mut ties: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for arrow in inside {
        ties.entry((&arrow.from, &arrow.to)).or_default().insert(&arrow.name);
    }
    let ties = ties.iter().map(|((from, to), names)| {
        format!("    {from} -> {to}: {}", names.iter().copied().collect::<Vec<_>>().join(", "))
    });
    format!("  {} files:\n{}", circle.len(), ties.collect::<Vec<_>>().join("\n"))
}

#[test]
fn rooms_use_only_what_the_map_allows() {
    let map = Map::read(&fs::read_to_string(root().join("docs/architecture.md")).unwrap()).unwrap();
    let mut wrong = BTreeSet::new();
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    for arrow in &arrows() {
        let (Some(from), Some(to)) = (map.room(&arrow.from), map.room(&arrow.to)) else {
            wrong.insert(format!("{} or {} is in no room of the list", arrow.from, arrow.to));
            continue;
        };
        if from == to {
            continue;
        }
        used.insert((from, to));
        if !map.allows(from, to) {
            wrong.insert(format!("{from} -> {to}: {} uses `{}` of {}", arrow.from, arrow.name, arrow.to));
        }
    }
    let unused = map.arrows().filter(|arrow| !used.contains(arrow));
    wrong.extend(unused.map(|(from, to)| format!("{from} -> {to} is allowed and nothing uses it")));
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(
        wrong.is_empty(),
        "the code and docs/architecture.md differ in {} places:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_rooms_of_the_map_run_one_way() {
    let map = Map::read(&fs::read_to_string(root().join("docs/architecture.md")).unwrap()).unwrap();
    let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in map.arrows() {
        rooms.entry(from).or_default().insert(to);
    }
    let circles = circles::circles(&rooms);
    assert!(circles.is_empty(), "circles between rooms: {circles:?}");
}

#[test]
fn a_circle_and_a_forbidden_arrow_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    fs::create_dir_all(source.join("upper")).unwrap();
    fs::write(source.join("lib.rs"), "mod lower;\nmod upper;\npub use upper::Roof;\n").unwrap();
    fs::write(source.join("lower.rs"), "use crate::Roof;\npub struct Floor;\nfn f(_: Roof) {}\n").unwrap();
    fs::write(source.join("upper/mod.rs"), "mod roof;\npub use roof::Roof;\n").unwrap();
    fs::write(
        source.join("upper/roof.rs"),
        "pub struct Roof(crate::lower::Floor);\n#[cfg(test)]\nmod tests { use super::*; }\n",
    )
    .unwrap();
    let arrows = Tree::read(folder.path(), &[("house", "src")]).arrows();
    let found: Vec<(&str, &str)> = arrows.iter().map(|arrow| (&*arrow.from, &*arrow.to)).collect();
    assert_eq!(found, [("src/lower.rs", "src/upper/roof.rs"), ("src/upper/roof.rs", "src/lower.rs")]);
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in found {
        files.entry(from).or_default().insert(to);
    }
    assert_eq!(circles::circles(&files).len(), 1);
    let map = Map::read("| Room | Files | May use |\n|---|---|---|\n| upper | `src/upper` | lower |\n| lower | `src/lower.rs` | |\n").unwrap();
    assert!(map.allows("upper", "lower") && !map.allows("lower", "upper"));
}
