//! One component under test.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use wirework::component::{Component, ComponentFactory, InstanceFactory, Registry, RegistryError, Status};
use wirework::config::Problems;
use wirework::log::Router;
use wirework::{Descriptor, DescriptorError, Error};

use super::{Recorded, Recorder};
use crate::manifest::{Manifest, Parameters, render};
use crate::plan::Plan;
use crate::run::{Container, Failure, Failures, Started};

/// Why a component could not be put to the test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// A descriptor is malformed.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// A factory is malformed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Its configuration or references do not fit; the text is what `check` prints.
    #[error("the plan has problems\n{0}")]
    Plan(String),
    /// It asked the service to stop before it was open, without a reason.
    #[error("the component stopped while it started")]
    Stopped,
    /// It could not be created or opened, or a fake could not.
    #[error("the component did not start")]
    Start(#[source] Failures),
}

/// Runs one component of type `C`, with fakes for its references, exactly as a container does: its configuration is
/// read from TOML, its references are resolved by descriptor, its calls run in its span under deadlines.
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
    #[must_use]
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
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.config);
        self
    }

    /// Adds a component that it can reference.
    #[must_use]
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
        let text = self.manifest(&name, &descriptor);
        let mut problems = Problems::new();
        let manifest = Manifest::parse(Path::new("test.toml"), &text, &Parameters::new(), &mut problems);
        let plan = Plan::new(manifest, &self.registry, &mut problems);
        if problems.has_errors() {
            return Err(HarnessError::Plan(render(&problems, &plan.files, false)));
        }
        // Another subscriber may be global in a test binary; then nothing is recorded.
        let router = Router::install().ok();
        match Container::start(plan, router, Handle::current(), std::future::pending()).await {
            Ok(Started::Ready(container)) => {
                Ok(Running { container, descriptor, recorder, component: std::marker::PhantomData })
            }
            Ok(Started::Stopped(Some(failures))) | Err(failures) => Err(HarnessError::Start(failures)),
            Ok(Started::Stopped(None)) => Err(HarnessError::Stopped),
        }
    }

    fn manifest(&self, recorder: &Descriptor, descriptor: &Descriptor) -> String {
        let mut text = String::from("[service]\nname = \"test\"\n");
        for name in self.fakes.iter().chain([recorder]) {
            // A string takes whatever is written.
            let _ = write!(text, "\n[[component]]\ndescriptor = \"{name}\"\n");
        }
        let _ = write!(text, "\n[[component]]\ndescriptor = \"{descriptor}\"\n{}\n", self.config);
        text
    }
}

/// A component that is open.
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

#[cfg(test)]
mod tests;
