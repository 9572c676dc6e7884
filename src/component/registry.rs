//! Which factories there are, and which one serves a descriptor.
//!
//! Factories register themselves when their crate is linked ([`register!`](crate::register), through `inventory`) or
//! are added in code. Link order is unspecified, so that everything here is sorted.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{Descriptor, Factory, Pattern, Registration};

/// Why a factory cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the factory registered at {at} serves no valid pattern: {source}")]
pub struct RegistryError {
    /// Where it was registered.
    pub at: String,
    /// What is wrong with its pattern.
    pub source: super::DescriptorError,
}

impl crate::error::Coded for RegistryError {
    fn category(&self) -> crate::error::Category {
        crate::error::Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_FACTORY"
    }
}

/// One factory of a registry.
pub struct Registered {
    pattern: Pattern,
    factory: Source,
    at: String,
    in_code: bool,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.pattern, self.at)
    }
}

enum Source {
    Linked(&'static dyn Factory),
    Added(Arc<dyn Factory>),
}

impl Registered {
    /// The descriptors it serves.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }
    /// The factory.
    #[must_use]
    pub fn factory(&self) -> &dyn Factory {
        match &self.factory {
            Source::Linked(factory) => *factory,
            Source::Added(factory) => &**factory,
        }
    }
    /// Where it was registered: `file:line`.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The higher wins: code before linked crates, then the pattern with more concrete tokens.
    fn rank(&self) -> (bool, usize) {
        (self.in_code, self.pattern.specificity())
    }
}

/// What a registry answers when it is asked for the factory of a descriptor.
#[derive(Debug)]
pub enum Lookup {
    /// This one, by its number in [`Registry::all`].
    One(usize),
    /// None.
    None,
    /// Several that rank alike.
    Ambiguous(Vec<Arc<Registered>>),
}

/// The factories a host can use.
#[derive(Default)]
pub struct Registry {
    all: Vec<Arc<Registered>>,
    index: Index,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

/// Factories by the first three tokens of their pattern, so that a lookup does not scan; those with a wildcard there
/// stand apart.
#[derive(Default)]
struct Index {
    by_prefix: HashMap<String, Vec<usize>, foldhash::fast::RandomState>,
    others: Vec<usize>,
}

impl Registry {
    /// A registry with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All factories of the linked crates, sorted by pattern and place.
    ///
    /// # Errors
    /// A factory whose pattern is malformed; those of `register!` are checked by the compiler.
    pub fn linked() -> Result<Self, RegistryError> {
        let mut all = Vec::new();
        for registration in inventory::iter::<Registration> {
            let at = format!("{}:{}", registration.file, registration.line);
            let pattern = parse(registration.factory.pattern(), &at)?;
            all.push(Registered {
                pattern,
                factory: Source::Linked(registration.factory),
                at,
                in_code: false,
            });
        }
        all.sort_by(|a, b| (&a.pattern, &a.at).cmp(&(&b.pattern, &b.at)));
        let mut registry = Self::new();
        all.into_iter().for_each(|registered| registry.push(registered));
        Ok(registry)
    }

    /// Adds a factory in code; it beats those of linked crates.
    ///
    /// # Errors
    /// Its pattern is malformed.
    #[track_caller]
    pub fn add(&mut self, factory: impl Factory) -> Result<&mut Self, RegistryError> {
        let caller = std::panic::Location::caller();
        let at = format!("{}:{}", caller.file(), caller.line());
        let pattern = parse(factory.pattern(), &at)?;
        self.push(Registered { pattern, factory: Source::Added(Arc::new(factory)), at, in_code: true });
        Ok(self)
    }

    fn push(&mut self, registered: Registered) {
        let number = self.all.len();
        match prefix_of(&registered.pattern) {
            Some(prefix) => self.index.by_prefix.entry(prefix).or_default().push(number),
            None => self.index.others.push(number),
        }
        self.all.push(Arc::new(registered));
    }

    /// All factories: those of linked crates sorted by pattern, then those added in code in their order.
    #[must_use]
    pub fn all(&self) -> &[Arc<Registered>] {
        &self.all
    }

    /// The factory that serves `descriptor`: code before linked crates, then the most concrete pattern.
    #[must_use]
    pub fn find(&self, descriptor: &Descriptor) -> Lookup {
        let candidates =
            self.index.by_prefix.get(descriptor.prefix()).into_iter().flatten().chain(&self.index.others);
        let mut best: Option<(usize, &Arc<Registered>)> = None;
        let mut rivals: Vec<&Arc<Registered>> = Vec::new();
        for &number in candidates {
            let Some(candidate) = self.all.get(number).filter(|found| found.pattern.matches(descriptor))
            else {
                continue;
            };
            match best.map(|(_, best)| candidate.rank().cmp(&best.rank())) {
                Some(std::cmp::Ordering::Less) => {}
                Some(std::cmp::Ordering::Equal) => rivals.push(candidate),
                _ => {
                    rivals.clear();
                    best = Some((number, candidate));
                }
            }
        }
        match best {
            None => Lookup::None,
            Some((number, _)) if rivals.is_empty() => Lookup::One(number),
            Some((_, best)) => Lookup::Ambiguous(std::iter::once(best).chain(rivals).cloned().collect()),
        }
    }

