//! Discovery by a file that may change while the service runs.

use std::fs::{self, Metadata};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Deserialize;

use super::listing::{self, Format, Listing, ListingError};
use super::{ConnectionParams, Discovery, sought};
use crate::component::{Component, Context, Flow, Offer, StaticAnswers};
use crate::config::{ConfigPath, Invalid, code};
use crate::file::{Exposure, ReadError};
use crate::log::Logger;
use crate::{BoxFuture, Descriptor, Error, chain, offers, references, register};

/// Configuration of [`FileDiscovery`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDiscoveryConfig {
    /// The file, TOML or JSON by its extension; relative to the folder of the manifest. Its top-level keys are the
    /// keys to look up; under each stands a table, or a list of at most 256 tables in order of preference. At most
    /// 1 MiB. Where a key or a parameter has no effect, that look-up fails, and no other.
    #[schemars(extend("examples" = ["discovery.toml"]))]
    pub path: ConfigPath,
}

references! {
    /// What [`FileDiscovery`] asks for.
    pub struct FileDiscoveryReferences {
        /// Where it tells that the file was read again, and warns when that failed.
        logger: Logger = "*:logger:*:*:1.0",
    }
}

crate::opaque::opaque!(FileDiscoveryReferences);

/// Finds connections by key in a file. At a look-up the file is read again when its time stamp, its length or the file
/// behind the name has changed. A new version that cannot be read is warned of once, and the last good one stays in
/// force: half a file must not take a service down. Replace the file by renaming. Without any good version, `open`
/// and look-ups fail.
///
/// ```toml
/// # discovery.toml, named by `path = "discovery.toml"`
/// mqtt = { host = "broker", port = 1883 }
/// backup = [{ uri = "mqtt://one" }, { uri = "mqtt://two" }]
/// ```
pub struct FileDiscovery {
    name: String,
    file: Arc<Listed>,
}

crate::opaque::opaque!(FileDiscovery);

/// The file, and what was last read from it.
struct Listed {
    path: PathBuf,
    logger: Logger,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the file looked like when it was last tried; none while it cannot be reached.
    tried: Option<Stamp>,
    good: Option<Arc<Listing>>,
}

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), length: metadata.len(), inode: inode(metadata) }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

impl FileDiscovery {
    /// A service over a file, which is not read yet; `name` is what errors call it.
    ///
    /// # Errors
    /// [`ListingError::UnknownFormat`] where the file's name ends in neither `.toml` nor `.json`.
    pub fn new(
        name: impl Into<String>,
        config: FileDiscoveryConfig,
        logger: Logger,
    ) -> Result<Self, ListingError> {
        Format::of(&config.path)?;
        let file = Listed { path: config.path.into_path(), logger, state: Mutex::default() };
        Ok(Self { name: name.into(), file: Arc::new(file) })
    }

    /// What the file lists now.
    async fn listing(&self) -> Result<Arc<Listing>, Error> {
        let file = Arc::clone(&self.file);
        Ok(crate::file::blocking("reading connections", move || file.current()).await??)
    }
}

impl Listed {
    /// The last good version, after a look at whether there is a newer one. It blocks.
    fn current(&self) -> Result<Arc<Listing>, ListingError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata));
        let State { tried, good } = &mut *state;
        let seen = std::mem::replace(tried, stamp.as_ref().ok().copied());
        let failure = match (stamp, &*good) {
            (Ok(stamp), Some(good)) if seen == Some(stamp) => return Ok(Arc::clone(good)),
            // Not there the last time either: that was warned of.
            (Err(_), Some(good)) if seen.is_none() => return Ok(Arc::clone(good)),
            (Err(source), _) => {
                let source = ReadError::at(&self.path, source);
                ListingError::Read { path: self.path.clone(), source }
            }
            (Ok(_), _) => match listing::read(&self.path) {
                Ok(new) => {
                    if good.is_some() {
                        self.logger
                            .info(format_args!("read `{}` again: it has changed", self.path.display()));
                    }
                    return Ok(Arc::clone(good.insert(Arc::new(new))));
                }
                Err(failure) => failure,
            },
        };
        let Some(good) = good.clone() else { return Err(failure) };
        drop(state);
        let failure = chain(&failure);
        self.logger.warn(format_args!("{failure}; connections stay as they were before"));
        Ok(good)
    }
}

