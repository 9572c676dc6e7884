//! Values for the parameters in texts.
//!
//! They are put into the string leaves of the parsed tree, never into the file's text, so that no value can bring
//! keys of its own. What is put in is not scanned again.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::ops::Range;

use wirework::Coded;
use wirework::config::{MASK, Node, Origin, Problem, Problems, Span, Table, Value, code, mask_uri};
use wirework::file;
use wirework::text::{escape, trim_line_breaks};

use super::files::Files;
use super::parameter_syntax::{BadParameter, Fragment, fragments};
use super::parameters::Parameters;

/// The largest file that `${file:…}` reads, in bytes.
pub const MAX_SECRET_FILE: u64 = 1024 * 1024;

/// How much all parameters of a manifest may put in, in bytes: a parameter of a megabyte can be used a hundred thousand times.
const MAX_INSERTED: usize = 64 * 1024 * 1024;

/// What a string became. `Debug` shows no string.
#[derive(Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It holds no parameter.
    Same,
    /// This text.
    Text(String, Origin),
    /// An empty parameter: as if the key were not there.
    NotGiven,
    /// It could not be replaced; that is reported.
    Failed,
}

impl fmt::Debug for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("Same"),
            Self::Text(_, origin) => {
                f.debug_tuple("Text").field(&format_args!("{MASK}")).field(origin).finish()
            }
            Self::NotGiven => f.write_str("NotGiven"),
            Self::Failed => f.write_str("Failed"),
        }
    }
}

/// Puts parameters into the leaves of one file.
pub(super) struct Replacer<'a> {
    pub parameters: &'a Parameters,
    /// The manifest's files: `${file:…}` is relative to the one that it stands in.
    pub files: &'a Files,
    /// How many bytes were put in.
    inserted: Cell<usize>,
}

impl<'a> Replacer<'a> {
    /// A replacer for the strings of these files.
    pub fn new(parameters: &'a Parameters, files: &'a Files) -> Self {
        Self { parameters, files, inserted: Cell::new(0) }
    }
}

impl Replacer<'_> {
    /// Replaces the parameters of one string, which stands at `span`.
    pub fn text(&self, text: &str, span: Span, problems: &mut Problems) -> Replaced {
        if !text.contains('$') {
            return Replaced::Same;
        }
        let written = Written { text, span, files: self.files, begins: OnceCell::new() };
        let fragments = match fragments(text) {
            Ok(fragments) => fragments,
            Err(wrong) => {
                let help = "write `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${file:path}`, and `$$` for a dollar";
                let problem = |bad: BadParameter| {
                    Problem::error(code::BAD_PARAMETER, written.part(bad.range), bad.reason).with_help(help)
                };
                problems.extend(wrong.into_iter().map(problem));
                return Replaced::Failed;
            }
        };
        let whole = matches!(fragments.as_slice(), [Fragment::Parameter { .. } | Fragment::File(_)]);
        let (mut result, mut secret, mut plain, mut failed) = (String::new(), false, true, false);
        for fragment in fragments {
            match self.value(fragment, &written) {
                Ok(value) => result.push_str(&value),
                Err(problem) => {
                    problems.push(*problem);
                    failed = true;
                }
            }
            secret |= matches!(fragment, Fragment::File(_));
            plain &= matches!(fragment, Fragment::Text(_));
        }
        match (failed, whole) {
            (true, _) => Replaced::Failed,
            (_, true) if result.is_empty() => Replaced::NotGiven,
            (_, true) => Replaced::Text(result, Origin::Parameter { secret }),
            (_, false) if plain => Replaced::Text(result, Origin::Literal),
            (_, false) => Replaced::Text(result, Origin::Text { secret }),
        }
    }

    /// The same for a string of the container's own key, which is shown wherever its component is: no secret has a place there.
    pub fn open_text(&self, key: &str, text: &str, span: Span, problems: &mut Problems) -> Replaced {
        let is_file = |fragment: &Fragment<'_>| matches!(fragment, Fragment::File(_));
        if text.contains('$') && fragments(text).is_ok_and(|fragments| fragments.iter().any(is_file)) {
            // An unknown key of `[service]` may be a URI, by mistake.
            let key = mask_uri(key);
            let message =
                format!("`{key}`: what comes from `${{file:…}}` counts as secret, and this key is shown");
            let problem = Problem::error(code::BAD_PARAMETER, span, message);
            problems
                .push(problem.with_help("write it in the manifest, or take it from a parameter, `${NAME}`"));
            return Replaced::Failed;
        }
        self.text(text, span, problems)
    }

    /// The value of a fragment, as long as all inserted values together are not too long.
    fn value(&self, fragment: Fragment<'_>, written: &Written<'_>) -> Result<String, Box<Problem>> {
        let value = match self.inserted.get() {
            0..=MAX_INSERTED => self.look_up(fragment, written)?,
            _ => String::new(),
        };
        let inserted = self.inserted.get().saturating_add(value.len());
        self.inserted.set(inserted);
        if inserted <= MAX_INSERTED {
            return Ok(value);
        }
        let message = format!("the parameters of this manifest put in more than {MAX_INSERTED} bytes");
        let problem = Problem::error(code::BAD_PARAMETER, written.fragment(fragment), message);
        Err(Box::new(problem.with_help("put in the name of a file that holds the large value")))
    }

    fn look_up(&self, fragment: Fragment<'_>, written: &Written<'_>) -> Result<String, Box<Problem>> {
        match fragment {
            Fragment::Text(text) => Ok(text.to_owned()),
            Fragment::File(path) => self.file(path, written).map_err(|reason| {
                Box::new(written.shown(fragment, |span| Problem::error(code::BAD_PARAMETER, span, reason)))
            }),
            Fragment::Parameter { name, default, message } => {
                let found = self.parameters.find(name);
                let found = found.map_err(|error| {
                    Box::new(Problem::error(error.code(), written.fragment(fragment), error.to_string()))
                })?;
                let unset = || Box::new(written.shown(fragment, |span| unset(name, message, span)));
                found.or_else(|| default.map(str::to_owned)).ok_or_else(unset)
            }
        }
    }

    fn file(&self, path: &str, written: &Written<'_>) -> Result<String, String> {
        let full = self.files.beside(written.span, path);
        let name = escape(&mask_uri(&full.display().to_string())).into_owned();
        let bytes = file::read(&full, MAX_SECRET_FILE);
        let reason = |error: file::ReadError| mask_uri(&error.to_string()).into_owned();
        let bytes = bytes.map_err(|error| format!("cannot read the file `{name}`: {}", reason(error)))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("the file `{name}` is no UTF-8 text"))?;
        let value = trim_line_breaks(&text);
        if value.is_empty() {
            return Err(format!("the file `{name}` is empty"));
        }
        Ok(value.to_owned())
    }

    /// Replaces the parameters of a value and all under it. Answers whether the value stays. `own` is the key where it is one
    /// of the container's.
    pub fn node(&self, node: &mut Node, own: Option<&str>, problems: &mut Problems) -> bool {
        let replaced = |text: &str, span, problems: &mut Problems| match own {
            Some(key) => self.open_text(key, text, span, problems),
            None => self.text(text, span, problems),
        };
        match &mut node.value {
            Value::String(text) => match replaced(text, node.span, problems) {
                Replaced::Same => {}
                Replaced::Failed => node.origin = Origin::Broken,
                Replaced::NotGiven => return false,
                Replaced::Text(value, origin) => {
                    node.value = Value::String(value);
                    node.origin = origin;
                }
            },
            Value::Array(list) => list.retain_mut(|node| self.node(node, own, problems)),
            Value::Table(table) => table.retain(|_, node| self.node(node, own, problems)),
            _ => {}
        }
        true
    }

    /// Replaces the parameters of all values of a table; `own` finds the keys that are the container's.
    pub fn table(&self, table: &mut Table, own: impl Fn(&str) -> Option<String>, problems: &mut Problems) {
        table.retain(|key, node| self.node(node, own(&key.name).as_deref(), problems));
    }
}

