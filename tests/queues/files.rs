//! A kind of queue in plain files, written against the public queue kit alone: what an author outside of this repository would write.
//!
//! Each message is a file, whose name is its place in the order and how often it was delivered; what is delivered stands in `taken` until it
//! is completed. It is for one process a folder, and lists the folder for each message: an example, not a fast one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Notify;
use wirework::component::Context;
use wirework::config::{ConfigPath, Invalid};
use wirework::messaging::kit::{
    QueueKind, QueueTelemetry, QueueTransport, Received, TransportQueue, TransportQueueOptions,
};
use wirework::messaging::{MessageEnvelope, QueueAddress};
use wirework::{Category, Descriptor, Error, register};

const WAITING: &str = "waiting";
const TAKEN: &str = "taken";

/// A folder of messages.
pub struct Folder {
    path: PathBuf,
    next: AtomicU64,
    arrived: Notify,
    /// Held while the folder is looked through and changed.
    changing: Mutex<()>,
}

impl Folder {
    pub fn new(path: &Path) -> Arc<Self> {
        let (next, arrived) = (AtomicU64::new(1), Notify::new());
        Arc::new(Self { path: path.to_owned(), next, arrived, changing: Mutex::default() })
    }

    /// Makes the folder, and has what was taken and not completed wait again.
    fn open(&self) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap();
        for part in [WAITING, TAKEN] {
            fs::create_dir_all(self.path.join(part)).map_err(|error| failed("make", &self.path, error))?;
        }
        for name in self.names(TAKEN)? {
            self.move_to(&name, TAKEN, &name, WAITING)?;
        }
        let last = self.names(WAITING)?.last().and_then(|name| parse(name)).map_or(0, |(number, _)| number);
        self.next.fetch_max(last + 1, Ordering::Relaxed);
        Ok(())
    }

    fn put(&self, envelope: &MessageEnvelope) -> Result<(), Error> {
        let name = name(self.next.fetch_add(1, Ordering::Relaxed), 0);
        let draft = self.path.join(&name);
        fs::write(&draft, envelope.to_json()).map_err(|error| failed("write", &draft, error))?;
        let target = self.path.join(WAITING).join(&name);
        fs::rename(&draft, &target).map_err(|error| failed("write", &target, error))?;
        self.arrived.notify_one();
        Ok(())
    }

    fn take(&self) -> Result<Option<Received<String>>, Error> {
        let _changing = self.changing.lock().unwrap();
        let Some(name) = self.names(WAITING)?.into_iter().next() else { return Ok(None) };
        self.move_to(&name, WAITING, &name, TAKEN)?;
        let path = self.path.join(TAKEN).join(&name);
        let bytes = fs::read(&path).map_err(|error| failed("read", &path, error))?;
        let before = parse(&name).map_or(0, |(_, deliveries)| deliveries);
        Ok(Some(match MessageEnvelope::from_json(&bytes) {
            Ok(envelope) => Received::new(envelope, name).delivered_before(before),
            Err(_) => Received::malformed(MessageEnvelope::new("", bytes), name),
        }))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(TAKEN).join(name);
        fs::remove_file(&path).map_err(|error| failed("remove", &path, error))
    }

    fn give_back(&self, taken: &str, deliveries: u32) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap();
        let number = parse(taken).map_or(0, |(number, _)| number);
        self.move_to(taken, TAKEN, &name(number, deliveries), WAITING)?;
        self.arrived.notify_one();
        Ok(())
    }

    fn clear(&self) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap();
        for name in self.names(WAITING)? {
            let path = self.path.join(WAITING).join(name);
            fs::remove_file(&path).map_err(|error| failed("remove", &path, error))?;
        }
        Ok(())
    }

    fn move_to(&self, name: &str, from: &str, new: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (self.path.join(from).join(name), self.path.join(to).join(new));
        fs::rename(&from, &to).map_err(|error| failed("move", &from, error))
    }

    fn names(&self, part: &str) -> Result<Vec<String>, Error> {
        let path = self.path.join(part);
        let entries = fs::read_dir(&path).map_err(|error| failed("read", &path, error))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>, _>>().map_err(|error| failed("read", &path, error))?;
        names.sort();
        Ok(names)
    }
}

