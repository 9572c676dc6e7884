//! References that cannot be resolved, and what to say about them.
//!
//! A reference matches when its pattern matches and the component offers what is asked; a message says for every near
//! miss which of the two failed.

use std::borrow::Cow;
use std::sync::Arc;

use wirework::component::{Cardinality, Reference};
use wirework::config::{Problem, Problems, Span};
use wirework::{Descriptor, Pattern};

use super::factories::{Binary, FactoryInfo};
use super::lists::{List, others};

/// How many candidates a message lists.
const SHOWN: usize = 5;

/// All that a message about references is made of.
pub struct ReferenceContext<'a> {
    /// The descriptors of all components.
    pub descriptors: &'a [Descriptor],
    /// Their factories, where there is one.
    pub known: &'a [Option<Arc<FactoryInfo>>],
    /// Where each is declared.
    pub spans: &'a [Span],
    /// Whose binary it is.
    pub binary: Binary,
    /// Components that are declared but not enabled, with their factories.
    pub disabled: &'a [(Descriptor, Option<Arc<FactoryInfo>>)],
}

wirework::opaque!(ReferenceContext<'_>);

/// A reference of one component, which is to be resolved.
pub struct ReferenceQuery<'a> {
    /// The component that has the reference.
    pub asker: u32,
    /// Where the manifest says what is asked for; the section of the component, where it does not.
    pub span: Span,
    /// Whether the manifest says what is asked for, so that nothing is no answer.
    pub is_given: bool,
    /// As the asker's type declares it.
    pub reference: &'static Reference,
    /// What is asked for, `{name}` resolved.
    pub pattern: &'a Pattern,
    /// What the section says of its references.
    pub given: &'a [(Arc<str>, Pattern, Span)],
}

wirework::opaque!(ReferenceQuery<'_>);

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one, or one of those, that the reference gets.
    Taken,
    /// It is the component that asks.
    Itself,
    /// Its descriptor does not match the pattern, though it offers what is asked.
    OtherDescriptor,
    /// Its descriptor matches, but it does not offer what is asked.
    NotOffered,
    /// No factory makes it, so that nobody knows what it offers.
    Unknown,
    /// It would be the one, and the component that asks makes no use of the reference as it is configured.
    Unused,
}

/// A component that was considered for a reference.
pub struct Candidate<'a> {
    /// Its name.
    pub descriptor: &'a Descriptor,
    /// What became of it.
    pub verdict: Verdict,
    /// False for one that is declared but not enabled, which is never taken.
    pub enabled: bool,
}

