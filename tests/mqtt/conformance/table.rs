//! The table of the standards' statements names tests that there are.

use std::collections::BTreeSet;
use std::path::Path;

/// A statement, and what shows that it is kept.
struct Row<'a> {
    id: &'a str,
    shown: &'a str,
}

fn rows(part: &str) -> Vec<Row<'_>> {
    let rows = part.lines().filter_map(|line| line.strip_prefix("| MQTT-"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "a statement, what it says, what shows it: {row}");
        assert!(!cells[1].is_empty() && !cells[2].is_empty(), "{row}");
        Row { id: cells[0], shown: cells[2] }
    });
    rows.collect()
}

/// The names in back-quotes that are paths of tests.
fn tests(shown: &str) -> impl Iterator<Item = (&str, &str)> {
    shown.split('`').skip(1).step_by(2).filter_map(|name| name.split_once(".rs::"))
}

/// Whether the file has a test of this name: a function right below the attribute.
fn has_test(source: &str, name: &str) -> bool {
    let mut lines = source.lines().map(str::trim);
    let mut below = false;
    lines.any(|line| {
        let here = below && line.contains(&format!("fn {name}("));
        let attribute = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        below = attribute || (below && (line.starts_with("#[") || line.starts_with("//")));
        // Property tests may stand in a macro of their own.
        here
    })
}

#[test]
fn every_test_that_the_table_names_exists_and_no_statement_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/mqtt-conformance.md")).unwrap();
    let (three, five) = table.split_once("\n## MQTT 5").expect("a part for each version");
    for (part, least, all) in [(three, 60, 141), (five, 130, 251)] {
        let rows = rows(part);
        let mut ids = BTreeSet::new();
        let mut named = 0;
        for Row { id, shown } in &rows {
            assert!(ids.insert(id.to_string()), "{id} comes twice");
            for (file, name) in tests(shown) {
                named += 1;
                let path = root.join(format!("{file}.rs"));
                let source =
                    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{id}: {file}.rs: {error}"));
                assert!(has_test(&source, name), "{id}: there is no test `{name}` in {file}.rs");
            }
            let reasoned = ["n/a:", "not so:", "by type:"].iter().any(|word| shown.contains(word));
            assert!(reasoned || tests(shown).next().is_some(), "{id} has neither a test nor a reason");
        }
        assert!(named >= least, "{named} tests are named");
        // Those that bind the broker alone are listed in a row of text, so that the numbers have no gaps.
        let text = part.lines().filter(|line| line.starts_with("Bind the broker alone:"));
        for id in text.flat_map(|line| line.split("MQTT-").skip(1)) {
            let id = id.trim_end_matches(|c: char| !c.is_ascii_digit());
            assert!(ids.insert(id.to_owned()), "{id} comes twice");
        }
        assert_no_gap(&ids);
        assert_eq!(ids.len(), all, "the statements of this version");
    }
}

/// In each section the statements are numbered from 1 on.
fn assert_no_gap(ids: &BTreeSet<String>) {
    let split = |id: &String| {
        let (section, number) = id.rsplit_once('-').expect("section and number");
        (section.to_owned(), number.parse::<u32>().expect("a number"))
    };
    let all: BTreeSet<(String, u32)> = ids.iter().map(split).collect();
    for (section, number) in &all {
        // MQTT 5 has no statement MQTT-2.2.1-1.
        let first = section == "2.2.1" && *number == 2;
        let before = *number == 1 || first || all.contains(&(section.clone(), number - 1));
        assert!(before, "MQTT-{section}-{} is missing", number - 1);
    }
}
