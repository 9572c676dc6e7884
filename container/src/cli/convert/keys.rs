//! Which keys a component has, and under which other names Pip.Services has them.

use std::sync::Arc;

use schemars::Schema;
use wirework::component::{Descriptor, Lookup, Reference, Registry};
use wirework::config::{KeyDoc, KeyType, is_shown, keys, nearest};

use crate::manifest::{Place, names_of};

/// Keys of Pip.Services that have other names here: type and kind of the component, `*` for any; the beginning of the key; what
/// stands in its place.
const RENAMED: [(&str, &str, &str, &str); 10] = [
    ("*", "*", "connection.ip", "connection.host"),
    ("endpoint", "http", "cors_origins", "options.cors_origins"),
    ("endpoint", "http", "cors_headers", "options.cors_headers"),
    ("endpoint", "http", "credential.ssl_crt_file", "tls.cert_file"),
    ("endpoint", "http", "credential.ssl_key_file", "tls.key_file"),
    ("endpoint", "http", "credential.ssl_ca_file", "tls.ca_file"),
    // The sections of these are their entries; here those have a key of their own.
    ("credential-store", "memory", "", "credentials."),
    ("discovery", "memory", "", "connections."),
    ("*", "*", "options.interval", "interval"),
    ("*", "*", "options.level", "level"),
];

/// A default that is not that of Pip.Services.
pub(super) struct Difference {
    of: (&'static str, &'static str),
    /// The keys, of which any decides.
    pub keys: &'static [&'static str],
    /// What is otherwise, and what to write.
    pub text: &'static str,
}

const DIFFERENCES: [Difference; 4] = [
    Difference {
        of: ("endpoint", "http"),
        keys: &["connection.host", "connection.path", "connections"],
        text: "in Pip.Services it listens on all networks of the machine unless told, `0.0.0.0`; here on this machine alone, `127.0.0.1`",
    },
    Difference {
        of: ("endpoint", "http"),
        keys: &["connection.port", "connection.path", "connections"],
        text: "in Pip.Services it is 3000 unless told; here 8080",
    },
    Difference {
        of: ("endpoint", "http"),
        keys: &["options.cors_origins"],
        text: "in Pip.Services pages of all origins may read answers unless told, `[\"*\"]`; here none",
    },
    Difference {
        of: ("counters", "prometheus"),
        keys: &["push_enabled"],
        text: "in Pip.Services metrics are pushed to a Pushgateway unless told, `true`; here they are not, `false`",
    },
];

/// The tables in which Pip.Services takes keys of any name, and this container in `parameters`.
const OPEN: [&str; 4] = ["connection", "connections.<key>", "credential", "credentials.<key>"];

