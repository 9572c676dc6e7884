//! Where a call stands in a trace, as W3C Trace Context writes it.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::state::TraceState;
use crate::component::new_trace_id;
use crate::footprint;

/// The bits of the flags that are known: sampled, and a trace id that is random.
const KNOWN_FLAGS: u8 = 0b11;

const SAMPLED: u8 = 0b01;

const TRACE_DIGITS: usize = 32;

/// Where a call stands in a trace: the `traceparent` and `tracestate` of [W3C Trace Context](https://www.w3.org/TR/trace-context/).
///
/// What comes with a request or a message is the caller's; [`child`](Self::child) of it is the callee's own, with which it calls others
/// and logs.
///
/// ```
/// use wirework::trace::TraceContext;
/// let caller = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// let own = caller.child();
/// assert_eq!(own.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(own.parent_id(), Some(caller.span_id()));
/// assert_ne!(own.to_string(), caller.to_string());
/// assert!(TraceContext::parse("00-0-0-00").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: Arc<str>,
    span: u64,
    /// The span that this one is a child of; none where that is unknown.
    parent: Option<u64>,
    flags: u8,
    state: Option<TraceState>,
}

impl TraceContext {
    /// The beginning of a trace, which is sampled. A [`Tracer`](super::Tracer) begins one as its sinks want it.
    #[must_use]
    pub fn begin() -> Self {
        Self::of(new_trace_id().into())
    }

    fn of(trace: Arc<str>) -> Self {
        Self { trace, span: random(), parent: None, flags: SAMPLED, state: None }
    }

    /// The beginning of a trace, where it is to be sampled: with little ado where it is not.
    pub(super) fn begin_if(sampled: impl Fn(u64) -> bool) -> Option<Self> {
        let low = random();
        sampled(low).then(|| Self::of(format!("{:016x}{low:016x}", random()).into()))
    }

    /// A new span of the trace with this id, sampled; nothing where it is none of W3C: 32 hexadecimal digits, not all 0, of which dashes
    /// and capitals, as in a UUID, do not matter.
    #[must_use]
    pub fn of_trace(trace_id: &str) -> Option<Self> {
        let digits = trace_id.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase());
        let trace: String = digits.take(TRACE_DIGITS + 1).collect();
        is_trace(&trace).then(|| Self::of(trace.into()))
    }

    /// That of a `traceparent`; nothing for one that is malformed. Of versions to come it reads what it knows.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let (version, rest) = traceparent.split_once('-')?;
        let (trace, rest) = rest.split_once('-')?;
        let (span, rest) = rest.split_once('-')?;
        let (flags, more) = rest.split_once('-').map_or((rest, None), |(flags, more)| (flags, Some(more)));
        let known = hex(version, 2)? != 0xff && (version != "00" || more.is_none());
        if !known || !is_trace(trace) {
            return None;
        }
        let span = hex(span, 16).filter(|span| *span != 0)?;
        let flags = u8::try_from(hex(flags, 2)?).ok()? & KNOWN_FLAGS;
        Some(Self { trace: trace.into(), span, parent: None, flags, state: None })
    }

    /// That of the headers of a request, or of the properties of a message: all values of `traceparent`, of which there must be one,
    /// and all of `tracestate`. A malformed `tracestate` is left out, and without a `traceparent` it means nothing.
    #[must_use]
    pub fn read<'v>(
        traceparent: impl IntoIterator<Item = &'v str>,
        tracestate: impl IntoIterator<Item = &'v str>,
    ) -> Option<Self> {
        let mut given = traceparent.into_iter();
        let (first, more) = (given.next()?, given.next());
        if more.is_some() {
            return None;
        }
        Some(Self { state: TraceState::parse(tracestate), ..Self::parse(first)? })
    }

    /// A call within this one: the same trace, sampled where this is, and a span of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span: random(), parent: Some(self.span), ..self.clone() }
    }

    /// The same, sampled or not.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        let flags = if sampled { self.flags | SAMPLED } else { self.flags & !SAMPLED };
        Self { flags, ..self }
    }

    /// The trace: 32 hexadecimal digits. What [`Logger::with_trace_id`](crate::log::Logger::with_trace_id) and the options of queues
    /// and of MQTT take.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace
    }

    /// The call within the trace: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    /// The call that this one is a part of: 16 hexadecimal digits. None at the beginning of a trace, and of what was
    /// [read](Self::parse), which does not say it.
    #[must_use]
    pub fn parent_id(&self) -> Option<String> {
        self.parent.map(|parent| format!("{parent:016x}"))
    }

    /// The ids of the call and of the one that it is a part of, as numbers.
    #[cfg(feature = "otlp")]
    pub(crate) fn spans(&self) -> (u64, Option<u64>) {
        (self.span, self.parent)
    }

    /// The lower half of the trace id, by most of which it is decided whether a trace is sampled.
    pub(super) fn low(&self) -> u64 {
        self.trace.get(TRACE_DIGITS / 2..).and_then(|low| u64::from_str_radix(low, 16).ok()).unwrap_or(0)
    }

    /// What it costs in memory, shared: see [`footprint`].
    pub(crate) fn footprint(&self) -> usize {
        let state = self.state.as_ref().map_or(0, TraceState::footprint);
        footprint::piece(size_of::<Self>()) + footprint::text(&self.trace) + state
    }

    /// The known bits of the flags.
    #[cfg(feature = "otlp")]
    pub(crate) fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the trace is recorded by whoever has begun it, and so by all.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The `tracestate`, which is passed on as it came.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_ref().map(TraceState::as_str)
    }
}

