//! Values that are taken as they are written, and most likely not as they were meant: parameters as other systems write them,
//! passwords that lose a dollar, and passwords in URIs.

use schemars::Schema;
use wirework::config::{
    Node, Origin, Problem, Problems, Section, Span, Table, Value, code, has_user_info, is_secret, is_shown,
    is_uri,
};
use wirework::connect::Uri;
use wirework::text::escape;

use super::Files;

/// The shortest name between `%` and `%`: shorter ones are escapes of a URI.
const SHORTEST: usize = 3;

/// Warns of the values of a section.
pub fn warn_likely_mistakes(section: &Section<'_>, schema: &Schema, files: &Files, problems: &mut Problems) {
    in_table(section.table, &mut Vec::new(), &Checker { schema, files }, problems);
}

/// Warns of a value that no schema knows and everybody may see.
pub(super) fn warn_likely_mistake(path: &str, node: &Node, files: &Files, problems: &mut Problems) {
    if let Some(raw) = candidate(node).and_then(|_| written(node.span, files)) {
        problems.extend(foreign(raw).map(|found| named(path, node.span, found)));
    }
}

/// Checks the values of one section.
struct Checker<'a> {
    schema: &'a Schema,
    files: &'a Files,
}

fn in_table<'t>(table: &'t Table, path: &mut Vec<&'t str>, checker: &Checker<'_>, problems: &mut Problems) {
    for (key, node) in table.iter() {
        path.push(&key.name);
        in_node(node, path, checker, problems);
        path.pop();
    }
}

fn in_node<'t>(node: &'t Node, path: &mut Vec<&'t str>, checker: &Checker<'_>, problems: &mut Problems) {
    match &node.value {
        Value::Table(table) => in_table(table, path, checker, problems),
        Value::Array(list) => {
            // The place in a list does not matter to the schema.
            path.push("0");
            list.iter().for_each(|node| in_node(node, path, checker, problems));
            path.pop();
        }
        _ => {
            if let Some(raw) = candidate(node).and_then(|_| written(node.span, checker.files)) {
                problems.extend(checker.at(path, node, raw));
            }
        }
    }
}

/// A string of which at least a part stands in the manifest, and that may be worth a checker.
fn candidate(node: &Node) -> Option<&str> {
    let written = matches!(node.origin, Origin::Literal | Origin::Text { .. });
    node.as_str().filter(|text| written && text.contains(['$', '{', '%', '@']))
}

/// A value as it stands in its file, quotes included.
fn written(span: Span, files: &Files) -> Option<&str> {
    let file = files.file(span)?;
    let at = |place: u32| file.floor(place.saturating_sub(file.base));
    file.text.get(at(span.start)..at(span.end))
}

impl Checker<'_> {
    fn at(&self, path: &[&str], node: &Node, raw: &str) -> Vec<Problem> {
        let name = path.join(".");
        let secret = is_secret(self.schema, &name);
        let password = if is_uri(self.schema, path) { uri_password(node, raw) } else { None };
        let mut found = Vec::new();
        if password.is_some_and(|password| !password.contains("${")) {
            let message = format!("the password in `{name}` is written in the manifest in clear");
            found.push(Problem::warning(code::SECRET_IN_CLEAR, node.span, message).with_help(
                "take the whole URI from a file, `${file:…}`, or a parameter, `${NAME}`; or give user name and password elsewhere",
            ));
        }
        let shortened = if secret { Some(raw) } else { password };
        if let Some(count) = shortened.map(dollars).filter(|count| *count > 0) {
            found.push(shorter(&name, node.span, count));
        }
        let may_show = is_shown(self.schema, path) && !node.origin.is_secret() && !has_user_info(raw);
        found.extend(match foreign(raw) {
            Some(one) if may_show => Some(named(&name, node.span, one)),
            // Anywhere in a password there may be such a thing by chance.
            Some(one) if one == unquoted(raw) => Some(unnamed(&name, node.span)),
            _ => None,
        });
        found
    }
}

