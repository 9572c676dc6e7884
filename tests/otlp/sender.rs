//! A service that sends its telemetry: a connection with a logger, and what it counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wirework::component::{Component, Context, Descriptor};
use wirework::count::{Cell, CounterSet, CounterSink, Counters, Value};
use wirework::log::{Level, LogSink, Logger, Record};
use wirework::otlp::{OtlpConnection, OtlpConnectionConfig, OtlpLogger, OtlpLoggerConfig, OtlpReferences};

use crate::support::within;

/// Waits that a test does not wait for.
const QUICK: &str = "options = { batch_delay = '5ms', retry_delay = '10ms', max_retry_delay = '20ms' }";

pub struct Sender {
    pub connection: Arc<OtlpConnection>,
    pub logger: OtlpLogger,
    pub context: Context,
    counted: Arc<Counted>,
    _counters: Counters,
}

#[derive(Default)]
struct Counted(CounterSet);

impl CounterSink for Counted {
    fn register(&self, cell: Arc<Cell>) {
        self.0.register(cell);
    }
}

pub fn identity() -> Descriptor {
    "pip-services:connection:otlp:default:1.0".parse().unwrap()
}

impl Sender {
    /// One that sends there, and is quick in all it does.
    pub async fn to(uri: &str) -> Self {
        Self::with(&format!("connection.uri = '{uri}'\n{QUICK}")).await
    }

    /// One with this configuration.
    pub async fn with(config: &str) -> Self {
        let sender = Self::unopened(config);
        sender.open().await;
        sender
    }

    pub async fn open(&self) {
        self.connection.open(&self.context).await.unwrap();
    }

    /// One that is not open yet.
    pub fn unopened(config: &str) -> Self {
        let config: OtlpConnectionConfig = toml::from_str(config).unwrap();
        let (counters, counted) = (Counters::standalone(), Arc::new(Counted::default()));
        counters.bind(vec![counted.clone()]);
        let references = OtlpReferences {
            logger: Logger::standalone(),
            counters: counters.clone(),
            discovery: Vec::new(),
            credentials: Vec::new(),
        };
        let connection = OtlpConnection::create(&identity(), config, references).unwrap();
        let logger = OtlpLogger::new(&OtlpLoggerConfig::default(), &connection);
        let context = Context::standalone(identity());
        Self { connection: Arc::new(connection), logger, context, counted, _counters: counters }
    }

    pub fn log(&self, records: usize) {
        for number in 0..records {
            let message = format!("record {number}");
            self.logger
                .log(&Record::new(Level::Info, &message).with_component(&"a:b:c:d:1.0".parse().unwrap()));
        }
    }

    /// What a counter of the logs stands at.
    pub fn count(&self, what: &str) -> u64 {
        let name = format!("otlp.logs.{what}");
        let found = self.counted.0.snapshot().into_iter().find(|sample| sample.name == name);
        match found.map(|sample| sample.value) {
            Some(Value::Increment(count)) => count,
            other => panic!("`{name}` is {other:?}"),
        }
    }

    /// Waits until a counter stands at `count`.
    pub async fn counted(&self, what: &str, count: u64) {
        within(format_args!("`{what}` to be {count}"), async {
            while self.count(what) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(self.count(what), count);
    }

    /// Closes as a container does, by this time from now.
    pub async fn close(&self, limit: Duration) {
        let context = self.context.for_call("close", Some((Instant::now() + limit).into()));
        self.context.cancel();
        within("the connection to close", self.connection.close(&context)).await.unwrap();
        assert!(self.context.end_tasks(Duration::from_secs(1)).await.is_empty(), "all tasks have ended");
    }
}
