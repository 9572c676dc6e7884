//! One table over another.

use wirework::config::{Table, Value};

/// Lays `over` over `base`: key by key the later one wins, tables merge, lists and all else replace.
pub(super) fn overlay(base: &mut Table, over: Table) {
    for (key, node) in over {
        match (base.get_mut(&key.name).map(|node| &mut node.value), node.value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (Some(_), value) => {
                // The key's place is that of the value that holds.
                base.remove(&key.name);
                base.insert(key, wirework::config::Node { value, ..node });
            }
            (None, value) => {
                base.insert(key, wirework::config::Node { value, ..node });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wirework::config::{Problems, parse_toml};

    use super::*;

    #[test]
    fn tables_merge_and_lists_replace() {
        let parse = |text, base| parse_toml(text, base, &mut Problems::new());
        let mut below = parse("a = 1\nb.c = 1\nb.d = [1, 2]\ne = 'x'", 0);
        overlay(&mut below, parse("b.d = [3]\nb.f = 1\na = { g = 1 }\ne.h = 2", 100));
        let plain = parse("a.g = 1\nb = { c = 1, d = [3], f = 1 }\ne.h = 2", 0);
        for path in ["a.g", "b.c", "b.d.0", "b.f", "e.h"] {
            assert_eq!(
                below.find(path).map(|node| &node.value),
                plain.find(path).map(|node| &node.value),
                "{path}"
            );
        }
        assert!(below.find("b.d.1").is_none());
    }
}
