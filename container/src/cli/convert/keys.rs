//! Which keys a component has, and under which other names Pip.Services has them.

use wirework::component::{Descriptor, Lookup, Registry};
use wirework::config::{KeyDoc, keys, nearest};

/// Keys of Pip.Services that have other names here: type and kind of the component, `*` for any; the beginning of the key; what
/// stands in its place.
const RENAMED: [(&str, &str, &str, &str); 4] = [
    // The sections of these are their entries; here those have a key of their own.
    ("credential-store", "memory", "", "credentials."),
    ("discovery", "memory", "", "connections."),
    ("*", "*", "options.interval", "interval"),
    ("*", "*", "options.level", "level"),
];

/// The tables in which Pip.Services takes keys of any name, and this container in `parameters`.
const OPEN: [&str; 4] = ["connection", "connections.<key>", "credential", "credentials.<key>"];

/// What a key becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Counterpart<'k> {
    /// This key, and what it takes where that is known.
    Key(String, Option<&'k str>),
    None,
}

/// The keys of one component.
pub(super) struct Keys {
    kind: (String, String),
    /// `None` for a component that this binary does not know.
    known: Option<Vec<KeyDoc>>,
}

impl Keys {
    pub fn of(descriptor: &Descriptor, registry: &Registry) -> Self {
        let known = match registry.find(descriptor) {
            Lookup::One(number) => registry.all().get(number).map(|one| keys(&one.factory().schema())),
            _ => None,
        };
        Self { kind: (descriptor.r#type().to_owned(), descriptor.kind().to_owned()), known }
    }

    /// Whether this binary has the component.
    pub fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// The known key that is most like `path`.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        let known = self.known.iter().flatten().map(|key| key.path.as_str());
        nearest(path, known.filter(|known| !known.contains(['*', '<'])))
    }

    /// What `path`, dotted, becomes.
    pub fn counterpart(&self, path: &str) -> Counterpart<'_> {
        if path.starts_with("references.") || path.starts_with("dependencies.") {
            return Counterpart::Key(path.to_owned(), None);
        }
        let Some(known) = &self.known else { return Counterpart::Key(path.to_owned(), None) };
        let find = |path: &str| {
            let kind =
                |path: &str| known.iter().find(|key| covers(&key.path, path)).map(|key| key.kind.as_str());
            kind(path).or_else(|| kind(path.rsplit_once('.')?.0)?.strip_prefix("table of "))
        };
        let names: Vec<_> = std::iter::once(path.to_owned()).chain(self.renamed(path)).collect();
        let parameters: Vec<_> = names.iter().filter_map(|name| parameter(name)).collect();
        for candidate in names.into_iter().chain(parameters) {
            if let Some(kind) = find(&candidate) {
                return Counterpart::Key(candidate, Some(kind));
            }
        }
        Counterpart::None
    }

    fn renamed(&self, path: &str) -> impl Iterator<Item = String> {
        let is = |pattern: &str, what: &str| pattern == "*" || pattern == what;
        RENAMED
            .iter()
            .filter(move |(kind, of, ..)| is(kind, &self.kind.0) && is(of, &self.kind.1))
            .filter_map(move |(.., from, to)| {
                let rest = path.strip_prefix(from)?;
                Some(format!("{to}{rest}"))
            })
    }
}

/// The same key among the further parameters of its table.
fn parameter(path: &str) -> Option<String> {
    let (table, key) = path.rsplit_once('.')?;
    OPEN.iter().any(|open| covers(open, table)).then(|| format!("{table}.parameters.{key}"))
}

/// Whether a documented path, with `*` for the number of an item and `<key>` for any key, is that of a key.
fn covers(documented: &str, path: &str) -> bool {
    let mut parts = path.split('.');
    let same = documented.split('.').all(|one| {
        parts.next().is_some_and(|part| one == part || one == "<key>" || (one == "*" && is_number(part)))
    });
    same && parts.next().is_none()
}

fn is_number(part: &str) -> bool {
    part == "*" || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn becomes(descriptor: &str, path: &str) -> Option<String> {
        let registry = Registry::linked().unwrap();
        let keys = Keys::of(&descriptor.parse().unwrap(), &registry);
        match keys.counterpart(path) {
            Counterpart::Key(key, _) => Some(key),
            Counterpart::None => None,
        }
    }

    #[test]
    fn known_renamed_and_unknown_keys() {
        for (kind, path, expected) in [
            ("connection:mqtt", "connection.host", Some("connection.host")),
            ("connection:mqtt", "connection.region", Some("connection.parameters.region")),
            ("connection:mqtt", "connections.0.host", Some("connections.0.host")),
            ("connection:mqtt", "options.reset_timeout", None),
            ("credential-store:memory", "mqtt.username", Some("credentials.mqtt.username")),
            ("credential-store:memory", "mqtt.access_id", Some("credentials.mqtt.parameters.access_id")),
            ("discovery:memory", "mqtt.host", Some("connections.mqtt.host")),
            ("discovery:memory", "connections.mqtt.host", Some("connections.mqtt.host")),
            ("counters:log", "options.interval", Some("interval")),
            ("message-queue:mqtt", "dependencies.connection", Some("dependencies.connection")),
        ] {
            let descriptor = format!("pip-services:{kind}:default:1.0");
            assert_eq!(becomes(&descriptor, path).as_deref(), expected, "{descriptor} {path}");
        }
        assert_eq!(becomes("acme:sensor:wind:x:1.0", "any.thing").as_deref(), Some("any.thing"));
    }
}
