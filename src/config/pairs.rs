//! Configuration in code: from key-value pairs, or from TOML text.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::document::MAX_DEPTH;
use super::read::read_table;
use super::{Key, Node, Origin, Problem, Problems, Span, Table, Value, code, parse_toml};
use crate::text::escape;

/// A configuration that cannot be read, with every problem.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the configuration has {}: {}", count(.problems.len()), join(.problems))]
#[non_exhaustive]
pub struct ConfigError {
    /// What is wrong.
    pub problems: Problems,
}

impl crate::Coded for ConfigError {
    fn category(&self) -> crate::Category {
        crate::Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        code::BAD_CONFIG
    }
}

fn count(problems: usize) -> String {
    if problems == 1 { "a problem".to_owned() } else { format!("{problems} problems") }
}

fn join(problems: &Problems) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(". ")
}

/// Reads a configuration from dotted keys and texts, as a section of a manifest would give it. A text takes the type
/// that its key wants; numbers as keys make a list: `connections.0.host`. Of two equal keys the later one holds.
///
/// ```
/// use wirework::config::{Millis, from_pairs};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     port: u16,
///     hosts: Vec<String>,
///     timeout: Millis,
/// }
/// let pairs = [("port", "1883"), ("hosts.0", "a"), ("hosts.1", "b"), ("timeout", "30s")];
/// let config: Config = from_pairs(pairs)?;
/// assert_eq!((config.port, config.hosts.len(), config.timeout), (1883, 2, Millis::new(30_000)));
/// # Ok::<(), wirework::Error>(())
/// ```
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn from_pairs<T>(
    pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
) -> Result<T, ConfigError>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let mut problems = Problems::new();
    let mut table = Table::new();
    for (key, value) in pairs {
        if let Err(reason) = insert(&mut table, key.as_ref(), value.as_ref()) {
            let key: String = escape(key.as_ref()).chars().take(200).collect();
            problems.error(code::BAD_KEY, Span::default(), format!("key `{key}` {reason}"));
        }
    }
    finish(&table, problems)
}

/// Reads a configuration from TOML text, as it stands in a section of a manifest; without parameters.
///
/// ```
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Config {
///     port: u16,
/// }
/// let config: Config = wirework::config::from_toml("port = 1883")?;
/// assert_eq!(config.port, 1883);
/// # Ok::<(), wirework::Error>(())
/// ```
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn from_toml<T>(text: &str) -> Result<T, ConfigError>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let mut problems = Problems::new();
    let table = parse_toml(text, 0, &mut problems);
    if problems.has_errors() {
        return Err(ConfigError { problems });
    }
    finish(&table, problems)
}

fn finish<T>(table: &Table, mut problems: Problems) -> Result<T, ConfigError>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    match read_table(table, Span::default(), &mut problems) {
        Some(config) if !problems.has_errors() => Ok(config),
        _ => Err(ConfigError { problems }),
    }
}

fn insert(table: &mut Table, key: &str, value: &str) -> Result<(), &'static str> {
    let mut segments: Vec<&str> = key.split('.').map(str::trim).collect();
    if segments.len() > MAX_DEPTH {
        return Err("has too many parts");
    }
    let Some(last) = segments.pop().filter(|last| !last.is_empty() && !segments.contains(&"")) else {
        return Err("has an empty part");
    };
    let mut table = table;
    for segment in segments {
        if table.get(segment).is_none() {
            table.insert(Key::new(segment, Span::default()), from_code(Value::Table(Table::new())));
        }
        match table.get_mut(segment).map(|node| &mut node.value) {
            Some(Value::Table(inner)) => table = inner,
            _ => return Err("lies in another key that has a value of its own"),
        }
    }
    if table.get(last).is_some_and(|node| node.as_table().is_some()) {
        return Err("has a value of its own and keys under it");
    }
    table.insert(Key::new(last, Span::default()), from_code(Value::String(value.to_owned())));
    Ok(())
}

fn from_code(value: Value) -> Node {
    Node { value, span: Span::default(), origin: Origin::Parameter { secret: false } }
}

/// What is wrong with a configuration that was made in code, all at once.
impl FromIterator<super::Invalid> for ConfigError {
    fn from_iter<I: IntoIterator<Item = super::Invalid>>(found: I) -> Self {
        let problem = |invalid: super::Invalid| invalid.problem(Span::default(), invalid.to_string());
        Self { problems: found.into_iter().map(problem).collect() }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: [problem].into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Secret;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Config {
        connection: Option<Connection>,
        #[serde(default)]
        connections: Vec<Connection>,
        #[serde(default)]
        parameters: BTreeMap<String, bool>,
        password: Option<Secret>,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Connection {
        host: String,
        port: Option<u16>,
    }

    #[test]
    fn pairs_make_tables_and_lists() {
        let config: Config = from_pairs([
            ("connection.host", "h"),
            ("connections.10.host", "c"),
            ("connections.0.host", "a"),
            ("connections.0.port", "1883"),
            ("connections.2.host", "b"),
            ("parameters.1", "true"),
        ])
        .unwrap();
        let hosts: Vec<_> = config.connections.iter().map(|connection| connection.host.as_str()).collect();
        assert_eq!((hosts, config.connections[0].port), (vec!["a", "b", "c"], Some(1883)));
        assert_eq!(config.parameters.get("1"), Some(&true));
        assert_eq!(config.connection.map(|connection| connection.host), Some("h".to_owned()));
        assert!(config.password.is_none());
    }

    #[test]
    fn the_error_lists_every_problem() {
        let error = from_pairs::<Config>([
            ("connections.0.hots", "a"),
            ("connections.0.port", "x"),
            ("password.a", "hunter2"),
            ("connection", "x"),
            ("connection.host", "y"),
            ("a..b", "z"),
        ])
        .unwrap_err();
        insta::assert_debug_snapshot!(error.problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(crate::Error::from(error).code(), "BAD_CONFIG");
        let error = from_toml::<Config>("a = \nb = ").unwrap_err();
        assert!(error.to_string().starts_with("the configuration has 2 problems: "), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(pairs in proptest::collection::vec(("[a-c.0-2]{0,8}|connections\\.[0-9]\\.(host|port)", ".{0,8}"), 0..8)) {
            let _ = from_pairs::<Config>(pairs);
        }
    }
}
