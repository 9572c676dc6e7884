//! Every sub-command on manifests without mistakes.

use crate::tool::{Said, redacted};

pub const GOOD: &str = r#"[service]
name = "telemetry"
description = "Averages what the sensors send"

[[component]]
descriptor = "pip-services:logger:console:default:1.0"
level = "${LOG_LEVEL:-info}"

[[component]]
descriptor = "pip-services:counters:log:default:1.0"
interval = "${INTERVAL:-60000}"

[[component]]
descriptor = "pip-services:broker:mqtt:default:1.0"
port = "${MQTT_PORT:-0}"

[[component]]
descriptor = "pip-services:discovery:memory:default:1.0"
connections.mqtt = { host = "${HOST:-127.0.0.1}", port = "${MQTT_PORT:-1883}" }

[[component]]
descriptor = "pip-services:discovery:env:spare:1.0"
enabled = "${SPARE:-false}"

[[component]]
descriptor = "pip-services:credential-store:memory:default:1.0"
credentials.mqtt = { user = "telemetry", password = "${PASSWORD:-anything}" }

[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
after = ["*:broker:mqtt:*:1.0"]
timeout = "40s"
critical = false
connection.discovery_key = "mqtt"
connection.parameters = { note = "${NOTE:-}", "with space" = "x" }
credential.store_key = "mqtt"
options.retry_connect = "${RETRY:-true}"
references.counters = "pip-services:counters:*:{name}:1.0"
"#;

const FILES: [(&str, &str); 3] = [
    ("service.toml", GOOD),
    (
        "base.toml",
        "include = ['more/common.toml']\n[[component]]\ndescriptor = 'pip-services:tracer:log:default:1.0'\n",
    ),
    (
        "more/common.toml",
        "[service]\nname = 'common'\n[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n\
         level = 'warn'\nformat = 'json'\n",
    ),
];

fn said(line: &str) -> String {
    let said = Said::line(&FILES, line);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line}: {said}");
    said.out
}

#[test]
fn check() {
    assert_eq!(
        said("check -c service.toml"),
        "ok: 6 components, 1 disabled, 7 references, 0 errors, 0 warnings\n"
    );
    assert_eq!(said("check -c service.toml --format json"), "[]\n");
    assert_eq!(said("check -c base.toml"), "ok: 2 components, 1 reference, 0 errors, 0 warnings\n");
    assert_eq!(
        said("check -c base.toml -c service.toml"),
        "ok: 7 components, 1 disabled, 9 references, 0 errors, 0 warnings\n"
    );
}

/// An empty file is a service without components: no error, but hardly what was meant.
#[test]
fn an_empty_manifest() {
    let files = [("empty.toml", "")];
    for line in ["check --allow-empty", "graph", "explain", "print"] {
        let said = Said::line(&files, &format!("{line} -c empty.toml"));
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.err.starts_with("warning[NO_COMPONENTS]"), "{said}");
    }
    // `check` judges it as `run` does.
    let [checked, run] = ["check", "run"].map(|line| Said::line(&files, &format!("{line} empty.toml")));
    assert_eq!((checked.code, run.code, &checked.err), (Some(78), Some(78), &run.err), "{checked} {run}");
    assert!(run.err.starts_with("error[NO_COMPONENTS]"), "{run}");
    let printed = Said::line(&files, "print -c empty.toml").out;
    let again = Said::line(&[("printed.toml", &printed)], "check -c printed.toml --allow-empty");
    assert_eq!(again.code, Some(0), "{printed}");
}

#[test]
fn graph() {
    insta::assert_snapshot!("graph_text", said("graph -c service.toml"));
    insta::assert_snapshot!("graph_mermaid", said("graph -c service.toml --format mermaid"));
    insta::assert_snapshot!("graph_dot", said("graph -c service.toml --format dot"));
    let json = Said::line(&FILES, "graph -c service.toml --format json").json();
    assert_eq!(json["service"], "telemetry");
    let components = json["components"].as_array().unwrap();
    assert_eq!(components.len(), 6);
    let connection = components.last().unwrap();
    assert_eq!(connection["descriptor"], "pip-services:connection:mqtt:default:1.0");
    assert_eq!(
        (&connection["critical"], &connection["after"][0]),
        (&false.into(), &"*:broker:mqtt:*:1.0".into())
    );
    let counters = connection["references"].as_array().unwrap().iter().find(|one| one["field"] == "counters");
    assert_eq!(
        counters.unwrap(),
        &serde_json::json!({
            "field": "counters",
            "pattern": "pip-services:counters:*:default:1.0",
            "late": true,
            "to": ["pip-services:counters:log:default:1.0"],
        })
    );
}

