//! Sends the metrics of a service to a Pushgateway.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};

use super::config::{PORT, PrometheusCountersConfig};
use super::exposition::{Exposition, Metrics};
use super::format::TextFormat;
use crate::auth::CredentialStore;
use crate::component::{Context, Late, Status};
use crate::connect::Discovery;
use crate::count::{Counters, Increment};
use crate::environment::host_name;
use crate::error::chain;
use crate::http_client::{Address, Client, Destination, Headers, Request, SendError};
use crate::params::encode;
use crate::references;

/// How long the task that pushes may take to come to its end after its deadline.
const GRACE: Duration = Duration::from_millis(200);

references! {
    /// What [`PrometheusCounters`](super::PrometheusCounters) asks for where it pushes; nothing of it is required, or waited for.
    pub struct PrometheusReferences {
        /// Where it counts its pushes; all names begin with `prometheus.push.`.
        pub counters: Counters = "*:counters:*:*:1.0",
        /// Where discovery keys of its connections are looked up.
        pub discovery: Late<dyn Discovery> = "*:discovery:*:*:1.0",
        /// Where store keys of its credentials are looked up.
        pub credentials: Late<dyn CredentialStore> = "*:credential-store:*:*:1.0",
    }
}

crate::opaque::opaque!(PrometheusReferences);

/// Pushes, while the component is open.
pub(super) struct Push {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

/// What all pushes have in common.
struct Shared {
    config: PrometheusCountersConfig,
    references: PrometheusReferences,
    sent: Increment,
    failed: Increment,
}

/// The task that pushes.
struct Running {
    /// By when the last push has to be done, as soon as the component closes.
    closing: watch::Sender<Option<Instant>>,
    ended: oneshot::Receiver<()>,
}

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error(transparent)]
    NotSent(#[from] SendError),
    /// What it says besides is in its own log; it may repeat what it was sent.
    #[error("the Pushgateway answers {0}")]
    Refused(StatusCode),
    #[error("the text cannot be written")]
    NotWritten(#[source] tokio::task::JoinError),
}

impl Push {
    pub fn new(config: PrometheusCountersConfig, references: PrometheusReferences) -> Self {
        let counts = |counters: &Counters, what| counters.increment(&format!("prometheus.push.{what}"));
        let (sent, failed) = (counts(&references.counters, "sent"), counts(&references.counters, "failed"));
        let shared = Arc::new(Shared { config, references, sent, failed });
        Self { shared, running: Mutex::default() }
    }

    /// Begins to push. Whether a Pushgateway is there is not asked: nobody waits for it.
    pub async fn open(&self, metrics: Arc<Metrics>, context: &Context) {
        let config = &self.shared.config;
        if let Some(exposed) = config.tls.exposed_key().await {
            tracing::warn!("{exposed}");
        }
        let (closing, closes) = watch::channel(None);
        let (ends, ended) = oneshot::channel();
        let pusher = Pusher {
            shared: Arc::clone(&self.shared),
            metrics,
            path: group(config, context.service_name()),
            context: context.clone(),
            failing: None,
        };
        context.spawn("push metrics", async move {
            pusher.run(closes).await;
            // Where nobody waits for it, the component is gone.
            let _ = ends.send(());
            Ok(())
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { closing, ended });
    }

    /// Waits for the last push, within the time that there is.
    pub async fn close(&self, context: &Context) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { closing, ended }) = running else { return };
        let limit = context.budget().last_step(self.shared.config.options.close_timeout.0);
        closing.send_replace(Some(Instant::now() + limit));
        if timeout(limit + GRACE, ended).await.is_err() {
            tracing::warn!("the last push is given up, since the time to close is over");
        }
    }
}

/// The path of the group that is pushed, below the address of a Pushgateway.
fn group(config: &PrometheusCountersConfig, service: &str) -> String {
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let named = Some(service.to_owned()).filter(|name| !name.is_empty());
    let job = given(&config.source).or(named).unwrap_or_else(|| "unknown".to_owned());
    let instance = given(&config.instance).unwrap_or_else(host_name);
    let mut path = "/metrics".to_owned();
    for (label, value) in [("job", &job), ("instance", &instance)] {
        path.push('/');
        path.push_str(label);
        // What would be parts of a path however it is escaped is written as the Pushgateway has it for that.
        if value.contains('/') || value.chars().all(|c| c == '.') {
            path.push_str("@base64/");
            URL_SAFE_NO_PAD.encode_string(value, &mut path);
        } else {
            path.push('/');
            encode(value, &mut path);
        }
    }
    path
}

/// The task that pushes.
struct Pusher {
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    path: String,
    context: Context,
    /// Why the last push failed; nothing where it did not.
    failing: Option<String>,
}

