//! What the container knows of a component type before it makes one, and how it makes one.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use schemars::Schema;

use super::{
    Cast, Claim, Client, Component, Configuration, Descriptor, Flow, Found, Instance, Neighbours, NoConfig,
    Offer, Pattern, Reference, References, ServerRules, Stage, check_descriptor,
};
use crate::config::{Invalid, Part, Problem, Problems, Reading, Section, Span, read, schema_of};
use crate::error::{Category, Error};

/// A parsed configuration, and what it says about the component before there is one.
pub struct Parsed {
    /// What the factory's `create` takes; nothing where a part of the section could not be read.
    pub config: Option<Box<dyn Any + Send>>,
    /// What could be read of a section of which a part could not, for [`validate_with`](Factory::validate_with) alone.
    pub partial: Option<Box<dyn Any + Send>>,
    /// Whether nothing is wrong with the section by itself.
    pub sound: bool,
    /// See [`Component::claims`].
    pub claims: Vec<Claim>,
    /// See [`Component::flows`].
    pub flows: Vec<Flow>,
    /// The references of which a section that could be read only in part does not show whether the component uses them; see
    /// [`Flow::Unused`].
    pub undecided: Vec<&'static str>,
    /// See [`Component::open_limit`].
    pub open_limit: Option<Duration>,
    /// See [`Component::OPEN_LIMIT_KEY`].
    pub open_limit_key: Option<&'static str>,
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration may hold secrets.
        let Self { claims, flows, open_limit, .. } = self;
        let mut parsed = f.debug_struct("Parsed");
        parsed.field("claims", claims).field("flows", flows).field("open_limit", open_limit);
        parsed.finish_non_exhaustive()
    }
}

/// What makes components. [`register!`](crate::register) provides one for a [`Component`]; implement it by hand for
/// what that trait does not fit.
///
/// Everything but `create` is asked while a manifest is checked, and nothing of it may have an effect.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make components",
    label = "not a factory",
    note = "the factory of a component type is `ComponentFactory::<C>::NEW`, that of an instance `InstanceFactory::new(descriptor, instance)`"
)]
pub trait Factory: Send + Sync + 'static {
    /// The pattern of the descriptors that it serves.
    fn pattern(&self) -> &str;
    /// One sentence.
    fn summary(&self) -> &str;
    /// By what its components can be asked for.
    fn offers(&self) -> Vec<&'static dyn Offer>;
    /// What its components ask for.
    fn references(&self) -> &'static [Reference];
    /// When its components open, beside what their references say.
    fn stage(&self) -> Stage {
        Stage::default()
    }
    /// The schema of the configuration: draft-07, the component's own keys only.
    fn schema(&self) -> Arc<Schema>;
    /// Reads a section, reporting every problem. What it returns is as complete as they allow; where one is an error, nothing is
    /// created.
    fn parse(&self, section: &Section<'_>, problems: &mut Problems) -> Option<Parsed>;
    /// Reports what of a configuration that `parse` has returned, whole or partial, does not go together with what is around its
    /// section.
    fn validate_with(
        &self,
        section: &Section<'_>,
        config: &(dyn Any + Send),
        around: &dyn Neighbours,
        problems: &mut Problems,
    ) {
        let _ = (section, config, around, problems);
    }
    /// As which client a component with this configuration, which `parse` has returned, will connect; see [`Component::client`].
    fn client(
        &self,
        identity: &Descriptor,
        config: &(dyn Any + Send),
        around: &dyn Neighbours,
    ) -> Option<Client> {
        let _ = (identity, config, around);
        None
    }
    /// The rules of a server of a configuration that `parse` has returned; see [`Component::rules`].
    fn rules(&self, identity: &Descriptor, config: &(dyn Any + Send)) -> Option<Box<dyn ServerRules>> {
        let _ = (identity, config);
        None
    }
    /// Makes a component out of what `parse` returned.
    ///
    /// # Errors
    /// Those of [`Component::create`].
    fn create(
        &self,
        identity: &Descriptor,
        config: Box<dyn Any + Send>,
        found: &mut Found<'_>,
    ) -> Result<Arc<dyn Instance>, Error>;
}

type Create<C> = fn(&Descriptor, <C as Component>::Config, <C as Component>::References) -> Result<C, Error>;

/// The factory of a [`Component`] type, by its own `create` or by a function given instead.
pub struct ComponentFactory<C: Component, F = Create<C>> {
    pattern: PatternText,
    create: F,
    component: PhantomData<fn() -> C>,
}

impl<C: Component, F> std::fmt::Debug for ComponentFactory<C, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentFactory").field("descriptor", &C::DESCRIPTOR).finish_non_exhaustive()
    }
}

