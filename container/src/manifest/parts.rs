//! A file whose syntax is broken, in parts that can be told from each other for certain.
//!
//! The parser takes up again behind an error, and what it takes for a key then may be part of a value. So nothing is read
//! of a part that is broken. A line that is `[[component]]`, `[component]` or `[service]` and nothing else begins a part: in no value
//! can there be such a line, unless texts over several lines are about, and then the whole file is one part.

use std::ops::Range;
use std::time::Duration;

use wirework::config::{Node, Problem, Problems, Table, Value, code, parse_toml, parse_toml_timed};

use super::hidden::hidden;
use super::misplaced::move_into_sections;

/// What could be read of a file.
pub(super) struct Reading {
    /// All of its sound parts.
    pub table: Table,
    /// The parts whose syntax is broken, in their order.
    pub broken: Vec<Range<usize>>,
    /// How long the TOML parser took over the file as a whole.
    pub took: Duration,
}

/// Reads a file that begins at `base`. The syntax errors are those of its parts.
pub(super) fn read(text: &str, base: u32, problems: &mut Problems) -> Reading {
    let mut found = problems.branch();
    let (mut table, took) = parse_toml_timed(text, base, &mut found);
    let sound = is_sound(&found);
    // A header twice, such as `[component]`, is a mistake to TOML, by which all below the second would be lost.
    if found.is_empty() && !has_single(text) {
        move_into_sections(&mut table, &mut found);
        problems.join(found);
        return Reading { table, broken: Vec::new(), took };
    }
    let mut in_parts = problems.branch();
    if let Some((table, broken)) = read_parts(text, base, sound, &mut in_parts)
        && (sound || !broken.is_empty())
    {
        problems.join(in_parts);
        return Reading { table, broken, took };
    }
    let (table, broken) = if sound {
        move_into_sections(&mut table, &mut found);
        (table, Vec::new())
    } else {
        let whole = 0..text.len();
        (Table::new(), vec![whole])
    };
    problems.join(found);
    Reading { table, broken, took }
}

/// The header of a section that lost its second brackets.
const SINGLE: &str = "[component]";

/// Whether a line of a text is that header.
fn has_single(text: &str) -> bool {
    text.match_indices(SINGLE).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.rsplit('\n').next());
        let behind = text.get(at + SINGLE.len()..).and_then(|behind| behind.split('\n').next());
        [before, behind].into_iter().flatten().all(|part| part.trim().is_empty())
    })
}

/// What to write instead.
pub(super) const TWO_BRACKETS: &str = "write `[[component]]`, with two brackets";

/// A key that is given twice loses nothing but its second value.
fn is_sound(problems: &Problems) -> bool {
    problems.iter().all(|problem| problem.code != code::BAD_SYNTAX)
}

/// Reads part by part. `None` where the parts do not make up a file: then the mistake may be anywhere.
fn read_parts(
    text: &str,
    base: u32,
    is_sound: bool,
    problems: &mut Problems,
) -> Option<(Table, Vec<Range<usize>>)> {
    let (mut all, mut broken) = (Table::new(), Vec::new());
    for part in parts(text, is_sound) {
        let mut found = problems.branch();
        let at = base.saturating_add(u32::try_from(part.start).unwrap_or(u32::MAX));
        let text = text.get(part.clone())?;
        let mut table = parse_toml(text, at, &mut found);
        if self::is_sound(&found) {
            if text.lines().next().is_some_and(|line| line.trim() == SINGLE) {
                list_section(&mut table, &mut found);
            }
            move_into_sections(&mut table, &mut found);
            join(&mut all, table)?;
        } else {
            broken.push(part);
        }
        problems.join(found);
    }
    Some((all, broken))
}

/// Makes the table of a part that begins with `[component]` what it is meant to be: a section.
fn list_section(table: &mut Table, problems: &mut Problems) {
    let Some((key, node)) = table.remove("component") else { return };
    let message = "`component`: expected sections `[[component]]`, found a table";
    let problem = Problem::error(code::WRONG_TYPE, key.span, message);
    problems.push(problem.with_help(TWO_BRACKETS));
    let section = Node::new(node.value, key.span);
    table.insert(key.clone(), Node::new(Value::Array(vec![section]), key.span));
}

