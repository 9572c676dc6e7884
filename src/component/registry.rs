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
#[non_exhaustive]
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

    /// Whether it is registered in this crate, and not by the author of a component.
    #[must_use]
    pub fn is_stock(&self) -> bool {
        let here = file!();
        let source = here.get(..here.len().saturating_sub("component/registry.rs".len()));
        !self.in_code && source.is_some_and(|source| self.at.starts_with(source))
    }

    /// Whether some descriptor that another one serves too goes to this one: it ranks higher, and the patterns meet.
    #[must_use]
    pub fn comes_before(&self, other: &Self) -> bool {
        self.rank() > other.rank() && self.pattern.meets(&other.pattern)
    }

    /// Whether all descriptors that another one serves go to this one, so that the other one is never used.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        self.rank() > other.rank() && self.pattern.covers(&other.pattern)
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

    /// What is most like a descriptor that nothing serves, best first, at most three.
    #[must_use]
    pub fn nearest(&self, descriptor: &Descriptor) -> Vec<Near> {
        let tokens = [0, 1, 2, 3, 4].map(|index| descriptor.token(index));
        let ways = (0..5).map(|swapped| {
            let mut tokens = tokens;
            // The first way swaps nothing.
            tokens.swap(swapped.max(1) - 1, swapped);
            tokens
        });
        let ways: Vec<_> = ways.collect();
        let mut near: Vec<_> = self.all.iter().filter_map(|one| Near::of(&one.pattern, &ways)).collect();
        near.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
        near.dedup_by(|a, b| a.descriptor == b.descriptor);
        near.truncate(3);
        near
    }
}

/// A descriptor that a factory serves, and which is much like another one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Near {
    /// It, with the tokens of the other one where the factory takes any.
    pub descriptor: Descriptor,
    /// Whether the other one is most likely a misspelling of it, each token of which is alike, or two of which are swapped.
    pub is_close: bool,
    likeness: f64,
}

impl Near {
    /// The most alike that a pattern serves, of several orders of tokens.
    fn of(pattern: &Pattern, ways: &[[&str; 5]]) -> Option<Self> {
        let like = |(swapped, tokens): (usize, &[&str; 5])| {
            let (mean, least) = likeness(pattern, tokens);
            // A token that is swapped is as wrong as one that is misspelt.
            let mean = if swapped == 0 { mean } else { mean - 0.05 };
            (swapped, mean, mean >= 0.85 && least >= 0.5)
        };
        // Of other orders only one that is nearly right is worth a word.
        let likes = ways.iter().enumerate().map(like).filter(|(swapped, _, close)| *swapped == 0 || *close);
        let (swapped, mean, is_close) =
            likes.max_by(|(one, a, _), (other, b, _)| a.total_cmp(b).then(other.cmp(one)))?;
        let tokens = ways.get(swapped)?;
        let filled = (0..5).zip(tokens).map(|(index, token)| match pattern.token(index) {
            "*" => token,
            concrete => concrete,
        });
        let descriptor = filled.collect::<Vec<_>>().join(":").parse().ok()?;
        (mean >= 0.75).then_some(Self { descriptor, is_close, likeness: mean })
    }
}

/// How alike a pattern and tokens are, from 0 to 1: the mean over the concrete tokens, and the least of them.
fn likeness(pattern: &Pattern, tokens: &[&str; 5]) -> (f64, f64) {
    let concrete =
        (0..5).map(|index| pattern.token(index)).zip(tokens).filter(|(pattern, _)| *pattern != "*");
    let (mut sum, mut least, mut count) = (0.0, 1.0_f64, 0.0);
    for (pattern, token) in concrete {
        let like = token_likeness(pattern, token);
        (sum, least, count) = (sum + like, least.min(like), count + 1.0);
    }
    if count == 0.0 { (0.0, 0.0) } else { (sum / count, least) }
}

fn token_likeness(one: &str, other: &str) -> f64 {
    // `queue` for `message-queue`.
    let is_part = |whole: &str, part: &str| whole.contains('-') && whole.split('-').any(|word| word == part);
    if is_part(one, other) || is_part(other, one) {
        return 0.8;
    }
    let plain = |token: &str| token.to_lowercase().replace('_', "-");
    // A token of a kilobyte is no misspelling, and the distance takes time that grows with the square.
    if other.len() > 100 { 0.0 } else { strsim::normalized_damerau_levenshtein(&plain(one), &plain(other)) }
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
        for pattern in ["logger:console", "counters:log", "message-queue:mqtt", "connection:mqtt"] {
            registry
                .add(factory(Box::leak(format!("pip-services:{pattern}:*:1.0").into_boxed_str())))
                .unwrap();
        }
        for (wrong, right) in [
            ("pip-services:loger:console:default:1.0", "logger:console:default"),
            ("pip-services:mqtt:connection:main:1.0", "connection:mqtt:main"),
            ("connection:pip-services:mqtt:main:1.0", "connection:mqtt:main"),
            ("pip-services:connection:main:mqtt:1.0", "connection:mqtt:main"),
            ("pip-services:connection:mqtt:1.0:main", "connection:mqtt:main"),
            ("pip-service:Connection:MQTT:main:1.0", "connection:mqtt:main"),
            ("pip-services:queue:mqtt:orders:1.0", "message-queue:mqtt:orders"),
            ("pip-services:message_queue:mqtt:orders:2.0", "message-queue:mqtt:orders"),
        ] {
            let near = registry.nearest(&wrong.parse().unwrap());
            assert_eq!(near[0].descriptor.as_str(), format!("pip-services:{right}:1.0"), "{wrong}");
            assert!(near[0].is_close, "{wrong}");
        }
        for (other, count) in
            [("pip-services:logger:elasticsearch:default:1.0", 1), ("acme:sensor:simulated:one:1.0", 0)]
        {
            let near = registry.nearest(&other.parse().unwrap());
            assert!(near.len() >= count && near.iter().all(|near| !near.is_close), "{other}: {near:?}");
        }
    }
}
