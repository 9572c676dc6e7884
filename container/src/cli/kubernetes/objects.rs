//! The objects themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::files::{Files, PodFile};
use super::ports::Ports;
use super::yaml::{Document, YamlError, text};
use crate::cli::deployment::Deployable;
use crate::cli::needs::{Needs, seconds};

/// The user and the group that it runs as: nobody of the image.
const USER: u32 = 65532;

/// What stands for each secret.
const PLACEHOLDER: &str = "CHANGE-ME";

/// How often a probe is made, in seconds.
const PROBE_PERIOD: u64 = 5;

/// Where services write, as systemd and others have it.
const WRITABLE: [&str; 3] = ["/var/lib", "/var/cache", "/var/log"];

/// What the objects are made of.
pub(super) struct Objects<'a> {
    pub service: &'a Deployable,
    pub needs: &'a Needs<'a>,
    pub files: &'a Files,
    pub ports: &'a Ports<'a>,
    pub image: &'a str,
}

impl Objects<'_> {
    /// All of them as YAML.
    pub fn text(&self) -> Result<String, YamlError> {
        let mut first = Document::new(self.config_map());
        first.comment(&format!(
            "{}, made of its manifest by `kubernetes`: make it anew when that changes.",
            self.name()
        ));
        let mut documents = vec![first];
        documents.extend(self.secret_parameters());
        documents.extend(self.secret_files());
        documents.push(self.deployment());
        documents.extend(self.service_object());
        text(&documents)
    }

    fn name(&self) -> &str {
        &self.service.name
    }

    /// The name of one of several objects.
    fn named(&self, part: &str) -> String {
        format!("{}-{part}", self.name())
    }

    fn labels(&self) -> Value {
        json!({ "app.kubernetes.io/name": self.name() })
    }

    fn object(&self, (version, kind): (&str, &str), name: &str) -> Map<String, Value> {
        let metadata = json!({ "name": name, "labels": self.labels() });
        map([("apiVersion", version.into()), ("kind", kind.into()), ("metadata", metadata)])
    }

    fn config_map(&self) -> Value {
        let mut object = self.object(("v1", "ConfigMap"), &self.named("manifest"));
        let data = self.files.manifest().iter().map(|(file, text)| (file.key.clone(), text.clone().into()));
        object.insert("data".to_owned(), Value::Object(data.collect()));
        object.into()
    }

    fn secret(&self, part: &str, keys: impl Iterator<Item = String>) -> Option<Document> {
        let data: Map<_, _> = keys.map(|key| (key, PLACEHOLDER.into())).collect();
        if data.is_empty() {
            return None;
        }
        let mut object = self.object(("v1", "Secret"), &self.named(part));
        object.insert("type".to_owned(), "Opaque".into());
        object.insert("stringData".to_owned(), data.into());
        Some(Document::new(object.into()))
    }

    fn secret_parameters(&self) -> Option<Document> {
        let mut secret = self.secret("secrets", self.needs.secrets().map(str::to_owned))?;
        secret.comment("Parameters of the manifest that are secret: put the values in, or leave it out and make it otherwise.");
        Some(secret)
    }

    fn secret_files(&self) -> Option<Document> {
        let mut secret =
            self.secret("secret-files", self.files.secrets().iter().map(|file| file.key.clone()))?;
        secret.comment("Files that the manifest takes secrets from: put their texts in, or leave it out and make it otherwise.");
        Some(secret)
    }

    fn deployment(&self) -> Document {
        let mut object = self.object(("apps/v1", "Deployment"), self.name());
        let spec = json!({
            "replicas": 1,
            "selector": { "matchLabels": self.labels() },
            "template": { "metadata": { "labels": self.labels() }, "spec": self.pod() },
        });
        object.insert("spec".to_owned(), spec);
        let mut document = Document::new(object.into());
        self.ports.remarks().for_each(|remark| document.comment(remark));
        for path in self.unwritable() {
            document.comment(&format!("WRONG: {}.", self.nowhere_to_write(&path)));
        }
        for path in self.unmounted() {
            document.comment(&format!("The manifest names {path}, which is not mounted here: add a volume, or put it into the image."));
        }
        for folder in self.written() {
            document.comment(&format!(
                "What is written to {folder} goes with the pod: give it a PersistentVolumeClaim."
            ));
        }
        document
    }

    fn pod(&self) -> Value {
        let mut security = map([
            ("runAsNonRoot", true.into()),
            ("runAsUser", USER.into()),
            ("runAsGroup", USER.into()),
            ("fsGroup", USER.into()),
            ("seccompProfile", json!({ "type": "RuntimeDefault" })),
        ]);
        if self.needs.has_privileged_port() {
            // No capability of a container reaches a process that is not root's.
            let all = json!([{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }]);
            security.insert("sysctls".to_owned(), all);
        }
        json!({
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": seconds(self.needs.stop_limit()),
            "securityContext": security,
            "containers": [self.container()],
            "volumes": self.volumes(),
        })
    }

    fn container(&self) -> Value {
        let named = self.files.named().iter().flat_map(|path| [json!("-c"), text_of(path)]);
        let args: Vec<_> = std::iter::once(json!("run")).chain(named).collect();
        let mut container =
            map([("name", self.name().into()), ("image", self.image.into()), ("args", args.into())]);
        let given = self.service.options.given();
        let values = self.needs.parameters().filter_map(|name| Some((name, given.get(name)?)));
        let values: Vec<_> = values.map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let is_secret = self.needs.secrets().next().is_some();
        let secrets = json!([{ "secretRef": { "name": self.named("secrets") } }]);
        let optional = [
            ("env", json!(values), !values.is_empty()),
            ("envFrom", secrets, is_secret),
            ("ports", self.ports.of_container(), !self.ports.is_empty()),
        ];
        let there = optional.into_iter().filter(|(.., is_there)| *is_there);
        container.extend(there.map(|(key, value, _)| (key.to_owned(), value)));
        container.extend(self.ports.probed().map(|port| self.probes(port)).unwrap_or_default());
        let security = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        container.extend(map([("securityContext", security), ("volumeMounts", self.mounts())]));
        container.into()
    }

    fn probes(&self, port: &str) -> Map<String, Value> {
        let tries = seconds(self.needs.whole_start_limit()).div_ceil(PROBE_PERIOD);
        map([
            ("startupProbe", probe("/startupz", port, tries)),
            ("livenessProbe", probe("/livez", port, 3)),
            ("readinessProbe", probe("/readyz", port, 1)),
        ])
    }

    fn mounts(&self) -> Value {
        let root = text_of(self.files.root());
        let mut mounts = vec![json!({ "name": "manifest", "mountPath": root, "readOnly": true })];
        for (number, folder) in self.files.outer_secrets().keys().enumerate() {
            let (name, folder) = (format!("secrets-{number}"), text_of(folder));
            mounts.push(json!({ "name": name, "mountPath": folder, "readOnly": true }));
        }
        mounts.push(json!({ "name": "tmp", "mountPath": "/tmp" }));
        for (number, folder) in self.written().iter().enumerate() {
            mounts.push(json!({ "name": format!("written-{number}"), "mountPath": folder }));
        }
        mounts.into()
    }

    fn volumes(&self) -> Value {
        let mut volumes = vec![self.manifest_volume()];
        for (number, files) in self.files.outer_secrets().values().enumerate() {
            let items: Vec<_> = files.iter().map(|file| item(file, file.path.parent())).collect();
            let secret =
                json!({ "secretName": self.named("secret-files"), "defaultMode": 0o440, "items": items });
            volumes.push(json!({ "name": format!("secrets-{number}"), "secret": secret }));
        }
        volumes.push(json!({ "name": "tmp", "emptyDir": {} }));
        for number in 0..self.written().len() {
            volumes.push(json!({ "name": format!("written-{number}"), "emptyDir": {} }));
        }
        volumes.into()
    }

    /// The folder of the manifest, with the secrets that are in it.
    fn manifest_volume(&self) -> Value {
        let root = Some(self.files.root());
        let mut config = map([("name", self.named("manifest").into())]);
        let is_flat = |file: &PodFile| {
            file.path.strip_prefix(self.files.root()).is_ok_and(|path| path == Path::new(&file.key))
        };
        if !self.files.manifest().iter().all(|(file, _)| is_flat(file)) {
            let items = self.files.manifest().iter().map(|(file, _)| item(file, root)).collect();
            config.insert("items".to_owned(), items);
        }
        let secrets: Vec<_> = self.files.inner_secrets().map(|file| item(file, root)).collect();
        if secrets.is_empty() {
            return json!({ "name": "manifest", "configMap": config });
        }
        let secret = json!({ "name": self.named("secret-files"), "items": secrets });
        let sources = json!([{ "configMap": config }, { "secret": secret }]);
        json!({ "name": "manifest", "projected": { "defaultMode": 0o440, "sources": sources } })
    }

    fn service_object(&self) -> Option<Document> {
        if self.ports.is_empty() {
            return None;
        }
        let mut object = self.object(("v1", "Service"), self.name());
        object.insert(
            "spec".to_owned(),
            json!({ "selector": self.labels(), "ports": self.ports.of_service() }),
        );
        Some(Document::new(object.into()))
    }

    /// The folders that components write to, as far as their paths show it.
    fn written(&self) -> BTreeSet<String> {
        let folders = WRITABLE.iter().flat_map(|parent| {
            self.needs.folders_in(parent).into_iter().map(move |folder| format!("{parent}/{folder}"))
        });
        folders.collect()
    }

    /// The paths of components that no volume has, as they are in the pod.
    fn unmounted(&self) -> impl Iterator<Item = String> {
        let paths = self.needs.paths().filter(|path| !self.needs.made().iter().any(|made| made == path));
        self.outside(paths).map(|path| path.display().to_string())
    }

    /// The files that components are to make where they may not write, as they are in the pod.
    pub fn unwritable(&self) -> impl Iterator<Item = PathBuf> {
        self.outside(self.needs.made().iter().map(PathBuf::as_path))
    }

    /// Why a file cannot be made there, and where it can.
    pub fn nowhere_to_write(&self, path: &Path) -> String {
        let name = path.file_name().unwrap_or_default();
        let better = Path::new("/var/lib").join(self.name()).join(name);
        format!(
            "the service may not write {}: the file system of its container is read-only, and so is the folder of the manifest; \
             write an absolute path, such as {}",
            path.display(),
            better.display()
        )
    }

    /// Those of these paths that are in none of the folders which components write to.
    fn outside<'p>(&self, paths: impl Iterator<Item = &'p Path>) -> impl Iterator<Item = PathBuf> {
        let written = self.written();
        let is_written = move |path: &PathBuf| {
            path.starts_with("/tmp") || written.iter().any(|folder| path.starts_with(folder))
        };
        paths
            .map(|path| self.files.in_pod(path, self.needs.written(path)))
            .filter(move |path| !is_written(path))
    }
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A path in the pod, which is UTF-8.
fn text_of(path: &Path) -> Value {
    path.to_string_lossy().into()
}

/// A file of a volume that is mounted at a folder.
fn item(file: &PodFile, folder: Option<&Path>) -> Value {
    let path = folder.and_then(|folder| file.path.strip_prefix(folder).ok()).unwrap_or(&file.path);
    json!({ "key": file.key, "path": text_of(path) })
}

fn probe(path: &str, port: &str, tries: u64) -> Value {
    json!({ "httpGet": { "path": path, "port": port }, "periodSeconds": PROBE_PERIOD, "failureThreshold": tries })
}
