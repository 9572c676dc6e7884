//! Reading of sections: what is reported, and that all of it is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Millis, Origin, Problem, Problems, Secret, Span, Table, Value, parse_toml};
use super::{Part, Reading, read_table, read_table_as_far};

/// How lines look.
#[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Text,
    Json,
}

/// Takes even numbers only.
#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(try_from = "u16")]
struct Even(u16);

impl TryFrom<u16> for Even {
    type Error = String;
    fn try_from(number: u16) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    /// The host's name.
    host: String,
    /// Its port.
    port: u16,
    even: Option<Even>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    keepalive_timeout: Millis,
    ratio: Option<f64>,
    strict: Option<bool>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Who it is.
    name: String,
    connection: Option<Endpoint>,
    #[serde(default)]
    connections: Vec<Endpoint>,
    options: Option<Options>,
    #[serde(alias = "pass")]
    password: Option<Secret>,
    token: Option<Secret>,
    #[serde(default)]
    parameters: BTreeMap<String, u16>,
    needed: Option<(u8, u8)>,
}

fn read(text: &str) -> Result<Config, Vec<String>> {
    let mut problems = Problems::new();
    let table = parse_toml(text, 0, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    from(&table)
}

fn from(table: &Table) -> Result<Config, Vec<String>> {
    let mut problems = Problems::new();
    let config = read_table::<Config>(table, Span::new(0, 1), &mut problems);
    assert_eq!(config.is_none(), problems.has_errors());
    config.ok_or_else(|| problems.iter().map(ToString::to_string).collect())
}

fn problems(text: &str) -> Vec<String> {
    read(text).unwrap_err()
}

#[test]
fn reads_what_is_right() {
    let config = read(
        "name = 'n'\nconnection = { host = 'h', port = 1 }\npass = 'p'\nparameters.a = 1\nneeded = [1, 2]\n\
         connections = [{ host = 'a', port = 2, even = 4 }]\n\
         options = { keepalive_timeout = '30s', ratio = 1, strict = true, format = 'json' }",
    )
    .unwrap();
    assert_eq!(
        config.connection.map(|connection| (connection.host, connection.port)),
        Some(("h".to_owned(), 1))
    );
    assert_eq!(config.connections[0].even, Some(Even(4)));
    assert_eq!(config.password.as_ref().map(Secret::expose), Some("p"));
    let options = config.options.unwrap();
    assert_eq!((options.keepalive_timeout, options.ratio), (Millis::new(30_000), Some(1.0)));
    assert_eq!((options.strict, options.format), (Some(true), Format::Json));
    assert_eq!(config.name, "n");
    assert_eq!((config.needed, config.parameters["a"], config.token), (Some((1, 2)), 1, None));
}

#[test]
fn every_mistake_of_a_section_is_reported() {
    let found = problems(
        "nam = 'x'\nconnection = { prot = 1, host = 5 }\npassword = 77\npass2 = 'hunter2'\nparameters.a = 'y'\n\
         connections = [{ host = 'a', port = 99999, even = 3 }, { host = 'b', even = 5 }, 'c']\n\
         options = { keepalive_timeout = 'soon', ratio = 'r', strict = 'true', format = 'jsn', keepalive = 1 }\n\
         token = { a = 1 }\nneeded = [1]\nratio = 2",
    );
    insta::assert_debug_snapshot!(found);
}

#[test]
fn a_refused_value_hides_nothing() {
    let found = problems(
        "connections = [{ host = 'a', port = 1, even = 3 }, { even = 5, port = 'x' }, { even = 7, hst = 'a' }]\nx = 1",
    );
    insta::assert_debug_snapshot!(found);
}

#[test]
fn missing_keys_are_reported_with_what_they_are_for() {
    assert_eq!(problems(""), ["missing key `name`; add `name`, string: Who it is."]);
    let found = problems("connection = {}\nconnections = [{}]");
    assert_eq!(
        found,
        [
            "missing key `name`; add `name`, string: Who it is.",
            "missing key `connection.host`; add `host`, string: The host's name.",
            "missing key `connection.port`; add `port`, integer 0 to 65535: Its port.",
            "missing key `connections.0.host`; add `host`, string: The host's name.",
            "missing key `connections.0.port`; add `port`, integer 0 to 65535: Its port.",
        ]
    );
}

#[test]
fn one_for_a_list_and_a_list_for_one() {
    assert_eq!(
        problems(
            "name = ['x']\nconnections = { host = 'h', port = 1 }\nconnection = [{ host = 'h', port = 1 }]"
        ),
        [
            "`name`: expected a string, found a list of 1; take its brackets away",
            "`connections`: expected a list, found a table; for a list of one table write `[[component.connections]]` or \
             `connections = [{ … }]`",
            "`connection`: expected a table, not a list of them, found a list of 1; for one table write \
             `[component.connection]` or `connection = { … }`",
        ]
    );
}

#[test]
fn two_spellings_of_one_key() {
    assert_eq!(
        problems("name = 'n'\npass = 'a'\npassword = 'b'"),
        ["`password` is given twice, by two of its spellings; keep one of them"]
    );
    assert_eq!(
        problems("name = 'n'\npassword = 'a'\npass = 'b'"),
        ["`pass` is another spelling of `password`, which is given too; keep one of them"]
    );
}

#[test]
fn a_secret_never_shows() {
    for text in [
        "name = 'n'\npassword = ['hunter2']",
        "name = 'n'\npass = 424242",
        "name = 'n'\nhunter = 'hunter2'",
        "name = 'n'\nparameters.token = 'hunter2'",
        "name = 'n'\nparameters.token = 'hunter2'\noptions = 'mqtt://hunter2:x@y'",
        "name = 'n'\nconnection = 'hunter2'",
        "name = 'n'\nconnections = 'hunter2'",
        "name = 'n'\npasword = { hunter = 'hunter2' }",
    ] {
        let text = problems(text).join("\n");
        assert!(!text.contains("hunter2") && !text.contains("424242"), "{text}");
    }
}

#[test]
fn a_parameter_takes_the_type_of_its_field() {
    let set = |value: &str, secret| {
        let mut problems = Problems::new();
        let mut table = parse_toml("name = 'n'\nconnection = { host = 'h' }", 0, &mut problems);
        let Some(Value::Table(connection)) = table.get_mut("connection").map(|node| &mut node.value) else {
            panic!("no table");
        };
        let mut node = super::super::Node::new(Value::String(value.to_owned()), Span::default());
        node.origin = Origin::Parameter { secret };
        connection.insert(super::super::Key::new("port", Span::default()), node);
        from(&table)
    };
    assert_eq!(set("1883", false).unwrap().connection.unwrap().port, 1883);
    assert_eq!(
        set("99999", false).unwrap_err(),
        ["`connection.port`: expected an integer from 0 to 65535, found 99999"]
    );
    assert_eq!(
        set("many", false).unwrap_err(),
        ["`connection.port`: expected an integer from 0 to 65535, found the string \"many\""]
    );
    assert_eq!(
        set("hunter2", true).unwrap_err(),
        ["`connection.port`: expected an integer from 0 to 65535, found the string …"]
    );
}

/// What a section of which a part cannot be read is made of, once and once more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Partly {
    name: String,
    count: u8,
    strict: bool,
    format: Format,
    ratio: Option<f64>,
    list: Vec<Endpoint>,
    lists: Option<Vec<String>>,
    inner: Option<Endpoint>,
    even: Option<Even>,
    #[serde(default)]
    timeout: Millis,
    sound: Option<u8>,
}

