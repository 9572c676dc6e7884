//! What a binary brings along: its factories, its manifest, its version.

use std::path::{Path, PathBuf};

use wirework::component::{Factory, Registry, RegistryError};

use crate::plan::Binary;
use crate::run::{Events, Listener};

/// What a binary brings along.
pub struct Program {
    registry: Result<Registry, RegistryError>,
    manifest: Option<PathBuf>,
    binary: Binary,
    version: Option<String>,
    events: Events,
}

impl Program {
    /// With the factories of all linked crates; `binary` says whose it is.
    pub fn linked(binary: Binary) -> Self {
        Self { registry: Registry::linked(), manifest: None, binary, version: None, events: Events::logged() }
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

    /// What `--version` says, where a version is set.
    #[cfg(feature = "cli")]
    pub fn version_text(&self) -> Option<String> {
        self.version.as_ref().map(|version| format!("{version} (wirework {})", env!("CARGO_PKG_VERSION")))
    }
}
