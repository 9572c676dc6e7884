//! `NAME=VALUE`: how a parameter is given.

use super::parameters_error::ParametersError;

/// The name and the value of a pair.
pub(super) fn split(pair: &str) -> Result<(&str, &str), ParametersError> {
    let (name, value) = pair.split_once('=').ok_or(ParametersError::NoValue)?;
    Ok((name.trim(), value))
}

/// Whether a name can be that of a parameter.
pub(super) fn check(name: &str) -> Result<(), ParametersError> {
    if is_name(name) { Ok(()) } else { Err(ParametersError::BadName) }
}

/// Whether a string can be the name of a parameter.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