#[test]
fn a_graph_leaves_out_what_it_is_told_to() {
    let all = said("graph -c service.toml");
    let some = said("graph -c service.toml --without *:logger:*:*:* --without *:counters:*:*:*");
    assert!(all.contains("logger:console") && all.contains("counters:log"), "{all}");
    assert!(!some.contains("logger") && !some.contains("counters"), "{some}");
    assert!(
        some.starts_with("telemetry: 4 components, in the order in which they open (2 left out)\n"),
        "{some}"
    );
    for format in ["mermaid", "dot", "json"] {
        let some = said(&format!("graph -c service.toml --without *:logger:*:*:* --format {format}"));
        assert!(!some.contains("logger:console") && some.contains("connection:mqtt"), "{some}");
    }
    let nobody = Said::line(&FILES, "graph -c service.toml --without a:b:c:d:e");
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(2), ""));
    assert_eq!(
        nobody.err,
        "error: no component of the manifest matches `a:b:c:d:e`\nhelp: `graph` lists them\n"
    );
}

#[test]
fn explain() {
    insta::assert_snapshot!("explain_text", said("explain -c service.toml"));
    let asked = said("explain -c service.toml *:connection:mqtt:*:*");
    assert!(asked.starts_with("pip-services:connection:mqtt:default:1.0\n"), "{asked}");
    assert_eq!(said("explain -c service.toml pip-services:connection:mqtt:default:1.0"), asked);
    assert!(asked.lines().all(|line| line.trim_end() == line), "{asked}");
    let json = Said::line(&FILES, "explain -c service.toml *:connection:mqtt:*:* --format json").json();
    insta::assert_snapshot!("explain_json", format!("{json:#}"));
    let nobody = Said::line(&FILES, "explain -c service.toml a:b:c:d:e");
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(2), ""));
    assert_eq!(
        nobody.err,
        "error: no component of the manifest matches `a:b:c:d:e`\nhelp: `graph` lists them\n"
    );
    // The manifest without `-c`, in any place.
    for line in ["explain service.toml connection:mqtt", "explain connection:mqtt service.toml"] {
        assert_eq!(said(line), asked, "{line}");
    }
    assert!(said("explain service.toml connection:mqtt logger").ends_with(&asked), "several");
}

/// What is misspelt is asked back, and what is not enabled is said.
#[test]
fn names_are_suggested() {
    let mut all = String::new();
    for line in [
        "explain service.toml conection:mqtt",
        "explain service.toml mqtt:connection",
        "explain service.toml discovery:env",
        "explain WRONG_TYP",
        "explain wrong_typ",
        "explain NO_SUCH_THING",
        "graph service.toml --without loger",
        "describe mqqt",
        "describe queue:mqtt",
        "describe pip-services:connection:kafka:default:1.0",
        "check --format sarfi service.toml",
        "check --fromat json service.toml",
        "check --parm A=1 service.toml",
        "service.toml",
        "-p MQTT_PORT=1 service.toml",
        "dscribe mqtt",
    ] {
        let said = Said::line(&FILES, line);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{line}: {said}");
        all.push_str(&format!("$ wirework {line}\n{}\n", said.err));
    }
    insta::assert_snapshot!(all);
    let said = Said::line(&FILES, "check servcie.toml");
    assert!(said.err.ends_with("help: did you mean `service.toml`?\n\n"), "{said}");
}

#[test]
fn codes_are_explained() {
    insta::assert_snapshot!(
        "explain_codes",
        said("explain WRONG_TYPE MISSING_REFERENCE") + &said("explain --codes")
    );
    let json = Said::line(&[], "explain CYCLE --format json").json();
    assert_eq!(json[0]["code"], "CYCLE");
}

#[test]
fn print() {
    let toml = said("print -c service.toml -p MQTT_PORT=18890");
    insta::assert_snapshot!("print_toml", toml);
    let json = Said::line(&FILES, "print -c service.toml -p MQTT_PORT=18890 --format json").json();
    let parsed: serde_json::Value =
        serde_json::to_value(toml::from_str::<toml::Table>(&toml).unwrap()).unwrap();
    assert_eq!(json, parsed);
    insta::assert_snapshot!("print_overlaid", said("print -c base.toml -c service.toml"));
}

/// What is printed means the same: but for the masked secrets it is a manifest that prints the same again.
#[test]
fn what_is_printed_is_a_manifest() {
    let printed = said("print -c base.toml -c service.toml -p SPARE=true");
    let again = Said::line(&[("printed.toml", &printed)], "print -c printed.toml");
    assert_eq!((again.code, &again.out), (Some(0), &printed), "{again}");
}

