//! Problems for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value, json};
use wirework::config::{Problem, Problems, Severity, Span};

use super::codes;
use super::files::{Files, STDIN};
use super::render::sorted;

/// All problems as a JSON array of objects with `severity`, `code`, `message`, `file`, `line`, `column`, `end_line`,
/// `end_column`, `help` and `related`, in the order of their places; what a problem does not have is `null`. Lines and columns, in
/// characters, are from 1; the end is the place behind the last character. `related` lists other places, each with its message.
/// An object without a place at the end says how many more there are of a kind.
#[must_use]
pub fn render_json(problems: &Problems, files: &Files) -> String {
    let object = |severity: Severity, code: &str, message: &str| {
        let mut object = Map::new();
        object.insert("severity".to_owned(), severity.as_str().into());
        object.insert("code".to_owned(), code.into());
        object.insert("message".to_owned(), message.into());
        object
    };
    let told = sorted(problems).into_iter().map(|problem| {
        let mut object = object(problem.severity, problem.code, &problem.message);
        object.extend(place(files, problem.span));
        object.insert("help".to_owned(), problem.help.as_deref().into());
        let related = problem.related.iter().map(|(span, message)| {
            let mut object = Map::new();
            object.insert("message".to_owned(), message.as_str().into());
            object.extend(place(files, *span));
            Value::Object(object)
        });
        object.insert("related".to_owned(), related.collect());
        Value::Object(object)
    });
    let omitted = problems.omitted().map(|(severity, code, count)| {
        let mut object = object(severity, code, &more(count));
        object.extend(place(files, Span::default()));
        object.insert("help".to_owned(), Value::Null);
        object.insert("related".to_owned(), json!([]));
        Value::Object(object)
    });
    Value::Array(told.chain(omitted).collect()).to_string()
}

/// All problems in the Static Analysis Results Interchange Format (SARIF 2.1.0), which code hosts show beside the lines.
#[must_use]
pub fn render_sarif(problems: &Problems, files: &Files) -> String {
    let mut rules = Rules::default();
    let mut result = |severity: Severity, code: &'static str, text: &str| {
        let (level, index) = (severity.as_str(), rules.index(code));
        json!({ "ruleId": code, "ruleIndex": index, "level": level, "message": { "text": text } })
    };
    let mut results = Vec::new();
    for problem in sorted(problems) {
        let mut result = result(problem.severity, problem.code, &text(problem));
        if let Some(location) = location(files, problem.span) {
            result["locations"] = json!([location]);
        }
        let related = problem.related.iter().filter_map(|(span, message)| {
            let mut location = location(files, *span)?;
            location["message"] = json!({ "text": message });
            Some(location)
        });
        let related: Vec<_> = related.collect();
        if !related.is_empty() {
            result["relatedLocations"] = related.into();
        }
        results.push(result);
    }
    results.extend(problems.omitted().map(|(severity, code, count)| result(severity, code, &more(count))));
    let driver = json!({
        "name": "wirework",
        "version": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules.0.iter().map(|code| rule(code)).collect::<Vec<_>>(),
    });
    let run = json!({ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    })
    .to_string()
}

/// The codes that occur, each once.
#[derive(Default)]
struct Rules(Vec<&'static str>);

impl Rules {
    /// The place of a code among them.
    fn index(&mut self, code: &'static str) -> usize {
        let Self(codes) = self;
        codes.iter().position(|other| *other == code).unwrap_or_else(|| {
            codes.push(code);
            codes.len() - 1
        })
    }
}

/// A `reportingDescriptor` of SARIF. A component may have codes of its own, of which only the name is known.
fn rule(code: &str) -> Value {
    let (meaning, remedy) = match codes::find(code) {
        Some(known) => (known.meaning, known.remedy),
        None => ("A component reports it of its own configuration.", "`describe` shows what its keys take."),
    };
    json!({ "id": code, "shortDescription": { "text": meaning }, "help": { "text": remedy } })
}

fn more(count: usize) -> String {
    format!("{count} more of this kind")
}

/// The message, and what would be right.
fn text(problem: &Problem) -> String {
    match &problem.help {
        Some(help) => format!("{}; {help}", problem.message),
        None => problem.message.clone(),
    }
}

/// Where a span begins and ends.
fn place(files: &Files, span: Span) -> Map<String, Value> {
    let (start, end) = (files.locate(span), files.locate(Span::new(span.end.max(span.start), span.end)));
    let pairs = [
        ("file", start.map(|start| start.path.display().to_string().into())),
        ("line", start.map(|start| start.line.into())),
        ("column", start.map(|start| start.column.into())),
        ("end_line", start.and(end).map(|end| end.line.into())),
        ("end_column", start.and(end).map(|end| end.column.into())),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.unwrap_or(Value::Null))).collect()
}