fn partly(text: &str) -> Part<Partly> {
    let mut problems = Problems::new();
    let table = parse_toml(text, 0, &mut problems);
    match read_table_as_far(&table, Span::default(), &mut problems) {
        Reading::Part(part) => part,
        Reading::Whole(whole) => panic!("nothing is wrong with {whole:?}"),
        Reading::Nothing => panic!("nothing could be read: {problems:?}"),
    }
}

#[test]
fn two_readings_differ_in_all_that_could_not_be_read() {
    let part = partly(
        "name = 1\ncount = 'x'\nstrict = 1\nformat = 'xml'\nratio = 'x'\nlist = [7]\nlists = 7\ninner = 7\nsound = 3\ntimeout = 'x'",
    );
    let Part { one, other, .. } = &part;
    assert!(one.name != other.name && one.count != other.count && one.strict != other.strict);
    assert!(one.format != other.format && (one.ratio, other.ratio.is_some()) == (None, true));
    assert!((one.list.len(), other.list.len()) == (0, 1));
    assert!(one.lists.is_none() && other.lists.as_ref().map(Vec::len) == Some(1));
    assert!(one.inner.is_none() && other.inner.is_some());
    assert_eq!((one.sound, other.sound), (Some(3), Some(3)));
    assert_ne!(one.timeout, other.timeout);
    for path in ["timeout", "inner.host", "list.0", "list"] {
        assert!(part.lacks(path, ""), "{path}");
    }
    assert!(!part.lacks("sound", "is too small") && part.lacks("sound", "is more than `count`"));
}

