//! The manifests in README and in the book: each is accepted as it is printed.

use std::path::{Path, PathBuf};

use crate::tool::{Said, directory, wirework};

/// What a fragment lacks: the components that it is an excerpt without, or that are somebody's own; the certificates that it names.
const OF_A_FRAGMENT: [&str; 5] =
    ["UNKNOWN_DESCRIPTOR", "MISSING_REFERENCE", "AFTER_NOTHING", "REF_ERROR", "BAD_TLS_CONFIG"];

/// A block of code of a page: what stands behind the fence, and the lines.
struct Block {
    page: String,
    kind: String,
    text: String,
}

/// All blocks of all pages, in their order.
fn blocks() -> Vec<Block> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("docs"), root.join("examples")];
    let mut pages: Vec<PathBuf> = vec![root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.iter().flat_map(|page| blocks_of(page)).collect()
}

fn blocks_of(page: &Path) -> Vec<Block> {
    let (text, name) = (std::fs::read_to_string(page).unwrap(), page.display().to_string());
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                open = true;
                found.push(Block { page: name.clone(), kind: kind.to_owned(), text: String::new() });
            }
            None if open => found.last_mut().unwrap().text += &format!("{line}\n"),
            None => {}
        }
    }
    found
}

/// What `check` says of a block, with a value for each parameter that needs one.
fn check(block: &Block) -> Said {
    let secrets = [("secrets/mqtt", "s"), ("secrets/operator", "0123456789abcdef")];
    let files =
        directory(&[&[("service.toml", &*block.text), ("discovery.toml", "")], &secrets[..]].concat());
    #[cfg(unix)]
    for (name, _) in secrets {
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(files.path().join(name), owner).unwrap();
    }
    let mut command = wirework(files.path());
    command.args(["check", "service.toml"]);
    for parameter in block.text.split("${").skip(1) {
        let (name, _) = parameter.split_once('}').unwrap();
        if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            command.args(["-p", &format!("{name}=value")]);
        }
    }
    Said::by(&mut command)
}

/// The codes of what was said.
fn codes(said: &Said) -> Vec<&str> {
    let heads = said.err.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning["));
    heads.filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0)).collect()
}

#[test]
fn every_manifest_of_a_page_is_accepted() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for block in blocks().iter().filter(|block| block.text.contains("[[component]]")) {
        let said = match block.kind.as_str() {
            "toml" => Some(check(block)).filter(|said| said.code != Some(0) || !said.err.is_empty()),
            "toml fragment" => {
                Some(check(block)).filter(|said| codes(said).iter().any(|code| !OF_A_FRAGMENT.contains(code)))
            }
            _ => continue,
        };
        count += 1;
        wrong.extend(said.map(|said| format!("{}\n{}\n{said}", block.page, block.text)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 20, "only {count} manifests were found");
}

#[test]
fn the_page_shows_what_convert_prints() {
    let blocks = blocks();
    let is_converted = |block: &Block| block.kind == "yaml" && block.page.ends_with("guide/pip-services.md");
    let at = blocks.iter().position(is_converted).unwrap();
    let said = Said::line(&[("config.yml", &blocks[at].text)], "convert config.yml");
    assert_eq!(said.out, blocks[at + 1].text, "{said}");
}
