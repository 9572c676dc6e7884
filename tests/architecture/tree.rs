//! The sources as modules, and what each of them names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// From a file to the file that defines what it names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    pub name: String,
}

/// One module: a file, or a `mod` with a body inside one.
#[derive(Default)]
struct Module {
    file: String,
    /// What it defines itself.
    items: BTreeSet<String>,
    /// Names that it takes in from elsewhere: as what, from which path, and whether for others as well.
    uses: Vec<Use>,
    /// Paths of more than one segment in its code.
    paths: BTreeSet<Vec<String>>,
}

struct Use {
    name: String,
    path: Vec<String>,
    public: bool,
}

pub struct Tree {
    modules: BTreeMap<Vec<String>, Module>,
}

impl Tree {
    /// Reads the sources of crates, each given as its name and the folder with its `lib.rs` below `root`.
    pub fn read(root: &Path, crates: &[(&str, &str)]) -> Self {
        let mut tree = Tree { modules: BTreeMap::new() };
        for (name, folder) in crates {
            tree.read_file(root, &format!("{folder}/lib.rs"), folder, vec![(*name).to_owned()]);
        }
        tree
    }

    /// Reads a file; `folder` is where its child modules lie.
    fn read_file(&mut self, root: &Path, file: &str, folder: &str, module: Vec<String>) {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.read_items(root, file, folder, module, &syntax.items);
    }

    fn read_items(&mut self, root: &Path, file: &str, folder: &str, module: Vec<String>, items: &[Item]) {
        let mut found = Module { file: file.to_owned(), ..Module::default() };
        for item in items {
            match item {
                Item::Mod(child) if for_tests(&child.attrs) || is_fuzz(&child.ident) => {}
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let below = [module.clone(), vec![name.clone()]].concat();
                    let inner = format!("{folder}/{name}");
                    match &child.content {
                        Some((_, items)) => self.read_items(root, file, &inner, below, items),
                        None if root.join(format!("{inner}.rs")).is_file() => {
                            self.read_file(root, &format!("{inner}.rs"), &inner, below);
                        }
                        None => self.read_file(root, &format!("{inner}/mod.rs"), &inner, below),
                    }
                }
                Item::Use(one) if !for_tests(&one.attrs) => {
                    let public = !matches!(one.vis, syn::Visibility::Inherited);
                    let mut path: Vec<String> = one.leading_colon.iter().map(|_| String::new()).collect();
                    flatten(&one.tree, &mut path, &mut |name, path| {
                        found.uses.push(Use { name, path: path.to_vec(), public });
                    });
                }
                other => {
                    found.items.extend(defined(other));
                    Paths { paths: &mut found.paths }.visit_item(other);
                }
            }
        }
        self.modules.insert(module, found);
    }

    /// All arrows between files, sorted; not those of a `pub use`, which only passes a name on.
    pub fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = BTreeSet::new();
        for (place, module) in &self.modules {
            let used = module.uses.iter().filter(|one| !one.public).map(|one| &one.path);
            for path in used.chain(&module.paths) {
                let Some((target, name)) = self.defining(place, path, 0) else { continue };
                if target.file != module.file {
                    arrows.insert(Arrow { from: module.file.clone(), to: target.file.clone(), name });
                }
            }
        }
        arrows.into_iter().collect()
    }

    /// The module that defines what a path means in the module at `place`, and the name that it has there.
    fn defining(&self, place: &[String], path: &[String], depth: usize) -> Option<(&Module, String)> {
        if depth > 16 {
            return None;
        }
        let (mut at, rest) = self.start(place, path)?;
        for (index, name) in rest.iter().enumerate() {
            let below = [at.clone(), vec![name.clone()]].concat();
            let module = self.modules.get(&at)?;
            if module.items.contains(name) {
                return Some((module, name.clone()));
            }
            if self.modules.contains_key(&below) {
                at = below;
                continue;
            }
            let passed = module.uses.iter().find(|one| one.name == *name)?;
            let path = [&passed.path[..], &rest[index + 1..]].concat();
            return self.defining(&at, &path, depth + 1);
        }
        // A module as a whole: what is used of it is named by another path.
        None
    }

    /// The module at which a path begins, and its other segments.
    fn start<'p>(&self, place: &[String], path: &'p [String]) -> Option<(Vec<String>, &'p [String])> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some((place[..1].to_vec(), rest)),
            "self" => Some((place.to_vec(), rest)),
            "super" => {
                let mut up = place.to_vec();
                up.pop();
                let deeper = rest.iter().take_while(|name| *name == "super").count();
                up.truncate(up.len().saturating_sub(deeper));
                Some((up, &rest[deeper..]))
            }
            name if self.modules.contains_key(&vec![name.to_owned()]) => Some((vec![name.to_owned()], rest)),
            _ => {
                let module = self.modules.get(place)?;
                let below = [place, std::slice::from_ref(first)].concat();
                let known = self.modules.contains_key(&below)
                    || module.uses.iter().any(|one| one.name == *first && one.path != path);
                (known && !path.is_empty()).then(|| (place.to_vec(), path))
            }
        }
    }
}