#[test]
fn what_is_missing_or_misspelt_is_once_there_and_once_not() {
    let part = partly(
        "name = 'n'\ncount = 1\nstrict = true\nformat = 'text'\nlist = []\nrati = 1.5\ninner = { hots = 'h', port = 1 }",
    );
    assert_eq!((part.one.ratio, part.other.ratio.is_some()), (None, true));
    assert!(part.lacks("ratio", "") && part.lacks("inner.host", "") && part.lacks("inner", ""));
    assert!(!part.lacks("count", "") && !part.lacks("inn", ""));
    let missing = partly("name = 'n'");
    assert!(missing.one.count != missing.other.count && missing.lacks("count", ""));
}

#[test]
fn a_value_that_no_placeholder_stands_for_is_left_out() {
    let part =
        partly("name = 'n'\ncount = 1\nstrict = true\nformat = 'text'\nlist = []\neven = 3\nsound = 1");
    assert_eq!((part.one.even, part.other.sound), (None, Some(1)));
    // A type that contains itself ends.
    #[derive(Debug, Default, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Nested {
        inner: Option<Box<Nested>>,
        list: Vec<Nested>,
    }
    let (mut problems, table) = (Problems::new(), parse_toml("inner = 1\nlist = 1", 0, &mut Problems::new()));
    let Reading::Part(part) = read_table_as_far::<Nested>(&table, Span::default(), &mut problems) else {
        panic!("{problems:?}")
    };
    assert!(part.one.inner.is_none() && part.other.inner.is_some_and(|inner| inner.inner.is_none()));
    assert_eq!((part.one.list.len(), part.other.list.len()), (0, 1));
}

/// What a key that an operator chose leads to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is said of it is looked at, not what it is")]
struct Chosen {
    #[serde(default)]
    endpoints: BTreeMap<String, Endpoint>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<Endpoint>>,
    #[serde(default)]
    numbers: BTreeMap<String, BTreeMap<String, u16>>,
}

#[test]
fn no_key_shows_user_name_and_password() {
    let (given, shown) = (r#""mqtt://ann:hunter2@h\u001b""#, r#""mqtt://…@h\u{1b}""#);
    for (text, expected) in [
        ("endpoints.KEY = { hots = 'x', port = 1 }", "did you add_intended_key `endpoints.KEY.host`?"),
        ("endpoints.KEY = { host = 'x' }", "missing key `endpoints.KEY.port`"),
        ("endpoints.KEY = 'x'", "write `KEY.host = \"…\"`"),
        ("endpoints.KEY = [{ host = 'x' }]", "write `[component.endpoints.KEY]` or `KEY = { … }`"),
        ("lists.KEY = { host = 'x' }", "write `[[component.lists.KEY]]` or `KEY = [{ … }]`"),
        ("lists.KEY = 'x'", "write `KEY = [{ host = \"…\" }]`"),
        ("lists.KEY = 1", "write `KEY = […]`"),
        ("numbers.KEY = 1", "write `KEY.<name> = …`"),
        ("numbers.KEY.KEY = 'x'", "`numbers.KEY.KEY`: expected an integer"),
        ("KEY = 1", "unknown key `KEY`"),
    ] {
        let mut problems = Problems::new();
        let table = parse_toml(&text.replace("KEY", given), 0, &mut problems);
        assert!(read_table::<Chosen>(&table, Span::new(0, 1), &mut problems).is_none());
        let said = |one: &Problem| format!("{} {}", one.message, one.help.as_deref().unwrap_or_default());
        let said = problems.iter().map(said).collect::<Vec<_>>().join("\n");
        assert!(said.contains(&expected.replace("KEY", shown)) && !said.contains("hunter2"), "{said}");
    }
}
