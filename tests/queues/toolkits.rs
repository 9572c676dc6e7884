//! Conversation with the toolkits of Pip.Services themselves, from npm and PyPI: payload × mode × direction × toolkit.
//! What a toolkit cannot do is asserted between two instances of it too, and listed in docs/toolkits.md.
//!
//! Installed by `toolkits/install.sh` into a folder of the tests' own; skipped, and said, where that cannot be.

use std::io::Write;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;
use tokio::sync::OnceCell;
use wirework::messaging::{MessageEnvelope, MessageQueue};

use crate::behaviours::receive;
use crate::kinds::{connected, context, queue};
use crate::support::mosquitto::Mosquitto;
use crate::support::process::Process;

/// Where the variable is 1, a machine on which the toolkits cannot be installed fails these tests; elsewhere they are
/// skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_TOOLKITS";

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/queues/toolkits");

/// Where the toolkits are; none where they cannot be installed.
async fn installed() -> Option<&'static PathBuf> {
    static FOLDER: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let folder = FOLDER.get_or_init(|| async {
        let into = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("toolkits");
        let done = Command::new("sh").arg(format!("{SCRIPTS}/install.sh")).arg(into).output().await;
        if let Ok(done) = &done
            && done.status.success()
        {
            return Some(PathBuf::from(String::from_utf8_lossy(&done.stdout).trim()));
        }
        assert!(
            std::env::var(REQUIRE).as_deref() != Ok("1"),
            "the toolkits of Pip.Services cannot be installed, but {REQUIRE}=1: {done:?}"
        );
        // Written past the capture of test output: what was skipped has to be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the toolkits of Pip.Services cannot be installed: {done:?}"
        );
        None
    });
    folder.await.as_ref()
}

#[derive(Clone, Copy, PartialEq)]
enum Toolkit {
    Node,
    Python,
}

/// How one end of a toolkit does its part.
#[derive(Debug, PartialEq)]
enum Does {
    /// These bytes come out.
    Bytes(Vec<u8>),
    /// It fails, and says this.
    Fails(&'static str),
}

/// What it makes of bytes by writing them as JSON of a `Buffer`.
fn as_buffer(bytes: &[u8]) -> Vec<u8> {
    format!("{{\"type\":\"Buffer\",\"data\":{}}}", serde_json::to_string(bytes).unwrap()).into_bytes()
}

/// A toolkit in one mode.
#[derive(Clone, Copy)]
struct Side {
    toolkit: Toolkit,
    envelopes: bool,
}

/// A message, and how a toolkit's user makes it.
struct Payload {
    name: &'static str,
    /// From a text, from bytes, or with the bytes put into the envelope's field, past the constructor.
    how: &'static str,
    bytes: Vec<u8>,
}

fn payloads() -> Vec<Payload> {
    let binary: Vec<u8> = (0..=255).rev().collect();
    assert!(std::str::from_utf8(&binary).is_err());
    let all: [(_, _, Vec<u8>); 8] = [
        ("text", "text", "ABC".into()),
        ("JSON", "text", "{\"a\":1}".into()),
        ("unicode", "text", "žluťoučký kůň 🐎".into()),
        ("longer unicode", "text", format!("x{}", "ž".repeat(50)).into()),
        ("binary", "binary", binary.clone()),
        ("binary in the field", "field", binary),
        ("empty", "text", Vec::new()),
        ("large", "text", vec![b'x'; 100_000]),
    ];
    all.into_iter().map(|(name, how, bytes)| Payload { name, how, bytes }).collect()
}

impl Side {
    /// The table of docs/toolkits.md: what it puts on the wire for a payload.
    fn writes(self, payload: &Payload) -> Does {
        match (self.toolkit, payload.how) {
            // The constructor of its envelope goes on to write bytes as an object.
            (Toolkit::Node, "binary") => Does::Bytes(as_buffer(&payload.bytes)),
            (Toolkit::Python, "binary") => {
                Does::Fails("TypeError: Object of type bytes is not JSON serializable")
            }
            // It takes an empty message for none, even for its log.
            (Toolkit::Python, _) if payload.bytes.is_empty() => {
                Does::Fails("AttributeError: 'NoneType' object has no attribute 'decode'")
            }
            _ => Does::Bytes(payload.bytes.clone()),
        }
    }

    /// And what it makes of what is on the wire.
    fn reads(self, wire: &[u8]) -> Does {
        const NO_UTF_8: &str = "UnicodeDecodeError: 'utf-8' codec can't decode byte";
        let is_text = |bytes| std::str::from_utf8(bytes).is_ok();
        match (self.toolkit, self.envelopes) {
            // The first 50 bytes have to be UTF-8 by themselves, for its log.
            (Toolkit::Python, true) if !is_text(wire.get(..50).unwrap_or(wire)) => Does::Fails(NO_UTF_8),
            (_, true) => Does::Bytes(wire.to_vec()),
            // Its own envelope, by that constructor.
            (Toolkit::Node, false) => Does::Bytes(as_buffer(wire)),
            (Toolkit::Python, false) if !is_text(wire) => Does::Fails(NO_UTF_8),
            // Paho's messages have another name for it.
            (Toolkit::Python, false) => {
                Does::Fails("AttributeError: 'MQTTMessage' object has no attribute 'message_id'")
            }
        }
    }

