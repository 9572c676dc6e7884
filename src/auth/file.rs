//! Credentials in files, one secret a file, as Docker and Kubernetes mount them.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret_file::{self, SecretFileError};
use super::{CredentialParams, CredentialStore};
use crate::component::{Component, Flow, Offer, StaticAnswers};
use crate::config::{ConfigPath, Invalid, Secret, code};
use crate::file::Exposure;
use crate::log::Logger;
use crate::{BoxFuture, Descriptor, Error, offers, references, register};

/// Configuration of [`FileCredentialStore`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileCredentialStoreConfig {
    /// Directory of the secrets, such as `/run/secrets`; relative to the folder of the manifest. The key `mqtt` is looked for in
    /// `mqtt/username` and `mqtt/password`, then in `mqtt_username` and `mqtt_password`, then in `mqtt`, the password alone.
    #[schemars(extend("examples" = ["secrets"]))]
    pub path: ConfigPath,
    /// Refuse a file that its group or everybody can write or, outside a read-only mount, everybody can read; otherwise that is
    /// a warning. Unix only.
    #[serde(default)]
    pub strict: bool,
}

references! {
    /// What [`FileCredentialStore`] asks for.
    pub struct FileCredentialStoreReferences {
        /// Where it warns of files that others can read or write.
        logger: Logger = "*:logger:*:*:1.0",
    }
}

crate::opaque::opaque!(FileCredentialStoreReferences);

/// Finds the credential `key` in the first of these places under `path` that has any of its files:
/// 1. `key/username` and `key/password`, as Kubernetes mounts a secret of the type `basic-auth`,
/// 2. `key_username` and `key_password`, as Docker and Compose mount two secrets,
/// 3. `key`, a file with the password alone.
///
/// Files are read at each look-up, so that a rotated secret is found. They are UTF-8, at most 64 KiB; a byte order
/// mark and line breaks around it are not part of the secret, and an empty file counts as missing. A key is a plain file name: it has no
/// `/`
/// or `\` and does not begin with a dot. Links are followed.
///
/// ```toml
/// [[component]]
/// descriptor = "pip-services:credential-store:file:default:1.0"
/// path = "/run/secrets"
/// strict = true
/// ```
pub struct FileCredentialStore {
    name: String,
    secrets: Arc<Secrets>,
}

crate::opaque::opaque!(FileCredentialStore);

struct Secrets {
    path: PathBuf,
    strict: bool,
    /// Nothing where nobody is to be warned.
    logger: Option<Logger>,
    /// What was warned of; once is enough for each file.
    warned: Mutex<HashSet<(PathBuf, Exposure)>>,
}

impl FileCredentialStore {
    /// A store over a directory; `name` is what errors call it.
    #[must_use]
    pub fn new(name: impl Into<String>, config: FileCredentialStoreConfig, logger: Logger) -> Self {
        Self { name: name.into(), secrets: Arc::new(Secrets::new(config, Some(logger))) }
    }
}

impl Secrets {
    fn new(config: FileCredentialStoreConfig, logger: Option<Logger>) -> Self {
        let FileCredentialStoreConfig { path, strict } = config;
        Self { path: path.into_path(), strict, logger, warned: Mutex::default() }
    }

    fn find(&self, key: &str) -> Result<Option<CredentialParams>, SecretFileError> {
        if key.is_empty() || key.starts_with('.') || key.contains(['/', '\\', '\0']) {
            return Err(SecretFileError::BadKey { key: key.to_owned() });
        }
        let own = self.path.join(key);
        let beside = |what: &str| self.path.join(format!("{key}_{what}"));
        let pairs = [
            (Some(own.join("username")), own.join("password")),
            (Some(beside("username")), beside("password")),
            (None, own),
        ];
        for (username, password) in pairs {
            let username = username.map_or(Ok(None), |path| self.read(&path));
            let (username, password) = match (username, self.read(&password)) {
                (Err(first), Err(second)) => {
                    return Err(SecretFileError::Both { first: Box::new(first), second: Box::new(second) });
                }
                (username, password) => (username?, password?),
            };
            if username.is_some() || password.is_some() {
                let username = username.map(|username| username.expose().to_owned());
                return Ok(Some(CredentialParams { username, password, ..CredentialParams::default() }));
            }
        }
        Ok(None)
    }

    /// The secret in a file, where there is one; what others may do with it is warned of, or refused.
    fn read(&self, path: &Path) -> Result<Option<Secret>, SecretFileError> {
        let Some(file) = secret_file::open(path)? else { return Ok(None) };
        if let Some(exposure) = file.exposure(path) {
            self.expose(path, exposure)?;
        }
        secret_file::read(path, file)
    }

    fn expose(&self, path: &Path, exposure: Exposure) -> Result<(), SecretFileError> {
        let path = path.to_owned();
        if self.strict {
            return Err(SecretFileError::Exposed { path, exposure });
        }
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert((path.clone(), exposure))
            && let Some(logger) = &self.logger
        {
            drop(warned);
            logger.warn(format_args!("the secret `{}` {}", path.display(), exposure.sentence()));
        }
        Ok(())
    }