impl Discovery for FileDiscovery {
    fn name(&self) -> &str {
        &self.name
    }

    fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
        Box::pin(async move {
            let listing = self.listing().await?;
            let found = listing.get(key).cloned().unwrap_or_else(|| Ok(Vec::new()));
            Ok(found.map_err(|source| ListingError::Ignored {
                path: self.file.path.clone(),
                source: Box::new(source),
            })?)
        })
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        let place = format!("the key `{key}` in the file `{}`", self.file.path.display());
        let state = self.file.state.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = state.good.iter().flat_map(|listing| listing.keys());
        Box::pin(std::future::ready(Some(sought(&place, key, listed))))
    }
}

impl Component for FileDiscovery {
    const DESCRIPTOR: &'static str = "pip-services:discovery:file:*:1.0";
    const SUMMARY: &'static str = "Finds connections by key in a TOML or JSON file that may change.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Discovery];
    type Config = FileDiscoveryConfig;
    type References = FileDiscoveryReferences;

    /// Reads the file, as `open` does.
    fn validate(_: &Descriptor, config: &FileDiscoveryConfig) -> Vec<Invalid> {
        let listing = match listing::read(&config.path) {
            Ok(listing) => listing,
            Err(error) => return vec![Invalid::failing("path", "cannot be used", &error.into())],
        };
        let mut ignored: Vec<_> = listing.values().filter_map(|found| found.as_ref().err()).collect();
        ignored.sort_by_key(|invalid| invalid.key());
        let warned = ignored.into_iter().map(|invalid| {
            let problem =
                format!("names a file of which a key has no effect, so that its look-up fails: {invalid}");
            Invalid::warning(code::DOUBTFUL_VALUE, "path", problem)
        });
        let mut connections =
            listing.values().flatten().flatten().cloned().flat_map(ConnectionParams::expand);
        let has_password = connections.any(|one| one.password.is_some());
        let exposed = has_password.then(|| Exposure::of(&config.path)).flatten().map(|exposure| {
            let problem = format!("names a file with a password in it, which {}", exposure.sentence());
            Invalid::warning(code::EXPOSED_SECRET, "path", problem)
        });
        warned.chain(exposed).collect()
    }

    fn flows(_: &Descriptor, config: &FileDiscoveryConfig) -> Vec<Flow> {
        let (path, listing) = (config.path.to_path_buf(), Arc::new(OnceLock::<Option<Listing>>::new()));
        let read = Arc::clone(&listing);
        let answers = StaticAnswers::new(move |key| {
            // One that cannot be read is reported where it is named, and nobody knows what it would list.
            let listing = listing.get_or_init(|| listing::read(&path).ok());
            let found = listing.as_ref()?.get(key).cloned().unwrap_or_else(|| Ok(Vec::new()));
            // Whoever asks does not know whether the path is secret.
            Some(found.map_err(Error::from))
        });
        let answers = answers.sought_in(move |key| {
            let listed = read.get().into_iter().flatten().flat_map(Listing::keys);
            sought(&format!("the key `{key}` in the file of its `path`"), key, listed)
        });
        vec![Flow::Connections(answers.listed_at(|_| "path".to_owned()))]
    }

    fn create(
        identity: &Descriptor,
        config: FileDiscoveryConfig,
        references: FileDiscoveryReferences,
    ) -> Result<Self, Error> {
        Ok(Self::new(identity.as_str(), config, references.logger)?)
    }

    /// Reads the file, so that one that cannot be read fails the start.
    async fn open(&self, _: &Context) -> Result<(), Error> {
        self.listing().await.map(drop)
    }
}
register!(FileDiscovery);

#[cfg(test)]
mod tests;
