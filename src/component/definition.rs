//! What a component author writes.

use std::any::{Any, type_name};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Capability, Claim, Client, Configuration, Context, Descriptor, Flow, Neighbours, Offer, References,
    ServerRules,
};
use crate::BoxFuture;
use crate::config::Invalid;
use crate::error::Error;

/// A component: a type with a configuration, references and a life cycle.
///
/// The container parses the configuration, finds the references, and then, for each component:
/// 1. [`create`](Component::create), once, after everything it references by value has been created. Pure: no I/O, no
///    tasks. All components are created before any is opened; it runs on a thread of its own under a watchdog (5 s).
/// 2. [`open`](Component::open), at most once, after everything it references has opened (late references excepted),
///    under a deadline (default 60 s, `timeout` in the manifest).
/// 3. [`close`](Component::close), after everything that references it has closed: also after a failed or abandoned
///    open, and possibly twice. Components close in the reverse of the order in which they opened.
///
/// A panic in any of them is an error of that component and harms nobody else.
///
/// An operator may restart a component while the service runs: another instance is created from the same section while this one still works,
/// this one is closed, and the other one opens. Those that hold it by a reference that is not late are restarted with it.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use wirework::component::{Component, Context};
/// use wirework::{Descriptor, Error, log::Logger, references, register};
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct GreeterConfig {
///     /// Whom to greet.
///     #[serde(default = "world")]
///     whom: String,
/// }
/// fn world() -> String {
///     "World".to_owned()
/// }
///
/// references! {
///     struct GreeterReferences {
///         /// Where it greets.
///         logger: Logger = "*:logger:*:*:1.0",
///     }
/// }
///
/// struct Greeter {
///     whom: String,
///     logger: Logger,
/// }
///
/// impl Component for Greeter {
///     const DESCRIPTOR: &'static str = "acme:greeter:default:*:1.0";
///     const SUMMARY: &'static str = "Says hello when it opens.";
///     type Config = GreeterConfig;
///     type References = GreeterReferences;
///
///     fn create(_: &Descriptor, config: GreeterConfig, references: GreeterReferences) -> Result<Self, Error> {
///         Ok(Self { whom: config.whom, logger: references.logger })
///     }
///     async fn open(&self, _: &Context) -> Result<(), Error> {
///         self.logger.info(format_args!("Hello, {}!", self.whom));
///         Ok(())
///     }
/// }
/// register!(Greeter);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    label = "`wirework::component::Component` is not implemented for it",
    note = "a component says what it is in `impl Component for {Self}`: `DESCRIPTOR`, `SUMMARY`, `Config`, `References` and `create`"
)]
pub trait Component: Sized + Send + Sync + 'static {
    /// The pattern of the descriptors that this type serves; checked when the program is compiled, where
    /// [`register!`](crate::register) stands.
    const DESCRIPTOR: &'static str;
    /// One sentence for `components` and `describe`.
    const SUMMARY: &'static str;
    /// The traits by which others may ask for it; see [`offers!`](crate::offers). The type itself is always offered.
    const OFFERS: &'static [&'static dyn Offer] = &[];
    /// When it opens, beside what its references say.
    const STAGE: Stage = Stage::Work;
    /// The dotted key that [`open_limit`](Self::open_limit) comes from.
    const OPEN_LIMIT_KEY: Option<&'static str> = None;
    /// Its configuration: a struct with `#[derive(Deserialize, JsonSchema)]`. The documentation of the fields is what `describe`
    /// shows.
    type Config: Configuration;
    /// Its references; see [`references!`](crate::references).
    type References: References;

    /// Every key whose value the types of the configuration allow and the component cannot work with, so that they are reported
    /// with their places before anything runs; [warnings](Invalid::warning) among them are reported, and the component runs all the
    /// same. Files that the configuration names may be read.
    ///
    /// Called for each configuration that could be read. Where a part of a section could not, it is called twice, with two different
    /// placeholders in the place of each value that is missing, and what it says both times is reported, unless it is about one of those.
    #[must_use]
    fn validate(_identity: &Descriptor, _config: &Self::Config) -> Vec<Invalid> {
        Vec::new()
    }

    /// Every key that does not go together with what the references lead to, or with what is found by asking the neighbours; with the
    /// code that `create` or `open` would fail with. So `create` and `open` refuse only what depends on the world outside. Called
    /// like [`validate`](Self::validate), also where a part of a section could not be read.
    #[must_use]
    fn validate_with(
        _identity: &Descriptor,
        _config: &Self::Config,
        _around: &dyn Neighbours,
    ) -> Vec<Invalid> {
        Vec::new()
    }

    /// What a configuration claims: ports to listen on, client ids. Called like [`validate`](Self::validate), also for values that
    /// it refuses.
    #[must_use]
    fn claims(_identity: &Descriptor, _config: &Self::Config) -> Vec<Claim> {
        Vec::new()
    }

    /// What a configuration shows of the ways that lead from one section to another: `check` finds messages that would go round
    /// for ever, and passwords that would be sent in clear, and neighbours see it in [`validate_with`](Self::validate_with).
    #[must_use]
    fn flows(_identity: &Descriptor, _config: &Self::Config) -> Vec<Flow> {
        Vec::new()
    }

    /// The client of servers that it will be, where it has a connection of its own; with what is around its section. `check` holds
    /// it against the [rules](Self::rules) of servers of the same manifest. Called for each configuration that could be read.
    #[must_use]
    fn client(_identity: &Descriptor, _config: &Self::Config, _around: &dyn Neighbours) -> Option<Client> {
        None
    }

    /// The rules by which it admits clients, where it is a server at the port that it claims. Called for each configuration that
    /// could be read.
    #[must_use]
    fn rules(_identity: &Descriptor, _config: &Self::Config) -> Option<Box<dyn ServerRules>> {
        None
    }

    /// How long `open` may take by its own configuration; `check` warns when the deadline is not above it, where
    /// [`OPEN_LIMIT_KEY`](Self::OPEN_LIMIT_KEY) stands.
    #[must_use]
    fn open_limit(_config: &Self::Config) -> Option<Duration> {
        None
    }

    /// Makes the component. Pure: no I/O and no tasks.
    ///
    /// # Errors
    /// What neither [`validate`](Self::validate) nor [`validate_with`](Self::validate_with) can see.
    fn create(
        identity: &Descriptor,
        config: Self::Config,
        references: Self::References,
    ) -> Result<Self, Error>;

    /// Makes it ready for work.
    ///
    /// # Errors
    /// Why it cannot work. The container then closes it and everything that had opened, in reverse.
    fn open(&self, _context: &Context) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Ends its work. Safe after a failed open and when called twice.
    ///
    /// # Errors
    /// What was lost; the others are closed all the same.
    fn close(&self, _context: &Context) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }
}

/// Everybody may ask for a component by its concrete type.
#[diagnostic::do_not_recommend]
impl<C: Component> Capability for C {
    const NAME: &'static str = C::DESCRIPTOR;

    fn short_name() -> &'static str {
        let name = type_name::<C>();
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// The configuration of a component that has none.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// When a component opens and closes, beside what its references say; see [`Component::STAGE`](super::Component::STAGE).
///
/// Log sinks open first of all, then those of the stage `Observe`, then sinks of counters and traces, then all others; each with what
/// it needs. They close in the reverse order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// With those that it references and those that reference it.
    #[default]
    Work,
    /// Before all that works, and closed after it: for what tells others how the service is, such as an endpoint with its health. So
    /// probes are answered from before the first open to after the last close.
    Observe,
}

/// A created component, as the container holds it.
pub trait Instance: Any + Send + Sync {
    /// See [`Component::open`].
    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>>;
    /// See [`Component::close`].
    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>>;
}

impl<C: Component> Instance for C {
    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(Component::open(self, context))
    }
    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(Component::close(self, context))
    }
}