enum PatternText {
    Static(&'static str),
    Owned(Pattern),
}

impl<C: Component> ComponentFactory<C> {
    /// The factory that calls `C::create` and serves `C::DESCRIPTOR`, which is checked when the program is compiled.
    pub const NEW: Self = {
        check_descriptor("Component", C::DESCRIPTOR);
        Self::UNCHECKED
    };

    /// The same; for `register!`, which checks the pattern where it stands.
    #[doc(hidden)]
    pub const UNCHECKED: Self =
        Self { pattern: PatternText::Static(C::DESCRIPTOR), create: C::create, component: PhantomData };
}

impl<C, F> ComponentFactory<C, F>
where
    C: Component,
    F: Fn(&Descriptor, C::Config, C::References) -> Result<C, Error> + Send + Sync + 'static,
{
    /// A factory that serves `pattern` and makes components with `create`: a closure in place of `C::create`.
    pub fn with(pattern: impl Into<Pattern>, create: F) -> Self {
        Self { pattern: PatternText::Owned(pattern.into()), create, component: PhantomData }
    }
}

impl<C, F> Factory for ComponentFactory<C, F>
where
    C: Component,
    F: Fn(&Descriptor, C::Config, C::References) -> Result<C, Error> + Send + Sync + 'static,
{
    fn pattern(&self) -> &str {
        match &self.pattern {
            PatternText::Static(text) => text,
            PatternText::Owned(pattern) => pattern.as_str(),
        }
    }
    fn summary(&self) -> &str {
        C::SUMMARY
    }
    fn offers(&self) -> Vec<&'static dyn Offer> {
        let own: &'static dyn Offer = const { &Cast::<C, C>(|component| component) };
        C::OFFERS.iter().copied().chain([own]).collect()
    }
    fn references(&self) -> &'static [Reference] {
        C::References::LIST
    }
    fn stage(&self) -> Stage {
        C::STAGE
    }
    fn schema(&self) -> Arc<Schema> {
        C::Config::schema()
    }
    fn parse(&self, section: &Section<'_>, problems: &mut Problems) -> Option<Parsed> {
        let (invalid, parsed) = match C::Config::read(section, problems) {
            Reading::Whole(config) => whole::<C>(section.descriptor, config),
            Reading::Part(part) => known_of::<C>(section.descriptor, part),
            Reading::Nothing => return None,
        };
        if !invalid.is_empty() {
            let schema = self.schema();
            invalid.iter().for_each(|invalid| problems.push(invalid.place(section, &schema)));
        }
        Some(parsed)
    }
    fn validate_with(
        &self,
        section: &Section<'_>,
        config: &(dyn Any + Send),
        around: &dyn Neighbours,
        problems: &mut Problems,
    ) {
        let say = |config: &C::Config| C::validate_with(section.descriptor, config, around);
        let found = match (config.downcast_ref(), config.downcast_ref::<Part<C::Config>>()) {
            (Some(config), _) => say(config),
            (None, Some(part)) => of_both(part, say),
            (None, None) => return,
        };
        for invalid in found {
            let problem = match invalid.key().strip_prefix("references.") {
                Some(field) => invalid.of_reference(around.span(field), section),
                None => invalid.place(section, &self.schema()),
            };
            let remedy = invalid.remedy().and_then(|(field, keys)| around.place(field, keys));
            problems.push(match remedy {
                Some(span) => moved(problem, span, section.descriptor),
                None => problem,
            });
        }
    }
    fn client(
        &self,
        identity: &Descriptor,
        config: &(dyn Any + Send),
        around: &dyn Neighbours,
    ) -> Option<Client> {
        C::client(identity, config.downcast_ref()?, around)
    }
    fn rules(&self, identity: &Descriptor, config: &(dyn Any + Send)) -> Option<Box<dyn ServerRules>> {
        C::rules(identity, config.downcast_ref()?)
    }
    fn create(
        &self,
        identity: &Descriptor,
        config: Box<dyn Any + Send>,
        found: &mut Found<'_>,
    ) -> Result<Arc<dyn Instance>, Error> {
        let config = config.downcast::<C::Config>().map_err(|_| foreign_config(identity))?;
        let references = C::References::take(found)?;
        Ok(Arc::new((self.create)(identity, *config, references)?))
    }
}

/// The same problem where it can be mended, in another section.
fn moved(mut problem: Problem, span: Span, descriptor: &Descriptor) -> Problem {
    let from = std::mem::replace(&mut problem.span, span);
    problem.message = format!("of `{descriptor}`, {}", problem.message);
    problem.with_related(from, "what refers to it")
}