/// A string, and where it stands in its file.
struct Written<'a> {
    text: &'a str,
    /// With its quotes.
    span: Span,
    files: &'a Files,
    /// Where the text begins; nothing where escapes make it another than what is written. Found when first asked for.
    begins: OnceCell<Option<u32>>,
}

impl Written<'_> {
    /// Where a part of the text stands, or else all of it.
    fn part(&self, part: Range<usize>) -> Span {
        if part == (0..self.text.len()) {
            return self.span;
        }
        let begins = *self.begins.get_or_init(|| {
            let file = self.files.file(self.span)?;
            let [start, end] = [self.span.start, self.span.end].map(|at| file.floor(at - file.base));
            let at = file.text.get(start..end)?.find(self.text)?;
            self.span.start.checked_add(u32::try_from(at).ok()?)
        });
        let at = |begins: u32, offset: usize| begins.checked_add(u32::try_from(offset).ok()?);
        let span = begins.and_then(|begins| Some(Span::new(at(begins, part.start)?, at(begins, part.end)?)));
        span.unwrap_or(self.span)
    }

    /// Where a parameter stands, or else all of the text.
    fn fragment(&self, fragment: Fragment<'_>) -> Span {
        fragment.range_in(self.text).map_or(self.span, |range| self.part(range))
    }

    /// A problem with a parameter, which excerpts show: it is no secret, and a string around it may be one.
    fn shown(&self, fragment: Fragment<'_>, problem: impl FnOnce(Span) -> Problem) -> Problem {
        let span = self.fragment(fragment);
        let is_whole = fragment.range_in(self.text) == Some(0..self.text.len());
        let problem = problem(span);
        if is_whole || span != self.span { problem.with_shown(span) } else { problem }
    }
}

