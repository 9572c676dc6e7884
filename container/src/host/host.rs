//! A service author's binary: which components it links, which manifest it runs.

use std::path::PathBuf;
#[cfg(feature = "cli")]
use std::process::ExitCode;
use std::sync::Arc;

use wirework::component::{Factory, ServiceView};

use super::start::{StartError, start};
use crate::plan::Binary;
use crate::program::Program;
use crate::run::{Container, Listener, ServiceControl};

/// A host: the `main` of a service.
///
/// It has the whole command: without a sub-command it runs its manifest, and takes the options of `run`
/// (`service -p MQTT_PORT=1884`, `service other.toml`); `run`, `check`, `graph` and the others are those of `wirework`. A program with a `main` of its own starts a service by [`Host::start`].
///
/// ```no_run
/// // Link the crates whose components the manifest names: `use acme_sensors as _;`
/// use wirework_container::Host;
///
/// fn main() -> std::process::ExitCode {
///     Host::new().manifest("examples/telemetry/service.toml").main()
/// }
/// ```
#[must_use = "a host does nothing before `main`"]
pub struct Host {
    program: Program,
}

wirework::opaque!(Host);

impl Host {
    /// A host with the factories of all linked crates.
    pub fn new() -> Self {
        Self { program: Program::linked(Binary::Own) }
    }

    /// The host of the `wirework` command, whose users cannot link anything.
    #[doc(hidden)]
    pub fn stock() -> Self {
        Self { program: Program::linked(Binary::Stock) }
    }

    /// Sets the manifest that is taken when the command line names none.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.program.set_manifest(path.into());
        self
    }

    /// Sets what `--version` says of this service, beside the version of Wirework: `env!("CARGO_PKG_VERSION")`. Telemetry has it too.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.program.set_version(version.into());
        self
    }

    /// Adds a factory in code; it beats those of linked crates.
    #[track_caller]
    pub fn factory(mut self, factory: impl Factory) -> Self {
        self.program.add(factory);
        self
    }

    /// Adds somebody who is told what happens to the service, beside the log.
    pub fn listener(mut self, listener: Arc<dyn Listener>) -> Self {
        self.program.listen(listener);
        self
    }

    /// Adds what the program does beside its service from when that has started: it is given the read side and the control side of
    /// the service, runs as a task on the runtime of the components, and is dropped when the service has closed. What is in it that
    /// blocks goes to a thread of its own. It is for a program whose `main` is [`Host::main`]; one that calls [`Host::start`] has the same by
    /// [`Container::view`] and [`Container::control`].
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use std::time::Duration;
    ///
    /// use wirework_container::Host;
    ///
    /// fn main() -> std::process::ExitCode {
    ///     Host::new()
    ///         .manifest("config/service.toml")
    ///         // Drains and ends the service when somebody has made a file, as long as it is ready.
    ///         .on_start(|view, control| async move {
    ///             while !Path::new("/run/acme/drain").exists() {
    ///                 tokio::time::sleep(Duration::from_secs(1)).await;
    ///             }
    ///             if view.readiness().is_ready() {
    ///                 control.stop();
    ///             }
    ///         })
    ///         .main()
    /// }
    /// ```
    pub fn on_start<F>(
        mut self,
        beside: impl Fn(ServiceView, ServiceControl) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.program.begin(beside);
        self
    }

    /// Does what the process's command line says. The code is that of the process: `fn main() -> ExitCode` returns it.
    #[must_use = "the exit code tells whoever started the process how it went; return it from `main`"]
    #[cfg(feature = "cli")]
    pub fn main(self) -> ExitCode {
        crate::cli::main(&self.program, std::env::args_os().collect())
    }

    /// Starts the service in the runtime that calls it, for a program that has a `main` of its own: an axum server, a test, a
    /// desktop application. Neither the command line nor signals are looked at: the program ends the service by
    /// [`Container::close`] when it ends itself, or when [`Container::failed`] resolves.
    ///
    /// It reads the manifest that [`Host::manifest`] sets, with parameters from the environment. Log records go to the loggers
    /// of the manifest, or to the program's own `tracing` subscriber where it has installed one. Files are read on a thread of the
    /// runtime that may block; one that never answers, as a FIFO may, also holds up the end of the runtime.
    ///
    /// ```no_run
    /// use wirework_container::Host;
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let service = Host::new().manifest("config/service.toml").start().await?;
    ///     tokio::select! {
    ///         _ = tokio::signal::ctrl_c() => {}
    ///         failure = service.failed() => eprintln!("{failure}"),
    ///     }
    ///     service.close().await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// A manifest that `check` does not accept, a factory that panics meanwhile, and whatever keeps a component from opening.
    pub async fn start(self) -> Result<Container, StartError> {
        start(self.program).await
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}
