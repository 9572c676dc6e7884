use wirework::component::Registry;
use wirework::config::Problems;

use super::*;
use crate::manifest::{Manifest, Parameters, render};
use crate::plan::Plan;

const CONFIG: &str = r#"---
# The service
- descriptor: "pip-services:context-info:default:default:1.0"
  name: hello-world
  description: HelloWorld microservice
  properties: {team: a}
- descriptor: "pip-services:logger:console:default:1.0"
  level: {{LOG_LEVEL}}{{^LOG_LEVEL}}info{{/LOG_LEVEL}}
- descriptor: "pip-services:counters:log:default:1.0"
  options:
    interval: 10000
    reset_timeout: 0
- descriptor: "pip-services:credential-store:memory:default:1.0"
  mqtt:
    username: ann
    password: pa$$word
    access_id: 7
{{#if MQTT_ENABLED}}
- descriptor: pip-services:connection:mqtt:default:1.0
  connection:
    host: "{{{MQTT_HOST}}}"
    port: {{MQTT_PORT}}{{#unless MQTT_PORT}}1883{{/unless}}
    {{#if MQTT_PROTOCOL}}
    protocol: {{MQTT_PROTOCOL}}
    {{/if}}
    {{#if TLS}}
    region: "eu"
    {{/if}}
  credential.store_key: mqtt
  options:
    keepalive_timeout: "60000"
    retry_connect: "true"
    connect_timeout:
{{/if}}
{{^MQTT_ENABLED}}
- descriptor: pip-services:message-queue:memory:orders:1.0
{{/MQTT_ENABLED}}
- descriptor: "pip-services:heartbeat-controller:http:default:1.0"
  base_route: x
- type: MyComponent,./my
- descriptor: "acme:sensor:wind:default:1.0"
  unit: "{{#if METRIC}}m/s{{else}}kn{{/if}}"
  list: [1, two, {a: "b}"}]
"#;

fn converted(text: &str) -> Converted {
    to_toml(text, &Registry::linked().unwrap()).unwrap()
}

#[test]
fn a_configuration_with_everything() {
    let converted = converted(CONFIG);
    insta::assert_snapshot!(converted.text);
    assert_eq!((converted.components, converted.comments), (6, 7));
}

/// What `check` says of a text, without the components of others.
fn checked(text: &str) -> String {
    let registry = Registry::linked().unwrap();
    let parameters = Parameters::new().with_environment(|name| {
        let value = match name {
            "MQTT_HOST" => "localhost",
            "MQTT_ENABLED" | "TLS" => "true",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let mut problems = Problems::new();
    let manifest = Manifest::parse(std::path::Path::new("c.toml"), text, &parameters, &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    if problems.has_errors() { render(&problems, &plan.files, false) } else { String::new() }
}

#[test]
fn what_is_written_is_a_manifest() {
    let own = CONFIG.split("- descriptor: \"acme").next().unwrap();
    assert_eq!(checked(&converted(own).text), "");
}

#[test]
fn a_list_in_json_and_a_table_of_components() {
    let json = r#"[{"descriptor": "pip-services:logger:console:default:1.0", "level": {{LEVEL}}}]"#;
    let expected =
        "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\nlevel = \"${LEVEL}\"\n";
    assert_eq!(converted(json).text, expected);
    let table = "logger:\n  descriptor: pip-services:logger:console:default:1.0\n  level: \"{{LEVEL}}\"\n";
    assert_eq!(converted(table).text, expected);
}

#[test]
fn two_conditions_at_once_are_none_that_is_met() {
    let text = converted("{{#if A}}\n{{#if B}}\n- descriptor: a:b:c:d:1.0\n{{/if}}\n{{/if}}\n").text;
    assert!(
        text.contains("\nenabled = false\n# enabled (line 3): only where B is set and A is set; write one"),
        "{text}"
    );
}

#[test]
fn what_depends_on_a_variable_within_is_told() {
    for (body, expected) in [
        (
            "  connections:\n{{#if A}}\n  - host: a\n{{/if}}\n  - host: b\n",
            "# connections = [{ host = a }, { host = b }] (line 2)",
        ),
        ("  connections: [{host: a, host: b}]\n", "# connections = [{ host = a, host = b }] (line 2)"),
        ("  client_id: \"{{A}}{{^A}}${x{{/A}}\"\n", "# client_id = \"${A:-${x}\" (line 2)"),
        ("  descriptor: a:b:c:d:1.0\n", "# descriptor = a:b:c:d:1.0 (line 2): given twice"),
    ] {
        let text = converted(&format!("- descriptor: pip-services:connection:mqtt:x:1.0\n{body}")).text;
        assert!(text.contains(expected), "{text}");
    }
    let enabled = converted("{{#if Z}}\n- descriptor: a:b:c:d:1.0\n  enabled: false\n{{/if}}\n").text;
    assert!(
        enabled.contains("enabled = \"${Z:-false}\"\n# enabled = false (line 3): given twice"),
        "{enabled}"
    );
    let text = "- descriptor: pip-services:logger:console:x:1.0\n{{#if J}}\n  format: json\n{{else}}\n  format: text\n{{/if}}\n  levle: info\n{{#if M}}\n- descriptor: pip-services:cache:memory:x:1.0\n{{/if}}\n";
    let text = converted(text).text;
    for expected in [
        "# format = json (line 3): a manifest has conditions on components alone; it was there only where J is set\n",
        "# format = text (line 5): a manifest has conditions on components alone; it was there only where J is not set\n",
        "# levle = info (line 7): the component has no such key; did you mean `level`?\n",
        "; it was there only where M is set\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let service = converted("- descriptor: a:context-info:c:d:1.0\n  name: n\n  name: m\n").text;
    assert!(service.starts_with("[service]\nname = \"n\"\n# name = m (line 3): given twice"), "{service}");
}

#[test]
fn an_alias_has_the_conditions_of_its_anchor() {
    let text = "{{#if Y}}\n- descriptor: a:b:c:d:1.0\n  connection: &base\n{{#if X}}\n    port: {{X}}\n{{/if}}\n    host: h\n{{/if}}\n\
                - descriptor: a:b:c:e:1.0\n  connection: *base\n";
    let text = converted(text).text;
    let second = text.split("e:1.0").nth(1).unwrap();
    assert!(
        second.contains("# connection.port = ${X} (line 5)")
            && second.contains("# connection.host = h (line 7)"),
        "{text}"
    );
}

#[test]
fn numbers_in_lists_are_numbers() {
    let text =
        "- descriptor: pip-services:connection:mqtt:x:1.0\n  connections: [{host: a, port: \"1883\"}]\n";
    assert!(
        converted(text).text.contains("connections = [{ host = \"a\", port = 1883 }]"),
        "{}",
        converted(text).text
    );
    let under = converted("components:\n- descriptor: a:b:c:d:1.0\n");
    assert_eq!(under.components, 1);
}

#[test]
fn foreign_text_stays_in_its_line() {
    let evil = "- descriptor: a:b:c:d:1.0\n  \"k\\n[x]\\e\\u202e\": \"v\\n\\e]0;\\u009b\"\n- descriptor: \"pip-services:x\\n[y]:c:d:1.0\"\n";
    let text = converted(evil).text;
    assert!(text.chars().all(|one| one == '\n' || !wirework::text::is_unsafe(one)), "{text}");
    assert!(!text.lines().any(|line| line == "[x]" || line == "[y]:c:d:1.0\""), "{text}");
    toml::from_str::<toml::Table>(&text).unwrap();
}

#[test]
fn what_is_no_configuration_is_told() {
    let error = |text: &str| to_toml(text, &Registry::linked().unwrap()).unwrap_err().to_string();
    assert_eq!(error("a: 1"), "expected a list of components, each with a `descriptor`");
    assert_eq!(error("- a: {{X"), "line 1: `{{` has no `}}`");
    assert!(error("- a: [").starts_with("line "));
}

proptest::proptest! {
    /// Whatever the text, what is written is TOML, or an error.
    #[test]
    fn any_text_is_converted_to_toml_or_refused(
        parts in proptest::collection::vec(proptest::sample::select(PIECES), 0..30),
    ) {
        let text = parts.concat();
        if let Ok(converted) = to_toml(&text, &Registry::linked().unwrap()) {
            toml::from_str::<toml::Table>(&converted.text).map_err(|error| {
                proptest::test_runner::TestCaseError::fail(format!("{error}\n{text}\n──\n{}", converted.text))
            })?;
        }
    }
}

const PIECES: &[&str] = &[
    "- descriptor: a:b:c:d:1.0\n",
    "- descriptor: pip-services:connection:mqtt:default:1.0\n",
    "  a: ",
    "  a.b: ",
    "\n",
    "{{X}}",
    "{{^X}}",
    "{{/X}}",
    "{{#if Y}}\n",
    "{{/if}}\n",
    "{{else}}",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    ": ",
    ", ",
    "&a ",
    "*a",
    "1",
    "1.5",
    "-.inf",
    "0x1F",
    "true",
    "~",
    "text",
    "$",
    "${Z}",
    "\\",
    "#",
    "  connection:\n    host: ",
    "  ? ",
    "  \"k y\": 1\n",
    "|\n   x\n",
    "<<: *a\n",
];
