//! The last lines of the log, by component.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;
use wirework::Descriptor;
use wirework::log::{Level, LogObserver, Record};
use wirework::text::{clip, clip_to, timestamp};

/// How much is kept.
#[derive(Clone, Copy)]
struct Limits {
    /// Lines of one component.
    lines: usize,
    /// Bytes of the lines of one component.
    bytes: usize,
    /// Bytes of all lines. The oldest go first, whosever they are.
    bytes_in_all: usize,
    /// Bytes of one line; what is longer is cut.
    line: usize,
}

const LIMITS: Limits =
    Limits { lines: 1_000, bytes: 256 * 1024, bytes_in_all: 2 * 1024 * 1024, line: 4 * 1024 };

/// What a line takes beside its text, roughly.
const LINE_OVERHEAD: usize = size_of::<Line>() + 2 * size_of::<usize>() + size_of::<(u64, usize)>();

/// Keeps the last lines of each component, and of what is logged outside of all. It has of secrets what the log has: nothing.
pub(super) struct RecentLog {
    limits: Limits,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Where the lines of a component are; none is what is outside of all.
    places: HashMap<Option<Descriptor>, usize>,
    rings: Vec<Ring>,
    /// The lines in the order in which they came, each with its place; also of some that have gone.
    order: VecDeque<(u64, usize)>,
    /// The number of the last line.
    last: u64,
    lines: usize,
    bytes: usize,
}

/// The lines of one component, the oldest first.
#[derive(Default)]
struct Ring {
    lines: VecDeque<Arc<Line>>,
    bytes: usize,
}

#[derive(Debug)]
struct Line {
    number: u64,
    time: SystemTime,
    level: Level,
    trace_id: Option<Box<str>>,
    text: Box<str>,
}

impl Line {
    fn size(&self) -> usize {
        LINE_OVERHEAD + self.text.len() + self.trace_id.as_ref().map_or(0, |id| id.len())
    }
}

impl Default for RecentLog {
    fn default() -> Self {
        Self { limits: LIMITS, kept: Mutex::default() }
    }
}

impl RecentLog {
    /// The lines of a component, or of what is outside of all, that came after the line of the number `after`.
    pub fn read(&self, component: Option<&Descriptor>, after: u64) -> LogLines {
        let kept = self.kept();
        // Neither the copy of the name nor that of the lines is long: a line is shared.
        let ring = kept.places.get(&component.cloned()).and_then(|place| kept.rings.get(*place));
        let lines = ring.into_iter().flat_map(|ring| &ring.lines).filter(|line| line.number > after);
        let (lines, last): (Vec<_>, _) = (lines.map(Arc::clone).collect(), kept.last);
        drop(kept);
        LogLines { lines: lines.iter().map(|line| LogLine::of(line)).collect(), last }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogObserver for RecentLog {
    fn observe(&self, record: &Record<'_>) {
        let text = clip_to(&record.text(), self.limits.line).into();
        let trace_id = record.trace_id().map(|id| clip(id).into());
        let line = Line { number: 0, time: record.time(), level: record.level(), trace_id, text };
        self.kept().push(record.component(), line, self.limits);
    }
}

impl Kept {
    fn push(&mut self, component: Option<&Descriptor>, mut line: Line, limits: Limits) {
        let place = match self.places.get(&component.cloned()) {
            Some(place) => *place,
            None => {
                self.rings.push(Ring::default());
                self.places.insert(component.cloned(), self.rings.len() - 1);
                self.rings.len() - 1
            }
        };
        self.last += 1;
        line.number = self.last;
        self.order.push_back((self.last, place));
        self.lines += 1;
        self.bytes += line.size();
        let Some(ring) = self.rings.get_mut(place) else { return };
        ring.bytes += line.size();
        ring.lines.push_back(Arc::new(line));
        while self.rings.get(place).is_some_and(|ring| ring.is_over(limits)) {
            self.drop_oldest(place);
        }
        while self.bytes > limits.bytes_in_all && self.drop_oldest_of_all() {}
        // Lines that went as the oldest of their component are still in the order.
        if self.order.len() > 2 * self.lines + 64 {
            let rings = &self.rings;
            self.order.retain(|(number, place)| is_kept(rings, *number, *place));
        }
    }

    fn drop_oldest(&mut self, place: usize) {
        let Some(ring) = self.rings.get_mut(place) else { return };
        let Some(line) = ring.lines.pop_front() else { return };
        ring.bytes -= line.size();
        self.bytes -= line.size();
        self.lines -= 1;
    }

    /// Drops the oldest line; whether there was one.
    fn drop_oldest_of_all(&mut self) -> bool {
        while let Some((number, place)) = self.order.pop_front() {
            if is_kept(&self.rings, number, place) {
                self.drop_oldest(place);
                return true;
            }
        }
        false
    }
}

/// Whether the line of a number is still there.
fn is_kept(rings: &[Ring], number: u64, place: usize) -> bool {
    let oldest = rings.get(place).and_then(|ring| ring.lines.front());
    oldest.is_some_and(|oldest| oldest.number <= number)
}

impl Ring {
    fn is_over(&self, limits: Limits) -> bool {
        self.lines.len() > limits.lines || self.bytes > limits.bytes && self.lines.len() > 1
    }
}

/// The last lines of the log of one component, or of what is outside of all.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LogLines {
    /// The oldest first; at most 1,000, and fewer where they are long or others have logged much since.
    lines: Vec<LogLine>,
    /// The number of the last line of the whole service: what to ask for with `after` for those to come.
    last: u64,
}

/// A line of the log.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LogLine {
    /// Its number; greater than that of every line before it.
    number: u64,
    /// When it was written, RFC 3339.
    time: String,
    /// `fatal`, `error`, `warn`, `info`, `debug` or `trace`.
    level: String,
    /// The trace that it belongs to.
    trace_id: Option<String>,
    /// Message and fields.
    text: String,
}