/// Whether attributes keep an item out of everything but tests and fuzzing.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|one| one.path().is_ident("cfg")).any(|one| {
        let text = match &one.meta {
            syn::Meta::List(list) => list.tokens.to_string(),
            _ => String::new(),
        };
        let text = text.replace(' ', "");
        text == "test" || text == "fuzzing" || text.starts_with("any(test") || text.starts_with("all(test")
    })
}

/// What fuzz targets call is built for tests and fuzzing alone, under an attribute that differs from place to place.
fn is_fuzz(name: &syn::Ident) -> bool {
    name == "fuzz"
}

/// Each name of a `use`, with the path that it stands for.
fn flatten(tree: &UseTree, path: &mut Vec<String>, found: &mut impl FnMut(String, &[String])) {
    match tree {
        UseTree::Path(one) => {
            path.push(one.ident.to_string());
            flatten(&one.tree, path, found);
            path.pop();
        }
        UseTree::Name(one) if one.ident == "self" => found(path.last().cloned().unwrap_or_default(), path),
        UseTree::Name(one) => leaf(one.ident.to_string(), &one.ident, path, found),
        UseTree::Rename(one) => leaf(one.rename.to_string(), &one.ident, path, found),
        UseTree::Glob(_) => found("*".to_owned(), path),
        UseTree::Group(group) => group.items.iter().for_each(|one| flatten(one, path, found)),
    }
}

fn leaf(name: String, last: &syn::Ident, path: &mut Vec<String>, found: &mut impl FnMut(String, &[String])) {
    path.push(last.to_string());
    found(name, path);
    path.pop();
}

/// The name that an item brings into its module.
fn defined(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(one) => one.ident.to_string(),
        Item::Enum(one) => one.ident.to_string(),
        Item::Fn(one) => one.sig.ident.to_string(),
        Item::Macro(one) => one.ident.as_ref()?.to_string(),
        Item::Static(one) => one.ident.to_string(),
        Item::Struct(one) => one.ident.to_string(),
        Item::Trait(one) => one.ident.to_string(),
        Item::Type(one) => one.ident.to_string(),
        Item::Union(one) => one.ident.to_string(),
        _ => return None,
    })
}

/// Collects the paths in a piece of code; what is compiled for tests alone is left out.
struct Paths<'a> {
    paths: &'a mut BTreeSet<Vec<String>>,
}

impl Visit<'_> for Paths<'_> {
    fn visit_item(&mut self, item: &Item) {
        let attributes = match item {
            Item::Fn(one) => &one.attrs,
            Item::Impl(one) => &one.attrs,
            Item::Mod(one) => &one.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.paths.insert(path.segments.iter().map(|one| one.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}
