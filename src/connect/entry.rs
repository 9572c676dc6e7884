//! A connection as an entry of a discovery service.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::MAX_CONNECTIONS;
use crate::config::Invalid;
use crate::params::{
    ConnectionParams, Masked, Uri, deserialize_filled, is_plain_mqtt, overridden, shown_host,
};

/// One connection as a discovery service keeps it. An empty string counts as not set.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionEntry {
    /// Protocol, such as `mqtt`.
    pub protocol: Option<String>,
    /// Host name or IP address of the server, without port.
    pub host: Option<String>,
    /// Port of the server, 1 to 65535.
    pub port: Option<u16>,
    /// All in one: `protocol://user:password@host:port,host2:port2/path?name=value`. Where it is given, the other
    /// keys fill what it leaves out. Better keep the password in a credential store.
    #[serde(deserialize_with = "deserialize_filled")]
    pub uri: Option<Uri>,
    /// Further parameters of the connection, by name.
    pub parameters: BTreeMap<String, String>,
}

impl ConnectionEntry {
    /// What has no effect: what a `uri` says already, and what MQTT without WebSocket has no use for.
    fn ignored(&self, key: &str) -> Vec<Invalid> {
        let Self { protocol, host, port, uri, parameters } = self;
        let beside = uri.iter().flat_map(|uri| overridden(uri, protocol.as_deref(), host.as_deref(), *port));
        let problem = "is given beside `uri`, which says it already and decides; give one of the two";
        let mut found: Vec<_> = beside.map(|name| Invalid::new(format!("{key}.{name}"), problem)).collect();
        let parts = uri.as_ref().map(Uri::parts);
        let scheme = parts.map(|parts| &*parts.scheme).or(protocol.as_deref()).unwrap_or_default();
        // Other names may be those of other protocols.
        if !is_plain_mqtt(scheme) {
            return found;
        }
        if parts.is_some_and(|parts| parts.path.as_deref().is_some_and(|path| path != "/")) {
            let problem = "has a path, which only `ws` and `wss` take";
            found.push(Invalid::new(format!("{key}.uri"), problem));
        }
        let problem = "has a parameter which nobody takes: only `ws` and `wss` have some";
        let query = parts.into_iter().flat_map(|parts| &parts.parameters);
        found.extend(query.map(|_| Invalid::new(format!("{key}.uri"), problem)));
        let problem = "is a parameter which nobody takes: only `ws` and `wss` have some";
        found.extend(parameters.keys().map(|name| Invalid::new(format!("{key}.parameters.{name}"), problem)));
        found
    }
}

impl From<ConnectionEntry> for ConnectionParams {
    fn from(entry: ConnectionEntry) -> Self {
        Self {
            protocol: entry.protocol,
            host: entry.host,
            port: entry.port,
            uri: entry.uri,
            parameters: entry.parameters,
            ..Self::default()
        }
    }
}

impl fmt::Debug for ConnectionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionEntry")
            .field("protocol", &self.protocol)
            .field("host", &self.host.as_deref().map(shown_host))
            .field("port", &self.port)
            .field("uri", &self.uri)
            .field("parameters", &Masked(&self.parameters))
            .finish()
    }
}

/// The connections under one key: a table, or a list of tables in order of preference.
#[derive(Clone, Debug, Default)]
pub struct ConnectionEntries(pub Vec<ConnectionEntry>);

impl ConnectionEntries {
    /// Every part under `key` that has no effect.
    pub(super) fn ignored(&self, key: &str) -> Vec<Invalid> {
        let one = self.0.len() == 1;
        let each = self.0.iter().enumerate().flat_map(|(index, entry)| {
            let place = if one { key.to_owned() } else { format!("{key}.{index}") };
            entry.ignored(&place)
        });
        each.collect()
    }

    /// The connections, URIs taken apart.
    pub(super) fn into_params(self) -> Vec<ConnectionParams> {
        self.0.into_iter().flat_map(|entry| ConnectionParams::from(entry).expand()).collect()
    }
}