/// What a key becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Counterpart<'k> {
    /// This key, and what it takes; no types where that is not known.
    Key(String, &'k [KeyType]),
    /// This key among the further parameters of its table.
    Parameter(String, &'k [KeyType]),
    /// None, since the container has a key of this name.
    Container,
    None,
}

/// The keys of one component.
pub(super) struct Keys {
    kind: (String, String),
    /// `None` for a component that this binary does not know.
    known: Option<Vec<KeyDoc>>,
    schema: Option<Arc<Schema>>,
    references: &'static [Reference],
}

impl Keys {
    pub fn of(descriptor: &Descriptor, registry: &Registry) -> Self {
        let factory = match registry.find(descriptor) {
            Lookup::One(number) => registry.all().get(number).map(|one| one.factory()),
            _ => None,
        };
        let schema = factory.map(|factory| factory.schema());
        let known = schema.as_ref().map(|schema| keys(schema));
        let references = factory.map(|factory| factory.references()).unwrap_or_default();
        let kind = (descriptor.r#type().to_owned(), descriptor.kind().to_owned());
        Self { kind, known, schema, references }
    }

    /// The defaults of the component that are not those of Pip.Services.
    pub fn differences(&self) -> impl Iterator<Item = &'static Difference> {
        let is_own = |one: &&Difference| self.is_known() && one.of == (&*self.kind.0, &*self.kind.1);
        DIFFERENCES.iter().filter(is_own)
    }

    /// The names of what the component refers to.
    pub fn references(&self) -> impl Iterator<Item = &'static str> {
        self.references.iter().map(|reference| reference.field)
    }

    /// The reference that a dependency of Pip.Services is: the one of its name, or the only one that takes components of the type that
    /// `pattern` has.
    pub fn reference(&self, name: &str, pattern: &str) -> Option<&'static str> {
        let name = name.replace('-', "_");
        let r#type = pattern.split(':').nth(1).map(str::trim);
        let is_of_type = |reference: &&Reference| reference.pattern.split(':').nth(1) == r#type;
        let mut of_type = self.references.iter().filter(is_of_type);
        let named = self.references.iter().find(|reference| reference.field == name);
        let found = named.or_else(|| of_type.next().filter(|_| of_type.next().is_none()));
        found.map(|reference| reference.field)
    }

    /// Whether a key takes a list of tables, which Pip.Services has as a table with a key for each.
    pub fn is_list(&self, path: &str, has_numbers: bool) -> bool {
        let names: Vec<_> = std::iter::once(path.to_owned()).chain(self.renamed(path)).collect();
        let lists =
            self.known.iter().flatten().filter_map(|key| key.path.split_once(".*.")).map(|(list, _)| list);
        // Where names are the operator's, a table has them; only numbers are none.
        let mut lists = lists.filter(|list| has_numbers || !list.contains('<'));
        lists.any(|list| names.iter().any(|name| covers(list, name)))
    }

    /// Whether a comment may show the value of a key: it is known, and no secret.
    pub fn is_shown(&self, path: &str) -> bool {
        let path: Vec<_> = path.split('.').collect();
        self.schema.as_ref().is_some_and(|schema| is_shown(schema, &path))
    }

    /// Whether this binary has the component.
    pub fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whether the component has a key.
    pub fn has(&self, path: &str) -> bool {
        self.known.iter().flatten().any(|key| covers(&key.path, path))
    }

    /// The known key that is most like `path`: one of that name elsewhere, one of nearly that path, or one whose name begins with it.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        let known = self.known.iter().flatten().map(|key| key.path.as_str());
        let known = known.filter(|known| !known.contains(['*', '<']));
        let (name, longer) = (plain(last(path)), format!("{path}_"));
        let mut named = known.clone().filter(|known| plain(last(known)) == name);
        let mut longer = known.clone().filter(|known| known.starts_with(&longer));
        named.next().or_else(|| nearest(path, known)).or_else(|| longer.next())
    }

    /// The known key of the same table that `path`, which can only be a further parameter, is probably a misspelling of.
    pub fn misspelt(&self, path: &str) -> Option<&str> {
        let (table, name) = path.rsplit_once('.')?;
        let known = self.known.iter().flatten().filter_map(|key| key.path.rsplit_once('.'));
        nearest(name, known.filter(|(of, name)| covers(of, table) && *name != "<key>").map(|(_, name)| name))
    }

    /// What `path`, dotted, becomes.
    pub fn counterpart(&self, path: &str) -> Counterpart<'_> {
        let Some(known) = &self.known else {
            let first = path.split('.').next().unwrap_or_default();
            let is_container = first != "enabled" && names_of(Place::Component).any(|name| name == first);
            return if is_container {
                Counterpart::Container
            } else {
                Counterpart::Key(path.to_owned(), &[])
            };
        };
        let find = |path: &str| {
            let types =
                |path: &str| known.iter().find(|key| covers(&key.path, path)).map(|key| key.types.as_slice());
            types(path).or_else(|| types(path.rsplit_once('.')?.0)?.iter().find_map(KeyType::values))
        };
        let names: Vec<_> = std::iter::once(path.to_owned()).chain(self.renamed(path)).collect();
        let parameters: Vec<_> = names.iter().filter_map(|name| parameter(name)).collect();
        for candidate in names {
            if let Some(types) = find(&candidate) {
                return Counterpart::Key(candidate, types);
            }
        }
        let parameter = parameters.into_iter().find_map(|one| find(&one).map(|types| (one, types)));
        parameter.map_or(Counterpart::None, |(path, types)| Counterpart::Parameter(path, types))
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

