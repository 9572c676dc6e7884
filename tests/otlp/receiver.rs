//! A receiver that reads with the messages of OpenTelemetry itself, for Python: `receiver/receiver.py`.
//!
//! Installed by `receiver/install.sh` into a folder of the tests' own; skipped, and said, where that cannot be.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::process::Command;
use wirework::component::Component;
use wirework::count::Counters;
use wirework::log::{Level, LogSink, Record, Value};
use wirework::otlp::{OtlpCounters, OtlpCountersConfig, OtlpTracer, OtlpTracerConfig};
use wirework::trace::{SpanKind, TraceContext, TraceSink, Tracer};

use crate::sender::Sender;
use crate::support::process::Process;

/// Where the variable is 1, a machine on which the messages cannot be installed fails this test; elsewhere it is skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_OTLP";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otlp/receiver");

/// The receiver, and its address; none where it cannot be installed.
async fn receiver() -> Option<(Process, String)> {
    let into = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("opentelemetry");
    let done = Command::new("sh").arg(format!("{FOLDER}/install.sh")).arg(into).output().await;
    let Some(done) = done.as_ref().ok().filter(|done| done.status.success()) else {
        assert!(
            std::env::var(REQUIRE).as_deref() != Ok("1"),
            "the messages of OpenTelemetry cannot be installed, but {REQUIRE}=1: {done:?}"
        );
        // Written past the capture of test output: what was skipped has to be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the messages of OpenTelemetry cannot be installed: {done:?}"
        );
        return None;
    };
    let python = PathBuf::from(String::from_utf8_lossy(&done.stdout).trim()).join("bin/python");
    let mut process = Process::start(Command::new(python).arg(format!("{FOLDER}/receiver.py")));
    let port = process.next_line().await.expect("its port");
    Some((process, format!("http://127.0.0.1:{port}")))
}