impl LogLine {
    fn of(line: &Line) -> Self {
        Self {
            number: line.number,
            time: timestamp(line.time),
            level: line.level.as_str().to_owned(),
            trace_id: line.trace_id.as_deref().map(str::to_owned),
            text: line.text.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(log: &RecentLog, component: Option<&Descriptor>, text: &str) {
        let record = Record::new(Level::Info, text);
        log.observe(&component.map_or(record, |component| record.with_component(component)));
    }

    fn texts(log: &RecentLog, component: Option<&Descriptor>, after: u64) -> Vec<String> {
        log.read(component, after).lines.into_iter().map(|line| line.text).collect()
    }

    fn component(name: &str) -> Descriptor {
        format!("acme:part:test:{name}:1.0").parse().unwrap()
    }

    #[test]
    fn each_component_has_its_own_lines_and_later_ones_are_asked_for_by_number() {
        let (recent, a) = (RecentLog::default(), component("a"));
        log(&recent, Some(&a), "one");
        log(&recent, None, "outside");
        let last = recent.read(Some(&a), 0).last;
        log(&recent, Some(&a), "two\nlines");
        assert_eq!(texts(&recent, Some(&a), 0), ["one", "two\\nlines"]);
        assert_eq!(texts(&recent, Some(&a), last), ["two\\nlines"]);
        assert_eq!(texts(&recent, None, 0), ["outside"]);
        assert!(texts(&recent, Some(&component("b")), 0).is_empty());
    }

    #[test]
    fn of_a_component_the_oldest_lines_go_by_number_and_by_size() {
        let (recent, a) = (RecentLog::default(), component("a"));
        for number in 0..1_500 {
            log(&recent, Some(&a), &number.to_string());
        }
        let lines = texts(&recent, Some(&a), 0);
        assert_eq!((lines.len(), lines[0].as_str()), (1_000, "500"));
        for _ in 0..200 {
            log(&recent, Some(&a), &"x".repeat(10_000));
        }
        let lines = texts(&recent, Some(&a), 0);
        assert!(lines.len() < 70 && lines.iter().all(|line| line.len() < 5_000), "{}", lines.len());
        assert!(lines[0].ends_with("x… (10000 bytes)"), "{}", lines[0]);
    }

    /// Whoever logs, how much, and in whatever order: the whole is bounded, and who logs little keeps its lines the longest.
    #[test]
    fn the_whole_is_bounded() {
        let limits = Limits { bytes_in_all: 64 * 1024, ..LIMITS };
        let recent = RecentLog { limits, ..RecentLog::default() };
        let components: Vec<_> = (0..300).map(|number| component(&number.to_string())).collect();
        log(&recent, Some(&components[0]), "the first");
        for round in 0..50 {
            for component in &components[1..] {
                log(&recent, Some(component), &"y".repeat(round * 7));
            }
        }
        let kept = recent.kept();
        assert!(kept.bytes <= limits.bytes_in_all, "{} bytes", kept.bytes);
        assert!(kept.order.len() <= 2 * kept.lines + 64, "{} in order of {}", kept.order.len(), kept.lines);
        let counted: usize = kept.rings.iter().map(|ring| ring.lines.len()).sum();
        let bytes: usize = kept.rings.iter().flat_map(|ring| &ring.lines).map(|line| line.size()).sum();
        assert_eq!((counted, bytes), (kept.lines, kept.bytes));
        drop(kept);
        assert!(texts(&recent, Some(&components[0]), 0).is_empty());
        assert!(!texts(&recent, Some(&components[299]), 0).is_empty());
    }

    #[test]
    fn one_that_logs_in_a_loop_leaves_no_trace_in_the_order() {
        let recent = RecentLog::default();
        log(&recent, Some(&component("quiet")), "once");
        for _ in 0..20_000 {
            log(&recent, Some(&component("loud")), "again");
        }
        assert_eq!(texts(&recent, Some(&component("quiet")), 0), ["once"]);
        assert!(recent.kept().order.len() <= 2_100);
    }
}
