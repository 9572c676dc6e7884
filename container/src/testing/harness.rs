//! One component under test.

use std::fmt::{self, Write};
use std::path::Path;
use std::sync::{Arc, Once};

use tokio::runtime::Handle;
use wirework::component::{
    Capability, Component, ComponentFactory, InstanceFactory, Offered, Registry, RegistryError, Status,
};
use wirework::config::Problems;
use wirework::log::{Level, LogSink, Record, Router, Scope};
use wirework::{Descriptor, DescriptorError, Error, chain};

use super::{Recorded, Recorder};
use crate::manifest::{Manifest, Parameters, render};
use crate::plan::{Plan, plan_apart};
use crate::run::{Container, Failure, Failures, Started};

/// Why a component could not be put to the test. `Debug`, which `unwrap` prints, shows the text and all causes as people read
/// them.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// A descriptor is malformed.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// A factory is malformed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A factory panicked while the component was planned, or the runtime ended.
    #[error("the component could not be checked")]
    Check(#[source] Error),
    /// Its configuration or references do not fit. The text is what `check` prints; places are those of the text that was given
    /// to [`Harness::config`].
    #[error("the component cannot be planned\n\n{0}")]
    Plan(String),
    /// It asked the service to stop before it was open, without a reason.
    #[error("the component stopped while it started")]
    Stopped,
    /// It could not be created or opened, or a fake could not.
    #[error("the component did not start")]
    Start(#[source] Failures),
}

impl fmt::Debug for HarnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The excerpts have lines, and are escaped where they are made.
            Self::Plan(_) => write!(f, "{self}"),
            Self::Start(failures) => write!(f, "{self}: {failures:?}"),
            _ => f.write_str(&chain(self)),
        }
    }
}

/// Runs one component of type `C`, with fakes for its references, exactly as a container does: its configuration is
/// read from TOML, its references are resolved by descriptor, its calls run in its span under deadlines.
///
/// A fake for a trait is one line, `.offer::<dyn Clock>("acme:clock:fake:default:1.0", Arc::new(Noon))`; what components
/// log is kept for [`Running::records`] and printed nowhere.
///
/// ```
/// # use wirework::component::{Component, NoConfig};
/// # use wirework::{Descriptor, Error};
/// # struct Greeter;
/// # impl Component for Greeter {
/// #     const DESCRIPTOR: &'static str = "acme:greeter:default:*:1.0";
/// #     const SUMMARY: &'static str = "Says hello.";
/// #     type Config = NoConfig;
/// #     type References = ();
/// #     fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> { Ok(Self) }
/// # }
/// use wirework_container::testing::Harness;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let running = Harness::<Greeter>::new("acme:greeter:default:test:1.0").config("").open().await?;
/// assert!(running.status().is_open());
/// running.close().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a harness does nothing before `open`"]
pub struct Harness<C: Component> {
    descriptor: String,
    config: String,
    registry: Registry,
    fakes: Vec<Descriptor>,
    failed: Option<HarnessError>,
    component: std::marker::PhantomData<C>,
}

impl<C: Component> Harness<C> {
    /// A component under test with the name it shall have.
    pub fn new(descriptor: &str) -> Self {
        let component = std::marker::PhantomData;
        let (config, registry) = (String::new(), Registry::new());
        Self {
            descriptor: descriptor.to_owned(),
            config,
            registry,
            fakes: Vec::new(),
            failed: None,
            component,
        }
    }

