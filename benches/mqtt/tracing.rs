//! What tracing costs a publish: without a tracer, with one that samples one trace in a hundred, and with one that samples all; the
//! time is that of the client's thread alone, to a server on a thread of this process. In MQTT 5, in which a context goes along.

use std::sync::Arc;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use wirework::component::Context;
use wirework::mqtt::{MqttConnection, MqttOptions, MqttVersion, PublishOptions};
use wirework::trace::{Sampler, Sampling, TraceRecord, TraceSink, Tracer};

use super::acker::Acker;
use super::figures::{Case, Figure, Group, Report, Spread};
use super::{Effort, WIREWORK};

const BATCH: u32 = 500;
const TOPIC: &str = "bench/topic";

/// The share of traces that is sampled; none without a tracer.
const CASES: [(&str, Option<f64>); 3] =
    [("without a tracer", None), ("1 % of traces sampled", Some(0.01)), ("all traces sampled", Some(1.0))];

/// Is told of spans, as an exporter is, and forgets them.
struct Sampled(Sampler);

impl TraceSink for Sampled {
    fn trace(&self, record: &TraceRecord<'_>) {
        std::hint::black_box(record);
    }
    fn sampling(&self) -> Sampling {
        Sampling::Sampled(self.0)
    }
}

pub fn measure(report: &mut Report, effort: Effort) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = Acker::start();
    let mut times: [Vec<f64>; CASES.len()] = Default::default();
    let rounds = effort.runs(11);
    for round in 0..rounds {
        super::progress("publishing with tracing", round, rounds);
        for turn in 0..CASES.len() {
            let case = (round + turn) % CASES.len();
            times[case].push(runtime.block_on(run(&server, CASES[case].1, effort.messages(400_000))));
        }
    }
    let cases = CASES.iter().zip(&times).map(|((name, _), times)| Case {
        name: format!("MQTT 5, QoS 1, 64 bytes, {name}"),
        figures: vec![Figure { client: WIREWORK, spread: Spread::of(times) }],
    });
    report.groups.push(Group {
        title: "Publishing with tracing, processor time of the client",
        unit: "µs a message",
        decimals: 3,
        cases: cases.collect(),
    });
    let ratios: Vec<_> = times[0].iter().zip(&times[1]).map(|(off, sampled)| off / sampled).collect();
    report.at_least("publishing with 1 % sampled, times without a tracer", 0.97, Spread::of(&ratios), 3);
}

/// Microseconds a message.
async fn run(server: &Acker, ratio: Option<f64>, count: u32) -> f64 {
    let options =
        MqttOptions { protocol_version: MqttVersion::V5, max_inflight: 10_000, ..MqttOptions::default() };
    let tracer = Tracer::standalone();
    let sink = ratio.map(|ratio| Arc::new(Sampled(Sampler::ratio(ratio))));
    tracer.bind(sink.iter().map(|sink| Arc::clone(sink) as Arc<dyn TraceSink>).collect());
    let connection = MqttConnection::builder().host("127.0.0.1", server.port).options(options).tracer(tracer);
    let connection = connection.build().expect("a good configuration");
    let context =
        Context::standalone("pip-services:connection:mqtt:bench:1.0".parse().expect("a descriptor"));
    connection.open(&context).await.expect("the server is there");
    let (client, topic, payload) =
        (connection.client().expect("it is open"), Arc::from(TOPIC), Bytes::from(vec![b'x'; 64]));
    server.forget();
    let start = cpu();
    for _ in 0..count / BATCH {
        let mut batch = Vec::with_capacity(BATCH as usize);
        for _ in 0..BATCH {
            let options = PublishOptions::at_least_once();
            batch.push(client.send(Arc::clone(&topic), payload.clone(), options).await.expect("accepted"));
        }
        for delivery in batch {
            delivery.await.expect("acknowledged");
        }
    }
    let spent = cpu() - start;
    connection.close(&context).await.expect("it closes");
    spent / f64::from(count)
}

/// What this thread has used, in microseconds.
fn cpu() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as f64 * 1e6 + used.tv_nsec as f64 / 1e3
}