/// The last part of a dotted path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// A name in small letters without what stands between its words.
fn plain(name: &str) -> String {
    name.chars().filter(|one| !matches!(one, '_' | '-')).flat_map(char::to_lowercase).collect()
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
            Counterpart::Key(key, _) | Counterpart::Parameter(key, _) => Some(key),
            Counterpart::Container | Counterpart::None => None,
        }
    }

    #[test]
    fn a_key_in_another_table_and_one_that_is_misspelt_are_suggested() {
        let registry = Registry::linked().unwrap();
        let keys = Keys::of(&"pip-services:connection:mqtt:default:1.0".parse().unwrap(), &registry);
        for (path, expected) in [
            ("options.client_id", Some("client_id")),
            ("options.clientId", Some("client_id")),
            ("options.reset_timeout", None),
            ("options.retry_conect", Some("options.retry_connect")),
            ("clean_session", Some("options.clean_session")),
            ("options.keepalive", Some("options.keepalive_timeout")),
            ("options.colour", None),
        ] {
            assert_eq!(keys.nearest(path), expected, "{path}");
        }
        assert_eq!(keys.misspelt("connection.prot"), Some("port"));
        assert_eq!(keys.misspelt("connections.0.prot"), Some("port"));
        assert_eq!(keys.misspelt("connection.region"), None);
        for (path, shown) in [("connection.host", true), ("credential.password", false), ("nothing", false)] {
            assert_eq!(keys.is_shown(path), shown, "{path}");
        }
    }

    #[test]
    fn a_dependency_is_the_reference_of_its_name_or_of_its_type() {
        let registry = Registry::linked().unwrap();
        for (kind, name, pattern, expected) in [
            ("message-queue:mqtt", "connection", "*:connection:mqtt:*:1.0", Some("connection")),
            ("message-queue:mqtt", "mqtt", "*:connection:mqtt:*:1.0", Some("connection")),
            ("status-controller:http", "context-info", "*:context-info:*:*:1.0", Some("context_info")),
            ("status-controller:http", "swagger", "*:swagger-controller:*:*:1.0", None),
            ("bridge:message-queue", "queue", "*:message-queue:*:*:1.0", None),
            ("message-queue:mqtt", "any", "*:*:*:*:*", None),
        ] {
            let descriptor = format!("pip-services:{kind}:default:1.0").parse().unwrap();
            let keys = Keys::of(&descriptor, &registry);
            assert_eq!(keys.reference(name, pattern), expected, "{kind} {name}");
        }
        let keys =
            |kind: &str| Keys::of(&format!("pip-services:{kind}:default:1.0").parse().unwrap(), &registry);
        assert!(keys("connection:mqtt").is_list("connections", false));
        assert!(!keys("connection:mqtt").is_list("connection", true));
        assert!(!keys("discovery:memory").is_list("connections", false));
        assert!(keys("discovery:memory").is_list("mqtt", true));
        assert!(!keys("discovery:memory").is_list("mqtt", false));
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
            ("endpoint:http", "cors_origins", Some("options.cors_origins")),
            ("endpoint:http", "credential.ssl_crt_file", Some("tls.cert_file")),
        ] {
            let descriptor = format!("pip-services:{kind}:default:1.0");
            assert_eq!(becomes(&descriptor, path).as_deref(), expected, "{descriptor} {path}");
        }
        assert_eq!(becomes("acme:sensor:wind:x:1.0", "any.thing").as_deref(), Some("any.thing"));
    }
}
