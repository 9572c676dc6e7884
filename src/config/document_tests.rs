use proptest::prelude::*;

use super::*;

fn problems_of(text: &str) -> Vec<(u32, String)> {
    let mut problems = Problems::new();
    parse_toml(text, 0, &mut problems);
    problems.iter().map(|problem| (problem.span.start, problem.message.clone())).collect()
}

#[test]
fn keeps_the_order_and_the_places() {
    let mut problems = Problems::new();
    let table = parse_toml("z = 1\na.b = 'x'\nbig = 99999999999999999999", 100, &mut problems);
    let names: Vec<_> = table.iter().map(|(key, _)| &*key.name).collect();
    assert_eq!(names, ["z", "a", "big"]);
    assert_eq!(table.find("a.b").map(|node| node.span), Some(Span::new(112, 115)));
    assert!(matches!(table.get("big").map(|node| &node.value), Some(Value::Float(_))));
    assert!(problems.is_empty());
}

#[test]
fn reports_every_syntax_error_once() {
    let found = problems_of("a = \nb = 1\nc = \"x\nd = 3\n[x\n[y]\n= 4\n");
    assert_eq!(
        found,
        [
            (4, "missing value for key".to_owned()),
            (17, "invalid basic string, expected `\"`".to_owned()),
            (26, "unclosed table, expected `]`".to_owned()),
            (31, "unquoted keys cannot be empty, expected letters, numbers, `-`, `_`".to_owned()),
        ]
    );
}

#[test]
fn a_line_that_is_broken_is_broken_whatever_else_is_wrong_with_it() {
    let found = problems_of("a = 1\na = 'x' y\na = 3\nb = 1\nb = 2\n");
    let messages: Vec<_> = found.iter().map(|(_, message)| message.as_str()).collect();
    assert_eq!(
        messages,
        ["unexpected key or value, expected newline, `#`", "a key is given twice", "a key is given twice"]
    );
}

#[test]
fn nesting_is_bounded() {
    for text in [
        format!("a = {}1{}", "[".repeat(70), "]".repeat(70)),
        format!("{}a = 1", "a.".repeat(300_000)),
        format!("a = {}1{}", "{ b.b.b.b.b = ".repeat(70), "}".repeat(70)),
        "[".repeat(500_000),
    ] {
        assert!(!problems_of(&text).is_empty());
    }
}

fn written(key: Span, node: &Node) -> String {
    let value = match &node.value {
        Value::Table(table) => pairs(table).join(", "),
        Value::Array(list) => list.iter().map(|node| written(key, node)).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => other.a_kind().to_owned(),
    };
    format!("{key:?} {:?} {:?} [{value}]", node.span, node.origin)
}

/// In their order, with all places.
fn pairs(table: &Table) -> Vec<String> {
    table.iter().map(|(key, node)| format!("{} {}", key.name, written(key.span, node))).collect()
}

fn whole(text: &str) -> Vec<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text: "", base: 5, names: HashSet::default(), deep: Vec::new() };
    pairs(&reader.table(document.into_inner(), 0))
}

#[test]
fn a_large_file_is_read_in_pieces() {
    let section = |number: u32| match number % 1000 {
        0 => format!("[table.{number}]\n"),
        _ => format!("[[list]]\nk = {number}\nl.m = ['x']\n[list.t]\n"),
    };
    let text: String = (1..5000).map(section).collect();
    let parts = chunks(&text, 4096);
    assert!(parts.len() > 20 && parts.iter().any(|part| part.continues));
    assert!(in_chunks(&parts, 5, &mut Duration::default()).is_none(), "`table` is in several");
    let text: String = (1001..2000).map(section).collect();
    let parts = chunks(&text, 4096);
    let table = in_chunks(&parts, 5, &mut Duration::default()).unwrap();
    assert_eq!(pairs(&table), whole(&text));
    let twice = format!("{text}[list]\n");
    assert!(in_chunks(&chunks(&twice, 4096), 0, &mut Duration::default()).is_none());
}

/// A text of tables, lists of tables, and keys of all kinds; some are given twice.
fn sections() -> impl Strategy<Value = String> {
    let header = prop_oneof![
        4 => r"\[[a-e](\.[a-c])?\]",
        3 => r"\[\[f(\.[a-b])?\]\]",
        1 => r#"\["[a-e]"\]"#,
        1 => r"\[f\.[a-b]\]",
    ];
    let line =
        r"( ?[h-k](\.[a-b])? = (1|'x'|\[\n\[1\],\n\[\]\]|\{ x = 1 \}|'''\n\[a\]\n''') ?(# \[c\])?\n){0,3}";
    prop::collection::vec((header, line), 0..8)
        .prop_map(|all| all.into_iter().map(|(header, lines)| format!("{header}\n{lines}")).collect())
}

proptest! {
    #[test]
    fn pieces_make_the_same_tree(text in sections()) {
        let parts = chunks(&text, 1);
        let mut problems = Problems::new();
        let whole = parse_toml(&text, 7, &mut problems);
        if let Some(table) = in_chunks(&parts, 7, &mut Duration::default()) {
            prop_assert!(problems.is_empty(), "{problems:?}");
            prop_assert_eq!(pairs(&table), pairs(&whole));
        } else {
            let in_two = |name: &str| parts.iter().filter(|part| part.text.contains(name)).count() > 1;
            prop_assert!(!problems.is_empty() || whole.iter().any(|(key, _)| in_two(&key.name)));
        }
    }

    #[test]
    fn nothing_panics(text in "([a-c\\[\\]{}=\"'.,# \n\r\t\u{feff}é0-9_-]|\"\"\"|'''){0,80}") {
        problems_of(&text);
    }
}
