//! Every mistake that a manifest can hold, as its author reads of it.

use std::path::Path;

use wirework::config::{Problems, Severity};
use wirework_container::manifest::{Manifest, Parameters, render, render_json};
use wirework_container::plan::{Binary, Plan};

use crate::parts::registry;
use crate::tool::{Said, redacted};

fn problems(text: &str) -> (Problems, Plan) {
    let mut problems = Problems::new();
    let parameters = Parameters::new().with_environment(|name| (name == "TURBO").then(|| "maybe".to_owned()));
    let manifest = Manifest::parse(Path::new("service.toml"), text, &parameters, &mut problems);
    let plan = Plan::new(manifest, &registry(), &mut problems);
    problems.sort();
    (problems, plan)
}

fn shown(text: &str) -> String {
    let (problems, plan) = problems(text);
    redacted(&render(&problems, &plan.files, false)).replace(env!("CARGO_MANIFEST_DIR"), "<container>")
}

/// Sections, one after the other: `engine:one` is `[[component]] descriptor = "acme:motor:engine:one:1.0"`.
fn sections(all: &[(&str, &str)]) -> String {
    let section = |(name, keys): &(&str, &str)| {
        let (kind, name) = name.split_once(':').unwrap_or((name, "default"));
        let kind = match kind {
            "engine" | "light" | "silent" => format!("motor:{kind}"),
            other => format!("{other}:default"),
        };
        format!("[[component]]\ndescriptor = \"acme:{kind}:{name}:1.0\"\n{keys}\n\n")
    };
    all.iter().map(section).collect()
}

/// Asserts the messages for one kind of mistake, and which codes they have.
macro_rules! mistake {
    ($name:ident, [$($code:literal),*], $text:expr) => {
        #[test]
        fn $name() {
            let text: String = $text.into();
            let (problems, _) = problems(&text);
            let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
            let expected: &[&str] = &[$($code),*];
            insta::assert_snapshot!(shown(&text));
            assert_eq!(codes, expected, "{}", shown(&text));
        }
    };
}

const PETROL: &str = "fuel = \"petrol\"";

mistake!(syntax, ["BAD_SYNTAX", "BAD_SYNTAX", "UNKNOWN_KEY"], {
    "[[component]]\ndescriptor = \"acme:motor:engine:one:1.0\"\nfuel = petrol\n\n\
     [[component]]\ndescriptor = \"acme:motor:engine:two:1.0\"\nfuel = \"diesel\nturbo = true\n\n\
     [[component]]\ndescriptor = \"acme:motor:engine:three:1.0\"\nfuel = \"diesel\"\ntrubo = true\n"
});

mistake!(a_key_twice, ["DUPLICATE_KEY"], sections(&[("engine:one", "fuel = \"petrol\"\nfuel = \"diesel\"")]));

mistake!(unknown_keys, ["UNKNOWN_KEY", "UNKNOWN_KEY", "UNKNOWN_KEY", "UNKNOWN_KEY", "UNKNOWN_KEY"], {
    sections(&[
        (
            "engine:one",
            "fuel = \"petrol\"\ncilynders = 4\nwheels = 4\nmaker = { nmae = \"x\", name = \"Otto\" }",
        ),
        ("light", "colour = \"red\""),
        ("engine:two", "fuel = \"petrol\"\nenabeld = false"),
    ])
});

mistake!(unknown_keys_at_the_top, ["UNKNOWN_KEY", "UNKNOWN_KEY", "UNKNOWN_KEY"], {
    "[srevice]\nname = \"x\"\n[[components]]\ndescriptor = \"acme:motor:light:one:1.0\"\n[other]\nx = 1\n"
});

