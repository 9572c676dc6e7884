//! References that cannot be resolved, and what to say about them.
//!
//! A reference matches when its pattern matches and the component offers what is asked; a message says for every near
//! miss which of the two failed.

use std::sync::Arc;

use wirework::component::{Cardinality, Reference};
use wirework::config::{Problem, Problems, Span};
use wirework::{Descriptor, Pattern};

use super::factories::FactoryInfo;
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
    /// Components that are declared but not enabled, with their factories.
    pub disabled: &'a [(Descriptor, Option<Arc<FactoryInfo>>)],
}

wirework::opaque!(ReferenceContext<'_>);

/// One question that one component asks.
pub struct Question<'a> {
    /// Who asks.
    pub asker: u32,
    /// Where the question stands: the override in the manifest, or the asking section.
    pub span: Span,
    /// As the asker's type declares it.
    pub reference: &'static Reference,
    /// What is asked for, `{name}` resolved.
    pub pattern: &'a Pattern,
}

wirework::opaque!(Question<'_>);

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
    pub fn candidates(&self, question: &Question<'_>) -> Vec<(u32, Verdict)> {
        let id = (question.reference.id)();
        let judge = |(position, (descriptor, known)): (u32, (&Descriptor, &Option<Arc<FactoryInfo>>))| {
            let matches = question.pattern.matches(descriptor);
            let verdict = match known {
                _ if position == question.asker => matches.then_some(Verdict::Itself)?,
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
        question: &Question<'_>,
        list: &[u32],
        unmade: impl FnOnce() -> List,
        problems: &mut Problems,
    ) {
        match (question.reference.cardinality, others(list, question.asker).take(2).count()) {
            // That no factory makes it has been reported; what it would offer cannot be known.
            (Cardinality::One, 0) if others(&unmade(), question.asker).next().is_some() => {}
            // To say what is there instead takes a look at every component.
            (Cardinality::One, 0)
                if problems.is_full("MISSING_REFERENCE") || problems.is_full("NOT_OFFERED") =>
            {
                problems.omit("MISSING_REFERENCE");
            }
            (Cardinality::One, 0) => problems.push(self.missing(question)),
            (Cardinality::One | Cardinality::Optional, 2..) if problems.is_full("AMBIGUOUS_REFERENCE") => {
                problems.omit("AMBIGUOUS_REFERENCE");
            }
            (Cardinality::One | Cardinality::Optional, 2..) => {
                problems.push(self.ambiguous(question, list));
            }
            _ => {}
        }
    }

    fn missing(&self, question: &Question<'_>) -> Problem {
        let candidates = self.candidates(question);
        let capability = (question.reference.capability)();
        let (asker, field, pattern) = (self.name(question.asker), question.reference.field, question.pattern);
        let matching: Vec<_> =
            candidates.iter().filter(|(_, verdict)| *verdict == Verdict::NotOffered).collect();
        let (code, reason) = match matching.first() {
            Some((first, _)) => {
                ("NOT_OFFERED", format!("`{}` matches but does not offer it", self.name(*first)))
            }
            None => ("MISSING_REFERENCE", "no component matches".to_owned()),
        };
        let message =
            format!("reference `{field}` of `{asker}` needs one {capability} at `{pattern}`: {reason}");
        let mut problem =
            Problem::error(code, question.span, message).with_help(self.help(question, &candidates));
        for (position, _) in matching.iter().take(SHOWN) {
            let offers = self.offers(*position);
            problem =
                problem.with_related(self.span(*position), format!("matches, but offers only {offers}"));
        }
        problem
    }

    fn help(&self, question: &Question<'_>, candidates: &[(u32, Verdict)]) -> String {
        let (id, field) = ((question.reference.id)(), question.reference.field);
        let fills = |(descriptor, known): &&(Descriptor, Option<Arc<FactoryInfo>>)| {
            question.pattern.matches(descriptor)
                && known.as_ref().is_none_or(|known| known.offer(id).is_some())
        };
        if let Some((disabled, _)) = self.disabled.iter().find(fills) {
            return format!("`{disabled}` would match, but is not enabled");
        }
        let offering = candidates.iter().filter(|(_, verdict)| *verdict == Verdict::OtherDescriptor);
        let names: Vec<_> =
            offering.take(SHOWN).map(|(position, _)| format!("`{}`", self.name(*position))).collect();
        match names.as_slice() {
            [] => {
                let capability = (question.reference.capability)();
                format!("add a component that matches `{}` and offers {capability}", question.pattern)
            }
            [only] => format!("{only} offers it: set `references.{field}` to it"),
            many => format!("these offer it: {}; set `references.{field}` to one", many.join(", ")),
        }
    }

    fn ambiguous(&self, question: &Question<'_>, list: &[u32]) -> Problem {
        let capability = (question.reference.capability)();
        let (asker, field, pattern) = (self.name(question.asker), question.reference.field, question.pattern);
        let count = others(list, question.asker).count();
        let takes = question.reference.cardinality.as_str();
        let message = format!(
            "reference `{field}` of `{asker}` takes {takes} {capability} at `{pattern}`: {count} match"
        );
        let first = others(list, question.asker)
            .next()
            .map_or_else(String::new, |first| self.name(first).to_string());
        let mut problem = Problem::error("AMBIGUOUS_REFERENCE", question.span, message)
            .with_help(format!("choose one, for example `references.{field} = \"{first}\"`"));
        for position in others(list, question.asker).take(SHOWN) {
            problem = problem.with_related(self.span(position), "this one matches");
        }
        problem
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
