//! Whole manifests: what they say, and how every mistake is shown.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::config::{Millis, Problems, Secret, Section, Value, read, schema_of};

use super::{Manifest, Parameters, mask_table, render, render_json, warn_literal_secrets};

/// A component's configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where to connect to.
    #[expect(dead_code, reason = "only read")]
    host: String,
    /// Its port.
    #[expect(dead_code, reason = "only read")]
    port: Option<u16>,
    /// How long to wait.
    #[expect(dead_code, reason = "only read")]
    timeout_ms: Option<Millis>,
    #[expect(dead_code, reason = "only read")]
    password: Option<Secret>,
}

fn parameters() -> Parameters {
    Parameters::new().with_environment(|name| match name {
        "OFF" => Some("false".to_owned()),
        "PORT" => Some("1883".to_owned()),
        "FILE" => Some("common.toml".to_owned()),
        _ => None,
    })
}

/// Reads a text, and each of its sections as a [`Config`].
fn check(text: &str) -> (Manifest, Problems) {
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("service.toml"), text, &parameters(), &mut problems);
    read_all(&manifest, &mut problems);
    (manifest, problems)
}

fn read_all(manifest: &Manifest, problems: &mut Problems) {
    for entry in manifest.entries.iter().filter(|entry| !entry.may_lack_keys) {
        let section = Section { descriptor: &entry.descriptor, table: &entry.table, span: entry.span };
        read::<Config>(&section, problems);
        warn_literal_secrets(&section, &schema_of::<Config>(), problems);
    }
}

fn shown(text: &str) -> String {
    let (manifest, problems) = check(text);
    render(&problems, &manifest.files, false)
}

/// Files of a directory, loaded in this order.
fn load(files: &[(&str, &str)], paths: &[&str]) -> (Manifest, Problems, String) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let paths: Vec<PathBuf> = paths.iter().map(|path| directory.path().join(path)).collect();
    let mut problems = Problems::new();
    let manifest = Manifest::load(&paths, &parameters(), &mut problems);
    let text = render(&problems, &manifest.files, false);
    (manifest, problems, text.replace(&format!("{}/", directory.path().display()), ""))
}

#[test]
fn a_good_manifest() {
    let (manifest, problems) = check(
        "[service]\nname = 's'\ntimeout = '5s'\n[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\n\
         port = '${PORT:-1}'\npassword = '${NONE:-}'\ntimeout = '30s'\ncritical = false\nafter = ['a:*:*:*:*']\n\
         references.logger = '*:logger:*:{name}:1.0'\ndependencies.x = 'a:b:c:e:1.0'\n\
         [[component]]\ndescriptor = 'a:b:c:e:1.0'\nenabled = '${OFF}'\nhost = '${UNSET}'\n",
    );
    assert!(problems.is_empty(), "{}", render(&problems, &manifest.files, false));
    assert_eq!((manifest.service.name.as_str(), manifest.service.timeout.as_secs()), ("s", 5));
    assert_eq!(manifest.service.open_concurrency, 64);
    let entry = &manifest.entries[0];
    assert_eq!((entry.critical, entry.timeout.map(|timeout| timeout.as_secs())), (false, Some(30)));
    assert_eq!(entry.after[0].0.as_str(), "a:*:*:*:*");
    let fields: Vec<_> =
        entry.references.iter().map(|(field, pattern, _)| (&**field, pattern.as_str())).collect();
    assert_eq!(fields, [("logger", "*:logger:*:{name}:1.0"), ("x", "a:b:c:e:1.0")]);
    let keys: Vec<_> = entry.table.iter().map(|(key, _)| &*key.name).collect();
    assert_eq!(keys, ["host", "port"]);
    assert_eq!(manifest.disabled[0].descriptor.as_str(), "a:b:c:e:1.0");
}

#[test]
fn every_mistake_is_one_problem() {
    let text = "[service]\nname = 5\nopen_concurency = 3\n[servce]\nx = 'hunter2'\n\
        [[component]]\ndescriptor = 'a:b:c:d'\n\
        [[component]]\ndescriptor = 'a:b:c:d:1.0'\nhots = 'hunter2'\nport = 99999\npassword = 42\nkey = 'hunter2'\n\
        timeout_ms = 'soon'\nafter = ['x']\n\
        [[component]]\ndescriptor = 'a:b:c:e:1.0'\nhost = '${HOST}'\nport = '${PORT'\n";
    let (manifest, problems) = check(text);
    let text = render(&problems, &manifest.files, false);
    assert_eq!(problems.errors(), 12, "{text}");
    assert!(!text.contains("hunter2") && !text.contains("42"), "{text}");
    insta::assert_snapshot!(text);
    let json = render_json(&problems, &manifest.files);
    let list: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(list.len(), 12);
    assert_eq!(
        (&list[0]["line"], &list[0]["column"], &list[0]["code"]),
        (&2.into(), &8.into(), &"WRONG_TYPE".into())
    );
    assert_eq!(render_json(&Problems::new(), &manifest.files), "[]");
}