impl Pusher {
    async fn run(mut self, mut closing: watch::Receiver<Option<Instant>>) {
        let closes = async {
            // Of a component that is gone without having closed nothing is pushed any more.
            closing.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline)
        };
        if let Some(deadline) = self.push_regularly(pin!(closes)).await {
            self.end(deadline).await;
        }
    }

    /// Pushes until the component closes; by when the last push has to be done then, if there is one.
    async fn push_regularly(
        &mut self,
        mut closes: Pin<&mut impl Future<Output = Option<Instant>>>,
    ) -> Option<Instant> {
        let interval = self.shared.config.interval.0;
        if interval.is_zero() {
            return closes.await;
        }
        let mut due = interval_at(Instant::now() + interval, interval);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                deadline = &mut closes => return deadline,
                _ = due.tick() => {}
            }
            let outcome = {
                let mut put = pin!(self.put(Instant::now() + self.shared.config.options.timeout.0));
                tokio::select! {
                    biased;
                    outcome = &mut put => outcome,
                    deadline = &mut closes => {
                        // It may be on its way to the Pushgateway, and must not come there after the last one.
                        if let Some(deadline) = deadline {
                            let _ = timeout_at(deadline, put).await;
                        }
                        return deadline;
                    }
                }
            };
            self.note(outcome);
        }
    }

    /// Notes whether a push failed, and why.
    fn note(&mut self, failure: Option<String>) {
        match failure {
            None if self.failing.take().is_some() => self.context.set_status(Status::Open),
            None => {}
            Some(reason) if self.failing.as_ref() == Some(&reason) => {}
            Some(reason) => {
                self.context.set_status(Status::recovering(format!("metrics are not pushed: {reason}")));
                self.failing = Some(reason);
            }
        }
    }

    /// The last push, or what the manifest has instead of it.
    async fn end(&self, deadline: Instant) {
        let deletes = self.shared.config.options.delete_on_close;
        let (failure, what) = match deletes {
            true => (self.delete(deadline).await, "pushed metrics are not deleted"),
            false => (self.put(deadline).await, "the last metrics are not pushed"),
        };
        if let Some(reason) = failure {
            tracing::warn!("{what}: {reason}");
        }
    }

    /// Pushes all metrics; why that failed, where it did.
    async fn put(&self, deadline: Instant) -> Option<String> {
        let metrics = Arc::clone(&self.metrics);
        let pushed = async {
            // Thousands of series and `/proc` would hold up a worker's other tasks.
            let text = tokio::task::spawn_blocking(move || metrics.text(TextFormat::Text)).await;
            let body = text.map_err(PushError::NotWritten)?.into();
            let content_type = Some(TextFormat::Text.content_type());
            self.send(Request { method: Method::PUT, content_type, gzip: false, body }).await
        };
        self.counted(timeout_at(deadline, pushed).await.unwrap_or(Err(SendError::TimedOut.into())))
    }

    async fn delete(&self, deadline: Instant) -> Option<String> {
        let body = Default::default();
        let deleted = self.send(Request { method: Method::DELETE, content_type: None, gzip: false, body });
        self.counted(timeout_at(deadline, deleted).await.unwrap_or(Err(SendError::TimedOut.into())))
    }

    fn counted(&self, outcome: Result<(), PushError>) -> Option<String> {
        match outcome {
            Ok(()) => {
                self.shared.sent.one();
                None
            }
            Err(error) => {
                self.shared.failed.one();
                Some(chain(&error))
            }
        }
    }

    /// Sends a request over a connection of its own: from one to the next a server would end it.
    async fn send(&self, request: Request) -> Result<(), PushError> {
        let Shared { config, references, .. } = &*self.shared;
        let target = config.target();
        // Asked each time: they open later than this component, and may be restarted.
        let address = match target.connection_resolver(references.discovery.iter().collect()) {
            Some(resolver) => Address::Configured { resolver, port: PORT, path: self.path.clone().into() },
            None => Address::Given(Vec::new()),
        };
        let headers = match target.credential_resolver(references.credentials.iter().collect()) {
            Some(resolver) => Headers::Configured(resolver),
            None => Headers::Given(hyper::HeaderMap::new()),
        };
        let mut client = Client::new(Destination::new(address, headers), config.tls.clone());
        let status = client.send(&request).await?.status;
        if status.is_success() { Ok(()) } else { Err(PushError::Refused(status)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_job_and_instance() {
        let path = |source: &str, instance: &str, service: &str| {
            let config = PrometheusCountersConfig {
                source: Some(source.to_owned()),
                instance: Some(instance.to_owned()),
                ..PrometheusCountersConfig::default()
            };
            group(&config, service)
        };
        assert_eq!(path("", "one", "shop"), "/metrics/job/shop/instance/one");
        assert_eq!(path("", "one", ""), "/metrics/job/unknown/instance/one");
        assert_eq!(path("tea & co", "a:1", "shop"), "/metrics/job/tea%20%26%20co/instance/a%3A1");
        assert_eq!(path("a/b", "..", "shop"), "/metrics/job@base64/YS9i/instance@base64/Li4");
        assert_eq!(path("shop", "", ""), format!("/metrics/job/shop/instance/{}", host_name()));
    }
}