/// The password of a URI as it is written, where it has one.
fn uri_password<'r>(node: &Node, raw: &'r str) -> Option<&'r str> {
    let uri: Uri = node.as_str()?.parse().ok()?;
    uri.parts().password.as_ref()?;
    let (_, behind) = raw.split_once("://")?;
    let (user, _) = behind.rsplit_once('@')?;
    Some(user.split_once(':')?.1)
}

/// How many `$$` there are outside of parameters.
fn dollars(raw: &str) -> usize {
    let (mut count, mut rest, open) = (0, raw, open(raw));
    while let Some((_, behind)) = rest.split_once('$') {
        rest = if let Some(behind) = behind.strip_prefix('$') {
            count += 1;
            behind
        } else {
            behind_parameter(behind, open)
        };
    }
    count
}

/// How long the end of a string is in which no parameter ends. Found once, so that a string of nothing but `${` is not searched to
/// its end for each of them.
fn open(raw: &str) -> usize {
    raw.rsplit('}').next().map_or(0, str::len)
}

/// What is behind a parameter whose dollar was read, if it is one. Where as much is left as is [`open`], it is none.
fn behind_parameter(behind: &str, open: usize) -> &str {
    let inside = behind.strip_prefix('{').filter(|inside| inside.len() > open);
    inside.and_then(|inside| inside.split_once('}')).map_or(behind, |(_, rest)| rest)
}

fn shorter(name: &str, span: Span, count: usize) -> Problem {
    let message = format!(
        "`{name}` is {count} character{} shorter than it is written: `$$` stands for one `$`",
        if count == 1 { "" } else { "s" }
    );
    Problem::warning(code::DOUBTFUL_VALUE, span, message)
        .with_help("write `$$$$` where two are meant, or take the secret from a file, `${file:…}`")
}

fn named(path: &str, span: Span, found: &str) -> Problem {
    let message = format!("`{path}`: `{}` is no parameter, and is taken as it is written", escape(found));
    Problem::warning(code::DOUBTFUL_VALUE, span, message).with_shown(span).with_help(how_to_write())
}

fn unnamed(path: &str, span: Span) -> Problem {
    let message = format!("`{path}` looks like a parameter of another system, and is taken as it is written");
    Problem::warning(code::DOUBTFUL_VALUE, span, message).with_help(how_to_write())
}

fn how_to_write() -> &'static str {
    "a parameter is written `${NAME}`, with a default `${NAME:-…}`; a dollar that is meant as such is `$$`"
}

/// The first parameter in another spelling: `{{NAME}}`, `$NAME` or `%NAME%`. Names are in upper case, as those of environment
/// variables are: `$SYS` and `$share` are words of MQTT, and `{{topic}}` is a brace that is no placeholder.
fn foreign(raw: &str) -> Option<&str> {
    let (mut rest, open) = (raw, open(raw));
    loop {
        let at = rest.find(['$', '{', '%'])?;
        let (mark, behind) = (rest.get(at..)?, rest.get(at + 1..)?);
        let length = match mark.as_bytes().first()? {
            b'$' => dollar(behind, open),
            b'{' => mustache(behind),
            _ => percent(behind),
        };
        match length {
            Ok(length) => return mark.get(..=length),
            Err(read) => rest = behind.get(read..)?,
        }
    }
}

/// Behind a `$`: how long the name is; otherwise how much is not to be looked at.
fn dollar(behind: &str, open: usize) -> Result<usize, usize> {
    if behind.starts_with('$') {
        return Err(1);
    }
    let skipped = behind.len() - behind_parameter(behind, open).len();
    let length = name(behind);
    match behind.get(..length) {
        Some("SYS") => Err(length),
        Some(name) if name.len() > 1 => Ok(length),
        _ => Err(skipped),
    }
}

