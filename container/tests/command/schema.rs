//! The printed schema and the reader of manifests agree.

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};
use wirework::component::{Component, ComponentFactory, Registry};
use wirework::config::{KeyDoc, KeyType, Problems, code, keys};
use wirework::{Descriptor, Error, Pattern};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::manifest_schema;
use wirework_container::plan::Plan;

use crate::good::GOOD;
use crate::tool::Said;

fn stock() -> Registry {
    let registry = Registry::linked().unwrap();
    assert!(registry.all().len() >= 15, "the stock components are linked");
    registry
}

pub fn validator(registry: &Registry) -> Validator {
    jsonschema::draft7::new(&manifest_schema(registry)).unwrap()
}

pub fn as_json(text: &str) -> serde_json::Value {
    serde_json::to_value(toml::from_str::<Table>(text).unwrap()).unwrap()
}

#[test]
fn what_is_printed_is_a_draft_07_schema() {
    let said = Said::line(&[], "schema");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let schema = said.json();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema, manifest_schema(&stock()));
    assert!(!said.out.contains("\"null\""), "TOML has no null");
}

#[test]
fn good_manifests_are_accepted() {
    let validator = validator(&stock());
    let manifests = [
        "",
        "include = ['a.toml']\n[service]\nname = 's'\ntimeout = '${T:-5s}'\nopen_concurrency = '${N}'\n",
        "[service]\ntimeout = 5000\nopen_concurrency = 1\n",
        GOOD,
        "[[component]]\ndescriptor = ' pip-services : logger:console : x:1.0'\nlevel = 3\ncritical = '${C:-true}'\n",
        "[[component]]\ndescriptor = 'pip-services:${KIND:-logger}:console:x:1.0'\nlevel = 3\n",
        "[[component]]\ndescriptor = 'pip-services:connection:mqtt:x:1.0'\nconnection.port = '${PORT}'\n\
         credential = { user = 'u', pass = '${file:p}' }\noptions.clean_session = '${CLEAN:-true}'\n",
        "[[component]]\ndescriptor = 'pip-services:discovery:memory:x:1.0'\n\
         connections = { a = { host = 'h' }, b = [{ uri = 'mqtt://h' }, { host = 'h', port = '${P}' }] }\n",
    ];
    for text in manifests {
        let errors: Vec<_> = validator.iter_errors(&as_json(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{text}\n{errors:?}");
    }
}

#[test]
fn errors_stand_at_the_key_that_is_wrong() {
    let validator = validator(&stock());
    for (keys, place) in [
        ("descriptor = 'pip-services:logger:consol:x:1.0'", "/component/0/descriptor"),
        ("descriptor = 'pip-services:logger:console:x:1.0'\nlevel = 7", "/component/0/level"),
        ("descriptor = 'pip-services:connection:mqtt:x:1.0'\noptions.qos = 1", "/component/0/options/qos"),
        (
            "descriptor = 'pip-services:connection:mqtt:x:1.0'\nconnection.port = 'x'",
            "/component/0/connection/port",
        ),
        (
            "descriptor = 'pip-services:connection:mqtt:x:1.0'\nreferences.logs = 'x'",
            "/component/0/references/logs",
        ),
        (
            "descriptor = 'pip-services:counters:log:x:1.0'\nreferences.logger = 5",
            "/component/0/references/logger",
        ),
    ] {
        let text = as_json(&format!("[[component]]\n{keys}\n"));
        let places: Vec<_> =
            validator.iter_errors(&text).map(|error| error.instance_path.to_string()).collect();
        assert_eq!(places, [place], "{keys}");
    }
}

#[test]
fn taplo_is_told_where_the_schema_is() {
    let said = Said::line(&[], "schema --taplo");
    let settings: Table = toml::from_str(&said.out).unwrap();
    assert_eq!(settings["rule"][0]["schema"]["path"].as_str(), Some("./service.schema.json"), "{said}");
}

/// A component in the place of a console logger.
struct Own;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct OwnConfig {
    colour: Option<String>,
}

impl Component for Own {
    const DESCRIPTOR: &'static str = "pip-services:logger:console:*:1.0";
    const SUMMARY: &'static str = "Logs in colour.";
    type Config = OwnConfig;
    type References = ();
    fn create(_: &Descriptor, _: OwnConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Whichever factory the registry takes, code before linked crates, is the one by which the schema judges.
#[test]
fn the_factory_that_serves_is_the_one_of_the_schema() {
    for (pattern, own, linked) in [
        // The same pattern, one that is wider in all, one that is narrower, one that is wider in part.
        ("pip-services:logger:console:*:1.0", "a", None),
        ("*:logger:*:*:*", "a", None),
        ("pip-services:logger:console:a:1.0", "a", Some("b")),
        ("*:logger:*:a:*", "a", Some("b")),
    ] {
        let mut registry = stock();
        let factory = ComponentFactory::<Own, _>::with(pattern.parse::<Pattern>().unwrap(), Own::create);
        registry.add(factory).unwrap();
        let validator = validator(&registry);
        let judge = |name: &str, key: &str| {
            let text =
                format!("[[component]]\ndescriptor = 'pip-services:logger:console:{name}:1.0'\n{key}\n");
            let mut problems = Problems::new();
            let manifest = Manifest::parse("service.toml".as_ref(), &text, &Parameters::new(), &mut problems);
            drop(Plan::new(manifest, &registry, &mut problems));
            let accepted = validator.is_valid(&as_json(&text));
            assert_eq!(accepted, !problems.has_errors(), "{pattern}\n{text}");
            accepted
        };
        assert!(judge(own, "colour = 'red'") && !judge(own, "level = 'info'"), "{pattern}");
        if let Some(name) = linked {
            assert!(!judge(name, "colour = 'red'") && judge(name, "level = 'info'"), "{pattern}");
        }
        let title = "pip-services:logger:console:*:1.0";
        let schema = manifest_schema(&registry);
        let branches = schema["properties"]["component"]["items"]["allOf"].as_array().unwrap();
        let count = branches.iter().filter(|branch| branch["then"]["title"] == title).count();
        assert_eq!(count, usize::from(linked.is_some() || pattern == title), "{pattern}");
    }
}

#[test]
fn bad_manifests_are_rejected() {
    let validator = validator(&stock());
    let logger =
        |keys: &str| format!("[[component]]\ndescriptor = 'pip-services:logger:console:x:1.0'\n{keys}\n");
    let manifests = [
        "components = []\n".to_owned(),
        "[service]\nnmae = 'x'\n".to_owned(),
        "[service]\nname = 5\n".to_owned(),
        "[service]\nopen_concurrency = 0\n".to_owned(),
        "[component]\ndescriptor = 'pip-services:logger:null:x:1.0'\n".to_owned(),
        "[[component]]\nlevel = 'info'\n".to_owned(),
        "[[component]]\ndescriptor = 'pip-services:logger:console:1.0'\n".to_owned(),
        "[[component]]\ndescriptor = 'pip-services:credential-store:file:x:1.0'\n".to_owned(),
        "[[component]]\ndescriptor = 'pip-services:connection:mqtt:x:1.0'\nconnection = { port = 'x' }\n"
            .to_owned(),
        "[[component]]\ndescriptor = 'pip-services:discovery:memory:x:1.0'\nconnections.a.prt = 1\n"
            .to_owned(),
        logger("levle = 'info'"),
        logger("references.logger = 'a:b:c:d:e'"),
        logger("level = 'loud'"),
        logger("level = 7"),
        logger("format = 'xml'"),
        logger("source = 5"),
        logger("after = 'x'"),
        logger("enabled = 'yes'"),
        logger("critical = 1"),
        logger("timeout = true"),
        logger("timeout = 'soon'"),
        logger("references.logger = 5"),
    ];
    for text in manifests {
        assert!(!validator.is_valid(&as_json(&text)), "{text}");
    }
}

const TEXTS: [&str; 13] =
    ["", "h", "text", "info", "WARN", "5", "30s", "1m30s", "soon", "auto", "mqtt://h:1", " 2h ", "true"];

/// A value of any kind.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        select(&TEXTS[..]).prop_map(Value::from),
        "[0-9a-z :%@/.]{0,8}".prop_map(Value::from),
        (-2_i64..100_000).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::from(1.5)),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(select(&["host", "port", "name", "k"][..]), inner, 0..3)
                .prop_map(|pairs| Value::Table(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

/// A value of one of the types that a key takes.
fn fitting(types: &[KeyType], pick: &Index) -> Value {
    match pick.get(types) {
        KeyType::Integer(_) => Value::from(*pick.get(&[1_i64, 2, 6, 1024, 1883])),
        KeyType::Number(_) => Value::from(1.5),
        KeyType::Boolean => Value::from(pick.index(2) == 0),
        KeyType::Time => {
            pick.get(&[Value::from(1500), Value::from("30s"), Value::from("1m30s"), Value::from("0")]).clone()
        }
        KeyType::List(_) => Value::Array(Vec::new()),
        KeyType::Table(_) => Value::Table(Table::new()),
        KeyType::Value(value) => Value::try_from(value).unwrap(),
        _ => Value::from(*pick.get(&["info", "debug", "h", "localhost", "mqtt"])),
    }
}

/// Sets a value at a path as `keys` has it, `*` for a place in a list and `<key>` for a chosen key.
fn put(at: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *at = value;
        return;
    };
    if *first == "*" {
        if !at.is_array() {
            *at = Value::Array(vec![Value::Table(Table::new())]);
        }
        if let Some(first) = at.as_array_mut().and_then(|list| list.first_mut()) {
            put(first, rest, value);
        }
        return;
    }
    if !at.is_table() {
        *at = Value::Table(Table::new());
    }
    let name = if *first == "<key>" { "chosen" } else { first };
    let table = at.as_table_mut().unwrap();
    put(table.entry(name).or_insert_with(|| Value::Table(Table::new())), rest, value);
}

/// A section of one of the stock components.
fn section() -> impl Strategy<Value = Value> {
    let kinds: Vec<(String, Vec<KeyDoc>)> = stock()
        .all()
        .iter()
        .map(|one| (one.pattern().as_str().replace('*', "x"), keys(&one.factory().schema())))
        .collect();
    let setting = (any::<Index>(), any::<Index>(), any_value(), 0..10_u8);
    let container = prop_oneof![
        9 => Just(None),
        1 => (select(&["enabled", "critical", "timeout", "after", "references", "levle"][..]), any_value()).prop_map(Some),
    ];
    (select(kinds), prop::collection::vec(setting, 0..5), container).prop_map(
        |((descriptor, keys), settings, own)| {
            let mut section = Value::Table(Table::new());
            for (which, pick, other, odds) in settings {
                let Some(key) = (!keys.is_empty()).then(|| which.get(&keys)) else { break };
                let value = if odds == 0 { other } else { fitting(&key.types, &pick) };
                put(&mut section, &key.path.split('.').collect::<Vec<_>>(), value);
            }
            for key in keys.iter().filter(|key| key.required) {
                if section.get(&key.path).is_none() && own.is_none() {
                    put(&mut section, &key.path.split('.').collect::<Vec<_>>(), Value::from("x.toml"));
                }
            }
            if let Some((name, value)) = own {
                put(&mut section, &[name], value);
            }
            put(&mut section, &["descriptor"], Value::from(descriptor));
            section
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the reader accepts, the schema accepts; and it rejects unknown keys, wrong types and missing keys.
    #[test]
    fn the_schema_agrees_with_the_reader(section in section()) {
        thread_local!(static STOCK: (Registry, Validator) = {
            let registry = stock();
            let validator = validator(&registry);
            (registry, validator)
        });
        let mut document = Table::new();
        document.insert("component".to_owned(), Value::Array(vec![section]));
        let text = toml::to_string(&document).unwrap();
        STOCK.with(|(registry, validator)| {
            let mut problems = Problems::new();
            let manifest =
                Manifest::parse("service.toml".as_ref(), &text, &Parameters::new(), &mut problems);
            let disabled = !manifest.disabled.is_empty();
            let plan = Plan::new(manifest, registry, &mut problems);
            let json = serde_json::to_value(&document).unwrap();
            let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
            let said = render(&problems, &plan.files, false);
            if !problems.has_errors() && !disabled {
                prop_assert!(errors.is_empty(), "read, but rejected:\n{}\n{:?}", text, errors);
            }
            let formal = [code::UNKNOWN_KEY, code::WRONG_TYPE, code::MISSING_KEY];
            if problems.iter().any(|problem| formal.contains(&problem.code)) {
                prop_assert!(!errors.is_empty(), "not read, but accepted:\n{}\n{}", text, said);
            }
            Ok(())
        })?;
    }
}
