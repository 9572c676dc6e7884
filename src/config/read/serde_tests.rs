//! Types that users of serde write, and that serde reads before it asks for anything: flattened, tagged inside, untagged.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Node, Origin, Problems, Span, Table, Value, parse_toml};
use super::read_table;

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Config {
    name: Option<String>,
    #[serde(flatten)]
    common: Common,
    tagged: Option<Tagged>,
    #[serde(default)]
    list: Vec<Tagged>,
    untagged: Option<Untagged>,
    #[serde(default)]
    ports: BTreeMap<u16, Port>,
    flags: Option<BTreeMap<bool, String>>,
    #[serde(default = "second")]
    time: Duration,
    most: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Common {
    /// Where to connect to.
    host: String,
    port: u16,
    strict: Option<bool>,
    ratio: Option<f32>,
    wait: Option<Duration>,
    inner: Option<Port>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    Tcp { host: String, port: u16 },
    Unix { path: String },
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(untagged)]
enum Untagged {
    Port(u16),
    Named { name: String, port: u16 },
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Port {
    note: String,
}

fn second() -> Duration {
    Duration::from_secs(1)
}

/// Reads a text in which `'$…'` stands for a parameter with that value.
pub fn read<T: serde::de::DeserializeOwned + JsonSchema + 'static>(text: &str) -> Result<T, Vec<String>> {
    let mut problems = Problems::new();
    let mut table = parse_toml(text, 0, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    parameters(&mut table);
    let config = read_table(&table, Span::new(0, 1), &mut problems);
    config.ok_or_else(|| {
        let place =
            |span: Span| text.get(span.start as usize..span.end as usize).unwrap_or_default().to_owned();
        problems.iter().map(|problem| format!("{problem} @ {}", place(problem.span))).collect()
    })
}

fn parameters(table: &mut Table) {
    let names: Vec<_> = table.iter().map(|(key, _)| key.name.clone()).collect();
    for name in names {
        if let Some(node) = table.get_mut(&name) {
            parameter(node);
        }
    }
}

fn parameter(node: &mut Node) {
    match &mut node.value {
        Value::String(text) if text.starts_with('$') => {
            text.remove(0);
            node.origin = Origin::Parameter { secret: false };
        }
        Value::Table(table) => parameters(table),
        Value::Array(list) => list.iter_mut().for_each(parameter),
        _ => {}
    }
}

const GOOD: &str = "host = 'h'\nport = 1\n";

fn good(more: &str) -> Config {
    read(&format!("{GOOD}{more}")).unwrap()
}

fn bad(more: &str) -> Vec<String> {
    read::<Config>(&format!("{GOOD}{more}")).unwrap_err()
}

#[test]
fn what_is_right_is_read() {
    let config = good(
        "wait = '5s'\ntime = 1500\nmost = 9223372036854775807\nuntagged = 5\n\
         list = [{ kind = 'unix', path = '/p' }]\ntagged = { kind = 'tcp', host = 'h', port = 2 }\n\
         [ports]\n80 = { note = 'http' }\n[flags]\ntrue = 'on'",
    );
    assert_eq!(
        (config.common.wait, config.time),
        (Some(Duration::from_secs(5)), Duration::from_millis(1500))
    );
    assert_eq!(config.tagged, Some(Tagged::Tcp { host: "h".into(), port: 2 }));
    assert_eq!(config.list, [Tagged::Unix { path: "/p".into() }]);
    assert_eq!((config.ports[&80].note.as_str(), &*config.flags.unwrap()[&true]), ("http", "on"));
    assert_eq!((config.untagged, config.most), (Some(Untagged::Port(5)), Some(i64::MAX as u64)));
    let named = good("untagged = { name = 'n', port = 1 }").untagged;
    assert_eq!(named, Some(Untagged::Named { name: "n".into(), port: 1 }));
    assert_eq!(good("time = { secs = 2, nanos = 5 }").time, Duration::new(2, 5));
}

#[test]
fn a_parameter_takes_the_type_of_its_place() {
    let config: Config = read(
        "host = '$123'\nport = '$8080'\nstrict = '$true'\nratio = '$0.5'\nwait = '$30s'\ntime = '$20'\n\
         most = '$18446744073709551615'\nuntagged = '$7'\n\
         tagged = { kind = '$tcp', host = '$5', port = '$9' }\nlist = [{ kind = 'tcp', host = 'h', port = '$3' }]",
    )
    .unwrap();
    assert_eq!((config.common.host.as_str(), config.common.port), ("123", 8080));
    assert_eq!((config.common.strict, config.common.ratio), (Some(true), Some(0.5)));
    assert_eq!((config.common.wait, config.time), (Some(Duration::from_secs(30)), Duration::from_millis(20)));
    assert_eq!((config.most, config.untagged), (Some(u64::MAX), Some(Untagged::Port(7))));
    assert_eq!(config.tagged, Some(Tagged::Tcp { host: "5".into(), port: 9 }));
    assert_eq!(config.list, [Tagged::Tcp { host: "h".into(), port: 3 }]);
}

#[test]
fn mistakes_have_their_places_and_reasons() {
    let all = [
        "prot = 2",
        "strict = 'yes'\nratio = 'x'\nwait = 'soon'",
        "inner = { not = 'a' }",
        "tagged = { kind = 'udp', host = 'h', port = 1 }",
        "tagged = { kind = 'tcpp', host = 'h', port = 1 }",
        "tagged = { host = 'h' }",
        "tagged = { kind = 'tcp', host = 5, port = 70000 }",
        "tagged = { kind = 'tcp', hots = 'h', port = '$x' }",
        "tagged = { kind = 'unix', path = 'p', host = 'h' }",
        "tagged = 'tcp'",
        "list = [{ kind = 'unix' }, { kind = 'tcp', host = 'h', port = 'x' }, { kind = 'unix', path = 'p' }]",
        "untagged = 'x'",
        "untagged = 70000",
        "untagged = { name = 'n' }",
        "untagged = { name = 'n', port = 1, more = 2 }",
        "ports = { http = { note = 'n' }, 80 = { note = 5 }, 70000 = { note = 'n' } }",
        "flags = { on = 'x' }",
        "time = 'soon'",
        "time = true",
        "time = -1",
        "most = -1",
    ];
    let found: Vec<_> = all.iter().map(|text| format!("{text}\n  {}", bad(text).join("\n  "))).collect();
    insta::assert_snapshot!(found.join("\n\n"));
}

#[test]
fn mistakes_of_a_flattened_table_are_told_at_once() {
    insta::assert_snapshot!(
        read::<Config>("nmae = 'x'\nport = 'p'\nstrict = 1\ntagged = { kind = 'x' }\ntime = 'x'")
            .unwrap_err()
            .join("\n")
    );
}

#[test]
fn a_secret_never_shows() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Login {
        #[serde(flatten)]
        #[expect(dead_code, reason = "only read")]
        how: How,
    }
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum How {
        Password { password: crate::config::Secret },
    }
    for text in [
        "kind = 'password'\npassword = ['hunter2']",
        "kind = 'password'\npassword = 42424242",
        "kind = 'password'\npasword = 'hunter2'",
        "kind = 'hunter2'\npassword = 'hunter2'",
        "password = 'hunter2'",
    ] {
        let said = read::<Login>(text).unwrap_err();
        let said: Vec<_> = said.iter().map(|line| line.rsplit_once(" @ ").unwrap().0).collect();
        let said = said.join("\n");
        let shown_tag = said.contains("`kind`");
        assert!(shown_tag || !(said.contains("hunter2") || said.contains("42424242")), "{said}");
        assert!(!said.is_empty());
    }
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Spelled {
    #[serde(flatten)]
    inner: Login,
    way: Option<Way>,
    any: Option<Any>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Login {
    #[serde(alias = "user")]
    username: String,
    #[serde(alias = "ssl")]
    tls: Option<bool>,
    #[serde(alias = "retries")]
    tries: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Way {
    Tcp {
        #[serde(alias = "addr")]
        host: String,
    },
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(untagged)]
enum Any {
    Named {
        #[serde(alias = "title")]
        name: String,
    },
}

#[test]
fn other_spellings_of_a_key_are_no_unknown_keys() {
    let text =
        "user = 'ann'\nssl = true\nretries = 3\nway = { kind = 'tcp', addr = 'h' }\nany = { title = 't' }";
    let read: Spelled = self::read(text).unwrap();
    let inner = Login { username: "ann".into(), tls: Some(true), tries: Some(3) };
    assert_eq!(
        read,
        Spelled {
            inner,
            way: Some(Way::Tcp { host: "h".into() }),
            any: Some(Any::Named { name: "t".into() })
        }
    );
    let wrong = self::read::<Spelled>(&format!("{text}\nusre = 'x'\nmore = 1")).unwrap_err();
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong[0].starts_with("unknown key `usre`") && wrong[1].starts_with("unknown key `more`"),
        "{wrong:?}"
    );
    let wrong = self::read::<Spelled>(
        "username = 'ann'\nssl = 'perhaps'\nway = { kind = 'tcp', addr = 'h', adr = 'x' }",
    );
    assert!(wrong.unwrap_err().iter().any(|one| one.starts_with("unknown key `way.adr`")));
}

/// A table that must be there, beside a flattened one, so that both are looked at.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Printer {
    #[serde(flatten)]
    paper: Port,
    engine: Engine,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "only read")]
enum Engine {
    Inkjet { nozzles: u32 },
    Laser { fuser: u32, duplex: Option<bool> },
    Solid { fuser: u32 },
}

#[test]
fn a_table_beside_a_flattened_one_is_told_of_once() {
    for (engine, expected) in [
        ("{ fuser = 2 }", "missing key `engine.kind`; add `kind`, \"inkjet\" | \"laser\" | \"solid\""),
        ("{ kind = 'laser' }", "missing key `engine.fuser`; add `fuser`, integer of at least 0"),
        (
            "{ kind = 'laser', fuser = 2, nozzles = 7 }",
            "unknown key `engine.nozzles`; it is there only with `engine.kind = \"inkjet\"`",
        ),
        (
            "{ kind = 'inkjet', nozzles = 2, fuser = 7 }",
            "unknown key `engine.fuser`; it is there only with `engine.kind = \"laser\"` or `\"solid\"`",
        ),
        (
            "{ kind = 'laser', fuser = 2, duplx = 7 }",
            "unknown key `engine.duplx`; did you mean `engine.duplex`?",
        ),
    ] {
        let found = read::<Printer>(&format!("note = 'x'\nengine = {engine}")).unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}