mistake!(
    wrong_types,
    [
        "BAD_VALUE",
        "WRONG_TYPE",
        "WRONG_TYPE",
        "WRONG_TYPE",
        "BAD_VALUE",
        "WRONG_TYPE",
        "WRONG_TYPE",
        "WRONG_TYPE",
        "WRONG_TYPE",
        "WRONG_TYPE"
    ],
    sections(&[(
        "engine:one",
        "fuel = \"steam\"\ncylinders = \"four\"\nlitres = true\nturbo = \"${TURBO}\"\nidle = \"soon\"\n\
         ignition_code = 1234\nnames = \"Otto\"\nparts = { bolt = 7 }\nmaker = { name = [\"Otto\"] }\nport = 1.5"
    )])
);

mistake!(numbers_out_of_range, ["BAD_VALUE", "BAD_VALUE", "BAD_VALUE"], {
    sections(&[("engine:one", "fuel = \"petrol\"\ncylinders = 256\nport = -1\nidle = -5")])
});

mistake!(missing_keys, ["MISSING_KEY", "MISSING_KEY"], {
    sections(&[("engine:one", "maker = { since = 1876 }")])
});

mistake!(
    no_descriptor,
    ["MISSING_KEY", "WRONG_TYPE"],
    "[[component]]\nfuel = \"petrol\"\n[[component]]\ndescriptor = 7\n"
);

mistake!(unknown_descriptors, ["UNKNOWN_DESCRIPTOR", "UNKNOWN_DESCRIPTOR", "UNKNOWN_DESCRIPTOR"], {
    "[[component]]\ndescriptor = \"acme:moter:engine:one:1.0\"\n\
     [[component]]\ndescriptor = \"acme:motor:engine:one:2.0\"\n\
     [[component]]\ndescriptor = \"other-things:sensor:simulated:one:1.0\"\nkey = \"value\"\n"
});

mistake!(malformed_descriptors, ["BAD_DESCRIPTOR", "BAD_DESCRIPTOR", "BAD_DESCRIPTOR", "BAD_DESCRIPTOR"], {
    "[[component]]\ndescriptor = \"acme:motor:engine:one\"\n\
     [[component]]\ndescriptor = \"acme:motor:engine::1.0\"\n\
     [[component]]\ndescriptor = \"acme:motor:engine:*:1.0\"\n\
     [[component]]\ndescriptor = \"\"\n"
});

mistake!(duplicate_descriptors, ["DUPLICATE_DESCRIPTOR"], {
    sections(&[("engine:one", PETROL), ("light", ""), ("engine:one", "fuel = \"diesel\"")])
});

mistake!(a_missing_reference, ["MISSING_REFERENCE"], sections(&[("car", "")]));

mistake!(a_reference_that_only_a_disabled_component_fills, ["MISSING_REFERENCE"], {
    sections(&[("car", ""), ("engine:one", "fuel = \"petrol\"\nenabled = false")])
});

mistake!(a_reference_that_another_descriptor_would_fill, ["MISSING_REFERENCE"], {
    sections(&[("car", "references.motor = \"acme:motor:engine:two:1.0\""), ("engine:one", PETROL)])
});

mistake!(an_ambiguous_reference, ["AMBIGUOUS_REFERENCE"], {
    sections(&[("car", ""), ("engine:one", PETROL), ("engine:two", PETROL)])
});

mistake!(a_reference_that_is_not_offered, ["NOT_OFFERED"], sections(&[("car", ""), ("light", "")]));

mistake!(a_forgotten_offer, ["NOT_OFFERED"], sections(&[("car", ""), ("silent", "")]));

#[test]
fn an_operator_is_not_told_of_code() {
    let text = sections(&[("car", ""), ("silent", "")]);
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("service.toml"), &text, &Parameters::new(), &mut problems);
    let _ = Plan::of(manifest, &registry(), Binary::Stock, &mut problems);
    let help = problems.iter().find_map(|problem| problem.help.clone()).unwrap();
    assert_eq!(
        help,
        "add a component that matches `acme:motor:*:*:1.0`; `wirework components` lists all that there are"
    );
}

