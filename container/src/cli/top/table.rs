//! What is shown of two moments of a service.

use std::time::Duration;

use wirework::Descriptor;
use wirework::text::{counted, duration, escape};

use super::sample::{ComponentState, Sample, SampleError, Traffic};

/// The names of the columns.
const HEADINGS: &str = "STATE       RECEIVED/s     SENT/s   WAITING    FAILED  COMPONENT";

/// How components are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// As the manifest has them.
    #[default]
    Manifest,
    /// The busiest first.
    Busiest,
}

/// What is shown.
pub(super) struct Table {
    /// The lines above the headings.
    pub head: Vec<String>,
    pub headings: &'static str,
    /// A line a component, and one for the reason where it has one.
    pub rows: Vec<String>,
}

/// One component between two moments.
struct Row<'s> {
    component: &'s ComponentState,
    now: Traffic,
    received: Option<f64>,
    sent: Option<f64>,
}

impl Table {
    /// What has happened between two moments, which may be the same one.
    pub fn of(before: &Sample, now: &Sample, order: Order) -> Self {
        let elapsed = now.at.saturating_duration_since(before.at).as_secs_f64();
        let mut rows: Vec<_> = now.components.iter().map(|one| Row::of(one, before, now, elapsed)).collect();
        if order == Order::Busiest {
            rows.sort_by(|a, b| b.rate().total_cmp(&a.rate()));
        }
        Self {
            head: head(before, now, elapsed),
            headings: HEADINGS,
            rows: rows.iter().flat_map(Row::lines).collect(),
        }
    }

    /// Says that what is shown is from before the service stopped to answer.
    pub fn outdated(&mut self, error: &SampleError) {
        self.head.truncate(2);
        self.head.push(format!("not up to date: {}", escape(&wirework::chain(error).to_string())));
    }

    /// All of it.
    pub fn text(&self) -> String {
        let lines = self.head.iter().map(String::as_str).chain([self.headings]);
        lines
            .chain(self.rows.iter().map(String::as_str))
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}

fn head(before: &Sample, now: &Sample, elapsed: f64) -> Vec<String> {
    let service = &now.service;
    let uptime = duration(Duration::from_secs((service.uptime_ms / 1000).max(1)));
    let readiness =
        if service.state == service.readiness { String::new() } else { format!(", {}", service.readiness) };
    let count = counted(now.components.len(), "component");
    let process = &now.process;
    let mut takes = vec![format!("process {}", service.pid)];
    if let Some(bytes) = process.resident_bytes {
        takes.push(format!("memory {:.1} MiB", bytes as f64 / (1024.0 * 1024.0)));
    }
    let cpu = process.cpu_seconds.zip(before.process.cpu_seconds).filter(|_| elapsed > 0.0);
    if let Some((now, before)) = cpu {
        takes.push(format!("CPU {:.1} %", (now - before).max(0.0) / elapsed * 100.0));
    }
    takes.extend(process.threads.map(|threads| format!("threads {threads}")));
    takes.extend(process.open_files.map(|files| format!("open files {files}")));
    vec![
        format!("{}: {}{readiness}; up for {uptime}; {count}", escape(&service.name), service.state),
        takes.join(", "),
    ]
}

impl<'s> Row<'s> {
    fn of(component: &'s ComponentState, before: &Sample, now: &Sample, elapsed: f64) -> Self {
        let (then, now) = (before.traffic(&component.descriptor), now.traffic(&component.descriptor));
        // A service that was restarted in between counts from 0 again.
        let rate = |then: Option<u64>, now: Option<u64>| {
            let grown = now?.saturating_sub(then.unwrap_or_default());
            Some(if elapsed > 0.0 { grown as f64 / elapsed } else { 0.0 })
        };
        Self { component, now, received: rate(then.received, now.received), sent: rate(then.sent, now.sent) }
    }

    fn rate(&self) -> f64 {
        self.received.unwrap_or_default() + self.sent.unwrap_or_default()
    }

    fn lines(&self) -> Vec<String> {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let ComponentState { descriptor, state, reason } = self.component;
        // As the other commands take it, so that it fits: without group and version, which hardly ever tell components apart.
        let parsed = descriptor.parse::<Descriptor>();
        let short = parsed.map(|one| format!("{}:{}:{}", one.r#type(), one.kind(), one.name()));
        let line = format!(
            "{state:<11} {:>10} {:>10} {:>9} {:>9}  {}",
            rate(self.received),
            rate(self.sent),
            number(self.now.waiting),
            number(self.now.failed),
            escape(short.as_ref().unwrap_or(descriptor))
        );
        let reason = reason.iter().map(|reason| format!("{:12}{}", "", escape(reason)));
        std::iter::once(line).chain(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    fn sample(at: Instant, received: u64, cpu: f64) -> Sample {
        let (a, b) = ("acme:part:x:a:1.0", "acme:part:x:b:1.0");
        let answers = [
            json!({ "name": "shop", "state": "running", "readiness": "blocked", "uptime_ms": 90_000, "pid": 7 }),
            json!({ "components": [
                { "descriptor": a, "state": "open", "reason": null },
                { "descriptor": b, "state": "recovering", "reason": "link \u{1b} lost" },
            ] }),
            json!({ "components": [
                { "descriptor": a, "counters": [] },
                { "descriptor": b, "counters": [{ "name": "mqtt.message.received", "count": received }] },
            ] }),
            json!({ "cpu_seconds": cpu, "resident_bytes": 3 << 19, "threads": null, "open_files": 9 }),
        ];
        Sample::of(at, answers).unwrap()
    }

    #[test]
    fn rates_are_those_between_two_moments() {
        let begin = Instant::now();
        let (before, now) = (sample(begin, 100, 1.0), sample(begin + Duration::from_secs(2), 105, 1.5));
        insta::assert_snapshot!(Table::of(&before, &now, Order::Busiest).text());
        // Restarted in between: it counts from 0 again.
        let rows = Table::of(&now, &before, Order::Manifest).rows;
        assert!(rows[1].starts_with("recovering         0.0 "), "{rows:?}");
    }

    #[test]
    fn an_old_table_says_once_that_it_is_old() {
        let now = sample(Instant::now(), 0, 0.0);
        let mut table = Table::of(&now, &now, Order::Manifest);
        let error = SampleError::UnknownForm(serde_json::from_str::<u8>("x").unwrap_err());
        table.outdated(&error);
        table.outdated(&error);
        assert_eq!(table.head.len(), 3);
        assert!(
            table.head[2].starts_with("not up to date: the service answers in another form"),
            "{:?}",
            table.head
        );
    }
}
