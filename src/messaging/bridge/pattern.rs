//! Which messages a bridge takes.

/// Whether `text` is what `pattern` says, where `*` stands for any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in middle {
        // The earliest place leaves most for those that follow.
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        let yes = [
            ("a", "a"),
            ("*", ""),
            ("order.*", "order.created"),
            ("*/eu/*", "x/eu/y"),
            ("a*b*c", "a1b2b3c"),
            ("a**b", "ab"),
        ];
        let no = [
            ("a", "ab"),
            ("a", ""),
            ("order.*", "orders"),
            ("*/eu/*", "x/us/y"),
            ("a*b", "ab1"),
            ("ab*ba", "aba"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