#[test]
fn a_syntax_error_hides_only_its_section() {
    insta::assert_snapshot!(shown(
        "[[component]]\ndescriptor = 'a:b:c:d:1.0'\npassword = \"hunter2\nport = 'x'\n\
         [[component]]\ndescriptor = 'a:b:c:e:1.0'\nhost = 'h'\nport = 'x'\nhost = 'i'\n\
         [[component]]\ndescriptor = 'a:b:c:f:1.0'\nprot = 1\n",
    ));
}

#[test]
fn structure() {
    insta::assert_snapshot!(shown(
        "include = 'x.toml'\ncomponents = 1\nother.hunter2 = 'hunter2'\n[component]\nhost = 'h'\n",
    ));
    insta::assert_snapshot!(shown(
        "[[component]]\nhost = 'h'\n[[component]]\ndescriptor = 5\n[[component]]\ndescriptor = 'a:b:*:d:1.0'\n\
         [[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\nenabled = 'true'\n\
         [[component]]\ndescriptor = 'a:b:c:d:1.0'\nenabled = '${PORT}'\ncritical = 'x'\n\
         [[component]]\ndescriptor = 'a:b:c:e:1.0'\nhost = 'h'\ntimeout = 0\nreferences.a = 'x'\n\
         references.b = 'a:b:c:d:*'\ndependencies.b = 'a:b:c:d:*'\n",
    ));
}

#[test]
fn a_secret_in_clear_is_a_warning() {
    insta::assert_snapshot!(shown(
        "[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\npassword = 'hunter2'\n"
    ));
}

