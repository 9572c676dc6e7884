//! What is wrong with a configuration: every problem at once, each with its place.

use std::collections::BTreeMap;
use std::fmt;

use super::Span;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing can run like this.
    Error,
    /// It runs, but probably not as meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong: what, where, and what would be right.
///
/// ```
/// use wirework::config::{Problem, Span, code};
/// let problem = Problem::error(code::UNKNOWN_KEY, Span::new(40, 45), "unknown key `levle`")
///     .with_guess("level");
/// assert_eq!(problem.to_string(), "unknown key `levle`; did you mean `level`?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// One of [`code`](super::code), such as `UNKNOWN_KEY`.
    pub code: &'static str,
    /// What is wrong: lower case, names the key. Shows no secret.
    pub message: String,
    /// Where; 0 to 0 when it has no place.
    pub span: Span,
    /// What would be right.
    pub help: Option<String>,
    /// Whether the help names something similar that is probably meant.
    pub guess: bool,
    /// Other places that belong to it, each with a few words.
    pub related: Vec<(Span, String)>,
    /// The values that an excerpt may show; every other value in it appears as `…`.
    pub shown: Vec<Span>,
}

impl Problem {
    fn new(severity: Severity, code: &'static str, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            severity,
            code,
            message,
            span,
            help: None,
            guess: false,
            related: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    /// Says what would be right.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what is probably meant: "did you mean `name`?".
    #[must_use]
    pub fn with_guess(mut self, name: impl fmt::Display) -> Self {
        self.guess = true;
        self.with_help(format!("did you mean `{name}`?"))
    }

    /// Points at another place that belongs to the problem.
    #[must_use]
    pub fn with_related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Permits an excerpt to show the value at `span`: its key is known and not secret.
    #[must_use]
    pub fn with_shown(mut self, span: Span) -> Self {
        self.shown.push(span);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// How many problems of one code are kept; of those beyond only the number is.
pub const MOST_OF_A_KIND: usize = 100;

/// The problems found so far, in the order in which they were found: of each code the first hundred, and how many more there
/// are. A file that is wrong in a hundred thousand places is no more use to anybody when all of them are told, and telling of one
/// costs more than finding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    kinds: BTreeMap<(Severity, &'static str), Kind>,
}

/// How many problems of one code there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    /// How many the list has that this one is a [branch](Problems::branch) of.
    before: usize,
    kept: usize,
    omitted: usize,
}

impl Problems {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { kept: Vec::new(), kinds: BTreeMap::new() }
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        let kind = self.kinds.entry((problem.severity, problem.code)).or_default();
        if kind.before + kind.kept >= MOST_OF_A_KIND {
            kind.omitted += 1;
            return;
        }
        kind.kept += 1;
        self.kept.push(problem);
    }

    /// Adds an error.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.push(Problem::error(code, span, message));
    }

    /// Adds a warning.
    pub fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.push(Problem::warning(code, span, message));
    }

    /// Whether further errors of this code are only counted, so that nobody needs to find words for them: see
    /// [`omit`](Self::omit).
    #[must_use]
    pub fn is_full(&self, code: &'static str) -> bool {
        self.kinds.get(&(Severity::Error, code)).is_some_and(|kind| kind.before + kind.kept >= MOST_OF_A_KIND)
    }

    /// Counts an error of a code that is full.
    pub fn omit(&mut self, code: &'static str) {
        self.kinds.entry((Severity::Error, code)).or_default().omitted += 1;
    }

    /// An empty list that is full where this one is: for a part whose problems are looked through before they are
    /// [joined](Self::join).
    #[must_use]
    pub fn branch(&self) -> Self {
        let count = |kind: &Kind| Kind { before: kind.before + kind.kept, kept: 0, omitted: 0 };
        let kinds = self.kinds.iter().map(|(code, kind)| (*code, count(kind)));
        Self { kept: Vec::new(), kinds: kinds.collect() }
    }

    /// Adds those of a branch, and how many it has omitted.
    pub fn join(&mut self, branch: Self) {
        for (code, kind) in branch.kinds {
            self.kinds.entry(code).or_default().omitted += kind.omitted;
        }
        self.extend(branch.kept);
    }

    /// Changes each, or takes it away.
    pub fn revise(&mut self, mut revise: impl FnMut(Problem) -> Option<Problem>) {
        let Self { kept, kinds } = std::mem::take(self);
        self.kinds = kinds;
        self.kinds.values_mut().for_each(|kind| kind.kept = 0);
        for problem in kept.into_iter().filter_map(&mut revise) {
            self.push(problem);
        }
    }

    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many are errors, those that are only counted included.
    #[must_use]
    pub fn errors(&self) -> usize {
        let errors = self.kinds.iter().filter(|((severity, _), _)| *severity == Severity::Error);
        errors.map(|(_, kind)| kind.kept + kind.omitted).sum()
    }

    /// How many there are, warnings and those that are only counted included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.values().map(|kind| kind.kept + kind.omitted).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The problems in their order, but for those that are only counted.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.kept.iter()
    }

    /// How many of each code are only counted, where there are any.
    pub fn omitted(&self) -> impl Iterator<Item = (Severity, &'static str, usize)> + '_ {
        let omitted = self.kinds.iter().filter(|(_, kind)| kind.omitted > 0);
        omitted.map(|((severity, code), kind)| (*severity, *code, kind.omitted))
    }

    /// Puts them in the order of their places.
    pub fn sort(&mut self) {
        self.kept.sort_by_key(|problem| problem.span.start);
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        let mut list = Self::new();
        list.extend(problems);
        list
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;
    fn into_iter(self) -> Self::IntoIter {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(problems: &mut Problems, code: &'static str, count: usize) {
        (0..count).for_each(|_| problems.error(code, Span::default(), "m"));
    }

    #[test]
    fn a_hundred_of_a_kind_are_kept_and_the_others_counted() {
        let mut problems = Problems::new();
        push(&mut problems, "A", 250);
        push(&mut problems, "B", 3);
        problems.warning("A", Span::default(), "m");
        assert_eq!((problems.iter().len(), problems.len(), problems.errors()), (104, 254, 253));
        assert!(problems.is_full("A") && !problems.is_full("B"));
        assert_eq!(problems.omitted().collect::<Vec<_>>(), [(Severity::Error, "A", 150)]);
    }

    #[test]
    fn a_branch_goes_on_counting() {
        let mut problems = Problems::new();
        push(&mut problems, "A", 90);
        let mut branch = problems.branch();
        assert!(branch.is_empty() && !branch.has_errors());
        push(&mut branch, "A", 20);
        push(&mut branch, "B", 2);
        branch.revise(|problem| (problem.code != "B").then(|| problem.with_help("h")));
        assert_eq!(branch.len(), 20);
        problems.join(branch);
        assert_eq!((problems.iter().len(), problems.len()), (100, 110));
        assert!(problems.iter().next_back().is_some_and(|last| last.help.is_some()));
    }
}
