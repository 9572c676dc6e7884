//! Components that wait for each other: who waits for whom, by what, and where that is written.

use wirework::Descriptor;
use wirework::config::{Problem, Span};

use super::lists::List;
use super::planned::Planned;

/// How many steps of a cycle are shown from its beginning, and how many from its end.
const HEAD: usize = 8;
const TAIL: usize = 4;

/// How many places a message points at besides its own.
const PLACES: usize = 5;

/// By what one component waits for another.
#[derive(Clone, Copy)]
enum Wait<'p> {
    /// A reference, with the place where the manifest says what it takes, if it does.
    Reference(&'p str, Option<Span>),
    /// A pattern of `after`.
    After(Span),
    /// The other one is a sink, or something that a sink needs.
    Stage,
}

impl Wait<'_> {
    fn shown(self) -> String {
        match self {
            Self::Reference(field, _) => format!("reference `{field}`"),
            Self::After(_) => "`after`".to_owned(),
            Self::Stage => "sinks open first".to_owned(),
        }
    }

    /// Where the manifest says so, with a label.
    fn place(self, of: &str) -> Option<(Span, String)> {
        match self {
            Self::Reference(field, span) => Some((span?, format!("`references.{field}` of `{of}`"))),
            Self::After(span) => Some((span, format!("`after` of `{of}`"))),
            Self::Stage => None,
        }
    }
}

/// A cycle, and where it is written.
pub(super) fn cycle(components: &[Planned], afters: &[Vec<List>], cycle: &[u32]) -> Problem {
    let get = |position: u32| components.get(position as usize);
    let name =
        |position: u32| get(position).map_or("", |planned| Descriptor::as_str(&planned.entry.descriptor));
    let first = cycle.first().copied().unwrap_or_default();
    let span = get(first).map_or_else(Span::default, |planned| planned.entry.span);
    let mut path = format!("`{}`", name(first));
    let (mut waits, mut places) = (Vec::new(), Vec::new());
    // Of a long one the beginning and the end, between which the mistake is as likely as anywhere.
    let left_out = HEAD..cycle.len().saturating_sub(TAIL).max(HEAD);
    for (at, &from) in cycle.iter().enumerate() {
        let to = cycle.get(at + 1).copied().unwrap_or(first);
        let wait = get(from).map_or(Wait::Stage, |planned| wait(planned, afters.get(from as usize), to));
        waits.push(wait);
        if left_out.contains(&at) {
            if at == left_out.start {
                path.push_str(&format!(" → … {} more …", left_out.len()));
            }
            continue;
        }
        path.push_str(&format!(" → {} → `{}`", wait.shown(), name(to)));
        places.extend(wait.place(name(from)));
    }
    let message = format!("components wait for each other: {path}");
    let problem = Problem::error("CYCLE", span, message).with_help(help(&waits));
    places.into_iter().take(PLACES).fold(problem, |problem, (span, label)| problem.with_related(span, label))
}

/// By what `planned` waits for `to`.
fn wait<'p>(planned: &'p Planned, afters: Option<&Vec<List>>, to: u32) -> Wait<'p> {
    let has = |list: &List| list.binary_search(&to).is_ok();
    let wanted = planned.known.iter().flat_map(|known| &known.references).zip(&planned.references);
    let mut by = wanted.filter(|(wanted, resolved)| wanted.waits() && has(&resolved.list));
    if let Some((wanted, resolved)) = by.next() {
        return Wait::Reference(wanted.reference.field, resolved.overridden);
    }
    let mut after = planned.entry.after.iter().zip(afters.into_iter().flatten());
    after.find(|(_, list)| has(list)).map_or(Wait::Stage, |((_, span), _)| Wait::After(*span))
}

/// What ends a cycle of these.
fn help(waits: &[Wait<'_>]) -> &'static str {
    let any = |is: fn(&Wait<'_>) -> bool| waits.iter().any(is);
    let references = any(|wait| matches!(wait, Wait::Reference(..)));
    match (any(|wait| matches!(wait, Wait::After(_))), references) {
        (true, false) => "remove one of these `after`",
        (true, true) => "remove one of these `after`, let a reference be late, or point it elsewhere",
        (false, _) => "let one of them use a late reference, or point its reference elsewhere",
    }
}