mistake!(a_cycle, ["CYCLE"], {
    sections(&[
        ("engine:one", PETROL),
        ("car:red", "references.ahead = \"acme:car:*:blue:1.0\""),
        ("car:blue", "after = [\"acme:car:*:green:1.0\"]"),
        ("car:green", "references.ahead = \"acme:car:*:red:1.0\""),
    ])
});

mistake!(
    unset_parameters,
    ["UNSET_PARAMETER", "UNSET_PARAMETER", "UNSET_PARAMETER", "BAD_PARAMETER", "BAD_PARAMETER"],
    {
        sections(&[(
            "engine:one",
            "fuel = \"${FUEL}\"\nport = \"${PORT:?say where to listen}\"\nnames = [\"a ${FIRST} b\"]\n\
         ignition_code = \"${file:none}\"\nparts = { bolt = \"${BOLT\" }",
        )])
    }
);

mistake!(
    an_include_that_is_missing,
    ["MISSING_INCLUDE", "WRONG_TYPE"],
    "include = [\"none/common.toml\", 5]\n"
);

mistake!(a_port_claimed_twice, ["PORT_CLAIMED_TWICE"], {
    sections(&[
        ("engine:one", "fuel = \"petrol\"\nport = 0"),
        ("engine:two", "fuel = \"petrol\"\nport = 8080"),
        ("engine:three", "fuel = \"petrol\"\nport = 0"),
        ("engine:four", "fuel = \"petrol\"\nport = 8080"),
    ])
});

mistake!(a_client_id_twice, ["CLIENT_ID_TWICE"], {
    sections(&[
        ("engine:one", "fuel = \"petrol\"\nclient_id = \"otto\""),
        ("engine:two", "fuel = \"petrol\"\nclient_id = \"otto\""),
    ])
});

mistake!(unknown_references, ["UNKNOWN_REFERENCE", "UNKNOWN_REFERENCE", "UNKNOWN_REFERENCE"], {
    sections(&[
        ("engine:one", PETROL),
        (
            "car",
            "references.moter = \"acme:motor:engine:one:1.0\"\nreferences.wheel = \"acme:wheel:*:*:1.0\"",
        ),
        ("light", "dependencies.switch = \"acme:switch:*:*:1.0\""),
    ])
});

mistake!(
    bad_container_keys,
    [
        "WRONG_TYPE",
        "WRONG_TYPE",
        "BAD_DESCRIPTOR",
        "WRONG_TYPE",
        "BAD_VALUE",
        "BAD_DESCRIPTOR",
        "DUPLICATE_KEY"
    ],
    {
        sections(&[
            ("light:one", "enabled = \"true\"\ncritical = \"no\"\nafter = [\"acme\"]\n"),
            ("light:two", "enabled = 1\ntimeout = 0"),
            (
                "car",
                "references.motor = \"acme:motor\"\nreferences.lamp = \"acme:lamp:*:*:*\"\ndependencies.lamp = \"acme:lamp:*:*:*\"",
            ),
        ])
    }
);

mistake!(a_bad_service_section, ["WRONG_TYPE", "BAD_VALUE", "BAD_VALUE", "UNKNOWN_KEY"], {
    "[service]\nname = 5\ntimeout = \"a while\"\nopen_concurrency = -1\nport = 1\n"
});

mistake!(after_without_match, ["AFTER_NOTHING"], {
    sections(&[
        ("light:one", "after = [\"acme:motor:light:*:1.0\", \"acme:lamp:*:*:1.0\"]"),
        ("light:two", ""),
    ])
});

mistake!(a_timeout_that_is_too_short, ["TIMEOUT_TOO_SHORT", "TIMEOUT_TOO_SHORT"], {
    sections(&[
        ("engine:one", "fuel = \"petrol\"\nstart = \"2m\""),
        ("engine:two", "fuel = \"petrol\"\nstart = \"5s\"\ntimeout = 5000"),
        ("engine:three", "fuel = \"petrol\"\nstart = \"5s\""),
    ])
});