wirework::opaque!(Candidate<'_>);

impl ReferenceContext<'_> {
    /// Every component that matches the pattern or offers what is asked, with what became of it.
    #[must_use]
    pub fn candidates(&self, query: &ReferenceQuery<'_>) -> Vec<(u32, Verdict)> {
        let id = (query.reference.id)();
        let judge = |(position, (descriptor, known)): (u32, (&Descriptor, &Option<Arc<FactoryInfo>>))| {
            let matches = query.pattern.matches(descriptor);
            let verdict = match known {
                _ if position == query.asker => matches.then_some(Verdict::Itself)?,
                None => matches.then_some(Verdict::Unknown)?,
                Some(known) => match (matches, known.offer(id).is_some()) {
                    (true, true) => Verdict::Taken,
                    (true, false) => Verdict::NotOffered,
                    (false, true) => Verdict::OtherDescriptor,
                    (false, false) => return None,
                },
            };
            Some((position, verdict))
        };
        (0..).zip(self.descriptors.iter().zip(self.known)).filter_map(judge).collect()
    }

    /// Adds the problem with a list of matches, if the reference cannot take that many. `unmade` are those that match and that no
    /// factory makes.
    pub fn judge(
        &self,
        query: &ReferenceQuery<'_>,
        list: &[u32],
        unmade: impl FnOnce() -> List,
        problems: &mut Problems,
    ) {
        match (query.reference.cardinality, others(list, query.asker).take(2).count()) {
            (Cardinality::Optional | Cardinality::Many | Cardinality::Late, 0) if !query.is_given => {}
            // Of what may be there nothing is there, which is how a reference is left empty on purpose.
            (Cardinality::Optional | Cardinality::Many | Cardinality::Late, 0)
                if query.pattern.as_str().contains('*') => {}
            // That no factory makes it has been reported; what it would offer cannot be known.
            (_, 0) if others(&unmade(), query.asker).next().is_some() => {}
            // To say what is there instead takes a look at every component.
            (_, 0) if problems.is_full("MISSING_REFERENCE") || problems.is_full("NOT_OFFERED") => {
                problems.omit("MISSING_REFERENCE");
            }
            (Cardinality::One, 0) => problems.push(self.missing(query)),
            // What is not enabled may be so by a parameter.
            (_, 0) if self.disabled(query).is_none() => problems.push(self.missing(query)),
            (Cardinality::One | Cardinality::Optional, 2..) if problems.is_full("AMBIGUOUS_REFERENCE") => {
                problems.omit("AMBIGUOUS_REFERENCE");
            }
            (Cardinality::One | Cardinality::Optional, 2..) => {
                problems.push(self.ambiguous(query, list));
            }
            _ => {}
        }
    }

    fn missing(&self, query: &ReferenceQuery<'_>) -> Problem {
        let candidates = self.candidates(query);
        let capability = self.asked(query.reference);
        let (asker, field, pattern) = (self.name(query.asker), query.reference.field, query.pattern);
        let matching: Vec<_> =
            candidates.iter().filter(|(_, verdict)| *verdict == Verdict::NotOffered).collect();
        let (code, reason) = match matching.first() {
            Some((first, _)) => {
                ("NOT_OFFERED", format!("`{}` matches but does not offer it", self.name(*first)))
            }
            None => ("MISSING_REFERENCE", "no component matches".to_owned()),
        };
        let (takes, is_fatal) = match query.reference.cardinality {
            Cardinality::One => ("needs one", true),
            Cardinality::Optional => ("is given, and takes at most one", true),
            Cardinality::Many | Cardinality::Late => ("is given, and takes every", false),
        };
        let message =
            format!("reference `{field}` of `{asker}` {takes} {capability} at `{pattern}`: {reason}");
        let problem = if is_fatal { Problem::error } else { Problem::warning };
        let mut problem = problem(code, query.span, message).with_help(match matching.first() {
            Some((first, _)) => self.help_where_one_matches(query, &candidates, *first),
            None => self.help(query, &candidates),
        });
        for (position, _) in matching.iter().take(SHOWN) {
            let label = match self.binary {
                Binary::Own => format!("matches, but offers only {}", self.offers(*position)),
                Binary::Stock => format!("matches, but is no {capability}"),
            };
            problem = problem.with_related(self.span(*position), label);
        }
        problem
    }

    /// What to do where a component matches and does not offer it: its author may have forgotten to say that it does.
    fn help_where_one_matches(
        &self,
        query: &ReferenceQuery<'_>,
        candidates: &[(u32, Verdict)],
        matching: u32,
    ) -> String {
        let (help, capability) = (self.help(query, candidates), (query.reference.capability)());
        let known = self.known.get(matching as usize).and_then(Option::as_ref);
        // What is asked for may be a type of component, which nothing else can be.
        let id = (query.reference.id)();
        let is_a_type = self.known.iter().flatten().any(|known| known.own_type() == Some(id));
        let is_an_authors = |known: &&Arc<FactoryInfo>| self.binary == Binary::Own && !known.is_stock();
        let Some(known) = known.filter(is_an_authors).filter(|_| !is_a_type) else { return help };
        let (its_type, at) = (known.type_name(), known.registered.at());
        let line = format!("const OFFERS: &'static [&'static dyn Offer] = offers![dyn {capability}];");
        let where_it_goes = if known.offers.len() == 1 {
            format!("write `{line}` in `impl Component for {its_type}` ({at})")
        } else {
            format!("add `dyn {capability}` to the `OFFERS` in `impl Component for {its_type}` ({at})")
        };
        format!("if `{its_type}` implements {capability}, {where_it_goes}; otherwise {help}")
    }

    /// A component that would fill a reference, and is not enabled.
    fn disabled(&self, query: &ReferenceQuery<'_>) -> Option<&Descriptor> {
        let id = (query.reference.id)();
        let fills = |(descriptor, known): &&(Descriptor, Option<Arc<FactoryInfo>>)| {
            query.pattern.matches(descriptor) && known.as_ref().is_none_or(|known| known.offer(id).is_some())
        };
        self.disabled.iter().find(fills).map(|(descriptor, _)| descriptor)
    }

    fn help(&self, query: &ReferenceQuery<'_>, candidates: &[(u32, Verdict)]) -> String {
        let field = query.reference.field;
        if let Some(disabled) = self.disabled(query) {
            return format!("`{disabled}` would match, but is not enabled");
        }
        // What another reference of the section gets is hardly meant once more: a bridge from a queue to itself.
        let is_elsewhere = |position: u32| {
            let others = query.given.iter().filter(|(name, ..)| **name != *field);
            let descriptor = self.descriptors.get(position as usize);
            descriptor.is_some_and(|one| others.into_iter().any(|(_, pattern, _)| pattern.matches(one)))
        };
        let offering = candidates
            .iter()
            .filter(|(position, verdict)| *verdict == Verdict::OtherDescriptor && !is_elsewhere(*position));
        let names: Vec<_> =
            offering.take(SHOWN).map(|(position, _)| format!("`{}`", self.name(*position))).collect();
        match names.as_slice() {
            [] => match self.binary {
                Binary::Own => {
                    let capability = (query.reference.capability)();
                    format!("add a component that matches `{}` and offers {capability}", query.pattern)
                }
                Binary::Stock => {
                    format!(
                        "add a component that matches `{}`; `wirework components` lists all that there are",
                        query.pattern
                    )
                }
            },
            [only] => format!("{only} offers it: set `references.{field}` to it"),
            many => format!("these offer it: {}; set `references.{field}` to one", many.join(", ")),
        }
    }

    fn ambiguous(&self, query: &ReferenceQuery<'_>, list: &[u32]) -> Problem {
        let capability = self.asked(query.reference);
        let (asker, field, pattern) = (self.name(query.asker), query.reference.field, query.pattern);
        let count = others(list, query.asker).count();
        let takes = match query.reference.cardinality {
            Cardinality::Optional => "at most one",
            _ => "one",
        };
        let message = format!(
            "reference `{field}` of `{asker}` takes {takes} {capability} at `{pattern}`: {count} match"
        );
        let first =
            others(list, query.asker).next().map_or_else(String::new, |first| self.name(first).to_string());
        let mut problem = Problem::error("AMBIGUOUS_REFERENCE", query.span, message)
            .with_help(format!("choose one, for example `references.{field} = \"{first}\"`"));
        for position in others(list, query.asker).take(SHOWN) {
            problem = problem.with_related(self.span(position), "this one matches");
        }
        problem
    }

    /// What a reference asks for: as authors call it, or in words.
    fn asked(&self, reference: &Reference) -> Cow<'static, str> {
        self.binary.asked(reference)
    }

    fn offers(&self, position: u32) -> String {
        let known = self.known.get(position as usize).and_then(Option::as_ref);
        let names: Vec<_> = known
            .into_iter()
            .flat_map(|known| &known.offers)
            .map(|offer| format!("`{}`", offer.name()))
            .collect();
        names.join(", ")
    }

    fn name(&self, position: u32) -> &str {
        self.descriptors.get(position as usize).map_or("", Descriptor::as_str)
    }

    fn span(&self, position: u32) -> Span {
        self.spans.get(position as usize).copied().unwrap_or_default()
    }
}
