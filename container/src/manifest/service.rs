//! `[service]`: what holds for the whole service.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::config::{
    Key, Millis, Node, Problem, Problems, Section, Span, Table, code, has_user_info, mask_uri, read,
};
use wirework::text::duration;

use super::misplaced::misplaced;
use super::unitless_times;

/// How long closing may take in all unless the manifest says otherwise.
const SERVICE_TIMEOUT: Millis = Millis::new(25_000);

/// How long Kubernetes waits for the end of a process unless the pod says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// The times, by their keys and as they are named.
const TIMES: [(&str, &str); 2] = [("timeout", "service.timeout"), ("drain_delay", "service.drain_delay")];

/// How many components may open at once unless the manifest says otherwise.
const OPEN_CONCURRENCY: u32 = 64;

/// What `[service]` says. `Debug` shows the name and the description as they may be shown.
#[derive(Clone)]
#[non_exhaustive]
pub struct Service {
    /// The service's name; `service` unless given.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The version of its program, which is not in the manifest; none where that says none.
    pub version: Option<String>,
    /// How long closing may take in all; 25 s unless given.
    pub timeout: Duration,
    /// How long it goes on serving, not ready any more, when it is asked to end; 0 unless given.
    pub drain_delay: Duration,
    /// How many components may open at once; 64 unless given.
    pub open_concurrency: usize,
    /// The name and the description as they may be shown.
    shown: (String, Option<String>),
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.shown_name())
            .field("description", &self.shown_description())
            .field("timeout", &self.timeout)
            .field("drain_delay", &self.drain_delay)
            .field("open_concurrency", &self.open_concurrency)
            .finish()
    }
}

impl Service {
    /// The name as it may be shown.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        &self.shown.0
    }

    /// The description as it may be shown.
    #[must_use]
    pub fn shown_description(&self) -> Option<&str> {
        self.shown.1.as_deref()
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: "service".to_owned(),
            description: None,
            version: None,
            timeout: SERVICE_TIMEOUT.0,
            drain_delay: Duration::ZERO,
            open_concurrency: OPEN_CONCURRENCY as usize,
            shown: ("service".to_owned(), None),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Top {
    #[serde(default)]
    service: ServiceKeys,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServiceKeys {
    /// The service's name.
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// How long closing may take in all.
    timeout: Option<Millis>,
    /// How long it goes on serving, not ready any more, when it is asked to end.
    drain_delay: Option<Millis>,
    /// How many components may open at once.
    open_concurrency: Option<u32>,
}

impl Service {
    /// Reads `[service]`.
    pub(super) fn new(node: Option<Node>, problems: &mut Problems) -> Self {
        let Some(node) = node else { return Self::default() };
        let Ok(nobody) = "wirework:service:manifest:default:1.0".parse() else { return Self::default() };
        let span = node.span;
        let table: Table = [(Key::new("service", span), node)].into_iter().collect();
        let section = Section { descriptor: &nobody, table: &table, span };
        let mut found = problems.branch();
        let top = read::<Top>(&section, &mut found);
        let keys = section.table.get("service").and_then(Node::as_table);
        let span_of = |key: &str| keys.and_then(|keys| keys.get(key)).map_or(span, |node| node.span);
        found.revise(|problem| {
            let key = keys.into_iter().flat_map(Table::iter).find(|(key, _)| key.span == problem.span);
            let help =
                key.filter(|_| problem.code == code::UNKNOWN_KEY).and_then(|(key, _)| misplaced(&key.name));
            Some(match help {
                Some(help) => problem.with_help(help),
                None => problem,
            })
        });
        let times = TIMES.into_iter().filter_map(|(key, name)| Some((name, keys?.get(key)?)));
        found.extend(times.filter_map(|(name, node)| unitless_times::warning(name, node)));
        problems.join(found);
        let Some(Top { service }) = top else { return Self::default() };
        service.complain(span_of, problems);
        let read = service.read();
        problems.extend(read.slow_stop(span_of("drain_delay")));
        read
    }

    /// Warns of a stop that takes longer than most who ask for one wait. Without a delay nobody else is involved.
    fn slow_stop(&self, span: Span) -> Option<Problem> {
        let together = self.drain_delay.saturating_add(self.timeout);
        if self.drain_delay.is_zero() || together <= PATIENCE {
            return None;
        }
        let [delay, timeout, together, patience] =
            [self.drain_delay, self.timeout, together, PATIENCE].map(duration);
        let message = format!(
            "`service.drain_delay` ({delay}) and `service.timeout` ({timeout}) are {together} together; Kubernetes kills a process \
             {patience} after SIGTERM"
        );
        let help = "shorten one of them, or give the pod a longer `terminationGracePeriodSeconds`";
        Some(Problem::warning("SLOW_STOP", span, message).with_help(help))
    }
}

impl ServiceKeys {
    /// Reports the values that are not accepted; `span_of` says where a key's value stands.
    fn complain(&self, span_of: impl Fn(&str) -> Span, problems: &mut Problems) {
        let mut positive = |given: bool, key: &str| {
            if !given {
                let (span, message) =
                    (span_of(key), format!("`service.{key}`: expected more than 0, found 0"));
                problems.push(Problem::error(code::BAD_VALUE, span, message).with_shown(span));
            }
        };
        positive(self.timeout.is_none_or(|time| !time.0.is_zero()), "timeout");
        positive(self.open_concurrency != Some(0), "open_concurrency");
        if self.name.as_deref().is_some_and(has_user_info) {
            let message = "`service.name`: expected a name, found a URI with user name, password or query";
            problems.push(Problem::error(code::BAD_VALUE, span_of("name"), message));
        }
    }

    /// What they say, with the defaults of what they do not.
    fn read(self) -> Service {
        let default = Service::default();
        let (name, description) = (self.name.unwrap_or(default.name), self.description);
        let shown = |text: &str| mask_uri(text).into_owned();
        Service {
            shown: (shown(&name), description.as_deref().map(shown)),
            name,
            description,
            version: default.version,
            timeout: self.timeout.map_or(default.timeout, Duration::from),
            drain_delay: self.drain_delay.map_or(default.drain_delay, Duration::from),
            open_concurrency: self.open_concurrency.map_or(default.open_concurrency, |count| count as usize),
        }
    }
}
