//! Where the files of a service are in its pod.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf, absolute};
use std::process::ExitCode;

use crate::cli::deployment::{Deployable, refused, whole};
use crate::cli::needs::{Needs, WrittenFile};

/// A file in the pod.
pub(super) struct PodFile {
    /// Its key in a ConfigMap or a Secret.
    pub key: String,
    /// Where it is mounted.
    pub path: PathBuf,
}

/// The files of a service in its pod.
pub(super) struct Files {
    /// The folder of the manifest, which has all of its files in it or below it.
    root: PathBuf,
    /// The same on this machine.
    folder: PathBuf,
    /// The files of the manifest, with their texts.
    manifest: Vec<(PodFile, String)>,
    /// What is read by the command line, in this order.
    named: Vec<PathBuf>,
    /// Files with secrets.
    secrets: Vec<PodFile>,
}

impl Files {
    /// The manifest's files keep their places to each other: the folder that has all of them becomes `/etc/NAME`.
    pub fn of(service: &Deployable, needs: &Needs<'_>) -> Result<Self, ExitCode> {
        let root = PathBuf::from(format!("/etc/{}", service.name));
        let read = needs.files().map(|file| Ok((normal(&whole(utf_8(&file.path)?)?), &file.text)));
        let read = read.collect::<Result<Vec<_>, ExitCode>>()?;
        let folder = common_folder(read.iter().map(|(path, _)| &**path));
        let in_pod = |path: &Path| moved(path, &folder, &root);
        let mut keys = BTreeSet::new();
        let manifest = read.iter().filter_map(|(path, text)| {
            let path = in_pod(path)?;
            let key = key(path.strip_prefix(&root).ok()?, &mut keys);
            Some((PodFile { key, path }, (*text).clone()))
        });
        let manifest = manifest.collect();
        // A folder is read as one, in the pod too.
        let named = service.manifests.iter().map(|path| {
            let path = normal(path);
            if path == folder { Some(root.clone()) } else { in_pod(&path) }
        });
        let named = named.collect::<Option<_>>().ok_or_else(|| {
            refused(
                "the manifests have no folder in common below which all of them are",
                "put them into one folder, and name that by `-c FOLDER`",
            )
        })?;
        let mut secrets = BTreeMap::new();
        for secret in needs.secret_files() {
            let beside = in_pod(&normal(&whole(secret.beside)?));
            secrets.insert(joined(beside.as_deref(), secret.written), ());
        }
        let mut keys = BTreeSet::new();
        let secrets = secrets.into_keys().map(|path| {
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            PodFile { key: key(&name, &mut keys), path }
        });
        let secrets = secrets.collect();
        Ok(Self { root, folder, manifest, named, secrets })
    }

    /// Where the path of a component is in the pod, which is `written` so where that is relative.
    pub fn in_pod(&self, path: &Path, written: Option<WrittenFile<'_>>) -> PathBuf {
        let Some(written) = written else { return path.to_owned() };
        let beside = absolute(written.beside).ok();
        let beside = beside.and_then(|beside| moved(&normal(&beside), &self.folder, &self.root));
        joined(beside.as_deref(), written.written)
    }

    /// The folder of the manifest in the pod.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The manifest's files with their texts.
    pub fn manifest(&self) -> &[(PodFile, String)] {
        &self.manifest
    }

    /// What the command line names.
    pub fn named(&self) -> &[PathBuf] {
        &self.named
    }

    /// The files with secrets.
    pub fn secrets(&self) -> &[PodFile] {
        &self.secrets
    }

    /// Those of the secrets that are below the manifest's folder.
    pub fn inner_secrets(&self) -> impl Iterator<Item = &PodFile> {
        self.secrets.iter().filter(|file| file.path.starts_with(&self.root))
    }

    /// The others, by their folders.
    pub fn outer_secrets(&self) -> BTreeMap<&Path, Vec<&PodFile>> {
        let mut folders: BTreeMap<&Path, Vec<&PodFile>> = BTreeMap::new();
        for file in self.secrets.iter().filter(|file| !file.path.starts_with(&self.root)) {
            folders.entry(file.path.parent().unwrap_or(Path::new("/"))).or_default().push(file);
        }
        folders
    }
}

/// The same path below another folder.
fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    path.strip_prefix(from).map(|inside| to.join(inside)).ok()
}

/// A path that is written in a file of the manifest.
fn joined(file: Option<&Path>, written: &str) -> PathBuf {
    normal(&file.and_then(Path::parent).unwrap_or(Path::new("")).join(written))
}

/// A path that can be written into an object.
fn utf_8(path: &Path) -> Result<&Path, ExitCode> {
    path.to_str().map(Path::new).ok_or_else(|| {
        let error = format!("the path `{}` is no UTF-8 text", path.display());
        refused(&error, "rename it: an object of Kubernetes has no place for it")
    })
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// The deepest folder that has all files in it or below it.
fn common_folder<'p>(files: impl Iterator<Item = &'p Path>) -> PathBuf {
    let mut folders = files.map(|file| file.parent().unwrap_or(Path::new("/")));
    let mut common = folders.next().unwrap_or(Path::new("/"));
    for folder in folders {
        while !folder.starts_with(common) {
            common = common.parent().unwrap_or(Path::new("/"));
        }
    }
    common.to_owned()
}

/// A key of a ConfigMap for a path, which no other has.
fn key(path: &Path, taken: &mut BTreeSet<String>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text = path.to_string_lossy();
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut key = plain.clone();
    let mut number = 1;
    while !taken.insert(key.clone()) {
        number += 1;
        key = format!("{number}-{plain}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_places_to_each_other() {
        let common = |files: &[&str]| common_folder(files.iter().map(Path::new));
        assert_eq!(common(&["/etc/a/service.toml"]), Path::new("/etc/a"));
        assert_eq!(common(&["/etc/a/service.toml", "/etc/a/more/x.toml"]), Path::new("/etc/a"));
        assert_eq!(common(&["/etc/ab/service.toml", "/etc/a/x.toml"]), Path::new("/etc"));
        assert_eq!(common(&["/a.toml", "/b/c.toml"]), Path::new("/"));
        assert_eq!(normal(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }

    #[test]
    fn a_key_is_the_only_one_of_its_kind() {
        let mut taken = BTreeSet::new();
        let mut key = |path: &str| super::key(Path::new(path), &mut taken);
        assert_eq!(key("service.toml"), "service.toml");
        assert_eq!(key("more/service file.toml"), "more_service_file.toml");
        assert_eq!(key("more_service_file.toml"), "2-more_service_file.toml");
    }
}