    /// Its configuration: the keys of its section, as TOML.
    pub fn config(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.config);
        self
    }

    /// Adds what it can reference by a trait: a fake that is no component.
    pub fn offer<D: Capability + ?Sized>(self, descriptor: &str, fake: Arc<D>) -> Self {
        self.fake(descriptor, Arc::new(Offered::new(fake)))
    }

    /// Adds a component that it can reference.
    pub fn fake<F: Component>(mut self, descriptor: &str, fake: Arc<F>) -> Self {
        let added = descriptor.parse::<Descriptor>().map_err(HarnessError::from).and_then(|descriptor| {
            self.registry.add(InstanceFactory::new(descriptor.clone(), fake))?;
            Ok(descriptor)
        });
        match added {
            Ok(descriptor) => self.fakes.push(descriptor),
            Err(error) => self.failed = self.failed.or(Some(error)),
        }
        self
    }

    /// Creates and opens the fakes and the component.
    ///
    /// # Errors
    /// Whatever keeps a container from starting it.
    pub async fn open(mut self) -> Result<Running<C>, HarnessError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let descriptor: Descriptor = self.descriptor.parse()?;
        let recorder = Recorder::default();
        let name = "wirework:logger:recorder:default:1.0".parse::<Descriptor>()?;
        self.registry.add(InstanceFactory::new(name.clone(), Arc::new(recorder.clone())))?;
        self.registry.add(ComponentFactory::<C, _>::with(descriptor.clone(), C::create))?;
        let before = self.before_config(&name, &descriptor);
        let text = format!("{before}{}\n", self.config);
        let registry = self.registry;
        let check = move || {
            let mut problems = Problems::new();
            let manifest = Manifest::parse(Path::new("config"), &text, &Parameters::new(), &mut problems);
            (Plan::new(manifest, &registry, &mut problems), problems)
        };
        let (plan, problems) = plan_apart(check).await.map_err(HarnessError::Check)?;
        if problems.has_errors() {
            return Err(HarnessError::Plan(render(&problems, &plan.files.behind(before.len()), false)));
        }
        // Another subscriber may be global in a test binary; then nothing is recorded.
        let router = Router::install().ok().inspect(quiet);
        match Container::start(plan, router, Handle::current(), std::future::pending()).await {
            Ok(Started::Ready(container)) => {
                Ok(Running { container, descriptor, recorder, component: std::marker::PhantomData })
            }
            Ok(Started::Stopped(Some(failures))) | Err(failures) => Err(HarnessError::Start(failures)),
            Ok(Started::Stopped(None)) => Err(HarnessError::Stopped),
        }
    }

    /// The manifest up to where the keys of the component under test begin.
    fn before_config(&self, recorder: &Descriptor, descriptor: &Descriptor) -> String {
        let mut text = String::from("[service]\nname = \"test\"\n");
        for name in self.fakes.iter().chain([recorder, descriptor]) {
            // A string takes whatever is written.
            let _ = write!(text, "\n[[component]]\ndescriptor = \"{name}\"\n");
        }
        text
    }
}

impl<C: Component> fmt::Debug for Harness<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { descriptor, fakes, .. } = self;
        f.debug_struct("Harness")
            .field("descriptor", descriptor)
            .field("fakes", fakes)
            .finish_non_exhaustive()
    }
}

/// From now on nobody prints what no sink takes, such as the last words of a recorder that is closed.
fn quiet(router: &Router) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Ok(name) = "wirework:logger:unheard:default:1.0".parse() {
            router.add(&Scope::new(name), Arc::new(Unheard));
        }
    });
}

/// Takes everything and keeps nothing.
struct Unheard;

impl LogSink for Unheard {
    fn level(&self) -> Level {
        Level::Trace
    }
    fn log(&self, _: &Record<'_>) {}
}

/// A component that is open.
#[must_use = "what is dropped is not closed; `close` does that, and tells what went wrong"]
pub struct Running<C> {
    container: Container,
    descriptor: Descriptor,
    recorder: Recorder,
    component: std::marker::PhantomData<C>,
}

impl<C: Component> Running<C> {
    /// The component.
    ///
    /// # Errors
    /// Never for a component that [`Harness::open`] has opened.
    pub fn component(&self) -> Result<Arc<C>, Error> {
        self.container.get(&self.descriptor).ok_or_else(|| {
            Error::new(wirework::Category::Internal, "REF_ERROR", "the component under test is gone")
        })
    }

    /// Its state.
    #[must_use]
    pub fn status(&self) -> Status {
        let statuses = self.container.statuses().into_iter();
        statuses
            .filter(|(name, _)| *name == self.descriptor)
            .map(|(_, status)| status)
            .next()
            .unwrap_or(Status::Closed)
    }

    /// Waits until `holds` is true of its state.
    pub async fn wait(&self, holds: impl Fn(&Status) -> bool) {
        self.container.wait(&self.descriptor, holds).await;
    }

    /// Waits until it stops the service, and says why.
    pub async fn failed(&self) -> Failure {
        self.container.failed().await
    }

    /// What was logged so far, by it and by others.
    #[must_use]
    pub fn records(&self) -> Vec<Recorded> {
        self.recorder.records()
    }

    /// Closes it, then the fakes.
    ///
    /// # Errors
    /// What did not close.
    pub async fn close(self) -> Result<(), Failures> {
        self.container.close().await
    }
}

/// Shows the component, its fakes and their states.
impl<C> fmt::Debug for Running<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.container).finish()
    }
}

#[cfg(test)]
mod tests;