    /// What is to be warned of in the files of a key, in words that do not show where the folder is.
    fn doubts(self, key: &str) -> Vec<String> {
        // What cannot be read is reported by whoever looks it up.
        let _ = self.find(key);
        let warned = self.warned.into_inner().unwrap_or_else(PoisonError::into_inner);
        let doubt = |(path, exposure): &(PathBuf, Exposure)| {
            let inner = path.strip_prefix(&self.path).unwrap_or(path);
            format!("leads to the secret `{}`, which {}", inner.display(), exposure.sentence())
        };
        let mut doubts: Vec<_> = warned.iter().map(doubt).collect();
        doubts.sort();
        doubts
    }
}

/// Why there is no folder at this path. It blocks.
fn lack(path: &Path) -> Option<&'static str> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => Some("which is no folder"),
        Err(error) if error.kind() == ErrorKind::NotFound => Some("which is not there"),
        _ => None,
    }
}

/// Where a key was looked for, in a folder that is called so, and found nowhere. It blocks.
fn place(path: &Path, key: &str, folder: &str) -> String {
    if let Some(lack) = lack(path) {
        return format!("the folder {folder}, {lack}");
    }
    let names = |template: &str| template.replace("{key}", key);
    let files = ["{key}/username", "{key}/password", "{key}_username", "{key}_password", "{key}"].map(names);
    let listed =
        |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    // What is there and has no credential has nothing in it.
    let is_file = |name: &String| std::fs::metadata(path.join(name)).is_ok_and(|found| found.is_file());
    let empty: Vec<_> = files.iter().filter(|name| is_file(name)).cloned().collect();
    let empty = match empty.as_slice() {
        [] => String::new(),
        empty => format!("; nothing is in {}", listed(empty)),
    };
    let [most @ .., last] = &files;
    let listed = format!("{} and `{last}`", listed(most));
    format!("{listed} in the folder {folder}{empty}")
}

impl CredentialStore for FileCredentialStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        let (secrets, key) = (Arc::clone(&self.secrets), key.to_owned());
        Box::pin(
            async move { Ok(crate::file::blocking("reading a secret", move || secrets.find(&key)).await??) },
        )
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let (path, key) = (self.secrets.path.clone(), key.to_owned());
            let folder = format!("`{}`", path.display());
            tokio::task::spawn_blocking(move || place(&path, &key, &folder)).await.ok()
        })
    }
}

impl Component for FileCredentialStore {
    const DESCRIPTOR: &'static str = "pip-services:credential-store:file:*:1.0";
    const SUMMARY: &'static str =
        "Finds credentials in files, one secret a file, as Docker and Kubernetes mount them.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CredentialStore];
    type Config = FileCredentialStoreConfig;
    type References = FileCredentialStoreReferences;

    /// A folder that is not there may come, as a volume does that is mounted.
    fn validate(_: &Descriptor, config: &FileCredentialStoreConfig) -> Vec<Invalid> {
        let warning = lack(&config.path).map(|lack| {
            let problem =
                format!("names the folder `{}`, {lack}: no credential is found", config.path.display());
            Invalid::warning(code::DOUBTFUL_VALUE, "path", problem)
        });
        warning.into_iter().collect()
    }

    fn flows(_: &Descriptor, config: &FileCredentialStoreConfig) -> Vec<Flow> {
        let path = config.path.to_path_buf();
        let secrets = Secrets::new(config.clone(), None);
        let find = move |key: &str| {
            let found = secrets.find(key).map(|found| found.into_iter().collect());
            // Whoever asks does not know whether the folder is secret.
            Some(found.map_err(|error| error.within(&secrets.path).into()))
        };
        let doubts = {
            let config = config.clone();
            move |key: &str| Secrets::new(config.clone(), None).doubts(key)
        };
        let answers = StaticAnswers::new(find).sought_in(move |key| place(&path, key, "of its `path`"));
        vec![Flow::Credentials(answers.doubted_for(doubts))]
    }

