//! Texts in lines that fit, broken between words.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use terminal_size::{Width, terminal_size_of};
use textwrap::{Options, WordSeparator, WordSplitter};

/// The columns of answers and of help.
pub(super) const COLUMNS: usize = 80;

/// The narrowest lines that texts are broken into.
const LEAST: usize = 40;

/// The columns of a terminal, 80 where it does not tell; `None` for a file or a pipe, where each message stays a line of its own, for
/// other programs.
pub(super) fn of(output: impl AsFd + IsTerminal) -> Option<usize> {
    let is_terminal = output.is_terminal();
    let told = terminal_size_of(output).map(|(Width(columns), _)| usize::from(columns).max(LEAST));
    is_terminal.then(|| told.unwrap_or(COLUMNS))
}

fn options(columns: usize) -> Options<'static> {
    Options::new(columns)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
}

/// A text of several paragraphs, each line behind so many blanks. Lines that are indented, and items of lists, begin lines of their own.
pub(super) fn indented(text: &str, blanks: usize) -> String {
    let indent = " ".repeat(blanks);
    let mut paragraphs: Vec<String> = Vec::new();
    let mut begins = true;
    for line in text.lines() {
        let own = ["  ", "- ", "* ", "|"].iter().any(|start| line.starts_with(start));
        match paragraphs.last_mut() {
            _ if line.trim().is_empty() => begins = true,
            Some(last) if !begins && !own => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => {
                begins = false;
                paragraphs.push(line.trim().to_owned());
            }
        }
    }
    let options = options(COLUMNS).initial_indent(&indent).subsequent_indent(&indent);
    paragraphs.iter().map(|text| textwrap::fill(text, &options) + "\n").collect()
}

/// A text behind `start`; the lines that follow are behind so many blanks.
pub(super) fn hanging(start: &str, text: &str, blanks: usize, columns: usize) -> String {
    let indent = " ".repeat(blanks);
    textwrap::fill(text, options(columns).initial_indent(start).subsequent_indent(&indent))
}

/// Problems as they are rendered, with the lines of their words broken; excerpts stay as they are.
pub(super) fn problems(rendered: &str, columns: usize) -> String {
    let mut out = String::with_capacity(rendered.len());
    for line in rendered.lines() {
        match words_at(line) {
            Some(indent) if textwrap::core::display_width(line) > columns => {
                let indent = " ".repeat(indent.min(columns / 2));
                out.push_str(&textwrap::fill(line, options(columns).subsequent_indent(&indent)));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Under which column the words of a line go on, where it is one of words.
fn words_at(line: &str) -> Option<usize> {
    let mut rest = line.split('\u{1b}');
    let first = rest.next().unwrap_or_default().to_owned();
    let plain = rest
        .map(|part| part.split_once('m').map_or(part, |(_, text)| text))
        .fold(first, |all, part| all + part);
    let is_title = ["error", "warning", "note"].iter().any(|word| plain.starts_with(word));
    if is_title {
        return Some(2);
    }
    plain.trim_start().starts_with("= ").then(|| plain.find(": ").map_or(0, |at| at + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole() {
        let long = "a_word_that_is_longer_than_half_of_a_line_of_eighty_columns ".repeat(3);
        for line in indented(&long, 6).lines() {
            assert_eq!(line.trim(), long.split(' ').next().unwrap());
        }
        assert_eq!(indented("a\nb\n\nc\n- d\n- e", 2), "  a b\n  c\n  - d\n  - e\n");
        assert_eq!(
            hanging("a  ", &"word ".repeat(20), 3, 80).lines().nth(1).unwrap(),
            "   word word word word word"
        );
    }

    #[test]
    fn words_of_problems_are_broken_and_excerpts_are_not() {
        let words = "word ".repeat(20);
        let rendered = format!("error[X]: {words}\n --> a:1:1\n  |\n1 | {words}\n  |\n  = help: {words}\n");
        let shown = problems(&rendered, 50);
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines.iter().filter(|line| !line.starts_with("1 |")).all(|line| line.len() <= 50), "{shown}");
        assert!(
            lines[1].starts_with("  word") && lines.contains(&format!("1 | {words}").as_str()),
            "{shown}"
        );
        assert!(lines.last().unwrap().starts_with("          word"), "{shown}");
        let coloured = format!("\u{1b}[1m\u{1b}[91merror[X]\u{1b}[0m: {words}");
        assert!(problems(&coloured, 50).lines().count() > 1);
    }
}
