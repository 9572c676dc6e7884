//! `kubernetes`: what it writes, read back, and held to the schemas of Kubernetes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::python::python;
use crate::tool::{Said, directory, wirework};
use crate::unit::TELEMETRY;

/// Where the variable is 1, a machine on which the schemas cannot be installed fails the tests that need them; elsewhere they are
/// skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_KUBERNETES";

/// A service of several files, with what it writes, and secrets of files in and outside of its folder.
const SPREAD: &str = r#"include = ["more files/connection.toml"]
[service]
name = "Gate No. 1"
[[component]]
descriptor = "pip-services:logger:console:default:1.0"
level = "${LOG_LEVEL:-info}"
[[component]]
descriptor = "pip-services:endpoint:http:public:1.0"
connections = [{ host = "0.0.0.0", port = 80 }, { path = "/var/lib/gate/admin.sock" }]
[[component]]
descriptor = "pip-services:endpoint:http:second:1.0"
connection = { host = "::", port = 8081 }
"#;

const CONNECTION: &str = r#"[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
connection = { host = "${HOST}", port = 8883, protocol = "mqtts" }
credential = { username = "gate", password = "${file:../secret/mqtt}" }
[[component]]
descriptor = "pip-services:discovery:file:default:1.0"
path = "discovery.toml"
"#;

/// The objects of a manifest, in their order.
fn objects(said: &Said) -> Vec<Value> {
    assert_eq!(said.code, Some(0), "{said}");
    serde_saphyr::from_multiple(&said.out).unwrap_or_else(|error| panic!("{error} in {said}"))
}

fn telemetry(more: &str) -> Said {
    Said::line(&[("service.toml", TELEMETRY)], &format!("kubernetes -c service.toml {more}"))
}

fn spread() -> Said {
    let files = [
        ("gate/service.toml", SPREAD),
        ("gate/more files/connection.toml", CONNECTION),
        ("gate/more files/discovery.toml", ""),
        ("gate/secret/mqtt", "hunter2"),
    ];
    let said = Said::line(&files, "kubernetes gate/service.toml -p HOST=yes");
    assert!(!said.to_string().contains("hunter2"), "{said}");
    said
}

#[test]
fn objects_of_a_manifest() {
    let said =
        telemetry("--image registry.example/telemetry:1.0 -p MQTT_HOST=broker -p MQTT_PASSWORD=hunter2");
    assert_eq!(said.err, "");
    assert!(!said.out.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said.out);
    let kinds: Vec<_> = objects(&said).iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["ConfigMap", "Secret", "Deployment", "Service"]);
}