    fn create(
        identity: &Descriptor,
        config: FileCredentialStoreConfig,
        references: FileCredentialStoreReferences,
    ) -> Result<Self, Error> {
        Ok(Self::new(identity.as_str(), config, references.logger))
    }
}
register!(FileCredentialStore);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::secret_file::LIMIT;
    use super::*;
    use crate::Category;

    /// Files with these contents, for nobody else to read or write.
    fn store(files: &[(&str, &[u8])], strict: bool) -> (tempfile::TempDir, FileCredentialStore) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            set_mode(&path, 0o600);
        }
        let config = FileCredentialStoreConfig { path: directory.path().into(), strict };
        (directory, FileCredentialStore::new("file", config, Logger::standalone()))
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    fn set_mode(_: &Path, _: u32) {}

    async fn find(store: &FileCredentialStore, key: &str) -> Option<(Option<String>, Option<String>)> {
        let found = store.lookup(key).await.unwrap()?;
        Some((found.username, found.password.map(|password| password.expose().to_owned())))
    }

    fn pair(user: Option<&str>, password: Option<&str>) -> Option<(Option<String>, Option<String>)> {
        Some((user.map(str::to_owned), password.map(str::to_owned)))
    }

    #[tokio::test]
    async fn three_layouts_are_read() {
        let (directory, store) = store(
            &[
                ("kube/username", b"ann\n"),
                ("kube/password", b"p 1\r\n"),
                ("docker_username", b"bob"),
                ("docker_password", b"\xef\xbb\xbfp2\n\n"),
                ("alone", b"p3"),
                ("half_username", b"eve"),
                ("empty", b"\n"),
                ("other/notes", b"x"),
            ],
            true,
        );
        assert_eq!(find(&store, "kube").await, pair(Some("ann"), Some("p 1")));
        assert_eq!(find(&store, "docker").await, pair(Some("bob"), Some("p2")));
        assert_eq!(find(&store, "alone").await, pair(None, Some("p3")));
        assert_eq!(find(&store, "half").await, pair(Some("eve"), None));
        for none in ["empty", "other", "unknown"] {
            assert_eq!(find(&store, none).await, None, "{none}");
        }
        fs::write(directory.path().join("alone"), "rotated").unwrap();
        assert_eq!(find(&store, "alone").await, pair(None, Some("rotated")));
    }

    #[tokio::test]
    async fn error_names_the_files_and_the_folder() {
        let (directory, store) = store(&[("file", b"x")], false);
        let shown = directory.path().display().to_string();
        let place = store.looked_in("k").await.unwrap();
        assert_eq!(
            place.replace(&shown, "/run"),
            "`k/username`, `k/password`, `k_username`, `k_password` and `k` in the folder `/run`"
        );
        fs::create_dir(directory.path().join("k")).unwrap();
        fs::write(directory.path().join("k/password"), "\n").unwrap();
        assert_eq!(
            store.looked_in("k").await.unwrap().replace(&shown, "/run"),
            "`k/username`, `k/password`, `k_username`, `k_password` and `k` in the folder `/run`; nothing is in `k/password`"
        );
        for (name, expected) in [
            ("none", "the folder `/run/none`, which is not there"),
            ("file", "the folder `/run/file`, which is no folder"),
        ] {
            let config =
                FileCredentialStoreConfig { path: directory.path().join(name).into(), strict: false };
            let store = FileCredentialStore::new("file", config, Logger::standalone());
            assert_eq!(store.looked_in("k").await.unwrap().replace(&shown, "/run"), expected);
        }
    }

    #[tokio::test]
    async fn key_stays_in_the_directory() {
        let (_directory, store) = store(&[("k", b"x")], false);
        for key in ["../k", "/etc/passwd", "..", ".", "", "a/b", "a\\b", ".hidden", "a\0"] {
            let error = store.lookup(key).await.unwrap_err();
            assert_eq!((error.category(), error.code()), (Category::Misconfiguration, "BAD_KEY"), "{key}");
        }
    }

    #[tokio::test]
    async fn bad_files_are_refused_without_showing_them() {
        let long = vec![b'x'; usize::try_from(LIMIT).unwrap() + 1];
        let (_directory, store) = store(&[("long", &long), ("bytes", b"canary\xff")], false);
        let error = store.lookup("long").await.unwrap_err();
        assert!(error.chain().contains("long`: it is larger than 65536 bytes"), "{}", error.chain());
        let error = store.lookup("bytes").await.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.downcast_ref::<SecretFileError>());
        assert!(shown.contains("is not UTF-8") && !shown.contains("canary"), "{shown}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn exposed_file_is_warned_of_or_refused() {
        for (mode, exposure) in [(0o604, Exposure::Read), (0o602, Exposure::Write), (0o620, Exposure::Write)]
        {
            let (directory, strict) = store(&[("k", b"canary")], true);
            let path = directory.path().join("k");
            set_mode(&path, mode);
            let error = strict.lookup("k").await.unwrap_err();
            assert_eq!((error.category(), error.code()), (Category::Misconfiguration, "EXPOSED_SECRET"));
            assert!(error.to_string().contains(&format!("can be {exposure} by others")), "{error}");
            assert!(!format!("{error:?}").contains("canary"));

            let config = FileCredentialStoreConfig { path: directory.path().into(), strict: false };
            let lenient = FileCredentialStore::new("file", config, Logger::standalone());
            assert_eq!(find(&lenient, "k").await, pair(None, Some("canary")));
            assert_eq!(find(&lenient, "k").await, pair(None, Some("canary")));
            let warned = lenient.secrets.warned.lock().unwrap();
            assert_eq!(*warned, HashSet::from([(path, exposure)]));
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_followed_and_other_files_refused() {
        let (directory, store) = store(&[("..data/password", b"p")], true);
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("k")).unwrap();
        std::os::unix::fs::symlink(at("..data/password"), at("k/password")).unwrap();
        assert_eq!(find(&store, "k").await, pair(None, Some("p")));
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let error = store.lookup("socket").await.unwrap_err();
        assert!(error.chain().contains("socket`: it is a socket; only a regular file"), "{}", error.chain());
    }
}