/// A `location` of SARIF; none for what is no file that others could open: the standard input, a FIFO of a shell.
fn location(files: &Files, span: Span) -> Option<Value> {
    let start = files.locate(span).filter(|start| is_openable(start.path))?;
    let end = files.locate(Span::new(span.end.max(span.start), span.end))?;
    Some(json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(start.path) },
        "region": {
            "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
        },
    } }))
}

fn is_openable(path: &Path) -> bool {
    let is_of_this_process = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    !is_of_this_process && path != Path::new(STDIN)
}

/// A path as a URI: relative where the path is.
fn uri(path: &Path) -> String {
    let mut out = String::from(if path.is_absolute() { "file://" } else { "" });
    for byte in path.display().to_string().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems() -> (Problems, Files) {
        let mut files = Files::default();
        let base = files.add("a b.toml", "é = 1\nb = 2\n".to_owned()).unwrap_or_default();
        let mut problems = Problems::new();
        let at = |start: u32, end: u32| Span::new(base + start, base + end);
        let mut problem = Problem::error("BAD", at(0, 2), "é is wrong").with_help("write e");
        problem.related.push((at(7, 8), "see here".to_owned()));
        problems.push(problem);
        problems.push(Problem::warning("NOWHERE", Span::default(), "of no place"));
        (problems, files)
    }

    #[test]
    fn places_have_an_end_and_relatives() {
        let (problems, files) = problems();
        let list: Value = serde_json::from_str(&render_json(&problems, &files)).unwrap();
        let expected = json!([
            {
                "severity": "warning", "code": "NOWHERE", "message": "of no place", "file": null, "line": null,
                "column": null, "end_line": null, "end_column": null, "help": null, "related": [],
            },
            {
                "severity": "error", "code": "BAD", "message": "é is wrong", "file": "a b.toml", "line": 1, "column": 1,
                "end_line": 1, "end_column": 2, "help": "write e",
                "related": [{
                    "message": "see here", "file": "a b.toml", "line": 2, "column": 1, "end_line": 2, "end_column": 2,
                }],
            },
        ]);
        assert_eq!(list, expected);
    }

    #[test]
    fn sarif_has_regions() {
        let (problems, files) = problems();
        let sarif: Value = serde_json::from_str(&render_sarif(&problems, &files)).unwrap();
        let result = &sarif["runs"][0]["results"][1];
        let place = |value: &Value| {
            let place = &value["physicalLocation"];
            let region = &place["region"];
            let numbers =
                ["startLine", "startColumn", "endLine", "endColumn"].map(|name| region[name].as_u64());
            (
                place["artifactLocation"]["uri"].as_str().map(str::to_owned),
                numbers.map(Option::unwrap_or_default),
            )
        };
        assert_eq!(place(&result["locations"][0]), (Some("a%20b.toml".to_owned()), [1, 1, 1, 2]));
        assert_eq!(place(&result["relatedLocations"][0]), (Some("a%20b.toml".to_owned()), [2, 1, 2, 2]));
        assert_eq!(result["message"]["text"], "é is wrong; write e");
        assert_eq!(sarif["runs"][0]["results"][0]["locations"], Value::Null);
        assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&json!("BAD"), &json!(1)));
        let rules = &sarif["runs"][0]["tool"]["driver"]["rules"];
        assert_eq!((&rules[0]["id"], &rules[1]["id"]), (&json!("NOWHERE"), &json!("BAD")));
        assert!(!is_openable(Path::new("/dev/fd/63")) && is_openable(Path::new("device/a.toml")));
        assert_eq!(uri(Path::new("/é")), "file:///%C3%A9");
    }
}