/// What Kubernetes reads is what was meant: the manifest to the last byte, and no word that YAML takes for something else.
#[test]
fn what_is_written_is_read_back() {
    let odd = format!(
        "{TELEMETRY}# true: \"x\" 'y' \\ | > é 🐎\n#\ttab  \n\n[[component]]\n  descriptor = 'pip-services:logger:null:default:1.0'\n\n\n"
    );
    let said =
        Said::line(&[("no.toml", &odd)], "kubernetes -c no.toml --name on -p MQTT_HOST=yes -p LOG_LEVEL=0");
    let objects = objects(&said);
    assert_eq!(objects[0]["data"]["no.toml"], odd.as_str());
    assert_eq!(objects[2]["metadata"]["name"], "on");
    let env = &objects[2]["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env, &json!([{ "name": "LOG_LEVEL", "value": "0" }, { "name": "MQTT_HOST", "value": "yes" }]));
}

#[test]
fn files_keep_their_places() {
    let said = spread();
    insta::assert_snapshot!(said.out);
}

/// A path of the manifest is told as it is in the pod, whose root and whose folder of the manifest are read-only.
#[test]
fn what_cannot_be_written_or_read_in_the_pod_is_told() {
    let logger = |name: &str, path: &str| {
        format!("[[component]]\ndescriptor = 'pip-services:logger:file:{name}:1.0'\npath = '{path}'\n")
    };
    let manifest = format!(
        "[service]\nname = 'gate'\n{}{}{}{}[[component]]\ndescriptor = 'pip-services:discovery:file:default:1.0'\npath = '../near.toml'\n",
        logger("beside", "gate.log"),
        logger("root", "/data/gate.log"),
        logger("kept", "/var/log/gate/gate.log"),
        logger("passing", "/tmp/gate.log"),
    );
    let said =
        Said::line(&[("gate/service.toml", &manifest), ("near.toml", "")], "kubernetes gate/service.toml");
    let told = |text: &str| {
        let about = |line: &&str| line.contains("may not write") || line.contains("not mounted");
        text.lines().filter(about).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let manifest_comments: Vec<_> = said.out.lines().filter(|line| line.starts_with('#')).collect();
    insta::assert_snapshot!(format!("{}\n{}", said.err, manifest_comments.join("\n")));
    assert_eq!(told(&said.err).lines().count(), 2, "{said}");
}

/// A literal secret would be read by everybody who may read the ConfigMap.
#[test]
fn a_secret_in_clear_is_refused() {
    let manifest = TELEMETRY.replace("${MQTT_PASSWORD:-anything}", "hunter2");
    let said = Said::line(&[("service.toml", &manifest)], "kubernetes -c service.toml");
    assert_eq!((said.code, said.out.as_str()), (Some(78), ""), "{said}");
    insta::assert_snapshot!(said.err);
    // In a URI too.
    let uri = "connection.uri = \"mqtts://telemetry:hunter2@broker:8883\"\n";
    let section = "[[component]]\ndescriptor = \"pip-services:connection:mqtt:default:1.0\"\n";
    let said = Said::line(&[("service.toml", &format!("{section}{uri}"))], "kubernetes -c service.toml");
    assert_eq!((said.code, said.out.as_str()), (Some(78), ""), "{said}");
}

#[test]
fn what_answers_no_probe_is_told_what_to_add() {
    let mut all = String::new();
    let endpoint = "connection = { host = \"0.0.0.0\", port = \"${HTTP_PORT:-8080}\" }";
    for (what, from, to) in [
        ("none", "pip-services:endpoint:http:default:1.0", "pip-services:context-info:default:default:1.0"),
        ("the pod alone", "\"0.0.0.0\"", "\"127.0.0.1\""),
        ("any port", "\"${HTTP_PORT:-8080}\"", "0"),
        ("no health", endpoint, &format!("{endpoint}\noptions.health = false")),
    ] {
        let mut manifest = TELEMETRY.replace(from, to);
        if what == "none" {
            manifest = manifest.replace(endpoint, "");
        }
        let said = Said::line(&[("service.toml", &manifest)], "kubernetes -c service.toml");
        assert!(!said.out.contains("Probe:"), "{what}: {said}");
        objects(&said);
        let comments: String =
            said.out.lines().filter(|line| line.starts_with("# ")).map(|line| format!("{line}\n")).collect();
        all.push_str(&format!("{what}\n{comments}\n"));
    }
    insta::assert_snapshot!(all);
}

/// The validator with the schemas of Kubernetes; nothing, which is said, where it cannot be installed.
fn validator() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| python("kubernetes", REQUIRE)).as_ref()
}

#[test]
fn the_schemas_of_kubernetes_take_it() {
    let Some(validator) = validator() else { return };
    let bare = "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n";
    let bare = Said::line(&[("service.toml", bare)], "kubernetes -c service.toml");
    for said in [telemetry("-p LOG_LEVEL=warn"), spread(), bare] {
        let count = objects(&said).len();
        let folder = directory(&[("objects.yaml", &said.out)]);
        let validate = |file: &str| {
            let mut command = Command::new(validator);
            Said::by(command.args(["-m", "kubernetes_validate", "--strict", file]).current_dir(folder.path()))
        };
        let valid = validate("objects.yaml");
        assert_eq!(valid.code, Some(0), "{valid}");
        assert_eq!(valid.out.matches("passed").count(), count, "{valid}");
        // It is no validator that finds everything good.
        std::fs::write(
            folder.path().join("bad.yaml"),
            said.out.replace("automountServiceAccountToken", "automountToken"),
        )
        .unwrap();
        assert_ne!(validate("bad.yaml").code, Some(0));
    }
}

/// The command says where the objects are applied, and never the values of the environment.
#[test]
fn parameters_of_the_environment_are_not_written() {
    let directory = directory(&[("service.toml", TELEMETRY)]);
    let mut command = wirework(directory.path());
    command.args(["kubernetes", "service.toml"]).env("MQTT_PASSWORD", "hunter2").env("MQTT_HOST", "hunter3");
    let said = Said::by(&mut command);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(!said.out.contains("hunter"), "{said}");
}