mistake!(a_critical_component_that_needs_one_that_is_not, ["CRITICAL_NEEDS_UNCRITICAL"], {
    sections(&[("car", ""), ("engine:one", "fuel = \"petrol\"\ncritical = false")])
});

mistake!(
    factories_that_rank_alike,
    ["AMBIGUOUS_FACTORY"],
    sections(&[("twin:left", ""), ("twin:right", "")])
);

mistake!(
    a_factory_that_clashes_with_the_container,
    ["BAD_FACTORY"],
    sections(&[("clash", "timeout = 5000")])
);

mistake!(a_secret_in_clear, ["SECRET_IN_CLEAR"], {
    sections(&[("engine:one", "fuel = \"petrol\"\nignition_code = \"open sesame\"")])
});

/// Ten mistakes, several in one section, are ten problems, each with file, line and column.
#[test]
fn ten_mistakes_are_ten_problems() {
    let text = "[service]\nname = 7\n\n\
        [[component]]\ndescriptor = \"acme:motor:engine:one:1.0\"\nfule = \"petrol\"\ncylinders = \"four\"\n\
        names = [\"${NAME}\", 5]\n\n\
        [[component]]\ndescriptor = \"acme:motor:engin:two:1.0\"\n\n\
        [[component]]\ndescriptor = \"acme:car:default:red:1.0\"\nreferences.moter = \"acme:motor:engine:one:1.0\"\n\
        timeout = \"soon\"\n\n\
        [[component]]\ndescriptor = \"acme:lamp\"\n\n\
        [sevrice]\n";
    let (problems, plan) = problems(text);
    let json: Vec<serde_json::Value> = serde_json::from_str(&render_json(&problems, &plan.files)).unwrap();
    insta::assert_snapshot!(render(&problems, &plan.files, false));
    assert!(problems.iter().all(|problem| problem.severity == Severity::Error));
    let place = |one: &serde_json::Value| (one["line"].as_u64().unwrap(), one["column"].as_u64().unwrap());
    let places: Vec<_> = json.iter().map(place).collect();
    let expected =
        [(2, 8), (6, 1), (7, 13), (8, 10), (8, 21), (11, 14), (15, 12), (16, 11), (19, 14), (21, 2)];
    assert_eq!(places, &expected[..], "{}", render(&problems, &plan.files, false));
    assert_eq!(json.len(), 10);
    assert!(json.iter().all(|one| one["file"] == "service.toml"));
}

/// The command counts them, and prints them as an array.
#[test]
fn check_reports_problems_as_json() {
    let manifest = "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\nlevle = \"info\"\n\
        after = [\"a:b:c:d:e\"]\n";
    let said = Said::line(&[("service.toml", manifest)], "check -c service.toml --format json");
    assert_eq!((said.code, said.err.as_str()), (Some(78), ""), "{said}");
    insta::assert_snapshot!(format!("{:#}", said.json()));
    let text = Said::line(&[("service.toml", manifest)], "check -c service.toml");
    assert_eq!(text.out, "not ok: 1 component, 0 references, 1 error, 1 warning\n");
}

/// With `--format json` stdout is JSON and nothing else, whatever is wrong; people read the rest on stderr.
#[test]
fn json_stays_json() {
    let manifests = [
        "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\nlevle = 1\n",
        "[[component]]\ndescriptor = \"a:b:c:d:e\"\nkey = nan\n",
        "[[component]\n",
        "\u{0}",
    ];
    for manifest in manifests {
        for command in ["check", "graph", "explain", "print"] {
            let line = format!("{command} -c service.toml --format json");
            let said = Said::line(&[("service.toml", manifest)], &line);
            assert_eq!(said.code, Some(78), "{said}");
            assert!(!said.json().is_null(), "{said}");
            assert_eq!(said.err.is_empty(), command == "check", "{said}");
        }
        let printed = Said::line(&[("service.toml", manifest)], "print -c service.toml").out;
        assert!(toml::from_str::<toml::Table>(&printed).is_ok(), "{printed}");
    }
}