fn unset(name: &str, message: Option<&str>, span: Span) -> Problem {
    let reason =
        message.filter(|message| !message.is_empty()).map(|message| format!(": {}", escape(message)));
    let problem = Problem::error(
        code::UNSET_PARAMETER,
        span,
        format!("parameter `{name}` is not set{}", reason.unwrap_or_default()),
    );
    problem.with_help(format!(
        "set it with `-p {name}=…` or in the environment, or give a default: `${{{name}:-…}}`"
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn files(directory: &Path) -> Files {
        let mut files = Files::default();
        files.add(directory.join("service.toml"), String::new());
        files
    }

    fn replace(text: &str, problems: &mut Problems) -> Replaced {
        let parameters = Parameters::new()
            .with_environment(|name| name.strip_prefix('S').map(|rest| format!("<{rest}$S${{A}}>")));
        let files = files(Path::new("/nowhere"));
        Replacer::new(&parameters, &files).text(text, Span::new(1, 1), problems)
    }

    /// What the text becomes, or every message.
    fn outcome(text: &str) -> Result<Option<String>, Vec<String>> {
        let mut problems = Problems::new();
        match replace(text, &mut problems) {
            Replaced::Failed => Err(problems.iter().map(|problem| problem.message.clone()).collect()),
            Replaced::Same => Ok(Some(text.to_owned())),
            Replaced::NotGiven => Ok(None),
            Replaced::Text(text, _) => Ok(Some(text)),
        }
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("${S}", Some("<$S${A}>")),
            ("a ${SX:-d} $$ $SYS $", Some("a <X$S${A}> $ $SYS $")),
            ("${A:-d e:-f}", Some("d e:-f")),
            ("${A:-}", None),
            ("x${A:-}", Some("x")),
            ("$${A}", Some("${A}")),
            ("$$$$", Some("$$")),
        ] {
            assert_eq!(outcome(text), Ok(expected.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let fail = |text: &str| outcome(text).unwrap_err().join(" / ");
        insta::assert_snapshot!(
            [
                "${",
                "${A",
                "${}",
                "${1A}",
                "${A B}",
                "${A-x}",
                "${A:x}",
                "${A:-${B}}",
                "${file:}",
                "${A} ${B:?say why}",
                "${file:secret}",
                "${é\u{1b}} ${-}",
            ]
            .map(|text| format!("{text:?}: {}", fail(text)))
            .join("\n")
        );
    }

    #[test]
    fn a_file_is_a_secret_and_loses_what_surrounds_it() {
        let directory = tempfile::tempdir().unwrap();
        let parameters = Parameters::new();
        let files = files(directory.path());
        let replacer = Replacer::new(&parameters, &files);
        let read = |bytes: &[u8]| {
            std::fs::write(directory.path().join("secret"), bytes).unwrap();
            let mut problems = Problems::new();
            let replaced = replacer.text("${file:secret}", Span::new(1, 1), &mut problems);
            let message = problems.iter().map(|problem| problem.message.clone()).next().unwrap_or_default();
            (replaced, message.replace(&directory.path().display().to_string(), ""))
        };
        let value =
            |text: &str| (Replaced::Text(text.to_owned(), Origin::Parameter { secret: true }), String::new());
        assert_eq!(read(b"hunter2\n"), value("hunter2"));
        assert_eq!(read(b"hunter2\r\n"), value("hunter2"));
        assert_eq!(read(b"\xef\xbb\xbfa\n\n"), value("a"));
        assert_eq!(read(b"\n").1, "the file `/secret` is empty");
        assert_eq!(read(b"\xff").1, "the file `/secret` is no UTF-8 text");
        assert_eq!(
            read(&vec![b'x'; 1024 * 1024 + 1]).1,
            "cannot read the file `/secret`: it is larger than 1048576 bytes, which is the most that is read"
        );
    }

    #[derive(Clone, Debug)]
    enum Part {
        Plain(String),
        Dollar,
        Set(String),
        Default(String),
    }

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            "[a-z{}:é -]{1,5}".prop_map(Part::Plain),
            Just(Part::Dollar),
            "S[A-Z0-9_]{0,4}".prop_map(Part::Set),
            "[a-z:?$ -]{1,5}".prop_filter("no `${`", |text| !text.ends_with('$')).prop_map(Part::Default),
        ]
    }

    proptest! {
        /// The model: write the text from its parts, and their values beside it.
        #[test]
        fn replaces_like_the_model(parts in prop::collection::vec(part(), 2..8)) {
            let (mut text, mut expected) = (String::new(), String::new());
            for part in &parts {
                match part {
                    Part::Plain(plain) => { text.push_str(plain); expected.push_str(plain); }
                    Part::Dollar => { text.push_str("$$"); expected.push('$'); }
                    Part::Set(name) => {
                        text.push_str(&format!("${{{name}}}"));
                        expected.push_str(&format!("<{}$S${{A}}>", &name[1..]));
                    }
                    Part::Default(value) => { text.push_str(&format!("${{A:-{value}}}")); expected.push_str(value); }
                }
            }
            prop_assert_eq!(outcome(&text), Ok(Some(expected)));
        }

        #[test]
        fn nothing_panics(text in "[${}:?a-cS é-]{0,20}|.{0,30}") {
            let _ = outcome(&text);
            if let Ok(fragments) = fragments(&text) {
                prop_assert!(text.contains('$') || fragments.len() <= 1);
            }
        }
    }
}
