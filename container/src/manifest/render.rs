//! Problems for people and for programs.

use std::collections::HashMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use wirework::config::{Problem, Problems, Severity, Span, code};
use wirework::text::escape;

use super::broken;
use super::excerpt::{Excerpt, excerpt};
use super::files::{File, Files, Part};
use super::hidden::{Hidden, hidden};

/// All problems as text, in the order of their places: each with its file, line and column, the line with the place
/// marked, and what would be right; then how many more there are of a kind. Values whose key is unknown or secret appear as `…`.
#[must_use]
pub fn render(problems: &Problems, files: &Files, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut pages = Pages { files, hidden: HashMap::new() };
    let mut text = String::new();
    for problem in sorted(problems) {
        let title = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = escape(&problem.message);
        let title = title.primary_title(message.as_ref()).id(problem.code);
        let mut report = vec![pages.place(Group::with_title(title), problem.span, problem, None)];
        if let Some(help) = &problem.help
            && let Some(group) = report.pop()
        {
            report.push(group.element(Level::HELP.message(escape(help).into_owned())));
        }
        for (span, label) in &problem.related {
            let title = Level::NOTE.secondary_title(escape(label).into_owned());
            report.push(pages.place(Group::with_title(title), *span, problem, Some(())));
        }
        // Without a place there is nothing between the message and its help that a bar could belong to.
        let placed = files.file(problem.span).is_some();
        let shown = |line: &&str| !is(line, ":::") && (placed || !is(line, "|"));
        for line in renderer.render(&report).lines().filter(shown) {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    for (severity, code, count) in problems.omitted() {
        let title = match severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = format!(
            "there {} more of this kind",
            if count == 1 { "is 1".to_owned() } else { format!("are {count}") }
        );
        text.push_str(&renderer.render(&[Group::with_title(title.primary_title(message).id(code))]));
        text.push_str("\n\n");
    }
    text
}

/// In the order of their places.
pub(super) fn sorted(problems: &Problems) -> Vec<&Problem> {
    let mut sorted: Vec<_> = problems.iter().collect();
    sorted.sort_by_key(|problem| problem.span.start);
    sorted
}

/// The files, each sound part of them with what an excerpt hides, found when a problem first points into it.
struct Pages<'a> {
    files: &'a Files,
    hidden: HashMap<(u32, usize), Vec<Hidden>>,
}

impl Pages<'_> {
    fn place<'g>(
        &mut self,
        group: Group<'g>,
        span: Span,
        problem: &Problem,
        related: Option<()>,
    ) -> Group<'g> {
        let (Some(file), Some(place)) = (self.files.file(span), self.files.locate(span)) else {
            return group;
        };
        let (line, start) = file.line_at(span.start - file.base);
        // A byte order mark is no part of the first line.
        let is_marked = start == 0 && file.text.starts_with('\u{feff}');
        let start = if is_marked { '\u{feff}'.len_utf8() } else { start };
        let excerpt = visible(&self.excerpt(file, start, span, problem));
        let kind = if related.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
        let origin = Origin::path(escape(&place.path.display().to_string()).into_owned());
        let snippet = Snippet::source(excerpt.text).line_start(line).annotation(kind.span(excerpt.marked));
        group.element(origin.line(place.line).char_column(place.column)).element(snippet)
    }

    /// The line that begins at `start`, in which a span begins.
    fn excerpt(&mut self, file: &File, start: usize, span: Span, problem: &Problem) -> Excerpt {
        let (mark, part) = (range(file, span), file.part(start));
        let Part { range: part, is_broken } = part;
        let text = file.text.get(part.clone()).unwrap_or_default();
        let within = |range: Range<usize>| {
            range.start.saturating_sub(part.start)..range.end.saturating_sub(part.start)
        };
        let is_unnamed = problem.code == code::UNKNOWN_KEY && self.files.is_broken_at(span);
        if is_broken || is_unnamed {
            let line = file.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            let within = |at: usize| (start..=at.max(start)).rev().find(|at| file.text.is_char_boundary(*at));
            let [from, to] = [mark.start, mark.end].map(|at| within(at).unwrap_or(start) - start);
            return broken::excerpt(line, from..to, |word| self.files.is_key(word));
        }
        let hidden = self.hidden.entry((file.base, part.start)).or_insert_with(|| hidden(text));
        let line = self.files.line(span).unwrap_or(span);
        let shown = problem.shown.iter().chain(self.files.shown(line));
        let shown: Vec<_> = shown.map(|span| within(range(file, *span))).collect();
        excerpt(text, start.saturating_sub(part.start), within(mark), hidden, &shown)
    }
}

/// Whether a line of the renderer's is nothing but `mark`, whatever its colour. `:::` joins a place and its excerpt: they
/// are given apart, since the column is that of the file and not that of the masked line, but they belong together.
fn is(line: &str, mark: &str) -> bool {
    let mut rest = line.split('\u{1b}');
    let first = rest.next().unwrap_or_default();
    let rest = rest.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    std::iter::once(first).chain(rest).collect::<String>().trim() == mark
}

/// The excerpt with what a terminal would act on written out; a tab as blanks.
fn visible(excerpt: &Excerpt) -> Excerpt {
    let shown = |range: Range<usize>| {
        let text = excerpt.text.get(range).unwrap_or_default().replace('\t', "    ");
        escape(&text).into_owned()
    };
    let Range { start, end } = excerpt.marked;
    let (before, marked) = (shown(0..start), shown(start..end));
    let range = before.len()..before.len() + marked.len();
    Excerpt { text: before + &marked + &shown(end..excerpt.text.len()), marked: range }
}

/// A span as a range in its file.
fn range(file: &File, span: Span) -> Range<usize> {
    let start = file.floor(span.start.saturating_sub(file.base));
    start..file.floor(span.end.saturating_sub(file.base)).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_place_the_help_follows_the_message() {
        let mut problems = Problems::new();
        let problem = Problem::error("X", Span::default(), "there is no file").with_help("name one");
        problems.push(problem);
        let files = Files::default();
        assert_eq!(render(&problems, &files, false), "error[X]: there is no file\n = help: name one\n\n");
        assert_eq!(render(&problems, &files, true).lines().filter(|line| !line.is_empty()).count(), 2);
    }
}
