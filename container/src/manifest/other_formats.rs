//! Files in other languages than TOML.

use std::path::Path;

use wirework::config::{Problem, Span, code};
use wirework::text::escape;

use super::files::STDIN;

/// The language of a file that TOML cannot read, where its name or its first line tells.
fn language(path: &Path, text: &str) -> Option<&'static str> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "yml" | "yaml" => return Some("YAML"),
        "json" => return Some("JSON"),
        _ => {}
    }
    // One mistyped line of a manifest is no other language.
    if text.lines().any(|line| matches!(line.trim(), "[[component]]" | "[service]")) {
        return None;
    }
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("{{"))?;
    let inside = first.strip_prefix('[').map(str::trim_start);
    if first.starts_with('{') || inside.is_some_and(|inside| inside.is_empty() || inside.starts_with('{')) {
        Some("JSON")
    } else if first == "---" || first == "-" || first.starts_with("- ") || is_pair(first) {
        Some("YAML")
    } else {
        None
    }
}

/// Whether a line is a key of YAML with its value, or without one.
fn is_pair(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !key.is_empty() && key.bytes().all(is_key) && (value.is_empty() || value.starts_with(' '))
}

/// The one problem of a file in another language.
pub(super) fn problem(path: &Path, text: &str, base: u32) -> Option<Problem> {
    let language = language(path, text)?;
    let name = path.display().to_string();
    let message = format!("`{}` is {language}, and a manifest is TOML", escape(&name));
    let file = if path == Path::new(STDIN) { "-".to_owned() } else { escape(&name).into_owned() };
    Some(Problem::error(code::BAD_SYNTAX, Span::new(base, base), message).with_help(to_convert(&file)))
}

/// How to make a manifest of a file in another language.
pub(super) fn to_convert(file: &str) -> String {
    format!("`wirework convert {file}` writes a configuration of Pip.Services as TOML")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_lines_tell() {
        for (name, text, expected) in [
            ("a.yml", "", Some("YAML")),
            ("a.JSON", "x", Some("JSON")),
            ("a", "\u{feff}[\n  {\"descriptor\": 1}]", Some("JSON")),
            ("a", "[{\"descriptor\": 1}]", Some("JSON")),
            ("a", "{ \"a\": 1 }", Some("JSON")),
            ("a", "# x\n\n---\na: 1", Some("YAML")),
            ("a", "{{#if X}}\n- descriptor: a", Some("YAML")),
            ("a.toml", "descriptor: \"a:b\"", Some("YAML")),
            ("a.toml", "name: x\n[[component]]\nx = 1", None),
            ("a.toml", "[[component]]\nx", None),
            ("a.toml", "[service\nname = 1", None),
            ("a.toml", "a = \"x: y\"", None),
            ("a.toml", "", None),
        ] {
            assert_eq!(language(Path::new(name), text), expected, "{name} {text}");
        }
    }
}
