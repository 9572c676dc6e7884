//! A service author's binary: which components it links, which manifest it runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wirework::component::{Factory, Registry, RegistryError};

use crate::plan::Binary;

/// A host: the `main` of a service.
///
/// It has the whole command: without arguments it runs its manifest, and `run`, `check`, `graph` and the others take
/// the same options as those of `wirework`.
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
    registry: Result<Registry, RegistryError>,
    manifest: Option<PathBuf>,
    binary: Binary,
}

impl Host {
    /// A host with the factories of all linked crates.
    pub fn new() -> Self {
        Self { registry: Registry::linked(), manifest: None, binary: Binary::Own }
    }

    /// The host of the `wirework` command, whose users cannot link anything.
    #[doc(hidden)]
    pub fn stock() -> Self {
        Self { binary: Binary::Stock, ..Self::new() }
    }

    /// Sets the manifest that is taken when the command line names none.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = Some(path.into());
        self
    }

    /// Adds a factory in code; it beats those of linked crates.
    #[track_caller]
    pub fn factory(mut self, factory: impl Factory) -> Self {
        if let Ok(mut registry) = self.registry {
            self.registry = registry.add(factory).map(|_| ()).map(|()| registry);
        }
        self
    }

    /// Does what the process's command line says.
    pub fn main(self) -> ExitCode {
        super::main(&self, std::env::args_os().collect())
    }

    pub(super) fn binary(&self) -> Binary {
        self.binary
    }

    pub(super) fn default_manifest(&self) -> Option<&Path> {
        self.manifest.as_deref()
    }

    pub(super) fn registry(&self) -> Result<&Registry, &RegistryError> {
        self.registry.as_ref()
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}