/// Reads either by what is there. serde's `untagged` would forget where in the file a mistake is.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = ConnectionEntries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table or a list of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConnectionEntries, A::Error> {
        ConnectionEntry::deserialize(MapAccessDeserializer::new(map)).map(|one| ConnectionEntries(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ConnectionEntries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            if entries.len() == MAX_CONNECTIONS {
                return Err(A::Error::custom(format_args!(
                    "a list of at most {MAX_CONNECTIONS} connections"
                )));
            }
            entries.push(entry);
        }
        Ok(ConnectionEntries(entries))
    }
}

impl<'de> Deserialize<'de> for ConnectionEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for ConnectionEntries {
    fn schema_name() -> Cow<'static, str> {
        "ConnectionEntries".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<ConnectionEntry>();
        json_schema!({ "oneOf": [one.clone(), { "type": "array", "items": one, "maxItems": MAX_CONNECTIONS }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    struct All {
        connections: BTreeMap<String, ConnectionEntries>,
    }

    #[test]
    fn table_and_list_are_read() {
        let all: All = toml::from_str(
            "[connections]\none = { host = 'h' }\nmany = [{ host = 'a' }, { uri = 'mqtt://b,c' }]\nnone = []",
        )
        .unwrap();
        let hosts = |key: &str| {
            let found = all.connections[key].clone().into_params();
            found.into_iter().map(|one| one.host.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(
            (hosts("one"), hosts("many")),
            (vec!["h".to_owned()], ["a", "b", "c"].map(str::to_owned).to_vec())
        );
        assert!(hosts("none").is_empty());
    }

    #[test]
    fn mistakes_are_refused() {
        let error = |text: &str| {
            let error = toml::from_str::<All>(&format!("[connections]\n{text}")).unwrap_err();
            (error.message().to_owned(), error.span().unwrap())
        };
        assert_eq!(
            error("k = { hosst = 'h' }"),
            (
                "unknown field `hosst`, expected one of `protocol`, `host`, `port`, `uri`, `parameters`"
                    .to_owned(),
                20..25
            )
        );
        assert!(error("k = 'h'").0.contains("expected a table or a list of tables"));
        assert!(error("k = [{ discovery_key = 'k' }]").0.contains("unknown field `discovery_key`"));
    }

    #[test]
    fn every_mistake_of_a_section_is_named() {
        let error = |text: &str| {
            let error = crate::config::from_toml::<All>(text).unwrap_err();
            let list: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
            (list, format!("{error:?}"))
        };
        let uri = "'mqtt://u:canary/@h'";
        let (list, _) =
            error(&format!("connections.k = [{{ hosst = 'h', uri = {uri} }}, {{ port = true }}]"));
        assert_eq!(list.len(), 3, "{list:?}");
        assert!(list[0].contains("unknown key `connections.k.0.hosst`; did you mean"), "{list:?}");
        assert!(
            list[1].contains("`connections.k.0.uri`: expected a URI of a server (the URI holds an `@`"),
            "{list:?}"
        );
        assert!(list[2].contains("`connections.k.1.port`"), "{list:?}");
        let (list, shown) = error(&format!("connections.k = {{ hosst = 'h', prt = 1, uri = {uri} }}"));
        assert_eq!(list.len(), 3, "{list:?}");
        assert!(
            list[0].contains("unknown key `connections.k.hosst`; did you mean `connections.k.host`?")
                && list[1].contains("unknown key `connections.k.prt`; did you mean `connections.k.port`?"),
            "{list:?}"
        );
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn schema_takes_both() {
        let schema = schemars::schema_for!(All).to_value();
        let branches = &schema["$defs"]["ConnectionEntries"]["oneOf"];
        assert_eq!(branches[0]["$ref"], "#/$defs/ConnectionEntry");
        assert_eq!(branches[1]["items"]["$ref"], "#/$defs/ConnectionEntry");
    }
}