#[test]
fn components() {
    insta::assert_snapshot!("components_text", said("components"));
    let all = Said::line(&[], "components --format json").json();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), said("components").lines().count());
    for one in all {
        for key in ["pattern", "summary", "registered"] {
            assert!(one[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {one}");
        }
        assert!(one["offers"].as_array().is_some_and(|offers| !offers.is_empty()), "{one}");
    }
}

fn patterns() -> Vec<String> {
    let all = Said::line(&[], "components --format json").json();
    all.as_array().unwrap().iter().map(|one| one["pattern"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn describe() {
    for pattern in patterns() {
        let text = said(&format!("describe {pattern} --all"));
        let descriptor = pattern.replace('*', "default");
        assert_eq!(said(&format!("describe {descriptor} --all")), text, "by descriptor");
        let name = pattern.replace("pip-services:", "").replace(":*:1.0", "").replace(':', "_");
        insta::assert_snapshot!(format!("describe_{name}"), text);
    }
}

/// Of a component with many keys the outer ones are shown, and of tables the names; each key in full when it is asked for.
#[test]
fn a_long_description_has_a_short_form() {
    insta::assert_snapshot!("describe_in_short", said("describe connection:mqtt"));
    insta::assert_snapshot!(
        "describe_keys",
        said("describe connection:mqtt options.connect_timeout connection")
            + &said("describe logger:console level")
    );
    let long = said("describe connection:mqtt --all");
    let (long, short) = (long.lines().count(), said("describe connection:mqtt").lines().count());
    assert!(short < 100 && short * 2 < long, "{short} of {long}");
    // What has more of the given parts as they are comes alone.
    let queue = said("describe message-queue:mqtt");
    assert!(
        queue.starts_with("pip-services:message-queue:mqtt:*:1.0\n") && !queue.contains("bridge:"),
        "{queue}"
    );
    let unknown = Said::line(&[], "describe connection:mqtt conect_timeout");
    assert_eq!(unknown.code, Some(2));
    let unknown = Said::line(&[], "describe connection:mqtt connect_timeout");
    assert!(unknown.err.ends_with("help: did you mean `options.connect_timeout`?\n"), "{unknown}");
}

/// Every key and reference is documented, and the example is a section that the component accepts.
#[test]
fn every_description_is_whole() {
    for pattern in patterns() {
        let pages = Said::line(&[], &format!("describe {pattern} --format json")).json();
        let page = &pages.as_array().unwrap()[0];
        assert_eq!(page["pattern"], pattern);
        for list in ["keys", "references"] {
            for one in page[list].as_array().unwrap() {
                assert!(one["doc"].as_str().is_some_and(|doc| !doc.trim().is_empty()), "{pattern}: {one}");
            }
        }
        let text = said(&format!("describe {pattern}"));
        let example = text.split("Example\n").nth(1).unwrap();
        let lines: Vec<_> = example.lines().map(str::trim).collect();
        assert_eq!(page["example"].as_str().unwrap().lines().collect::<Vec<_>>(), lines);
        let secret = if example.contains("${SECRET}") { " -p SECRET=s" } else { "" };
        // The files that an example names.
        let files = [("example.toml", example), ("discovery.toml", ""), ("secrets/mqtt", "s")];
        let said = Said::line(&files, &format!("check -c example.toml{secret}"));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{example}{said}");
    }
}

#[test]
fn describe_finds_parts_and_suggests() {
    assert!(said("describe connection:mqtt").starts_with("pip-services:connection:mqtt:*:1.0\n"));
    let pages = said("describe logger");
    assert!(
        pages.contains("pip-services:logger:console:*:1.0\n")
            && pages.contains("pip-services:logger:null:*:1.0\n")
    );
    let near = Said::line(&[], "describe pip-services:conection:mqtt:default:1.0");
    assert_eq!(near.code, Some(2));
    insta::assert_snapshot!("describe_nothing", near);
}

#[test]
fn components_name_their_source() {
    let text = Said::line(&[], "components --format json").out;
    assert!(redacted(&text).contains("\"registered\": \"src/log/sinks/console/logger.rs:<line>\""), "{text}");
}

#[test]
fn the_page_of_stock_components_is_that_of_the_code() {
    let said = Said::line(&[], "describe * --format markdown");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    let page = include_str!("../../../docs/reference/components.md");
    let (_, pages) = page.split_once("\n## ").unwrap();
    assert!(
        said.out == format!("## {pages}"),
        "write the output of `describe '*' --format markdown` into docs/reference/components.md, behind its first lines"
    );
}
