//! The container's keys that are true or false, such as `enabled`: a boolean, or a string with a parameter that says one.

use wirework::config::{Node, Problem, Problems, Value, code, mask_uri, parse_bool};
use wirework::text::escape;

use super::replace::{Replaced, Replacer};

/// What a manifest can say.
const HELP: &str =
    "write `true` or `false`, or a parameter: `\"${NAME:-true}\"`, or `\"!${NAME:-false}\"` for its contrary";

/// What such a key says, after its parameters are replaced; nothing where it counts as not given, or is wrong, which is reported.
pub(super) fn read(key: &str, node: &Node, replacer: &Replacer<'_>, problems: &mut Problems) -> Option<bool> {
    let span = node.span;
    let text = match &node.value {
        Value::Boolean(value) => return Some(*value),
        Value::String(text) => text,
        other => {
            let message =
                format!("`{key}`: expected `true`, `false` or a parameter, found {}", other.shown());
            problems.push(Problem::error(code::WRONG_TYPE, span, message).with_help(HELP).with_shown(span));
            return None;
        }
    };
    let given = match replacer.open_text(key, text, span, problems) {
        Replaced::Text(given, _) => given,
        Replaced::Same => {
            let found = node.value.shown();
            let message = format!("`{key}`: expected `true`, `false` or a parameter, found {found}");
            let problem = Problem::error(code::WRONG_TYPE, span, message).with_shown(span);
            problems.push(match parse_bool(text.trim()) {
                Some(value) => problem.with_help(format!("write `{value}`, without quotes")),
                None => problem.with_help(HELP),
            });
            return None;
        }
        Replaced::NotGiven | Replaced::Failed => return None,
    };
    let (word, contrary) = match given.trim().strip_prefix('!') {
        Some(word) => (word.trim(), true),
        None => (given.trim(), false),
    };
    if word.is_empty() {
        // An empty parameter beside blanks, or its contrary: it counts as not given.
        return None;
    }
    let value = parse_bool(word);
    if value.is_none() {
        // What a parameter brought may be a secret by mistake, and is not shown.
        let message = format!(
            "`{key}`: expected `true` or `false` (or `1`, `yes`, `on`; `0`, `no`, `off`), found another string in place of `{}`",
            mask_uri(text)
        );
        problems
            .push(Problem::error(code::BAD_VALUE, span, escape(&message)).with_help(HELP).with_shown(span));
    }
    Some(value? != contrary)
}

#[cfg(test)]
mod tests {
    use wirework::config::Span;

    use super::super::{Files, Parameters};
    use super::*;

    fn of(value: Value) -> (Option<bool>, String) {
        let parameters = Parameters::new().with_environment(|name| match name {
            "EMPTY" => Some(String::new()),
            "NONE" => None,
            "PASSWORD" => Some("hunter3".to_owned()),
            other => Some(other.to_owned()),
        });
        let (files, mut problems) = (Files::default(), Problems::new());
        let replacer = Replacer::new(&parameters, &files);
        let read = read("enabled", &Node::new(value, Span::new(1, 1)), &replacer, &mut problems);
        (read, problems.iter().map(|problem| problem.message.clone()).collect())
    }

    #[test]
    fn says_whether() {
        for (text, expected) in [
            ("${true}", Some(true)),
            ("${YES}", Some(true)),
            ("${NONE:-1}", Some(true)),
            ("${On}", Some(true)),
            ("${off}", Some(false)),
            ("${NONE:-0}", Some(false)),
            ("${no} ", Some(false)),
            ("!${no}", Some(true)),
            ("! ${NONE:-false}", Some(true)),
            ("!${true}", Some(false)),
            ("!${EMPTY:-}", None),
            ("${EMPTY:-}", None),
            ("${NONE:-} ", None),
            (" ! ${NONE:-} ", None),
        ] {
            assert_eq!(of(Value::String(text.into())), (expected, String::new()), "{text}");
        }
        assert_eq!(of(Value::Boolean(false)), (Some(false), String::new()));
    }

    #[test]
    fn what_is_no_truth_is_told() {
        let (read, message) = of(Value::String("${maybe}".into()));
        assert_eq!(read, None);
        assert!(message.ends_with("found another string in place of `${maybe}`"), "{message}");
        let (read, message) = of(Value::String("!${SECRET:-hunter2} ".into()));
        assert!(read.is_none() && message.ends_with("`!${SECRET:-hunter2} `"), "as it is written: {message}");
        let (_, message) = of(Value::String("${PASSWORD}".into()));
        assert!(!message.contains("hunter3"), "{message}");
        for value in [Value::String("yes".into()), Value::Integer(1.into())] {
            let (read, message) = of(value);
            let found = if message.ends_with('1') { "1" } else { "the string \"yes\"" };
            assert_eq!(read, None);
            assert_eq!(message, format!("`enabled`: expected `true`, `false` or a parameter, found {found}"));
        }
    }
}
