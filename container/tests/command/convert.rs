//! Configurations in YAML and JSON: what `check` says of them, and what `convert` makes of them.

use std::fs::File;

use crate::tool::{Said, directory, wirework};

const YAML: &str = "---\n- descriptor: pip-services:logger:console:default:1.0\n  level: {{LEVEL}}{{^LEVEL}}info{{/LEVEL}}\n";
const JSON: &str =
    r#"[{ "descriptor": "pip-services:logger:console:default:1.0", "level": "info", "colours": 1 }]"#;

#[test]
fn a_manifest_in_another_language_is_one_error() {
    let said = Said::line(&[("config.yml", YAML)], "check config.yml");
    assert_eq!(said.code, Some(78));
    insta::assert_snapshot!(said);
    // By its text alone, in an include, and from the standard input.
    let list = Said::line(&[("a.toml", "include = ['b']\n"), ("b", JSON)], "check a.toml");
    assert!(list.err.contains("`b` is JSON, and a manifest is TOML"), "{list}");
    assert_eq!(list.err.matches("error[").count(), 1, "{list}");
    let files = directory(&[("in", YAML)]);
    let said = Said::by(
        wirework(files.path()).args(["check", "-"]).stdin(File::open(files.path().join("in")).unwrap()),
    );
    assert!(said.err.contains("`wirework convert -`"), "{said}");
}

#[test]
fn what_is_converted_is_checked() {
    for (name, text, comments) in [("config.yml", YAML, 0), ("config.json", JSON, 1)] {
        let said = Said::line(&[(name, text)], &format!("convert {name}"));
        assert_eq!(said.code, Some(i32::from(comments > 0)), "{said}");
        let expected = format!("converted: components 1, comments to look at {comments}\n");
        assert_eq!(said.err, expected, "{said}");
        let checked = Said::line(&[("service.toml", &said.out)], "check service.toml");
        assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{checked}");
    }
}

#[test]
fn what_cannot_be_converted_is_told_with_its_place() {
    for (text, expected) in [
        ("a: {{X\n", "error: `c.yml`: line 1: `{{` has no `}}`\n"),
        (
            "a:\n\tb: 2\n",
            "error: `c.yml`: line 2, column 2: this is no YAML; a line begins with a tab: indent with blanks\n",
        ),
        (
            "- descriptor:a:b:c:d:1.0\n  x: 1\n",
            "error: `c.yml`: line 2, column 4: this is no YAML; a colon of a key has no blank behind it: write `key: value`\n",
        ),
        ("- a: 1\n", "error: `c.yml`: expected a list of components, each with a `descriptor`\n"),
        ("", "error: `c.yml`: the file holds nothing\n"),
        ("[service]\n", "error: `c.yml`: it is TOML already; `check` tells what is wrong with a manifest\n"),
    ] {
        let said = Said::line(&[("c.yml", text)], "convert c.yml");
        assert_eq!((said.code, said.err.as_str(), said.out.as_str()), (Some(78), expected, ""));
    }
    let said = Said::line(&[("c.yml", "- a: [1\nb: 2")], "convert c.yml");
    assert!(said.code == Some(78) && said.err.starts_with("error: `c.yml`: line 2, column "), "{said}");
    let said = Said::line(&[], "convert none.yml");
    insta::assert_snapshot!(said);
}