/// The `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// The number of so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u64> {
    is_hex(text, digits).then(|| u64::from_str_radix(text, 16).ok())?
}

fn is_trace(text: &str) -> bool {
    is_hex(text, TRACE_DIGITS) && text.bytes().any(|digit| digit != b'0')
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A new number each time, never 0: of a generator of this thread (splitmix64), since each message may need one.
fn random() -> u64 {
    thread_local!(static STATE: Cell<u64> = Cell::new(seed()));
    let state = STATE.try_with(|state| state.replace(state.get().wrapping_add(STEP)));
    let mut number = state.unwrap_or_else(|_| seed());
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (number ^ (number >> 31)).max(1)
}

/// The step of splitmix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn seed() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // The keys of a `RandomState` come from the system's source of randomness.
    RandomState::new().hash_one(NUMBER.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_the_specification_allows_is_read() {
        for (text, written) in [
            (format!("00-{TRACE}-{SPAN}-01"), format!("00-{TRACE}-{SPAN}-01")),
            (format!("00-{TRACE}-{SPAN}-ff"), format!("00-{TRACE}-{SPAN}-03")),
            (format!("01-{TRACE}-{SPAN}-00"), format!("00-{TRACE}-{SPAN}-00")),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes"), format!("00-{TRACE}-{SPAN}-01")),
            (format!("cc-{TRACE}-{SPAN}-01-"), format!("00-{TRACE}-{SPAN}-01")),
        ] {
            let context = TraceContext::parse(&text).unwrap();
            assert_eq!((context.to_string(), context.trace_id()), (written, TRACE), "{text}");
            assert_eq!((context.span_id(), context.child().trace_id()), (SPAN.to_owned(), TRACE));
        }
    }

    #[test]
    fn all_else_is_ignored() {
        let zeros = "0".repeat(32);
        for text in [
            "",
            "00",
            &format!("00-{TRACE}-{SPAN}"),
            &format!("00-{TRACE}-{SPAN}-"),
            &format!("00-{TRACE}-{SPAN}-1"),
            &format!("00-{TRACE}-{SPAN}-01-more"),
            &format!("00-{TRACE}-{SPAN}-01-"),
            &format!("cc-{TRACE}-{SPAN}-01.more"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("0-{TRACE}-{SPAN}-01"),
            &format!("0x-{TRACE}-{SPAN}-01"),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            &format!("00-{zeros}-{SPAN}-01"),
            &format!("00-{TRACE}-{}-01", &zeros[..16]),
            &format!("00-{TRACE}-{}-01", "+0f067aa0ba902b7"),
            &format!("00-{TRACE}0-{SPAN}-01"),
            &format!(" 00-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_traceparent_counts_and_only_with_it_a_tracestate() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let read = |parents: &[&str], states: &[&str]| {
            TraceContext::read(parents.iter().copied(), states.iter().copied())
                .map(|context| context.state().map(str::to_owned))
        };
        assert_eq!(read(&[&parent], &["a=1", "b=2"]), Some(Some("a=1,b=2".to_owned())));
        assert_eq!(read(&[&parent], &["a=1", "?"]), Some(None));
        assert_eq!(read(&[&parent, &parent], &["a=1"]), None);
        assert_eq!(read(&[], &["a=1"]), None);
        let own = TraceContext::begin();
        assert_eq!(TraceContext::parse(&own.to_string()), Some(own.clone()));
        let child = own.child();
        assert_eq!((child.parent_id(), own.parent_id()), (Some(own.span_id()), None));
        assert_eq!(TraceContext::parse(&child.to_string()).unwrap().parent_id(), None, "it does not travel");
        assert!(own.is_sampled() && !own.clone().with_sampled(false).child().is_sampled());
        assert_ne!(own.trace_id(), TraceContext::begin().trace_id());
    }

    /// Texts that are nearly right.
    fn nearly() -> impl Strategy<Value = String> {
        let part =
            prop_oneof!["[0-9a-f]{2}", "[0-9a-f]{16}", "[0-9a-f]{32}", "[0-9a-fA-F+ ]{0,33}", "\\PC{0,4}"];
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.join("-"))
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_came_and_read_again(text in prop_oneof![nearly(), any::<String>()]) {
            if let Some(context) = TraceContext::parse(&text) {
                let written = context.to_string();
                prop_assert_eq!(&text[3..52], &written[3..52], "{}", text);
                prop_assert!(text.len() == 55 || text.as_bytes()[55] == b'-' && !text.starts_with("00"));
                prop_assert_eq!(TraceContext::parse(&written), Some(context));
            }
        }

        /// Whatever its fields are.
        #[test]
        fn every_context_is_read(trace in 1_u128.., span in 1_u64.., flags in any::<u8>(), version in 0_u8..255) {
            let text = format!("{version:02x}-{trace:032x}-{span:016x}-{flags:02x}");
            let context = TraceContext::parse(&text).unwrap();
            prop_assert_eq!(context.trace_id(), format!("{trace:032x}"));
            prop_assert_eq!(context.span_id(), format!("{span:016x}"));
            prop_assert_eq!(context.is_sampled(), flags & 1 == 1);
        }
    }
}