/// The next record that was received.
async fn next(process: &mut Process) -> Json {
    let line = process.line_with("{").await;
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn nanos(json: &Json) -> u128 {
    json.as_str().expect("a number as text").parse().expect("a number")
}

#[tokio::test]
async fn all_that_is_sent_is_what_opentelemetry_reads() {
    let Some((mut process, uri)) = receiver().await else { return };
    let config =
        format!("connection.uri = '{uri}'\nresource = {{ team = 'tea' }}\noptions.batch_delay = '10ms'");
    let sender = Sender::unopened(&config);
    let sink = Arc::new(OtlpCounters::new(&OtlpCountersConfig::default(), &sender.connection));
    let spans = Arc::new(OtlpTracer::new(&OtlpTracerConfig::default(), &sender.connection).unwrap());
    sender.open().await;
    logs(&sender, &mut process).await;
    metrics(&sink, &sender, &mut process).await;
    traces(&spans, &mut process).await;
    sender.close(Duration::from_secs(60)).await;
}

async fn logs(sender: &Sender, process: &mut Process) {
    let component = "pip-services:connection:mqtt:default:1.0".parse().unwrap();
    let fields = [
        ("text", Value::Text("Kühe\n🐎")),
        ("negative", Value::I64(-7)),
        ("whole", Value::U64(7)),
        ("half", Value::F64(0.5)),
        ("yes", Value::Bool(true)),
        ("span_id", Value::Text("00f067aa0ba902b7")),
    ];
    let record = Record::new(Level::Warn, "the link is down")
        .with_component(&component)
        .with_target("wirework::mqtt")
        .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736")
        .with_fields(&fields);
    sender.logger.log(&record);
    let said = next(process).await;
    assert_eq!((&said["path"], &said["scope"]), (&json!("/v1/logs"), &json!("wirework")));
    let resource = &said["resource"];
    assert_eq!((&resource["service.name"], &resource["team"]), (&json!("standalone"), &json!("tea")));
    assert_eq!(resource["telemetry.sdk.name"], "wirework");
    assert!(resource["service.instance.id"].as_str().unwrap().ends_with(&std::process::id().to_string()));
    let read = &said["record"];
    let expected = json!({
        "text": "Kühe\n🐎", "negative": -7, "whole": 7, "half": 0.5, "yes": true,
        "component": component.to_string(), "code.namespace": "wirework::mqtt",
    });
    assert_eq!(read["attributes"], expected);
    assert_eq!(
        (&read["severity_number"], &read["severity_text"], &read["body"]["string_value"]),
        (&json!("SEVERITY_NUMBER_WARN"), &json!("warn"), &json!("the link is down"))
    );
    assert_eq!(
        (&read["trace_id"], &read["span_id"]),
        (&json!("4bf92f3577b34da6a3ce929d0e0e4736"), &json!("00f067aa0ba902b7"))
    );
    let time = record.time().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert_eq!(nanos(&read["time_unix_nano"]), time);
    assert!(nanos(&read["observed_time_unix_nano"]) >= time);
}

async fn metrics(sink: &Arc<OtlpCounters>, sender: &Sender, process: &mut Process) {
    let counters = Counters::of("a:queue:memory:orders:1.0".parse().unwrap());
    counters.bind(vec![sink.clone()]);
    counters.increment("queue.orders.sent_messages").add(3);
    counters.last("length").set(1.5);
    counters.stats("size").record(2.0);
    counters.stats("size").record(4.0);
    for millis in [1, 3, 100_000] {
        counters.timing("work").record(Duration::from_millis(millis));
    }
    sink.close(&sender.context).await.unwrap();
    let mut read = Vec::new();
    for _ in 0..4 {
        let said = next(process).await;
        assert_eq!(said["path"], "/v1/metrics");
        read.push(said["record"].clone());
    }
    let metric = |name: &str| {
        let found = read.iter().find(|metric| metric["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {read:#?}"))
    };
    let sent = &metric("wirework.queue.sent_messages")["sum"];
    assert_eq!(
        (&sent["is_monotonic"], &sent["aggregation_temporality"]),
        (&json!(true), &json!("AGGREGATION_TEMPORALITY_CUMULATIVE"))
    );
    let point = &sent["data_points"][0];
    assert_eq!(
        (&point["as_int"], &point["attributes"]),
        (&json!("3"), &json!({"component": "queue:memory:orders", "queue": "orders"}))
    );
    assert!(nanos(&point["start_time_unix_nano"]) <= nanos(&point["time_unix_nano"]));
    assert_eq!(metric("wirework.length")["gauge"]["data_points"][0]["as_double"], 1.5);
    let size = &metric("wirework.size")["histogram"]["data_points"][0];
    assert_eq!(
        (&size["count"], &size["sum"], &size["min"], &size["max"]),
        (&json!("2"), &json!(6.0), &json!(2.0), &json!(4.0))
    );
    let work = metric("wirework.work");
    assert_eq!(work["unit"], "s");
    let point = &work["histogram"]["data_points"][0];
    let counts: Vec<_> = point["bucket_counts"].as_array().unwrap().iter().map(nanos).collect();
    assert_eq!(counts, [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let bounds = &point["explicit_bounds"];
    assert_eq!(
        (bounds.as_array().unwrap().len(), &bounds[0], &bounds[13]),
        (14, &json!(0.0005), &json!(60.0))
    );
    assert_eq!((&point["count"], &point["sum"]), (&json!("3"), &json!(100.004)));
}

async fn traces(sink: &Arc<OtlpTracer>, process: &mut Process) {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let caller = TraceContext::read([&*format!("00-{TRACE}-00f067aa0ba902b7-01")], ["vendor=1"]).unwrap();
    let component = "acme:desk:orders:default:1.0";
    let tracer = Tracer::of(component.parse().unwrap());
    tracer.bind(vec![sink.clone() as Arc<dyn TraceSink>]);
    let outer = tracer.begin_in(&caller, "http", "GET /orders/{id}").kind(SpanKind::Server);
    let outer = outer.attribute("http.route", "/orders/{id}").attribute("http.response.status_code", 500_i64);
    let inner = tracer.begin_in(outer.context().unwrap(), "orders", "find");
    let ids = [&outer, &inner].map(|timing| timing.context().unwrap().span_id());
    inner.fail(&std::io::Error::other("no stock"));
    outer.end();
    let (inner, outer) = (next(process).await, next(process).await);
    assert_eq!((&inner["path"], &inner["scope"]), (&json!("/v1/traces"), &json!("wirework")));
    assert_eq!(inner["resource"]["team"], "tea");
    let (inner, outer) = (&inner["record"], &outer["record"]);
    for (span, id, parent) in [(inner, &ids[1], &*ids[0]), (outer, &ids[0], "00f067aa0ba902b7")] {
        let read = (&span["trace_id"], &span["span_id"], &span["parent_span_id"], &span["trace_state"]);
        assert_eq!(read, (&json!(TRACE), &json!(id), &json!(parent), &json!("vendor=1")));
        assert!(nanos(&span["start_time_unix_nano"]) <= nanos(&span["end_time_unix_nano"]));
    }
    assert_eq!((&inner["name"], &inner["kind"]), (&json!("orders.find"), &json!("SPAN_KIND_INTERNAL")));
    assert_eq!((&outer["name"], &outer["kind"]), (&json!("GET /orders/{id}"), &json!("SPAN_KIND_SERVER")));
    assert_eq!(inner["status"], json!({"code": "STATUS_CODE_ERROR", "message": "no stock"}));
    assert!(outer.get("status").is_none(), "nothing is said of what went well");
    assert_eq!(
        outer["attributes"],
        json!({"component": component, "http.route": "/orders/{id}", "http.response.status_code": 500})
    );
    // Sampled; and whether the caller is in another process.
    assert_eq!((&inner["flags"], &outer["flags"]), (&json!(0x101), &json!(0x301)));
}
