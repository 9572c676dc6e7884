//! Where a manifest may come from: named without `-c`, a folder, the standard input, includes by pattern.

use std::fs::File;

use crate::tool::{Said, directory, wirework};

const LOGGER: &str = "[[component]]\ndescriptor = 'pip-services:logger:null:default:1.0'\n";
const LEVEL: &str =
    "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nlevel = 'LEVEL'\n";
const ONE: &str = "ok: 1 component, 0 references, 0 errors, 0 warnings\n";

#[test]
fn a_manifest_needs_no_option() {
    for command in ["check", "graph", "print"] {
        let said = Said::line(&[("service.toml", LOGGER)], &format!("{command} service.toml"));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    }
    let said = Said::line(&[("a.toml", LOGGER)], "run a.toml b.toml");
    assert!(said.code == Some(78) && said.err.contains("there is no file `b.toml`"), "{said}");
    let both = Said::line(&[("a.toml", LOGGER)], "check a.toml -c a.toml");
    assert_eq!(both.code, Some(2), "{both}");
    let level = |level: &str| LEVEL.replace("LEVEL", level);
    let files = [("a.toml", level("info")), ("b.toml", level("debug"))];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let both = Said::line(&files, "print -c a.toml b.toml");
    assert!(both.code == Some(0) && both.out.contains("level = \"debug\""), "{both}");
}

#[test]
fn the_standard_input_is_a_manifest() {
    let files =
        directory(&[("in", &format!("include = ['more.toml']\n{LOGGER}")), ("more.toml", "oops = 1\n")]);
    let mut command = wirework(files.path());
    command.args(["check", "-c", "-"]).stdin(File::open(files.path().join("in")).unwrap());
    let said = Said::by(&mut command);
    assert_eq!(said.code, Some(78), "{said}");
    // What it includes is relative to the working directory.
    assert!(
        said.err.contains("unknown key `oops` at the top") && said.err.contains("more.toml:1:1"),
        "{said}"
    );
    let mut command = wirework(files.path());
    command.args(["check", "-"]).stdin(File::open(files.path().join("more.toml")).unwrap());
    assert!(Said::by(&mut command).err.contains("<stdin>:1:1"), "{said}");
}

/// As Kubernetes mounts a ConfigMap: links beside a hidden folder.
#[cfg(unix)]
#[test]
fn a_folder_is_its_files_in_order() {
    let level = |level: &str| LEVEL.replace("LEVEL", level);
    let files = directory(&[
        ("conf/..data/10-base.toml", &level("info")),
        ("conf/20-local.toml", &level("debug")),
        ("conf/.hidden.toml", "oops = 1\n"),
        ("conf/notes.txt", "oops"),
        ("conf/sub.toml/x.toml", "oops = 1\n"),
        ("empty/.keep", ""),
    ]);
    std::os::unix::fs::symlink("..data/10-base.toml", files.path().join("conf/10-base.toml")).unwrap();
    let said = Said::by(wirework(files.path()).args(["print", "conf"]));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    assert!(said.out.contains("level = \"debug\""), "{said}");
    let empty = Said::by(wirework(files.path()).args(["check", "empty"]));
    assert_eq!(empty.code, Some(78), "{empty}");
    assert!(empty.err.contains("the folder `empty` has no file `*.toml`"), "{empty}");
}

#[test]
fn includes_take_patterns() {
    let main = "include = ['parts/*.toml', '*.toml', 'none/*.toml']\n";
    let files =
        [("service.toml", main), ("parts/b.toml", LOGGER), ("parts/a[1].toml", "[service]\nname = 'n'\n")];
    let said = Said::line(&files, "check service.toml");
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.err.starts_with("warning[MISSING_INCLUDE]: no file matches `none/*.toml`"), "{said}");
    assert!(said.out.contains("1 component, 0 references, 0 errors, 1 warning"), "{said}");
    // A file of just that name is no pattern.
    let named = [("service.toml", "include = ['parts/a[1].toml']\n"), ("parts/a[1].toml", LOGGER)];
    let said = Said::line(&named, "check service.toml");
    assert_eq!((said.out.as_str(), said.err.as_str()), (ONE, ""), "{said}");
    // Nor is a folder a file.
    let folder = [
        ("service.toml", "include = ['parts/*']\n"),
        ("parts/a.toml", LOGGER),
        ("parts/b/c.toml", "oops = 1"),
    ];
    let said = Said::line(&folder, "check service.toml");
    assert_eq!((said.out.as_str(), said.err.as_str()), (ONE, ""), "{said}");
    for (pattern, reason) in [
        ("**/x.toml", "`**` is not taken here"),
        ("[a", "invalid range pattern"),
        ("*/?/[a]/*/*.toml", "more than 4 of its levels have wildcards"),
    ] {
        let said = Said::line(
            &[("service.toml", &format!("include = ['{pattern}']\n{LOGGER}"))],
            "check service.toml",
        );
        assert_eq!(said.code, Some(78), "{said}");
        assert!(said.err.contains(&format!("`{pattern}` is no pattern of files: {reason}")), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_pattern_in_a_folder_without_a_utf8_name_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let files = directory(&[("service.toml", &format!("include = ['*.toml']\n{LOGGER}"))]);
    let folder = files.path().join(std::ffi::OsStr::from_bytes(b"conf\xff"));
    std::fs::create_dir(&folder).unwrap();
    let manifest = folder.join("service.toml");
    std::fs::rename(files.path().join("service.toml"), &manifest).unwrap();
    let said = Said::by(wirework(files.path()).arg("check").arg(manifest));
    assert_eq!(said.code, Some(78), "{said}");
    assert!(said.err.contains("error[BAD_FILE]: the name of the folder `"), "{said}");
}

/// A supervisor starts a service in a folder of its own choice.
#[cfg(unix)]
#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let logger = "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n";
    let discovery =
        "[[component]]\ndescriptor = 'pip-services:discovery:file:default:1.0'\npath = '../d.toml'\n";
    let files = directory(&[
        ("conf/service.toml", &format!("include = ['parts/discovery.toml']\n{logger}")),
        ("conf/parts/discovery.toml", discovery),
        ("conf/d.toml", "mqtt = { host = 'broker' }\n"),
    ]);
    let mut command = wirework(files.path());
    command.args(["run", "conf/service.toml"]);
    let mut running = crate::running::Running::start(command, files);
    running.wait_for(" ready: ");
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));

    let files = directory(&[("conf/service.toml", &format!("{logger}{discovery}"))]);
    let said = Said::by(wirework(files.path()).args(["run", "conf/service.toml"]));
    let whole =
        files.path().join("conf/../d.toml").canonicalize().unwrap_or(files.path().join("conf/../d.toml"));
    assert_eq!(said.code, Some(78), "{said}");
    let named =
        format!("error[READ_FAILED]: `path` cannot be used: cannot read `{}`: No such file", whole.display());
    assert!(said.err.contains(&named), "{said}");
}