    fn start(self, folder: &PathBuf, port: u16, topic: &str, more: &[&str]) -> Process {
        let (program, script) = match self.toolkit {
            Toolkit::Node => (PathBuf::from("node"), "talk.js"),
            Toolkit::Python => (folder.join("python/bin/python"), "talk.py"),
        };
        let envelopes = self.envelopes.to_string();
        let mut command = Command::new(program);
        command.arg(format!("{SCRIPTS}/{script}")).args([&port.to_string(), &envelopes, topic]).args(more);
        Process::start(command.env("NODE_PATH", folder.join("node_modules")).current_dir(folder))
    }

    /// One that receives, when the broker has granted its subscription.
    async fn receiver(self, folder: &PathBuf, port: u16, topic: &str) -> Process {
        let mut process = self.start(folder, port, topic, &["receive"]);
        process.line_with("ready").await;
        process
    }

    /// The next message comes out of a receiver as it must; whether it can go on.
    async fn hears(self, receiver: &mut Process, wire: &[u8], topic: &str, cell: &str) -> bool {
        match self.reads(wire) {
            Does::Bytes(bytes) => {
                let line = receiver.line_with("got ").await;
                let (kind, trace) = if self.envelopes { ("order.created", "trace-1") } else { (topic, "") };
                let expected = format!("{}.", STANDARD.encode(bytes));
                assert!(
                    line.starts_with(&format!("got {kind} {trace}")) && line.ends_with(&expected),
                    "{cell}: {line:.200}"
                );
                true
            }
            Does::Fails(said) => {
                receiver.line_with(said).await;
                false
            }
        }
    }
}

/// Our messages come out of a toolkit as its own would.
async fn reads_ours(side: Side) {
    let (Some(folder), Some(broker)) = (installed().await, Mosquitto::start().await) else { return };
    let ours = ours(&broker, side, "there", "false").await;
    let mut receiver = side.receiver(folder, broker.port, "there").await;
    for Payload { name, bytes, .. } in payloads() {
        let envelope = MessageEnvelope::new("order.created", bytes.clone()).with_trace_id("trace-1");
        ours.send(envelope).await.unwrap();
        if !side.hears(&mut receiver, &bytes, "there", name).await {
            // Its network thread died of it.
            receiver = side.receiver(folder, broker.port, "there").await;
        }
    }
}

/// A toolkit's messages come to us, and to another instance of it: where one of the two cannot have them, neither can.
async fn writes_to_us_and_its_own(side: Side) {
    let (Some(folder), Some(broker)) = (installed().await, Mosquitto::start().await) else { return };
    let ours = ours(&broker, side, "back", "true").await;
    let mut theirs = side.receiver(folder, broker.port, "back").await;
    for payload in payloads() {
        let Payload { name, how, bytes } = &payload;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        let mut sender =
            side.start(folder, broker.port, "back", &["send", how, file.path().to_str().unwrap()]);
        let wire = match side.writes(&payload) {
            Does::Bytes(wire) => wire,
            Does::Fails(said) => {
                sender.line_with(&format!("failed {said}")).await;
                continue;
            }
        };
        sender.line_with("sent").await;
        let message = receive(&ours).await;
        ours.complete(&message).await.unwrap();
        assert!(message.payload == wire, "{name}: {message}");
        let (kind, trace) = if side.envelopes { ("order.created", Some("trace-1")) } else { ("back", None) };
        assert_eq!((&*message.message_type, message.trace_id.as_deref()), (kind, trace), "{name}");
        assert_eq!(message.sent_time.is_some(), side.envelopes, "{name}");
        if !side.hears(&mut theirs, &wire, "back", name).await {
            theirs = side.receiver(folder, broker.port, "back").await;
        }
    }
    assert!(ours.receive(std::time::Duration::ZERO).await.unwrap().is_none(), "what failed sent nothing");
}

async fn ours(
    broker: &Mosquitto,
    side: Side,
    topic: &str,
    subscribed: &str,
) -> std::sync::Arc<dyn MessageQueue> {
    let connection = connected(broker.port, &[]).await;
    let envelopes = side.envelopes.to_string();
    let keys = [("options.serialize_envelope", &*envelopes), ("options.autosubscribe", subscribed)];
    queue(topic, &connection, &keys, &context()).await
}

macro_rules! matrix {
    ($($name:ident: $toolkit:ident $envelopes:literal;)*) => { $(
        mod $name {
            const SIDE: super::Side = super::Side { toolkit: super::Toolkit::$toolkit, envelopes: $envelopes };

            #[tokio::test]
            async fn reads_ours() {
                super::reads_ours(SIDE).await;
            }

            #[tokio::test]
            async fn writes_to_us_and_its_own() {
                super::writes_to_us_and_its_own(SIDE).await;
            }
        }
    )* };
}

matrix! {
    node_with_envelopes: Node true;
    node_with_raw_payloads: Node false;
    python_with_envelopes: Python true;
    python_with_raw_payloads: Python false;
}
