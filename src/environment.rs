//! The environment of the process, as all of Wirework reads it.

use std::ffi::OsString;

/// The value of a variable. An empty one counts as not set: that is how a shell takes a value away for one command.
///
/// ```
/// assert!(wirework::environment::variable("PATH").is_some_and(|path| !path.is_empty()));
/// assert!(wirework::environment::variable("A_VARIABLE_THAT_NOBODY_SETS").is_none());
/// ```
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Names this process among others: `HOSTNAME` and the process id, or the process id alone.
#[must_use]
pub fn process_id() -> String {
    match variable("HOSTNAME").and_then(|host| host.into_string().ok()) {
        Some(host) => format!("{host}-{}", std::process::id()),
        None => std::process::id().to_string(),
    }
}

/// The name of this machine, as far as it can be told; `localhost` where it cannot.
#[must_use]
pub fn host_name() -> String {
    let variable = |name| variable(name).and_then(|value| value.into_string().ok());
    let named = |text: String| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(named)
        .or_else(|| variable("HOSTNAME").and_then(named))
        .or_else(|| variable("COMPUTERNAME").and_then(named))
        .unwrap_or_else(|| "localhost".to_owned())
}