/// Puts the sections of a part behind those before it.
fn join(all: &mut Table, table: Table) -> Option<()> {
    for (key, node) in table {
        match (all.get_mut(&key.name), node) {
            (None, node) => {
                all.insert(key, node);
            }
            (Some(Node { value: Value::Array(list), .. }), Node { value: Value::Array(more), .. }) => {
                list.extend(more);
            }
            _ => return None,
        }
    }
    Some(())
}

/// The parts of a text, without a gap. In one that is sound it is known where texts over several lines are.
fn parts(text: &str, is_sound: bool) -> Vec<Range<usize>> {
    let has_long_texts = text.contains("\"\"\"") || text.contains("'''");
    let long_texts = if has_long_texts && is_sound { hidden(text) } else { Vec::new() };
    let inside = |at: usize| {
        let next = long_texts.partition_point(|one| one.range.end <= at);
        long_texts.get(next).is_some_and(|one| one.range.start < at)
    };
    let mut starts = vec![0];
    let mut at = 0;
    if !has_long_texts || is_sound {
        for line in text.split_inclusive('\n') {
            if at > 0 && matches!(line.trim(), "[[component]]" | SINGLE | "[service]") && !inside(at) {
                starts.push(at);
            }
            at += line.len();
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> (Reading, Vec<String>) {
        let mut problems = Problems::new();
        let reading = read(text, 1, &mut problems);
        (reading, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_broken_section_is_lost_and_no_other() {
        let text = "include = []\n[[component]]\na = 1\n[[component]]\nb = [\n[service]\nname = 's'\n[[component]]\nc = 1\n";
        let (reading, problems) = read_all(text);
        assert_eq!(problems, ["unclosed array, expected `]`; close the list with `]`"]);
        let part = text.find("[[component]]\nb").unwrap()..text.find("[service]").unwrap();
        assert_eq!(reading.broken, [part]);
        let found = ["component.0.a", "component.1.c", "service.name", "include"];
        assert!(found.iter().all(|path| reading.table.find(path).is_some()), "{:?}", reading.table);
        assert_eq!(
            reading.table.find("component.1.c").unwrap().span.start as usize,
            text.rfind('1').unwrap() + 1
        );
    }

    #[test]
    fn sections_in_single_brackets_are_sections() {
        let text = "[component]\na = 1\n[service]\nd = \"\"\"\n[component]\n\"\"\"\n[component]\nb = 1\n[[component]]\nc = 1\n[x]\ny = 1\n";
        let (reading, problems) = read_all(text);
        let single = "`component`: expected sections `[[component]]`, found a table; write `[[component]]`, with two brackets";
        let astray = "unknown key `x` at the top; below `[[component]]` write `[component.x]`";
        assert_eq!(problems, [single, single, astray]);
        let found = ["component.0.a", "component.1.b", "component.2.c", "component.2.x.y", "service.d"];
        assert!(found.iter().all(|path| reading.table.find(path).is_some()), "{:?}", reading.table);
        assert!(reading.broken.is_empty());
    }

    #[test]
    fn where_the_mistake_may_be_anywhere_all_is_lost() {
        for text in [
            "[[component]]\na = \"\"\"\n[[component]]\nb = 1\n",
            "[[component]]\na = '''x'''\nb =\n[[component]]\nb = 1\n",
            "component = 1\n[[component]]\na =\n[[component]]\nb = 1\n",
            "a = ",
        ] {
            let (reading, problems) = read_all(text);
            assert!(reading.table.is_empty() && !problems.is_empty(), "{text}");
            assert_eq!(reading.broken, std::slice::from_ref(&(0..text.len())));
        }
    }

    #[test]
    fn a_key_given_twice_breaks_nothing() {
        let (reading, problems) = read_all("[[component]]\na = 1\na = 2\n");
        assert_eq!(problems, ["`a` is given twice; keep one of them"]);
        assert!(reading.broken.is_empty() && reading.table.find("component.0.a").is_some());
        let (_, problems) = read_all("[[component]]\na = 1\na = 2\nb =\n");
        assert!(problems.contains(&"a key is given twice; keep one of them".to_owned()), "{problems:?}");
    }
}
