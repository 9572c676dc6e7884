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
- descriptor: "pip-services:endpoint:grpc:default:1.0"
  base_route: x
- type: MyComponent,./my
- descriptor: "acme:sensor:wind:default:1.0"
  unit: "{{#if METRIC}}m/s{{else}}kn{{/if}}"
  list: [1, two, {a: "b}"}]
"#;

pub(super) fn converted(text: &str) -> Converted {
    to_toml(text, &Registry::linked().unwrap()).unwrap()
}

#[test]
fn a_configuration_with_everything() {
    let converted = converted(CONFIG);
    insta::assert_snapshot!(converted.text);
    assert_eq!((converted.components, converted.comments), (7, 6));
}

/// What `check` says of a text, without the components of others.
pub(super) fn checked(text: &str) -> String {
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
    let text = converted(own).text;
    let said = checked(&text);
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        errors,
        [
            "error[UNSET_PARAMETER]: parameter `UNDECIDED_CONNECTION_PARAMETERS_REGION` is not set: to be decided: it was \
          given only where TLS is set"
        ]
    );
    let decided = text.lines().filter(|line| !line.contains("UNDECIDED"));
    assert_eq!(checked(&decided.collect::<Vec<_>>().join("\n")), "");
}

/// A condition around a part of a section that decides who is trusted: nothing is dropped in silence, and no secret is shown.
#[test]
fn security_under_a_condition_is_asked_for() {
    for (body, expected) in [
        (
            "{{#if AUTH}}\n  credential:\n    username: ann\n    password: hunter2\n{{/if}}\n",
            "credential.password = \"${UNDECIDED_CREDENTIAL_PASSWORD:?to be decided: it was given only where AUTH is set}\"\n\
             # credential.password = … (line 5): given only where AUTH is set, and a manifest has conditions",
        ),
        (
            "  credential.password: \"{{#if A}}hunter2{{/if}}\"\n",
            "credential.password = \"${UNDECIDED_CREDENTIAL_PASSWORD:?to be decided: it was given by A}\"\n\
             # credential.password = \"{{#if A}}…{{/if}}\" (line 2): given by A, and",
        ),
        (
            "  credential.password: \"{{A}}{{^A}}${hunter2{{/A}}\"\n",
            "# credential.password = \"${A:-…}\" (line 2): given as a default, and a default cannot hold",
        ),
        (
            "  connections:\n  - {uri: \"mqtt://ann:hunter2@h\"}\n{{#if B}}\n  - uri: \"mqtts://ann:hunter2{{P}}@h\"\n{{/if}}\n",
            "connections = \"${UNDECIDED_CONNECTIONS:?to be decided: it was given by B}\"\n",
        ),
        (
            "{{#unless PLAIN}}\n  connection.protocol: mqtts\n{{/unless}}\n",
            "connection.protocol = \"${UNDECIDED_CONNECTION_PROTOCOL:?to be decided: it was given only where PLAIN is not set}\"\n\
             # connection.protocol = mqtts (line 3)",
        ),
        (
            "  credential.pasword: hunter2\n",
            "# credential.pasword = … (line 2): the component has no such key; did you mean `credential.password`?",
        ),
    ] {
        let text = converted(&format!("- descriptor: pip-services:connection:mqtt:x:1.0\n{body}")).text;
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
        assert!(text.contains("pasword") || checked(&text).contains("UNSET_PARAMETER"), "{text}");
    }
    let text = "- descriptor: pip-services:connection:kafka:x:1.0\n  options: {port: 1, sasl: hunter2}\n  uri: \"k://a:hunter2@h\"\n";
    let text = converted(text).text;
    assert!(
        text.contains("#   options.port = 1\n#   options.sasl = …\n") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn what_is_null_in_a_list_is_left_out_and_told() {
    let text = "- descriptor: pip-services:connection:mqtt:x:1.0\n  connections: [{host: a, port: null}, ~, {host: b}]\n";
    let text = converted(text).text;
    assert!(
        text.ends_with(
            "connections = [{ host = \"a\" }, { host = \"b\" }]\n\
             # connections.0.port = null (line 2): it has no value\n# connections.1 = null (line 2): it has no value\n"
        ),
        "{text}"
    );
}

#[test]
fn keys_that_are_misspelt_or_stand_elsewhere_are_suggested() {
    let text = "- descriptor: pip-services:connection:mqtt:x:1.0\n  options: {client_id: x, keepalive: 3}\n  connection: {prot: 1883}\n";
    let text = converted(text).text;
    for expected in [
        "# options.client_id = x (line 2): the component has no such key; did you mean `client_id`?\n",
        "# options.keepalive = … (line 2): the component has no such key; did you mean `options.keepalive_timeout`?\n",
        "# connection.prot = … (line 3): the component has no such key; did you mean `connection.port`?\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn components_of_pip_services_that_are_not_here_are_not_passed_on() {
    for descriptor in
        ["pip-services-swagger:swagger-service:http:default:1.0", "pip-services4:endpoint:grpc:default:1.0"]
    {
        let text = converted(&format!("- descriptor: {descriptor}\n  route: x\n")).text;
        assert!(
            text.starts_with(&format!("# {descriptor} (line 1): this binary has no such component; ")),
            "{text}"
        );
        assert!(!text.contains("[[component]]"), "{text}");
    }
}

#[test]
fn an_entry_of_context_info_is_the_service_and_a_component_where_it_says_more() {
    let text = |body: &str| {
        converted(&format!("- descriptor: pip-services:context-info:default:default:1.0\n{body}")).text
    };
    assert_eq!(text("  name: n\n  description: d\n"), "[service]\nname = \"n\"\ndescription = \"d\"\n");
    assert_eq!(
        text("  name: n\n  properties: {a: {{A}}}\n  owner: x\n"),
        "[service]\nname = \"n\"\n\n[[component]]\ndescriptor = \"pip-services:context-info:default:default:1.0\"\n\
         properties.a = \"${A}\"\n# owner = … (line 4): the component has no such key\n"
    );
    let under = converted(
        "{{#if A}}\n- descriptor: pip-services:context-info:default:default:1.0\n  name: n\n{{/if}}\n",
    );
    assert!(under.text.contains("enabled = \"${A:-false}\"\nname = \"n\"\n"), "{}", under.text);
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
        text.contains(
            "\n# enabled (line 3): only where B is set and A is set; write `true`, `false` or one parameter"
        ),
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
        (
            "  connections: [{host: \"{{#if A}}a{{/if}}\"}]\n",
            "(line 2): given by A, and a manifest has conditions",
        ),
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
        "# format = json (line 3): given only where J is set, and a manifest has conditions on components alone: write the value, a \
         parameter for it, or two components, each with a name of its own and `enabled`\n",
        "# format = text (line 5): its other value; it was there only where J is not set\n",
        "# levle = … (line 7): the component has no such key; did you mean `level`?\n",
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
    for (tag, expected) in [
        (
            "{{#each HOSTS}}",
            "line 2: `{{#each HOSTS}}`: a manifest has no loops, so that this cannot be converted: write its entries out",
        ),
        (
            "{{> common}}",
            "line 2: `{{> common}}`: it takes in another file, which `convert` does not read: put the text",
        ),
        (
            "{{#if A == B}}",
            "line 2: `{{#if A == B}}`: a tag has the name of one variable, of letters, digits and `_`, and no path",
        ),
    ] {
        assert!(
            error(&format!("a: 1\n{tag}\n")).starts_with(expected),
            "{}",
            error(&format!("a: 1\n{tag}\n"))
        );
    }
}

proptest::proptest! {
    /// Whatever the text, what is written is TOML that gives nothing twice, or an error.
    #[test]
    fn any_text_is_converted_to_toml_or_refused(
        parts in proptest::collection::vec(proptest::sample::select(PIECES), 0..30),
    ) {
        let text = parts.concat();
        if let Ok(converted) = to_toml(&text, &Registry::linked().unwrap()) {
            let fail = |said: String| {
                proptest::test_runner::TestCaseError::fail(format!("{said}\n{text}\n──\n{}", converted.text))
            };
            toml::from_str::<toml::Table>(&converted.text).map_err(|error| fail(error.to_string()))?;
            let said = checked(&converted.text);
            if said.contains("DUPLICATE") {
                return Err(fail(said));
            }
        }
    }
}

const PIECES: &[&str] = &[
    "- descriptor: a:b:c:d:1.0\n",
    "- descriptor: a:b:c:d:1.0\n",
    "{{#if Y}}\n- descriptor: a:b:c:d:1.0\n  x: 1\n{{else}}\n- descriptor: a:b:c:d:1.0\n  x: 2\n{{/if}}\n",
    "- descriptor: {{#X}}a:b:c:d:1.0{{else}}a:b:c:e:1.0{{/X}}\n",
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
