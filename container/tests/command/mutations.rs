//! Manifests that something has happened to: nothing panics, and everything that is said has its place.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use wirework::component::Registry;
use wirework::config::Problems;
use wirework_container::manifest::{Manifest, Parameters, render, render_json};
use wirework_container::plan::Plan;

use crate::good::GOOD;

/// Something that happens to a text.
#[derive(Clone, Debug)]
enum Mutation {
    Byte(Index, u8),
    Remove(Index),
    Double(Index),
    Swap(Index, Index),
    Cut(Index),
    Insert(Index, &'static str),
    Rename(Index, char),
}

const SNIPPETS: [&str; 28] = [
    "[",
    "]",
    "[[component]]",
    "[service]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "=",
    ".",
    ",",
    "#",
    "\n",
    "${",
    "${A}",
    "${:-",
    "${file:",
    "$$",
    "*",
    "{name}",
    ":",
    "\u{0}",
    "é",
    "\u{feff}",
    "99999999999999999999",
    "1979-05-27",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        any::<Index>().prop_map(Mutation::Remove),
        any::<Index>().prop_map(Mutation::Double),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        any::<Index>().prop_map(Mutation::Cut),
        (any::<Index>(), select(&SNIPPETS[..])).prop_map(|(at, text)| Mutation::Insert(at, text)),
        (any::<Index>(), any::<char>()).prop_map(|(at, to)| Mutation::Rename(at, to)),
    ]
}

fn mutated(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let boundary = |at: &Index| {
        let mut place = at.index(text.len() + 1);
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        place
    };
    match mutation {
        Mutation::Byte(at, byte) => {
            let mut bytes = text.as_bytes().to_vec();
            let place = at.index(bytes.len());
            bytes[place] = *byte;
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        Mutation::Cut(at) => return text[..boundary(at)].to_owned(),
        Mutation::Insert(at, snippet) => {
            let (before, behind) = text.split_at(boundary(at));
            return format!("{before}{snippet}{behind}");
        }
        Mutation::Rename(at, to) => {
            let line = lines[at.index(lines.len())];
            let renamed =
                line.split_once(' ').map_or_else(|| to.to_string(), |(_, rest)| format!("{to} {rest}"));
            return text.replacen(line, &renamed, 1);
        }
        Mutation::Remove(at) => drop(lines.remove(at.index(lines.len()))),
        Mutation::Double(at) => lines.insert(at.index(lines.len()), lines[at.index(lines.len())]),
        Mutation::Swap(one, other) => {
            let count = lines.len();
            lines.swap(one.index(count), other.index(count));
        }
    }
    lines.join("\n")
}

fn check(text: &str, registry: &Registry) -> Result<(), TestCaseError> {
    let mut problems = Problems::new();
    let parameters =
        Parameters::new().with_environment(|name| (name.len() == 1).then(|| "x ${A}\n[".to_owned()));
    // No such directory: what a mutation lets `include` and `${file:…}` name is not there.
    let path = "/nowhere-at-all/service.toml".as_ref();
    let manifest = Manifest::parse(path, text, &parameters, &mut problems);
    let count = manifest.entries.len();
    let plan = Plan::new(manifest, registry, &mut problems);
    prop_assert_eq!(plan.order.len(), count);
    let shown = render(&problems, &plan.files, false) + &render(&problems, &plan.files, true);
    prop_assert_eq!(shown.is_empty(), problems.is_empty());
    let json: Vec<serde_json::Value> = serde_json::from_str(&render_json(&problems, &plan.files)).unwrap();
    prop_assert_eq!(json.len(), problems.len());
    for one in json {
        prop_assert!(one["line"].as_u64().is_some_and(|line| line >= 1), "{} in {}", one, text);
        prop_assert!(one["column"].as_u64().is_some_and(|column| column >= 1), "{} in {}", one, text);
        prop_assert!(!one["message"].as_str().unwrap_or_default().is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(mutations in prop::collection::vec(mutation(), 1..8)) {
        thread_local!(static STOCK: Registry = Registry::linked().unwrap());
        let text = mutations.iter().fold(GOOD.to_owned(), |text, mutation| mutated(&text, mutation));
        STOCK.with(|registry| check(&text, registry))?;
    }

    #[test]
    fn not_even_on_what_never_was_a_manifest(text in "\\PC{0,40}|[\\[\\]{}\"'=.#$a-c\n]{0,60}") {
        thread_local!(static STOCK: Registry = Registry::linked().unwrap());
        STOCK.with(|registry| check(&text, registry))?;
    }
}