#[test]
fn user_info_is_masked() {
    let text =
        shown("[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\nport = 'mqtt://hunter2:hunter2@h:1'\n");
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_field_that_is_a_uri_is_masked() {
    let text = shown(
        "[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\nport = 1\nreferences.\"mqtt://ann:hunter2@h\" = 'x'\n\
         references.\"mqtt://bob:hunter2@h\" = '*:b:*:*:*'\ndependencies.\"mqtt://bob:hunter2@h\" = '*:b:*:*:*'\n",
    );
    assert!(text.contains("BAD_DESCRIPTOR]: `references.mqtt://…@h`") && !text.contains("hunter2"), "{text}");
    assert!(text.contains("`dependencies.mqtt://…@h` is another spelling of `references.mqtt"), "{text}");
}

#[test]
fn files_lie_over_each_other() {
    let (manifest, problems, text) = load(
        &[
            (
                "base.toml",
                "[service]\nname = 'base'\ntimeout = 1000\n[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\nport = 1\n",
            ),
            (
                "over/top.toml",
                "include = ['../${FILE}']\n[service]\nname = 'top'\n[[component]]\n\
                descriptor = ' a:b:c:d :1.0'\nport = 99999\npassword = '${file:secret}'\n",
            ),
            (
                "common.toml",
                "[[component]]\ndescriptor = 'a:b:c:x:1.0'\nhost = 'x'\n[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'common'\nenabled = false\n",
            ),
            ("over/on.toml", "[[component]]\ndescriptor = 'a:b:c:d:1.0'\nenabled = true"),
            ("over/secret", "hunter2\n"),
        ],
        &["base.toml", "over/top.toml", "over/on.toml"],
    );
    assert!(problems.is_empty(), "{text}");
    assert_eq!((manifest.service.name.as_str(), manifest.service.timeout.as_secs()), ("top", 1));
    let entry = &manifest.entries[0];
    assert_eq!(entry.table.find("host").and_then(|node| node.as_str()), Some("common"));
    assert_eq!(entry.table.find("port").map(|node| &node.value), Some(&Value::Integer(99999.into())));
    assert_eq!(entry.table.find("password").and_then(|node| node.as_str()), Some("hunter2"));
    let mut problems = Problems::new();
    read_all(&manifest, &mut problems);
    let place = manifest.files.locate(problems.iter().next().unwrap().span).unwrap();
    assert!(place.path.ends_with("over/top.toml") && place.line == 6 && place.column == 8, "{place:?}");
    let masked = mask_table(&entry.table, Some(&schema_of::<Config>()));
    assert_eq!(masked.find("password").and_then(|node| node.as_str()), Some("…"));
    assert_eq!(masked.find("host").and_then(|node| node.as_str()), Some("common"));
    assert_eq!(mask_table(&entry.table, None).find("host").and_then(|node| node.as_str()), Some("…"));
}

#[test]
fn includes_that_fail() {
    let (_, _, text) = load(
        &[
            ("a.toml", "include = ['b.toml', 'nowhere.toml', 5, '.', '${NONE}']"),
            ("b.toml", "include = ['c.toml']"),
            ("c.toml", "# again\ninclude = [\n  'a.toml',\n]"),
        ],
        &["a.toml", "missing.toml"],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn files_that_are_no_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.toml");
    std::fs::write(&path, b"\xef\xbb\xbfa = 1\r\nb = '\xff'\r\n").unwrap();
    let mut problems = Problems::new();
    let manifest = Manifest::load(&[path, directory.path().to_owned()], &Parameters::new(), &mut problems);
    let text = render(&problems, &manifest.files, false);
    insta::assert_snapshot!(text.replace(&directory.path().display().to_string(), ""));
    for text in ["", "\u{feff}", "\r\n\r\n", "\u{feff}[service]\r\nname = 's'\r\n"] {
        let (_, problems) = check(text);
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn a_name_cannot_move_the_cursor() {
    let text = shown("\"\\u001b[31m\" = 1\n[[component]]\ndescriptor = \"\\u001b:b:c:d\"\n");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_very_long_line_is_cut() {
    let text = shown(&format!(
        "[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\nport = [{}'x']\n",
        "1, ".repeat(100_000)
    ));
    assert!(text.len() < 2000, "{}", text.len());
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "(\\[\\[component\\]\\]\n|descriptor = '[a-c:*]{0,10}'\n|[a-e.]{1,3} = |['\"${}A:?\\[\\]=#\n\u{feff}é]|enabled|include|\\[service\\]\n){0,30}") {
        shown(&text);
    }
}

#[test]
fn a_section_says_when_it_makes_the_service_not_ready() {
    use std::time::Duration;
    use wirework::component::ReadinessRule::{self, After, Ignore, Open};

    let section = |value: &str| format!("[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\n{value}\n");
    let rules: [(&str, ReadinessRule); 6] = [
        ("", Ignore),
        ("readiness = 'ignore'", Ignore),
        ("readiness = 'open'", Open),
        ("readiness = '${RULE:-open}'", Open),
        ("readiness = '1m30s'", After(Duration::from_secs(90))),
        ("readiness = 1500", After(Duration::from_millis(1500))),
    ];
    for (value, rule) in rules {
        let (manifest, problems) = check(&section(value));
        assert!(problems.is_empty(), "{value}: {problems:?}");
        assert_eq!(manifest.entries[0].readiness, rule, "{value}");
    }
    let mut all = String::new();
    let wrong = [
        "'opne'",
        "'always'",
        "true",
        "'0s'",
        "-1",
        "30",
        "''",
        "[]",
        "'open'\ncritical = 'x'",
        "'soon'\ntimeout = '5s'",
    ];
    for value in wrong {
        let (manifest, problems) = check(&section(&format!("readiness = {value}")));
        all.push_str(&render(&problems, &manifest.files, false));
        assert!(problems.iter().count() == 1, "{value}: {problems:?}");
    }
    insta::assert_snapshot!("readiness", all);
}

#[test]
fn a_long_stop_is_warned_of_where_others_wait_for_it() {
    for (service, warned) in [
        ("timeout = '1h'", false),
        ("drain_delay = '5s'", false),
        ("drain_delay = '5001ms'", true),
        ("drain_delay = '0s'\ntimeout = '31s'", false),
        ("drain_delay = '20s'\ntimeout = '10s'", false),
        ("drain_delay = '20s'\ntimeout = '11s'", true),
        ("drain_delay = '100000d'", false),
    ] {
        let (manifest, problems) = check(&format!("[service]\n{service}\n"));
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        let rendered = render(&problems, &manifest.files, false);
        assert_eq!(codes.contains(&"SLOW_STOP"), warned, "{service}: {rendered}");
    }
    let (manifest, problems) =
        check("[service]\ndrain_delay = 10\n[[component]]\ndescriptor = 'a:b:c:d:1.0'\nhost = 'h'\n");
    assert_eq!(manifest.service.drain_delay.as_millis(), 10);
    let warned: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(warned, ["DOUBTFUL_VALUE"], "a time without a unit");
    let (manifest, problems) = check("[service]\ndrain_delay = '10s'\n");
    insta::assert_snapshot!("slow_stop", render(&problems, &manifest.files, false));
}
