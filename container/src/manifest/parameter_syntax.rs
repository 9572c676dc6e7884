//! Parameters in strings: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${file:path}`, and `$$` for a dollar.
//!
//! Defaults do not nest. A dollar that is followed by neither `{` nor `$` stands for itself, as in the topic
//! `$SYS/broker`.

use std::fmt;
use std::ops::Range;

use super::parameters_error::ParametersError;

/// A part of a string: text as it stands, or a parameter. `Debug` shows names of parameters and of files, and no other text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fragment<'t> {
    /// As it stands.
    Text(&'t str),
    /// `${NAME}`, `${NAME:-default}`, `${NAME:?message}`.
    Parameter {
        /// The name.
        name: &'t str,
        /// What stands in for an unset parameter.
        default: Option<&'t str>,
        /// What to say of an unset parameter.
        message: Option<&'t str>,
    },
    /// `${file:path}`.
    File(&'t str),
}

impl fmt::Debug for Fragment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Parameter { name, .. } => write!(f, "Parameter({name})"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

/// What looks like a parameter and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParameter {
    /// What is wrong with it, without anything that may be a value.
    pub reason: String,
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
}

impl Fragment<'_> {
    /// Where a parameter stands in `text`, which it was taken from, in bytes; nothing for text as it stands.
    #[must_use]
    pub fn range_in(&self, text: &str) -> Option<Range<usize>> {
        let (inside, before) = match self {
            Self::Text(_) => return None,
            Self::Parameter { name, .. } => (name, "${"),
            Self::File(path) => (path, "${file:"),
        };
        let inside = inside.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let start = inside.checked_sub(before.len())?;
        let end = inside + text.get(inside..)?.find('}')? + 1;
        Some(start..end)
    }
}

/// Takes a string apart, or says what is wrong with it.
///
/// # Errors
/// All mistakes: a `${` without end, a name that is none, a parameter in a default.
pub fn fragments(text: &str) -> Result<Vec<Fragment<'_>>, Vec<BadParameter>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            found.push(Fragment::Text(before));
        }
        if let Some(behind) = from.strip_prefix("$$") {
            found.push(Fragment::Text("$"));
            rest = behind;
        } else if let Some(inside) = from.strip_prefix("${") {
            let start = text.len() - from.len();
            let Some((inside, behind)) = inside.split_once('}') else {
                let reason = "a parameter `${` has no closing `}`".to_owned();
                wrong.push(BadParameter { reason, range: start..text.len() });
                rest = "";
                break;
            };
            match fragment(inside) {
                Ok(fragment) => found.push(fragment),
                Err(reason) => wrong.push(BadParameter { reason, range: start..text.len() - behind.len() }),
            }
            rest = behind;
        } else {
            found.push(Fragment::Text("$"));
            rest = from.get(1..).unwrap_or_default();
        }
    }
    if !rest.is_empty() {
        found.push(Fragment::Text(rest));
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

fn fragment(inside: &str) -> Result<Fragment<'_>, String> {
    if inside.contains("${") {
        return Err("a parameter stands inside another one; they do not nest".to_owned());
    }
    if let Some(path) = inside.strip_prefix("file:") {
        return if path.is_empty() {
            Err("`${file:}` names no file".to_owned())
        } else {
            Ok(Fragment::File(path))
        };
    }
    let (name, behind) = inside.split_once(':').map_or((inside, None), |(name, rest)| (name, Some(rest)));
    if !is_name(name) {
        return Err(no_name(name));
    }
    let (default, message) = match behind {
        None => (None, None),
        Some(text) => match (text.strip_prefix('-'), text.strip_prefix('?')) {
            (None, None) => return Err(format!("`${{{name}:` is followed by neither `-` nor `?`")),
            found => found,
        },
    };
    Ok(Fragment::Parameter { name, default, message })
}

/// What to say of a name that is none: of `X-secret` only `X`, since what follows is most likely a default that lost its `:`.
fn no_name(name: &str) -> String {
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let (begin, rest) = name.split_at_checked(end).unwrap_or_default();
    match (is_name(begin), rest.is_empty()) {
        (true, false) => format!("`${{{begin}` is followed by neither `}}` nor `:`"),
        _ if name.is_empty() => "`${}` names no parameter".to_owned(),
        _ => "what follows `${` is no name of a parameter; a name has letters, digits and `_` and begins with no digit"
            .to_owned(),
    }
}

/// The name and the value of `NAME=VALUE`, as parameters are given.
pub(super) fn split_pair(pair: &str) -> Result<(&str, &str), ParametersError> {
    let (name, value) = pair.split_once('=').ok_or(ParametersError::NoValue)?;
    Ok((name.trim(), value))
}

/// Whether a name can be that of a parameter.
pub(super) fn check_name(name: &str) -> Result<(), ParametersError> {
    if is_name(name) { Ok(()) } else { Err(ParametersError::BadName) }
}

/// Whether a string can be the name of a parameter.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
