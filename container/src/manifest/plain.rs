//! Problems as lines, for programs that are built without the command.

use std::fmt::Write;

use wirework::config::Problems;
use wirework::text::escape;

use super::files::Files;

/// All problems as text, in the order of their places: each with its file, line and column and what would be right, on one line.
/// `color` is for the renderer of the command, and without effect here.
#[must_use]
pub fn render(problems: &Problems, files: &Files, _color: bool) -> String {
    let mut sorted: Vec<_> = problems.iter().collect();
    sorted.sort_by_key(|problem| problem.span.start);
    let mut text = String::new();
    for problem in sorted {
        if let Some(place) = files.locate(problem.span) {
            let path = place.path.display().to_string();
            let _ = write!(text, "{}:{}:{}: ", escape(&path), place.line, place.column);
        }
        let _ = writeln!(text, "{}[{}]: {}", problem.severity, problem.code, escape(&problem.to_string()));
    }
    for (severity, code, count) in problems.omitted() {
        let _ = writeln!(text, "{severity}[{code}]: {count} more of this kind");
    }
    text
}
