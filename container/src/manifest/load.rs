//! Files and what they include, in the order in which they lie over each other.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wirework::config::{Key, Node, Problem, Problems, Span, Table, Value, code, mask_uri, nearest};
use wirework::file::{self, NoFolder};
use wirework::text::escape;

use super::container_keys::{Place, find, names_of};
use super::files::{Files, STDIN};
use super::other_formats;
use super::parameters::Parameters;
use super::parts::{self, Reading};
use super::replace::{Replaced, Replacer};

/// The largest manifest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// What the command line calls the standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// How deep files may include each other.
const MAX_INCLUDE_DEPTH: usize = 32;

/// Where the path of an included file begins.
const RELATIVE: &str = "a path is relative to the file that includes it";

/// How many files a manifest may name in all, on the command line and in its includes; the same one twice counts twice.
const MAX_FILES: usize = 1000;

/// What makes the name of a file a pattern.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// In how many levels of folders a pattern may have them.
const MAX_WILDCARD_LEVELS: usize = 4;

/// Reads files and what they include.
pub(super) struct Loader<'a> {
    pub parameters: &'a Parameters,
    pub files: Files,
    /// What the files say, the included before the includer.
    pub documents: Vec<Table>,
    /// Files that were read, so that one which two others include is read once.
    seen: HashSet<PathBuf>,
    /// The files that are being read, each including the next.
    stack: Vec<(PathBuf, PathBuf)>,
    /// How many files were named so far.
    named: usize,
}

impl<'a> Loader<'a> {
    pub fn new(parameters: &'a Parameters) -> Self {
        Self {
            parameters,
            files: Files::with_parameters(parameters),
            documents: Vec::new(),
            seen: HashSet::new(),
            stack: Vec::new(),
            named: 0,
        }
    }

    /// Reads what the command line names: a file, the `*.toml` of a folder in the order of their names, or, as `-`, the standard
    /// input.
    pub fn load(&mut self, path: &Path, problems: &mut Problems) {
        if path == Path::new(STANDARD_INPUT) {
            return self.load_input(problems);
        }
        if !path.is_dir() {
            return self.load_file(path, problems);
        }
        let name = escape(&path.display().to_string()).into_owned();
        match toml_files(path) {
            Ok(files) if files.is_empty() => {
                let message = format!("the folder `{name}` has no file `*.toml`");
                problems.error(code::NO_CONFIG_FILE, Span::default(), message);
            }
            Ok(files) => files.iter().for_each(|file| self.load_file(file, problems)),
            Err(error) => {
                let message = format!("cannot read the folder `{name}`: {error}");
                problems.error(code::BAD_FILE, Span::default(), message);
            }
        }
    }

    fn load_input(&mut self, problems: &mut Problems) {
        let path = Path::new(STDIN);
        if self.seen.contains(path) || !self.count(Span::default(), problems) {
            return;
        }
        match file::read_input(MAX_FILE) {
            Ok(bytes) => self.take(path, bytes, problems),
            Err(error) => {
                let message = format!("cannot read the standard input: {error}");
                problems.error(code::BAD_FILE, Span::default(), message);
            }
        }
    }

    fn load_file(&mut self, path: &Path, problems: &mut Problems) {
        if self.seen.contains(&canonical(path)) || !self.count(Span::default(), problems) {
            return;
        }
        match file::read_named(path, MAX_FILE, file::WAIT) {
            Ok(bytes) => self.take(path, bytes, problems),
            Err(error) => {
                problems.push(if error.is_not_found() {
                    not_there(path, &error)
                } else {
                    let name = escape(&path.display().to_string()).into_owned();
                    Problem::error(code::BAD_FILE, Span::default(), format!("cannot read `{name}`: {error}"))
                });
            }
        }
    }

