//! Mistakes in a manifest of several files: each is shown in its own.

use crate::tool::Said;

#[test]
fn files_that_include_each_other() {
    let files = [
        ("service.toml", "include = [\"a/one.toml\"]\n"),
        ("a/one.toml", "include = [\"two.toml\"]\n[servce]\n"),
        ("a/two.toml", "include = [\"../service.toml\"]\n"),
    ];
    let said = Said::line(&files, "check -c service.toml");
    assert_eq!(said.code, Some(78));
    insta::assert_snapshot!(said);
}

/// The mistake is shown where it stands, whichever file that is, also where one lies over another.
#[test]
fn mistakes_in_several_files() {
    let files = [
        (
            "service.toml",
            "include = [\"common.toml\"]\n[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\nlevel = \"info\"\n",
        ),
        (
            "common.toml",
            "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\nfromat = \"json\"\nlevel = 99\n",
        ),
        (
            "local.toml",
            "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\noutput = \"printer\"\n",
        ),
    ];
    let said = Said::line(&files, "check -c service.toml -c local.toml");
    assert_eq!(said.code, Some(78));
    insta::assert_snapshot!(said);
}

/// What breaks one file can put nothing in the place of a key of another.
#[test]
fn a_broken_file_hides_no_names_of_another() {
    let logger = "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\n";
    let broken = format!("{logger}levle = \"info\"\nformat = \"tex\n");
    let sound = "[[component]]\ndescriptor = \"pip-services:counters:log:default:1.0\"\nintervall = 5000\n";
    let files = [("broken.toml", broken.as_str()), ("sound.toml", sound)];
    let said = Said::line(&files, "check broken.toml sound.toml");
    assert_eq!(said.code, Some(78), "{said}");
    assert!(
        said.err.contains("unknown key `intervall`; did you mean")
            || said.err.contains("unknown key `intervall`\n"),
        "{said}"
    );
    assert!(said.err.contains("3 | intervall = "), "the excerpt shows it: {said}");
    assert!(!said.err.contains("levle"), "{said}");
    assert!(said.err.contains("error[BAD_SYNTAX]") && said.err.contains("broken.toml:4:"), "{said}");
}

/// A section that was to lie over another one, and is a component of its own since its name is misspelt.
#[test]
fn a_later_file_with_a_misspelt_name_is_warned_of() {
    let section =
        |descriptor: &str| format!("[[component]]\ndescriptor = \"pip-services:{descriptor}:1.0\"\n");
    let base = [
        section("logger:console:default"),
        section("message-queue:memory:orders"),
        section("message-queue:memory:site1"),
    ];
    let over = [
        section("logger:console:defualt") + "level = \"debug\"\n",
        section("message-queue:memory:oders") + "enabled = false\n",
        section("message-queue:memory:site2"),
        section("message-queue:memory:site1") + "options.capacity = 5\n",
    ];
    let files = [("base.toml", base.concat()), ("local.toml", over.concat())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let said = Said::line(&files, "check base.toml local.toml");
    assert_eq!(said.code, Some(0), "{said}");
    insta::assert_snapshot!(said);
}
