//! A large file in chunks that can be parsed one after the other.
//!
//! The parser keeps all of its tokens, events and values at a time, which for a manifest of 100,000 components is more
//! than 300 MiB. Chunk by chunk it is what a chunk needs.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Chunks are at least so many bytes; a file that would be less than two of them is one.
pub(super) const MIN_CHUNK: usize = 64 * 1024;

/// A chunk of a text, and what has to be known to put it back to the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk<'t> {
    /// Where it begins.
    pub(super) at: usize,
    pub(super) text: &'t str,
    /// It begins with a further table of the list of tables with which the chunk before it ends.
    pub(super) continues: bool,
}

/// The text in chunks of at least `least` bytes, each but the first beginning with the header of a table. Headers that begin with
/// the same key stay together, but for those of a list of tables, `[[key]]`. Text in which brackets do not match is one chunk.
pub(super) fn chunks(text: &str, least: usize) -> Vec<Chunk<'_>> {
    let mut cuts = vec![(0, false)];
    if text.len() >= 2 * least {
        cuts.extend(headers(text, least).unwrap_or_default());
    }
    let ends = cuts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let chunk = |(&(at, continues), end)| Some(Chunk { at, text: text.get(at..end)?, continues });
    cuts.iter().zip(ends).filter_map(chunk).collect()
}

/// The headers at which to cut, and whether each is one more of a list.
fn headers(text: &str, least: usize) -> Option<Vec<(usize, bool)>> {
    let mut cuts: Vec<(usize, bool)> = Vec::new();
    let mut before = "";
    // How many brackets are open; where the header stands whose first key comes next.
    let (mut open, mut header) = (0_u32, None);
    let mut at_line_start = true;
    for token in Source::new(text).lex() {
        let span = token.span();
        match token.kind() {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::Newline => {
                at_line_start = true;
                continue;
            }
            TokenKind::LeftSquareBracket => {
                if at_line_start && open == 0 {
                    header = Some(span.start());
                }
                open += 1;
            }
            TokenKind::LeftCurlyBracket => open += 1,
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => open = open.checked_sub(1)?,
            _ => {
                if let Some(start) = header.take() {
                    let name = text.get(span.start()..span.end())?;
                    let last = cuts.last().map_or(0, |(at, _)| *at);
                    let continues = name == before;
                    let is_list = open == 2 && text.get(span.end()..)?.trim_start().starts_with("]]");
                    if start - last >= least && (!continues || is_list) {
                        cuts.push((start, continues));
                    }
                    before = name;
                }
            }
        }
        at_line_start = false;
    }
    (open == 0).then_some(cuts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_begin_a_piece() {
        let text = "k = 1\n[a]\nl = [\n[1],\n[2]]\n[a.b]\ns = '''\n[x]\n'''\n # c\n  [[b]]\n[b.c]\n[[ b ]]\n[[b.c]]\n[\"b\"]\nt = { x = [1] }\n";
        let found: Vec<_> = chunks(text, 1).into_iter().map(|chunk| (chunk.at, chunk.continues)).collect();
        let at = |what: &str| text.find(what).unwrap();
        assert_eq!(
            found,
            [
                (0, false),
                (at("[a]"), false),
                (at("[[b]]"), false),
                (at("[[ b ]]"), true),
                (at("[\"b\"]"), false)
            ]
        );
        let whole = |text| vec![Chunk { at: 0, text, continues: false }];
        assert_eq!(chunks(text, text.len()), whole(text));
        for broken in ["[a]\n]\n[b]\n", "[a]\nk = [\n[b]\n"] {
            assert_eq!(chunks(broken, 1), whole(broken), "for the parser to say what is wrong");
        }
    }
}
