//! Manifests with the mistakes that operators make: each is found, once, where it stands.
//!
//! The first line of each says what is to be found: `# expect: WRONG_TYPE 5:19, warning SECRET_IN_CLEAR 6:23`, in the order
//! of the places; without a place where there is none. What `check` says of a folder of them is one snapshot.

use std::path::{Path, PathBuf};

use crate::tool::{Said, redacted, wirework};

/// A problem as the first line of a manifest expects it.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    is_warning: bool,
    code: String,
    /// Line and column.
    place: Option<(usize, usize)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/wrong")
}

/// The entries of a folder in the order of their names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

/// What the first line of a manifest says.
fn expected(text: &str) -> Vec<Expected> {
    let list = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).unwrap_or_default();
    list.split(", ").filter(|one| !one.is_empty()).map(one_expected).collect()
}

fn one_expected(text: &str) -> Expected {
    let (is_warning, rest) = text.strip_prefix("warning ").map_or((false, text), |rest| (true, rest));
    let (code, place) = rest.split_once(' ').map_or((rest, None), |(code, place)| (code, Some(place)));
    let place = place.map(|place| {
        let (line, column) = place.split_once(':').unwrap();
        (line.parse().unwrap(), column.parse().unwrap())
    });
    Expected { is_warning, code: code.to_owned(), place }
}

/// What `check` printed: each problem's title is followed by its place, where it has one.
fn found(said: &Said) -> Vec<Expected> {
    let lines: Vec<_> = said.err.lines().collect();
    let title = |line: &&str| {
        let rest = line.strip_prefix("error[").map(|rest| (false, rest));
        let (is_warning, rest) = rest.or_else(|| line.strip_prefix("warning[").map(|rest| (true, rest)))?;
        Some((is_warning, rest.split_once(']')?.0.to_owned()))
    };
    let place = |line: &&str| {
        let (_, place) = line.trim_start().strip_prefix("--> ")?.split_once(".toml:")?;
        let (line, column) = place.split_once(':')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    };
    let pairs = lines.iter().zip(lines.iter().skip(1).chain([&""]));
    let problems = pairs.filter_map(|(line, next)| {
        let (is_warning, code) = title(line)?;
        Some(Expected { is_warning, code, place: place(next) })
    });
    problems.collect()
}

/// What differs between what one manifest expects and what `check` says of it.
fn difference(text: &str, said: &Said) -> Option<String> {
    let (expected, found) = (expected(text), found(said));
    let fails = expected.iter().any(|one| !one.is_warning);
    let code = if fails { 78 } else { 0 };
    let is_right = !expected.is_empty() && expected == found && said.code == Some(code);
    (!is_right).then(|| format!("expected {expected:?}, found {found:?}\n{said}"))
}

#[test]
fn every_mistake_is_found_once_where_it_stands() {
    let (mut count, mut wrong) = (0, Vec::new());
    for folder in entries(&folder()) {
        let mut texts = String::new();
        for file in entries(&folder).into_iter().filter(|path| path.is_file()) {
            let (name, text) = (name(&file), std::fs::read_to_string(&file).unwrap());
            let said = Said::by(wirework(&folder).args(["check", name]));
            count += 1;
            if let Some(difference) = difference(&text, &said) {
                wrong.push(format!("{}/{name}: {difference}", self::name(&folder)));
            }
            let said = redacted(&said.err).replace(env!("CARGO_MANIFEST_DIR"), "<container>");
            texts.push_str(&format!("──── {name}\n{said}"));
        }
        insta::assert_snapshot!(format!("wrong_{}", name(&folder)), texts);
    }
    assert!(wrong.is_empty(), "{} of {count} are not as expected\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(count >= 200, "only {count} manifests");
}

#[test]
fn a_manifest_that_expects_nothing_or_another_thing_is_told_of() {
    let said = |code, err: &str| Said { code: Some(code), out: String::new(), err: err.to_owned() };
    let error = said(78, "error[A]: x\n --> f.toml:2:3\n  |\n\nwarning[B]: y\n\n");
    assert_eq!(difference("# expect: A 2:3, warning B\n", &error), None);
    for text in [
        "",
        "# expect: \n",
        "# expect: A 2:3\n",
        "# expect: A 2:4, warning B\n",
        "# expect: warning B, A 2:3\n",
    ] {
        assert!(difference(text, &error).is_some(), "{text}");
    }
    assert!(difference("# expect: A 2:3, warning B\n", &said(0, &error.err)).is_some());
    assert!(difference("", &said(0, "")).is_some(), "nothing is expected, and nothing found");
}