    /// Takes a text for a file.
    pub fn take(&mut self, path: &Path, bytes: Vec<u8>, problems: &mut Problems) {
        let canonical = canonical(path);
        if !self.seen.insert(canonical.clone()) {
            return;
        }
        let (text, broken) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(at))
            }
        };
        let Some(base) = self.files.add(path, text) else {
            let message =
                format!("`{}` does not fit: all files of a manifest have at most 4 GiB", path.display());
            return problems.error(code::BAD_FILE, Span::default(), escape(&message));
        };
        if let Some(at) = broken {
            let whole = 0..self.files.iter().next_back().map_or(0, |file| file.text.len());
            self.files.parsed(Duration::ZERO, vec![whole]);
            let at = base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
            let problem = Problem::error(code::BAD_SYNTAX, Span::new(at, at), "the file is no UTF-8 text");
            return problems.push(problem.with_help("save it as UTF-8"));
        }
        let text = self.files.iter().next_back().map_or("", |file| file.text.as_str());
        let mut found = problems.branch();
        let Reading { mut table, broken, took } = parts::read(text, base, &mut found);
        let foreign = if broken.is_empty() { None } else { other_formats::problem(path, text, base) };
        if let Some(problem) = foreign {
            let whole = 0..text.len();
            self.files.parsed(took, vec![whole]);
            return problems.push(problem);
        }
        problems.join(found);
        self.files.parsed(took, broken);
        self.stack.push((canonical, path.to_owned()));
        if let Some((_, node)) = table.remove("include") {
            self.include(path, &node, problems);
        }
        // A misspelling is reported with the other keys at the top; what is missing without the files is not.
        for (_, node) in table.iter().filter(|(key, node)| is_include(key, node)) {
            self.include(path, node, problems);
        }
        self.stack.pop();
        self.documents.push(table);
    }

    /// Counts a file that is named at `span`; false where it is one too many, which is reported once.
    fn count(&mut self, span: Span, problems: &mut Problems) -> bool {
        self.named += 1;
        if self.named == MAX_FILES + 1 {
            let message =
                format!("the manifest names more than {MAX_FILES} files; those beyond are not read");
            problems.push(Problem::error(code::TOO_MANY_FILES, span, message).with_shown(span));
        }
        self.named <= MAX_FILES
    }

    fn include(&mut self, includer: &Path, node: &Node, problems: &mut Problems) {
        let Value::Array(list) = &node.value else {
            let problem = Problem::error(code::WRONG_TYPE, node.span, "`include`: expected a list of files");
            return problems
                .push(problem.with_help("write `include = [\"common.toml\"]`").with_shown(node.span));
        };
        for node in list {
            if !self.count(node.span, problems) {
                return;
            }
            let Value::String(text) = &node.value else {
                let message = format!("`include`: expected the name of a file, found {}", node.value.shown());
                problems.error(code::WRONG_TYPE, node.span, message);
                continue;
            };
            let replacer = Replacer::new(self.parameters, &self.files);
            let text = match replacer.open_text("include", text, node.span, problems) {
                Replaced::Same => text.clone(),
                Replaced::Text(text, _) => text,
                Replaced::NotGiven | Replaced::Failed => continue,
            };
            let folder = includer.parent().unwrap_or(Path::new(""));
            let path = folder.join(&text);
            if text.contains(WILDCARDS) && !path.exists() {
                self.include_matches(folder, &text, node.span, problems);
            } else {
                let name = escape(&mask_uri(&path.display().to_string())).into_owned();
                self.include_one(&path, &name, node.span, problems);
            }
        }
    }

    /// Includes the files that a pattern matches, in the order of their names; those that are being read are left out.
    fn include_matches(&mut self, folder: &Path, pattern: &str, span: Span, problems: &mut Problems) {
        let shown = escape(&mask_uri(pattern)).into_owned();
        let tell = |problem: Problem, help: &str| problem.with_help(help.to_owned()).with_shown(span);
        let paths = match matches(folder, pattern) {
            Ok(paths) => paths,
            Err(Unsearchable::Pattern(reason)) => {
                let message = format!("`{shown}` is no pattern of files: {reason}");
                let help = "`*` stands for any characters but `/`, `?` for one, `[ab]` for one of several";
                return problems.push(tell(Problem::error(code::BAD_VALUE, span, message), help));
            }
            Err(Unsearchable::Folder) => {
                let folder = escape(&folder.display().to_string()).into_owned();
                let message = format!("the name of the folder `{folder}` is no UTF-8 text");
                let help = "rename the folder, or name each file in `include`: a pattern searches no folder of such a name";
                return problems.push(tell(Problem::error(code::BAD_FILE, span, message), help));
            }
        };
        let mut found = false;
        for path in paths {
            let name = |path: &Path| escape(&mask_uri(&path.display().to_string())).into_owned();
            match path {
                Ok(path) if path.is_dir() => {}
                Ok(path) => {
                    found = true;
                    let canonical = canonical(&path);
                    if self.stack.iter().any(|(known, _)| *known == canonical) {
                        continue;
                    }
                    if !self.count(span, problems) {
                        return;
                    }
                    self.include_one(&path, &name(&path), span, problems);
                }
                Err(error) => {
                    let message = format!("cannot read `{}`: {}", name(error.path()), error.error());
                    problems.push(Problem::error(code::BAD_FILE, span, message).with_shown(span));
                }
            }
        }
        if !found {
            let message = format!("no file matches `{shown}`, which is to be included");
            let plain =
                Path::new(pattern).iter().take_while(|part| !part.to_string_lossy().contains(WILDCARDS));
            let missing = NoFolder::before(&folder.join(plain.collect::<PathBuf>()).join("*"));
            let missing =
                missing.map_or_else(String::new, |folder| format!("{}; ", mask_uri(&folder.to_string())));
            let help = format!("{missing}a pattern is relative to the file that includes it");
            problems.push(tell(Problem::warning(code::MISSING_INCLUDE, span, message), &help));
        }
    }

    fn include_one(&mut self, path: &Path, name: &str, span: Span, problems: &mut Problems) {
        let canonical = canonical(path);
        if let Some(at) = self.stack.iter().position(|(known, _)| *known == canonical) {
            let circle = self.stack.iter().skip(at).map(|(_, path)| path.display().to_string());
            let circle: Vec<_> = circle.chain([name.to_owned()]).map(|name| format!("`{name}`")).collect();
            let message = format!("files include each other: {}", circle.join(" → "));
            return problems
                .push(Problem::error(code::INCLUDE_CYCLE, span, escape(&message)).with_shown(span));
        }
        if self.seen.contains(&canonical) {
            return;
        }
        if self.stack.len() == MAX_INCLUDE_DEPTH {
            let message = format!("files include each other deeper than {MAX_INCLUDE_DEPTH}");
            let problem = Problem::error(code::TOO_MANY_FILES, span, message).with_shown(span);
            return problems.push(problem.with_help("include them side by side, from one file"));
        }
        match file::read(path, MAX_FILE) {
            Ok(bytes) => self.take(path, bytes, problems),
            Err(error) => {
                let problem = if error.is_not_found() {
                    Problem::error(
                        code::MISSING_INCLUDE,
                        span,
                        format!("there is no file `{name}` to include"),
                    )
                    .with_help(match &error {
                        file::ReadError::NoFolder(folder) => {
                            format!("{}; {RELATIVE}", mask_uri(&folder.to_string()))
                        }
                        _ => RELATIVE.to_owned(),
                    })
                } else {
                    Problem::error(code::BAD_FILE, span, format!("cannot read `{name}`: {error}"))
                };
                problems.push(problem.with_shown(span));
            }
        }
    }
}

