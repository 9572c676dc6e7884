use super::tests::{checked, converted};

/// The section of a component of a type and kind with this body, in YAML, and what `check` says of it.
fn section(kind: &str, body: &str) -> (String, String) {
    let text = converted(&format!("- descriptor: pip-services:{kind}:x:1.0\n{body}")).text;
    let said = checked(&text);
    (text, said)
}

#[test]
fn a_uri_that_is_always_there_takes_the_place_of_the_address_beside_it() {
    for body in [
        "  connection:\n    uri: mqtt://h\n    host: a\n    port: 1884\n    protocol: mqtt\n",
        "  connection.host: a\n  connection.port: {{P}}{{^P}}1883{{/P}}\n  connection.uri: mqtt://{{H}}{{^H}}h{{/H}}\n",
        "  connections:\n  - uri: mqtt://h\n    host: a\n  - {uri: \"mqtt://i\", port: 1}\n",
        "  connections:\n    0: {uri: \"mqtt://h\", ip: a}\n",
    ] {
        let (text, said) = section("connection:mqtt", body);
        assert_eq!(said, "", "{text}");
        assert!(text.contains("): `uri` says it and decides, as in Pip.Services\n"), "{text}");
    }
}

#[test]
fn a_uri_that_may_be_there_is_to_be_decided() {
    for (body, depends) in [
        ("  connection:\n    uri: {{URI}}\n    host: h\n    port: 1\n", "by URI"),
        (
            "  connection:\n{{#if URI}}\n    uri: {{URI}}\n{{/if}}\n    host: h\n    port: 1\n",
            "only where URI is set",
        ),
        (
            "  connection:\n{{#if URI}}\n    uri: {{URI}}\n{{/if}}\n{{^URI}}\n    host: h\n    port: 1\n{{/URI}}\n",
            "only where URI is set",
        ),
    ] {
        let (text, said) = section("connection:mqtt", body);
        let undecided = format!(
            "connection.uri = \"${{UNDECIDED_CONNECTION_URI:?to be decided: it was given {depends}}}\"\n\
             # connection.uri = ${{URI}} (line "
        );
        assert!(text.contains(&undecided), "{text}");
        assert!(text.contains("the keys beside it do: write the one or the others\n"), "{text}");
        assert!(text.contains("connection.host = \"h\"\nconnection.port = 1\n"), "{text}");
        assert_eq!(said.matches("error[").count(), 1, "{said}");
        assert!(said.contains("UNSET_PARAMETER"), "{said}");
    }
    let (text, said) = section("connection:mqtt", "  connections: [{uri: \"{{URI}}\", host: h}]\n");
    assert!(text.contains("connections = \"${UNDECIDED_CONNECTIONS:?"), "{text}");
    assert!(said.contains("UNSET_PARAMETER"), "{said}");
}

#[test]
fn dependencies_are_references_by_name_or_type() {
    for (kind, line, expected) in [
        (
            "message-queue:mqtt",
            "  dependencies: {connection: \"*:connection:mqtt:other:1.0\"}\n",
            "references.connection = \"*:connection:mqtt:other:1.0\"\n",
        ),
        (
            "heartbeat-service:http",
            "  dependencies:\n    http: pip-services:endpoint:http:default:1.0\n",
            "references.endpoint = \"pip-services:endpoint:http:default:1.0\"\n",
        ),
        (
            "heartbeat-service:http",
            "  dependencies.swagger: \"*:swagger-service:*:*:1.0\"\n",
            "# dependencies.swagger = \"…\" (line 2): the component has no such reference; it has `endpoint`\n",
        ),
        (
            "logger:console",
            "  dependencies.context: \"*:context-info:*:*:1.0\"\n",
            "# dependencies.context = \"…\" (line 2): the component refers to none\n",
        ),
        (
            "message-queue:mqtt",
            "  dependencies.connection: mqtt\n",
            "# dependencies.connection = … (line 2): a reference takes a descriptor, five tokens with colons",
        ),
        (
            "message-queue:mqtt",
            "  dependencies.connection: \"*:connection:mqtt:{{NAME}}:1.0\"\n",
            "references.connection = \"*:connection:mqtt:${NAME}:1.0\"\n",
        ),
    ] {
        let (text, _) = section(kind, line);
        assert!(text.contains(expected), "{text}");
    }
    let own =
        converted("- descriptor: acme:a:b:c:1.0\n  dependencies: {store: \"acme:store:*:*:1.0\"}\n").text;
    assert!(own.ends_with("references.store = \"acme:store:*:*:1.0\"\n"), "{own}");
}

