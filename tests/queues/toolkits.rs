//! Conversation with the toolkits of Pip.Services themselves, from npm and PyPI: what we send they read and send back, and
//! what they send we read. Installed by `toolkits/install.sh` into a folder of the tests' own; skipped, and said, where
//! that cannot be.

use std::io::Write;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;
use tokio::sync::OnceCell;
use wirework::messaging::MessageEnvelope;

use crate::behaviours::receive;
use crate::kinds::{connected, context, queue};
use crate::support::mosquitto::Mosquitto;
use crate::support::process::Process;

/// Where the toolkits are; none where they cannot be installed.
async fn installed() -> Option<&'static PathBuf> {
    static FOLDER: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let folder = FOLDER.get_or_init(|| async {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("toolkits");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/queues/toolkits/install.sh");
        let done = Command::new("sh").arg(script).arg(&folder).output().await;
        if done.as_ref().is_ok_and(|done| done.status.success()) {
            return Some(folder);
        }
        // Written past the capture of test output: what was skipped has to be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the toolkits of Pip.Services cannot be installed: {done:?}"
        );
        None
    });
    folder.await.as_ref()
}

/// What a toolkit makes of our message, beside what its type and trace id are.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Well,
    /// Well, but it cannot write an empty message: a defect of its own.
    WritesNoneEmpty,
    /// It reads raw bytes as JSON of a `Buffer`: a defect of its own, also between two of its kind.
    AsBuffer,
    /// It fails on every raw message: a defect of its own, also between two of its kind.
    Never,
}

async fn converse(program: &str, script: &str, envelopes: bool, reads: Reads) {
    let (Some(folder), Some(broker)) = (installed().await, Mosquitto::start().await) else { return };
    let (port, mode) = (broker.port.to_string(), if envelopes { "true" } else { "false" });
    let connection = connected(broker.port, &[]).await;
    let context = context();
    let keys = [("options.serialize_envelope", mode)];
    let there = queue("there", &connection, &[keys[0], ("options.autosubscribe", "false")], &context).await;
    let back = queue("back", &connection, &keys, &context).await;
    let mut command = Command::new(if program == "node" { "node".into() } else { folder.join(program) });
    let mut toolkit = Process::start(command.arg(script).arg(&port).arg(mode).current_dir(folder));
    toolkit.line_with("ready").await;
    // It speaks first.
    let greeting = receive(&back).await;
    let expected = if envelopes { "[trace-0,greeting,ABC]" } else { "[---,back,ABC]" };
    assert_eq!(greeting.to_string(), expected);
    back.complete(&greeting).await.unwrap();
    for text in ["ABC", "žluťoučký kůň 🐎", "{\"a\":1}", &"x".repeat(100_000), ""] {
        let envelope = MessageEnvelope::new("order.created", text.to_owned()).with_trace_id("trace-1");
        there.send(envelope).await.unwrap();
        if reads == Reads::Never {
            toolkit.line_with("AttributeError: 'MQTTMessage' object has no attribute 'message_id'").await;
            return;
        }
        let line = toolkit.line_with("got ").await;
        let (kind, trace) = if envelopes { ("order.created", "trace-1") } else { ("there", "") };
        let text = match reads {
            Reads::AsBuffer => {
                format!(
                    "{{\"type\":\"Buffer\",\"data\":{}}}",
                    serde_json::to_string(text.as_bytes()).unwrap()
                )
            }
            _ => text.to_owned(),
        };
        let payload = format!("{}.", STANDARD.encode(&text));
        assert!(line.starts_with(&format!("got {kind} {trace}")) && line.ends_with(&payload), "{line:.200}");
        if text.is_empty() && reads == Reads::WritesNoneEmpty {
            toolkit.line_with("AttributeError: 'NoneType' object has no attribute 'decode'").await;
            return;
        }
        let answer = receive(&back).await;
        back.complete(&answer).await.unwrap();
        assert_eq!(answer.text(), Some(text.as_str()));
        if envelopes {
            assert_eq!(
                (&*answer.message_type, answer.trace_id.as_deref()),
                ("order.created", Some("trace-1"))
            );
            assert!(answer.sent_time.is_some());
        }
    }
}

#[tokio::test]
async fn node_with_envelopes() {
    converse("node", "echo.js", true, Reads::Well).await;
}

#[tokio::test]
async fn node_with_raw_payloads() {
    converse("node", "echo.js", false, Reads::AsBuffer).await;
}

#[tokio::test]
async fn python_with_envelopes() {
    converse("python/bin/python", "echo.py", true, Reads::WritesNoneEmpty).await;
}

#[tokio::test]
async fn python_with_raw_payloads() {
    converse("python/bin/python", "echo.py", false, Reads::Never).await;
}
