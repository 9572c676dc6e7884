//! Sections that a later file adds beside one of an earlier file whose name is nearly theirs: most likely they were to lie over it.

use std::collections::HashMap;

use wirework::Descriptor;
use wirework::config::{Problem, Problems, Span, code, nearest};

use super::typo::is_typo;

/// How many names of one type and kind are compared at most. Who has more of them in several files has them numbered, or made by a
/// program.
const MOST_COMPARED: usize = 1_000_000;

/// The name that most components have.
const USUAL: &str = "default";

/// Where a descriptor is declared first.
#[derive(Clone, Copy)]
pub(super) struct Declared<'m> {
    pub descriptor: &'m Descriptor,
    pub span: Span,
    /// The number of its file; a later one lies over those before it.
    pub document: usize,
}

/// Warns of each section that a later file adds, and whose name is that of a section of an earlier file but for a typing error.
pub(super) fn warn_near_descriptors<'m>(
    declared: impl IntoIterator<Item = Declared<'m>>,
    problems: &mut Problems,
) {
    let mut alike: HashMap<[&str; 4], Vec<Declared<'m>>> = HashMap::new();
    for one in declared {
        let of = [0, 1, 2, 4].map(|token| one.descriptor.token(token));
        alike.entry(of).or_default().push(one);
    }
    // In the order of the files, whatever order the map has.
    let mut found: Vec<_> = alike.values().flat_map(|alike| typos(alike)).collect();
    found.sort_by_key(|(added, _)| added.span.start);
    for (added, meant) in found {
        let (descriptor, name) = (added.descriptor, meant.descriptor.name());
        let message = format!(
            "`{descriptor}` is a new component beside `{}` of an earlier file, whose name is nearly the same",
            meant.descriptor
        );
        let help = format!("if its section is to lie over that one, write the same name, `{name}`");
        let problem = Problem::warning(code::DOUBTFUL_VALUE, added.span, message).with_help(help);
        let problem = problem.with_related(meant.span, "this one lies below").with_shown(added.span);
        problems.push(problem.with_shown(meant.span));
    }
}

/// Of sections that differ in their names alone, those that are added by a later file, with the one of an earlier file that was meant.
fn typos<'m>(alike: &[Declared<'m>]) -> Vec<(Declared<'m>, Declared<'m>)> {
    let added: Vec<_> = alike.iter().filter(|one| one.document > 0).collect();
    if added.len().saturating_mul(alike.len()) > MOST_COMPARED {
        return Vec::new();
    }
    let of_earlier = |added: &Declared<'m>| {
        let mut earlier = alike.iter().filter(|one| one.document < added.document);
        earlier.find(|one| is_meant_for(added.descriptor.name(), one.descriptor.name())).copied()
    };
    added.into_iter().filter_map(|added| Some((*added, of_earlier(added)?))).collect()
}

/// Whether a name is most likely meant for another one. A name that everybody gives is never a letter away from another one on purpose.
fn is_meant_for(name: &str, meant: &str) -> bool {
    match name == USUAL || meant == USUAL {
        true => nearest(name, [meant]).is_some(),
        false => is_typo(name, meant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_name_is_nearly_written_by_mistake_alone() {
        for (name, meant, expected) in [
            ("defualt", "default", true),
            ("Default", "default", true),
            ("defalt", "default", true),
            ("default", "main", false),
            ("alarms-in", "alarms_in", true),
            ("site1", "site2", false),
        ] {
            assert_eq!(
                (is_meant_for(name, meant), is_meant_for(meant, name)),
                (expected, expected),
                "{name} {meant}"
            );
        }
    }
}
