//! What a binary brings along: its factories, its manifest, its version.

use std::path::{Path, PathBuf};

use wirework::component::{Factory, Registry, RegistryError, ServiceView};

use crate::plan::Binary;
use crate::run::{Events, Listener, OnStart, ServiceControl};

/// What a binary brings along.
pub struct Program {
    registry: Result<Registry, RegistryError>,
    manifest: Option<PathBuf>,
    binary: Binary,
    version: Option<String>,
    events: Events,
    on_start: OnStart,
}

impl Program {
    /// With the factories of all linked crates; `binary` says whose it is.
    pub fn linked(binary: Binary) -> Self {
        let (registry, events, on_start) = (Registry::linked(), Events::logged(), OnStart::default());
        Self { registry, manifest: None, binary, version: None, events, on_start }
    }

    /// Sets the manifest that is taken when none is named.
    pub fn set_manifest(&mut self, path: PathBuf) {
        self.manifest = Some(path);
    }

    /// Sets its version.
    pub fn set_version(&mut self, version: String) {
        self.version = Some(version);
    }

    /// Adds a factory; it beats those of linked crates.
    #[track_caller]
    pub fn add(&mut self, factory: impl Factory) {
        if let Ok(registry) = &mut self.registry {
            let added = registry.add(factory).map(|_| ());
            if let Err(error) = added {
                self.registry = Err(error);
            }
        }
    }

    /// Adds a listener for what happens to the service.
    pub fn listen(&mut self, listener: std::sync::Arc<dyn Listener>) {
        self.events = std::mem::take(&mut self.events).and(listener);
    }

    /// Adds what it does beside the service from when that has started.
    pub fn begin<F>(&mut self, beside: impl Fn(ServiceView, ServiceControl) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_start = std::mem::take(&mut self.on_start).and(beside);
    }

    /// Its factories.
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn registry(&self) -> Result<&Registry, &RegistryError> {
        self.registry.as_ref()
    }

    /// The manifest that is taken when none is named.
    pub fn default_manifest(&self) -> Option<&Path> {
        self.manifest.as_deref()
    }

    /// Whose binary it is.
    pub fn binary(&self) -> Binary {
        self.binary
    }

    /// Who is told what happens to the service.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// What it does beside the service from when that has started.
    pub fn on_start(&self) -> &OnStart {
        &self.on_start
    }

    /// Its version, where one is set.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// What `--version` says, where a version is set.
    #[cfg(feature = "cli")]
    pub fn version_text(&self) -> Option<String> {
        self.version.as_ref().map(|version| format!("{version} (wirework {})", env!("CARGO_PKG_VERSION")))
    }
}