#[test]
fn components_with_older_names_have_those_of_today() {
    let text = "- descriptor: pip-services:heartbeat-service:http:default:1.0\n  route: beat\n\
                - descriptor: pip-services:status-service:http:default:1.0\n\
                - descriptor: pip-services:metrics-service:prometheus:default:1.0\n\
                - descriptor: pip-services:counters:prometheus:default:1.0\n  push_enabled: false\n\
                - descriptor: pip-services3:endpoint:http:default:1.0\n  connection: {host: 0.0.0.0, port: 8080}\n  cors_origins: \"*\"\n";
    let written = converted(text);
    assert_eq!((checked(&written.text), written.comments), (String::new(), 0), "{}", written.text);
    for token in [
        "heartbeat-controller:http",
        "status-controller:http",
        "metrics-controller:prometheus",
        "endpoint:http",
    ] {
        assert!(written.text.contains(&format!("\"pip-services:{token}:default:1.0\"")), "{}", written.text);
    }
}

#[test]
fn an_endpoint_tells_the_defaults_that_are_others() {
    let (text, said) = section(
        "endpoint:http",
        "  cors_headers: a, b\n  credential: {ssl_key_file: k, ssl_crt_file: c}\n  connection.protocol: https\n",
    );
    for expected in [
        "options.cors_headers = [\"a\", \"b\"]\n",
        "tls.key_file = \"k\"\n",
        "# connection.host (line 1): in Pip.Services it listens on all networks of the machine unless told, `0.0.0.0`; here on this machine alone, \
         `127.0.0.1`: write which\n",
        "# connection.port (line 1): in Pip.Services it is 3000 unless told; here 8080: write which\n",
        "# options.cors_origins (line 1): in Pip.Services pages of all origins may read answers unless told, `[\"*\"]`; here none: write which\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!said.contains("UNKNOWN_KEY"), "{said}");
    let (told, _) = section("endpoint:http", "  connection: {host: h, port: 1}\n  cors_origins: a\n");
    assert!(!told.contains('#'), "{told}");
}

#[test]
fn metrics_tell_that_they_are_not_pushed_unless_told() {
    let (text, _) =
        section("counters:prometheus", "  connection: {host: gateway, port: 9091}\n  source: shop\n");
    let expected = "# push_enabled (line 1): in Pip.Services metrics are pushed to a Pushgateway unless told, `true`; here they are not, `false`: write which\n";
    assert!(text.contains(expected) && text.contains("source = \"shop\"\n"), "{text}");
    let (told, said) =
        section("counters:prometheus", "  push_enabled: true\n  connection.uri: http://gateway\n");
    assert!(!told.contains('#') && !said.contains("UNKNOWN_KEY"), "{told}{said}");
}

#[test]
fn a_table_of_connections_is_a_list() {
    for body in [
        "  connections: {0: {host: a}, 1: {host: b}}\n",
        "  connections:\n    1:\n      host: b\n    0:\n      host: a\n",
        "  connections: {main: {host: a}, spare: {host: b}}\n",
        "  connections.0.host: a\n  connections.1.host: b\n",
        "  connections:\n    0.host: a\n  connections.1.host: b\n",
    ] {
        let (text, said) = section("connection:mqtt", body);
        assert!(text.contains("connections = [{ host = \"a\" }, { host = \"b\" }]\n"), "{text}");
        assert_eq!(said, "", "{text}");
    }
    let (text, said) = section(
        "discovery:memory",
        "  a: {host: h}\n  b: {0: {host: i}, 1: {host: j}}\n  connections: {c: {host: k}}\n",
    );
    assert!(text.contains("connections.b = [{ host = \"i\" }, { host = \"j\" }]\n"), "{text}");
    assert!(text.contains("connections.c.host = \"k\"\n"), "{text}");
    assert_eq!(said, "", "{text}");
    let (text, said) = section(
        "connection:mqtt",
        "  connections:\n    0: {host: a}\n{{#if B}}\n    1: {host: b}\n{{/if}}\n",
    );
    assert!(
        text.contains("connections = \"${UNDECIDED_CONNECTIONS:?to be decided: it was given by B}\""),
        "{text}"
    );
    assert!(said.contains("UNSET_PARAMETER"), "{said}");
}

#[test]
fn two_of_one_descriptor_of_which_one_is_there_are_one_component() {
    let text = converted(
        "{{#if X}}\n- descriptor: pip-services:connection:mqtt:a:1.0\n  connection: {host: a, port: 1}\n  client_id: \"{{ID}}\"\n{{/if}}\n\
         {{^X}}\n- descriptor: pip-services:connection:mqtt:a:1.0\n  connection: {host: b, port: 1}\n  client_id: \"{{ID}}\"\n  \
         options.keepalive_timeout: 1000\n{{/X}}\n",
    )
    .text;
    assert_eq!(text.matches("[[component]]").count(), 1, "{text}");
    for expected in [
        "\n# the component (line 2): it was there where X is set, and that of line 7 where not; they are one, of which these keys are to be \
         decided\n",
        "\nconnection.port = 1\nclient_id = \"${ID}\"\n",
        "\nconnection.host = \"${UNDECIDED_CONNECTION_HOST:?to be decided: it was given only where X is set}\"\n",
        "# connection.host = b (line 8): its other value; it was there only where X is not set\n",
        "\noptions.keepalive_timeout = \"${UNDECIDED_OPTIONS_KEEPALIVE_TIMEOUT:?to be decided: it was given only where X is not set}\"\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!text.contains("\nenabled"), "{text}");
    let said = checked(&text);
    assert!(!said.contains("DUPLICATE") && said.contains("UNDECIDED_CONNECTION_HOST"), "{said}");

    let same = "- descriptor: pip-services:logger:console:a:1.0\n  level: info\n";
    let same = converted(&format!("{{{{#if X}}}}\n{same}{{{{else}}}}\n{same}{{{{/if}}}}\n"));
    assert_eq!(
        same.text,
        "[[component]]\ndescriptor = \"pip-services:logger:console:a:1.0\"\nlevel = \"info\"\n"
    );
    assert_eq!(same.comments, 0);
}

#[test]
fn two_of_one_descriptor_of_which_both_may_be_there_need_another_name() {
    let text = converted(
        "- descriptor: pip-services:logger:console:a:1.0\n{{#if X}}\n- descriptor: pip-services:logger:console:a:1.0\n  level: debug\n{{/if}}\n",
    )
    .text;
    for expected in [
        "descriptor = \"${UNDECIDED_DESCRIPTOR:?to be decided: the component of line 1 has the same one}\"\n\
         # descriptor = pip-services:logger:console:a:1.0 (line 3): the component of line 1 has the same one, and a manifest has each once: \
         give one of them another name, the fourth token, or leave it out\nenabled = \"${X:-false}\"\n",
        "level = \"debug\"\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let said = checked(&text);
    assert!(said.contains("UNDECIDED_DESCRIPTOR") && !said.contains("DUPLICATE"), "{said}");
}

#[test]
fn a_descriptor_that_depends_on_a_variable_is_two_components() {
    let (a, b) = ("pip-services:logger:console:a:1.0", "pip-services:logger:null:a:1.0");
    for descriptor in [
        format!("- descriptor: {{{{#if A}}}}{a}{{{{else}}}}{b}{{{{/if}}}}\n"),
        format!("- descriptor: \"{{{{^A}}}}{b}{{{{else}}}}{a}{{{{/A}}}}\"\n"),
        format!("- descriptor: {{{{#if A}}}}\"{a}\"{{{{else}}}}\"{b}\"{{{{/if}}}}\n"),
        "- descriptor: pip-services:logger:{{#if A}}console{{else}}null{{/if}}:a:1.0\n".to_owned(),
        format!("-\n{{{{#if A}}}}\n  descriptor: {a}\n{{{{else}}}}\n  descriptor: {b}\n{{{{/if}}}}\n"),
    ] {
        let text = converted(&format!("{descriptor}  level: debug\n")).text;
        for expected in [
            format!("descriptor = \"{a}\"\nenabled = \"${{A:-false}}\"\nlevel = \"debug\"\n"),
            format!("descriptor = \"{b}\"\nenabled = \"!${{A:-false}}\"\n# level = "),
        ] {
            assert!(text.contains(&expected), "{descriptor} {expected} in {text}");
        }
        assert_eq!(checked(&text), "", "{text}");
    }
    let one = converted(&format!("- descriptor: {{{{#if A}}}}{a}{{{{/if}}}}\n")).text;
    assert_eq!(one, format!("[[component]]\ndescriptor = \"{a}\"\nenabled = \"${{A:-false}}\"\n"));
    let two =
        converted("- descriptor: a:{{#if A}}b{{/if}}:{{#if B}}c{{/if}}:d:1.0\n- descriptor: a:b:c:e:1.0\n")
            .text;
    assert!(
        two.starts_with("# an entry (line 1): its descriptor depends on more than one variable; write a"),
        "{two}"
    );
}

#[test]
fn what_is_under_the_contrary_of_a_component_is_never_there() {
    let text = "{{#if A}}\n- descriptor: pip-services:logger:console:a:1.0\n{{#if A}}\n  level: debug\n{{else}}\n  level: info\n{{/if}}\n{{/if}}\n";
    let text = converted(text).text;
    assert!(text.ends_with("enabled = \"${A:-false}\"\nlevel = \"debug\"\n"), "{text}");
}

#[test]
fn what_stands_beside_the_components_is_kept_or_told() {
    let text = converted(
        "service:\n  name: shop\n  timeout: \"5000\"\n  nmae: x\nversion: 3\ncomponents:\n- descriptor: pip-services:context-info:default:default:1.0\n  \
         name: other\n  description: d\n",
    )
    .text;
    for expected in [
        "[service]\nname = \"shop\"\ntimeout = 5000\n# service.nmae = … (line 4): `[service]` has no such key; did you mean `name`?\n\
         description = \"d\"\n",
        "[[component]]\ndescriptor = \"pip-services:context-info:default:default:1.0\"\nname = \"other\"\n",
        "\n# version (line 5): beside components a manifest has `[service]` and `include` alone\n#   version = …\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let table =
        converted("service: {name: shop}\nlogger: {descriptor: \"pip-services:logger:console:a:1.0\"}\n");
    assert!(table.text.starts_with("[service]\nname = \"shop\"\n\n[[component]]\n"), "{}", table.text);
    assert_eq!(table.comments, 0, "{}", table.text);
}

#[test]
fn a_dollar_and_a_brace_in_a_value_are_told() {
    let (text, _) = section("logger:console", "  source: \"a-${NAME}\"\n");
    assert!(
        text.contains(
            "source = \"a-$${NAME}\"\n# source (line 2): `${…}` is text in Pip.Services, and stays text here as `$${…}`; where a parameter was \
             meant, take the first `$` away\n"
        ),
        "{text}"
    );
    let (plain, _) = section("logger:console", "  source: \"a$b\"\n");
    assert!(!plain.contains('#'), "{plain}");
}

#[test]
fn keys_behind_a_component_and_its_contrary_belong_to_both() {
    let text = converted(
        "{{#if J}}\n- descriptor: \"pip-services:connection:mqtt:a:1.0\"\n{{else}}\n\
         - descriptor: \"pip-services:connection:mqtt:b:1.0\"\n{{/if}}\n  connection:\n    host: h\n",
    )
    .text;
    assert_eq!(text.matches("connection.host = \"h\"").count(), 2, "{text}");
    assert!(
        text.contains("enabled = \"${J:-false}\"") && text.contains("enabled = \"!${J:-false}\""),
        "{text}"
    );
}

#[test]
fn a_condition_that_is_no_boolean_is_to_be_decided() {
    for condition in ["{{#A}}{{#B}}\n", "{{#HOST}}\n"] {
        let ends = if condition.contains('A') { "{{/B}}{{/A}}\n" } else { "{{/HOST}}\n" };
        let converted = converted(&format!(
            "{condition}- descriptor: \"pip-services:connection:mqtt:a:1.0\"\n  connection: {{host: \"{{{{HOST}}}}\"}}\n{ends}"
        ));
        assert!(
            converted.text.contains("enabled = \"${UNDECIDED_ENABLED:?to be decided: only where "),
            "{}",
            converted.text
        );
        assert_eq!(converted.comments, 1, "{}", converted.text);
    }
}

#[test]
fn keys_that_the_container_takes_are_not_written_for_the_component() {
    let converted =
        converted("- descriptor: \"acme:client:http:default:1.0\"\n  timeout: 500\n  retries: 2\n");
    assert!(
        !converted.text.contains("\ntimeout") && converted.text.contains("retries = 2"),
        "{}",
        converted.text
    );
    assert_eq!(converted.comments, 1, "{}", converted.text);
}
