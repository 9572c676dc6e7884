//! Fuzz body: strings with parameters, and files of parameters.

use std::fmt::Write;

use super::{Fragment, Parameters, fragments};

/// Stands where no message may show it.
pub const CANARY: &str = "Kn4ry-W0rd_Qx7z";

/// Any bytes as a string with parameters, then as a file of them. What is read of a string, written down, reads the same; a
/// message shows no more than the names of parameters.
pub fn parameters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    one_text(&text);
    for text in
        [format!("{text}{CANARY}"), format!("${{A-{CANARY}{text}"), format!("{text}${{{CANARY}}}{text}")]
    {
        one_text(&text);
    }
    for file in [text.to_string(), format!("{text}\n{CANARY}\n"), format!("A=1\n{text}{CANARY}=x")] {
        one_file(&file);
    }
}

fn one_text(text: &str) {
    match fragments(text) {
        Ok(found) => {
            assert!(!format!("{found:?}").contains(CANARY) || text.contains("${file:"), "{found:?}");
            let written = written(&found);
            assert_eq!(fragments(&written).map(|again| joined(&again)), Ok(joined(&found)), "{text:?}");
        }
        Err(wrong) => {
            assert!(!wrong.is_empty());
            assert!(
                wrong
                    .iter()
                    .all(|bad| text.get(bad.range.clone()).is_some_and(|part| part.starts_with("${")))
            );
            let wrong: String = wrong.into_iter().map(|bad| bad.reason).collect();
            assert!(!wrong.contains(CANARY), "{wrong} of {text:?}");
        }
    }
}

/// As a manifest has them.
fn written(found: &[Fragment<'_>]) -> String {
    let mut text = String::new();
    for fragment in found {
        let _ = match *fragment {
            Fragment::Text(plain) => write!(text, "{}", plain.replace('$', "$$")),
            Fragment::File(path) => write!(text, "${{file:{path}}}"),
            Fragment::Parameter { name, default: Some(default), .. } => {
                write!(text, "${{{name}:-{default}}}")
            }
            Fragment::Parameter { name, message: Some(message), .. } => {
                write!(text, "${{{name}:?{message}}}")
            }
            Fragment::Parameter { name, .. } => write!(text, "${{{name}}}"),
        };
    }
    text
}

/// What the fragments mean: where a string is cut means nothing.
fn joined(found: &[Fragment<'_>]) -> Vec<String> {
    let mut meaning: Vec<String> = Vec::new();
    let mut after_text = false;
    for fragment in found {
        let (part, is_text) = match *fragment {
            Fragment::Text(plain) => (plain.to_owned(), true),
            _ => (written(&[*fragment]), false),
        };
        match meaning.last_mut().filter(|_| is_text && after_text) {
            Some(last) => last.push_str(&part),
            None => meaning.push(part),
        }
        after_text = is_text;
    }
    meaning
}

/// A file of parameters gives all of its lines, or says which is wrong without showing it.
fn one_file(text: &str) {
    let mut parameters = Parameters::new();
    let result = parameters.read_lines(std::path::Path::new("params"), text);
    if let Err(error) = result {
        let shown = format!("{} {error:?}", wirework::chain(&error));
        assert!(!shown.contains(CANARY), "{shown} of {text:?}");
        return;
    }
    // What quotes, `export` and marks around a value mean has tests of its own.
    if text.contains(['"', '\'', '\u{feff}']) || text.contains("export") {
        return;
    }
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once('=').unwrap_or_default();
        let given = text
            .lines()
            .filter(|other| other.split_once('=').is_some_and(|(one, _)| one.trim() == name.trim()));
        if given.count() == 1 {
            assert_eq!(parameters.get(name.trim()).unwrap_or_default(), value.trim(), "{text:?}");
        }
    }
    assert!(!format!("{parameters:?}").contains(&format!("{CANARY}\n")), "{parameters:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `PROPTEST_CASES` sets another number.
    #[test]
    fn parameters_hold() {
        let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(4000);
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let text = prop_oneof![
            3 => "([A-C]|\\$|\\{|\\}|\\$\\{|:-|:\\?|file:|=|\n| |#|-|\u{feff}|é){0,16}",
            1 => "([A-C_]{1,2} ?= ?[a-c=]{0,3}\r?\n|# c\n|\n){0,5}",
            1 => any::<String>(),
        ];
        proptest!(config, |(text in text)| parameters(text.as_bytes()));
    }

    #[test]
    fn the_corpus_holds() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/parameters");
        for entry in std::fs::read_dir(directory).unwrap() {
            parameters(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}