/// Behind a `{`. The braces and marks before what is no name are not looked at again: each of them would lead to the same.
fn mustache(behind: &str) -> Result<usize, usize> {
    let Some(inside) = behind.strip_prefix('{') else { return Err(0) };
    let is_mark = |mark: char| mark.is_whitespace() || "{#/^&".contains(mark);
    let word = inside.trim_start_matches(is_mark);
    let read = behind.len() - word.len();
    let word = word.trim_start_matches("if ").trim_start();
    let length = name(word);
    let rest = word.get(length..).and_then(|rest| rest.trim_start().strip_prefix("}}"));
    rest.filter(|_| length > 0).map(|rest| behind.len() - rest.len()).ok_or(read)
}

/// Behind a `%`.
fn percent(behind: &str) -> Result<usize, usize> {
    let length = name(behind);
    let closed = behind.get(length..).is_some_and(|rest| rest.starts_with('%'));
    if length >= SHORTEST && closed { Ok(length + 1) } else { Err(0) }
}

/// How long the name of an environment variable is that a string begins with.
fn name(text: &str) -> usize {
    let first = text.starts_with(|first: char| first.is_ascii_uppercase() || first == '_');
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let length = text.bytes().take_while(|byte| is_part(*byte)).count();
    // `$Name` is none.
    let ends = !text.get(length..).is_some_and(|rest| rest.starts_with(|next: char| next.is_alphanumeric()));
    if first && ends { length } else { 0 }
}

fn unquoted(raw: &str) -> &str {
    raw.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_other_systems_are_found() {
        for (text, found) in [
            ("{{MQTT_HOST}}", "{{MQTT_HOST}}"),
            ("a {{ HOST }} b", "{{ HOST }}"),
            ("{{#if ENABLED}}x", "{{#if ENABLED}}"),
            ("{{{NAME}}}", "{{{NAME}}"),
            ("{{ {{ #NAME }}", "{{ {{ #NAME }}"),
            ("{{#if {{NAME}}", "{{NAME}}"),
            ("{{{topic}} {{NAME}}", "{{NAME}}"),
            ("{{ $NAME }}", "$NAME"),
            ("$MQTT_HOST", "$MQTT_HOST"),
            ("/home/$USER/x", "$USER"),
            ("${A}/$NAME", "$NAME"),
            ("%MQTT_HOST%", "%MQTT_HOST%"),
        ] {
            assert_eq!(foreign(text), Some(found), "{text}");
        }
        for none in [
            "$SYS/broker/#",
            "$share/workers/x",
            "$aws/things",
            "$$NAME",
            "${NAME}",
            "${NAME:-$OTHER}",
            "{{topic}}/x",
            "{topic}",
            "%C3%A9",
            "%2F%40",
            "%H%M%S",
            "100%",
            "$",
            "{{",
            "$5 and $X",
            "$Name",
            "{{NAME",
            "é$é{{é}}%é%",
        ] {
            assert_eq!(foreign(none), None, "{none}");
        }
    }

    #[test]
    fn dollars_that_are_lost_are_counted() {
        for (text, count) in [("a$$b", 1), ("$$$$", 2), ("a$b", 0), ("${A:-$$}", 0), ("$$${A}", 1), ("", 0)] {
            assert_eq!(dollars(text), count, "{text}");
        }
    }

    /// These take hours where each mark is followed by a search to the end of the text.
    #[test]
    fn long_texts_are_read_once() {
        let marks = ["{", "${", "{{ ", "{{#", "{{if ", "{{A ", "$", "%A", "${A:-"];
        for (mark, end) in marks.iter().flat_map(|mark| ["", "}"].map(|end| (mark, end))) {
            let text = mark.repeat(2_000_000 / mark.len()) + end;
            // Of many `$` every two stand for one.
            let expected = if *mark == "$" { 1_000_000 } else { 0 };
            assert_eq!((foreign(&text), dollars(&text)), (None, expected), "{mark} {end}");
        }
    }
}