/// The name of a file: its place in the order, and how often it was delivered.
fn name(number: u64, deliveries: u32) -> String {
    format!("{number:020}-{deliveries}.json")
}

fn parse(name: &str) -> Option<(u64, u32)> {
    let (number, deliveries) = name.strip_suffix(".json")?.split_once('-')?;
    Some((number.parse().ok()?, deliveries.parse().ok()?))
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    let category = if error.kind() == ErrorKind::NotFound { Category::NotFound } else { Category::FileError };
    Error::new(category, "FILES_FAILED", format!("cannot {what} `{}`", path.display())).with_source(error)
}

/// The transport over a folder.
pub struct Files {
    folder: Arc<Folder>,
    dead: Option<Arc<Folder>>,
}

impl Files {
    pub fn queue(
        name: &str,
        folder: &Arc<Folder>,
        dead: Option<&Arc<Folder>>,
        options: TransportQueueOptions,
    ) -> TransportQueue<Self> {
        let files = Self { folder: Arc::clone(folder), dead: dead.cloned() };
        TransportQueue::new(name, files, options, QueueTelemetry::default()).unwrap()
    }
}

impl QueueTransport for Files {
    type Receipt = String;

    /// As far as a rename is: nothing here is flushed to the disk.
    fn is_durable(&self) -> bool {
        true
    }

    fn address(&self) -> Option<QueueAddress> {
        Some(QueueAddress::new("files", 0, self.folder.path.display().to_string()))
    }

    fn dead_letters(&self) -> Option<&str> {
        self.dead.as_ref().and_then(|dead| dead.path.to_str())
    }

    async fn open(&self, _: &Context) -> Result<(), Error> {
        self.folder.open()?;
        self.dead.as_ref().map_or(Ok(()), |dead| dead.open())
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn send(&self, envelope: MessageEnvelope) -> Result<(), Error> {
        self.folder.put(&envelope)
    }

    async fn receive(&self) -> Result<Received<String>, Error> {
        loop {
            let arrived = self.folder.arrived.notified();
            if let Some(delivery) = self.folder.take()? {
                return Ok(delivery);
            }
            arrived.await;
        }
    }

    async fn complete(&self, taken: &String) -> Result<(), Error> {
        self.folder.remove(taken)
    }

    async fn give_back(&self, taken: String, deliveries: u32) -> Result<(), Error> {
        self.folder.give_back(&taken, deliveries)
    }

    async fn put_dead_letter(&self, letter: &MessageEnvelope) -> Result<(), Error> {
        self.dead.as_ref().map_or(Ok(()), |dead| dead.put(letter))
    }

    async fn clear(&self) -> Result<(), Error> {
        self.folder.clear()
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// The folder of the messages.
    folder: ConfigPath,
    /// The folder of the dead letters.
    dead_letters: Option<ConfigPath>,
    #[serde(default)]
    pub options: TransportQueueOptions,
}

impl QueueKind for Files {
    const DESCRIPTOR: &'static str = "acme:message-queue:files:*:1.0";
    const SUMMARY: &'static str = "Message queue in plain files.";
    type Config = FilesConfig;
    type References = QueueTelemetry;

    fn validate(_: &Descriptor, config: &FilesConfig) -> Vec<Invalid> {
        config.options.invalid()
    }

    fn create(
        identity: &Descriptor,
        config: FilesConfig,
        telemetry: QueueTelemetry,
    ) -> Result<TransportQueue<Self>, Error> {
        let files = Self {
            folder: Folder::new(config.folder.as_ref()),
            dead: config.dead_letters.as_ref().map(|path| Folder::new(path.as_ref())),
        };
        Ok(TransportQueue::new(identity.name(), files, config.options, telemetry)?)
    }
}
register!(TransportQueue<Files>);