/// What is to be said of a configuration.
fn whole<C: Component>(identity: &Descriptor, config: C::Config) -> (Vec<Invalid>, Parsed) {
    let invalid = C::validate(identity, &config);
    let (claims, open_limit) = (C::claims(identity, &config), C::open_limit(&config));
    let flows = C::flows(identity, &config);
    let sound = invalid.iter().all(Invalid::is_warning);
    let (config, open_limit_key) = (Some(Box::new(config) as _), C::OPEN_LIMIT_KEY);
    let (partial, undecided) = (None, Vec::new());
    (invalid, Parsed { config, partial, sound, claims, flows, undecided, open_limit, open_limit_key })
}

/// What holds whatever the values are that could not be read.
fn known_of<C: Component>(identity: &Descriptor, part: Part<C::Config>) -> (Vec<Invalid>, Parsed) {
    let invalid = of_both(&part, |config| C::validate(identity, config));
    let other = C::claims(identity, &part.other);
    let mut claims = C::claims(identity, &part.one);
    claims.retain(|claim| other.contains(claim));
    let limit = C::open_limit(&part.one);
    let open_limit = limit.filter(|limit| C::open_limit(&part.other) == Some(*limit));
    let undecided = undecided::<C>(identity, &part);
    let (config, flows, sound) = (None, Vec::new(), false);
    let (open_limit_key, partial) = (C::OPEN_LIMIT_KEY, Some(Box::new(part) as _));
    (invalid, Parsed { config, partial, sound, claims, flows, undecided, open_limit, open_limit_key })
}

/// The references that one of the readings makes no use of, or that a key of their name decides about, which could not be read: a
/// queue whose own `connection` is misspelt shares none.
fn undecided<C: Component>(identity: &Descriptor, part: &Part<C::Config>) -> Vec<&'static str> {
    let flows = [&part.one, &part.other].map(|config| C::flows(identity, config));
    let is_unused = |field: &str| {
        flows.iter().flatten().any(|flow| matches!(flow, Flow::Unused(unused) if *unused == field))
    };
    let fields = C::References::LIST.iter().map(|reference| reference.field);
    fields.filter(|field| is_unused(field) || part.lacks(field, "")).collect()
}

/// What is said of both readings of a section, and is about nothing that could not be read.
fn of_both<T>(part: &Part<T>, say: impl Fn(&T) -> Vec<Invalid>) -> Vec<Invalid> {
    let other = say(&part.other);
    let mut invalid = say(&part.one);
    invalid.retain(|invalid| other.contains(invalid) && !part.lacks(invalid.key(), &invalid.to_string()));
    invalid
}

/// A factory that hands out one component made beforehand; for tests and for what exists before the container.
pub struct InstanceFactory<C: Component> {
    descriptor: Descriptor,
    instance: Arc<C>,
}

impl<C: Component> std::fmt::Debug for InstanceFactory<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstanceFactory").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

impl<C: Component> InstanceFactory<C> {
    /// Serves exactly `descriptor` with `instance`. For an instance that is no component, see [`Offered`](super::Offered).
    pub fn new(descriptor: Descriptor, instance: Arc<C>) -> Self {
        Self { descriptor, instance }
    }
}

impl<C: Component> Factory for InstanceFactory<C> {
    fn pattern(&self) -> &str {
        self.descriptor.as_str()
    }
    fn summary(&self) -> &str {
        C::SUMMARY
    }
    fn offers(&self) -> Vec<&'static dyn Offer> {
        ComponentFactory::<C>::NEW.offers()
    }
    fn references(&self) -> &'static [Reference] {
        &[]
    }
    /// What exists already has no configuration any more.
    fn schema(&self) -> Arc<Schema> {
        schema_of::<NoConfig>()
    }
    fn parse(&self, section: &Section<'_>, problems: &mut Problems) -> Option<Parsed> {
        let config = read::<NoConfig>(section, problems)?;
        let config: Box<dyn Any + Send> = Box::new(config);
        let (claims, flows, undecided) = (Vec::new(), Vec::new(), Vec::new());
        let (config, sound) = (Some(config), true);
        let (partial, open_limit, open_limit_key) = (None, None, None);
        Some(Parsed { config, partial, sound, claims, flows, undecided, open_limit, open_limit_key })
    }
    fn create(
        &self,
        _: &Descriptor,
        _: Box<dyn Any + Send>,
        _: &mut Found<'_>,
    ) -> Result<Arc<dyn Instance>, Error> {
        Ok(Arc::clone(&self.instance) as Arc<dyn Instance>)
    }
}

fn foreign_config(identity: &Descriptor) -> Error {
    Error::new(
        Category::Internal,
        "CANNOT_CREATE",
        format!("`{identity}` was given the config of another factory"),
    )
}