    /// Whether any factory serves descriptors of a group: then the crate, or one of the crates, that brings it is linked.
    #[must_use]
    pub fn has_group(&self, group: &str) -> bool {
        self.all.iter().any(|registered| registered.pattern.token(0) == group)
    }

    /// The patterns nearest to a descriptor that nothing serves, best first, at most three.
    #[must_use]
    pub fn nearest(&self, descriptor: &Descriptor) -> Vec<Arc<Registered>> {
        let mut near: Vec<_> = self
            .all
            .iter()
            .map(|registered| (likeness(&registered.pattern, descriptor), registered))
            .filter(|(likeness, _)| *likeness >= 0.75)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().map(|(_, registered)| Arc::clone(registered)).take(3).collect()
    }
}

/// How alike a pattern and a descriptor are, from 0 to 1: the mean over the concrete tokens.
fn likeness(pattern: &Pattern, descriptor: &Descriptor) -> f64 {
    let tokens = (0..5).map(|index| (pattern.token(index), descriptor.token(index)));
    let likes: Vec<f64> = tokens
        .filter(|(pattern, _)| *pattern != "*")
        .map(|(pattern, token)| strsim::normalized_damerau_levenshtein(pattern, token))
        .collect();
    let count = u32::try_from(likes.len().max(1)).map_or(1.0, f64::from);
    likes.iter().sum::<f64>() / count
}

fn parse(pattern: &str, at: &str) -> Result<Pattern, RegistryError> {
    pattern.parse().map_err(|source| RegistryError { at: at.to_owned(), source })
}

fn prefix_of(pattern: &Pattern) -> Option<String> {
    let tokens = [pattern.token(0), pattern.token(1), pattern.token(2)];
    (!tokens.contains(&"*") && !tokens.contains(&"{name}")).then(|| tokens.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Component, ComponentFactory, NoConfig};
    use crate::error::Error;

    struct Dummy;
    impl Component for Dummy {
        const DESCRIPTOR: &'static str = "t:dummy:*:*:1.0";
        const SUMMARY: &'static str = "Nothing.";
        type Config = NoConfig;
        type References = ();
        fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
            Ok(Self)
        }
    }

    fn factory(pattern: &str) -> impl Factory {
        ComponentFactory::<Dummy, _>::with(pattern.parse::<Pattern>().unwrap(), Dummy::create)
    }

    fn found(registry: &Registry, descriptor: &str) -> Vec<String> {
        match registry.find(&descriptor.parse().unwrap()) {
            Lookup::None => vec![],
            Lookup::One(number) => vec![registry.all()[number].pattern().to_string()],
            Lookup::Ambiguous(all) => all.iter().map(|one| one.pattern().to_string()).collect(),
        }
    }

    #[test]
    fn the_more_concrete_pattern_wins() {
        let mut registry = Registry::new();
        for pattern in ["t:dummy:*:*:1.0", "t:dummy:a:*:1.0", "t:dummy:a:x:1.0", "*:*:b:*:1.0", "*:*:b:*:*"] {
            registry.add(factory(pattern)).unwrap();
        }
        assert_eq!(found(&registry, "t:dummy:a:x:1.0"), ["t:dummy:a:x:1.0"]);
        assert_eq!(found(&registry, "t:dummy:a:y:1.0"), ["t:dummy:a:*:1.0"]);
        assert_eq!(found(&registry, "t:dummy:c:y:1.0"), ["t:dummy:*:*:1.0"]);
        assert_eq!(found(&registry, "q:other:b:y:1.0"), ["*:*:b:*:1.0"]);
        assert!(found(&registry, "q:other:c:y:1.0").is_empty());
    }

    #[test]
    fn equal_patterns_are_ambiguous_but_code_beats_links() {
        let mut registry = Registry::new();
        let linked: &'static dyn Factory = const { &ComponentFactory::<Dummy>::NEW };
        for line in [1, 2] {
            let pattern = linked.pattern().parse().unwrap();
            let at = format!("f.rs:{line}");
            registry.push(Registered { pattern, factory: Source::Linked(linked), at, in_code: false });
        }
        assert_eq!(found(&registry, "t:dummy:a:y:1.0").len(), 2);
        registry.add(factory("*:dummy:*:*:*")).unwrap();
        assert_eq!(found(&registry, "t:dummy:a:y:1.0"), ["*:dummy:*:*:*"]);
    }

    #[test]
    fn the_nearest_are_suggested() {
        let mut registry = Registry::new();
        registry.add(factory("pip-services:logger:console:*:1.0")).unwrap();
        registry.add(factory("pip-services:counters:log:*:1.0")).unwrap();
        let near = registry.nearest(&"pip-services:loger:console:default:1.0".parse().unwrap());
        assert_eq!(near[0].pattern().as_str(), "pip-services:logger:console:*:1.0");
    }
}