/// Whether a key is a misspelling of `include`.
fn is_include(key: &Key, node: &Node) -> bool {
    let is_list = matches!(node.value, Value::Array(_));
    is_list
        && find(Place::Top, &key.name).is_none()
        && nearest(&key.name, names_of(Place::Top)) == Some("include")
}

/// A manifest that is not there, and which of those beside it may be meant.
fn not_there(path: &Path, error: &file::ReadError) -> Problem {
    let shown = |path: &Path| escape(&path.display().to_string()).into_owned();
    let problem =
        Problem::error(code::NO_CONFIG_FILE, Span::default(), format!("there is no file `{}`", shown(path)));
    if let file::ReadError::NoFolder(folder) = error {
        return problem.with_help(folder.to_string());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = toml_files(folder.unwrap_or(Path::new("."))).unwrap_or_default();
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let names: Vec<String> = beside.iter().map(|path| name(path)).collect();
    let near = nearest(&name(path), names.iter().map(String::as_str));
    let other = ["yml", "yaml", "json"].map(|extension| path.with_extension(extension));
    let other = other.iter().find(|other| other.is_file()).filter(|_| near.is_none());
    if let Some(other) = other {
        let other = shown(other);
        let help =
            format!("there is `{other}`, and a manifest is TOML; {}", other_formats::to_convert(&other));
        // What is beside it is all that is to be said of it.
        let mut problem = problem.with_help(help);
        problem.guess = true;
        return problem;
    }
    match near {
        Some(near) => problem.with_guess(shown(&path.with_file_name(near))),
        None => match looked_in(path) {
            Some(folder) => {
                problem.with_help(format!("it was looked for in `{folder}`, the working directory"))
            }
            None => problem,
        },
    }
}

/// The folder that a relative path starts at, for a message.
pub fn looked_in(path: &Path) -> Option<String> {
    let folder = std::env::current_dir().ok().filter(|_| path.is_relative())?;
    Some(escape(&folder.display().to_string()).into_owned())
}

/// The files `*.toml` of a folder in the order of their names, without hidden ones: a ConfigMap of Kubernetes is mounted as links
/// beside a hidden folder.
fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Why nothing can be searched.
enum Unsearchable {
    /// The pattern is none, for this reason.
    Pattern(&'static str),
    /// The name of the folder is not UTF-8, as the names in patterns are.
    Folder,
}

/// What a pattern matches, relative to a folder whose own name is no pattern. `**`, or wildcards in any number of levels, would
/// walk through folders without a bound.
fn matches(folder: &Path, pattern: &str) -> Result<glob::Paths, Unsearchable> {
    if pattern.contains("**") {
        return Err(Unsearchable::Pattern("`**` is not taken here"));
    }
    if pattern.split('/').filter(|level| level.contains(WILDCARDS)).count() > MAX_WILDCARD_LEVELS {
        return Err(Unsearchable::Pattern("more than 4 of its levels have wildcards"));
    }
    let whole = if Path::new(pattern).is_absolute() || folder == Path::new("") {
        pattern.to_owned()
    } else {
        format!("{}/{pattern}", glob::Pattern::escape(folder.to_str().ok_or(Unsearchable::Folder)?))
    };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    glob::glob_with(&whole, options).map_err(|error| Unsearchable::Pattern(error.msg))
}

/// One name for a file, whatever way leads to it.
fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
