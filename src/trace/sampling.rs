//! Which traces are recorded.

use super::context::TraceContext;

/// The bound of a sampler that takes every trace. The lowest 56 bits of the id are compared, since those are random (W3C Trace Context
/// level 2, section 2.2.3) also in a UUID; as the upper ones of 63 bits.
const ALL: u64 = 1 << 63;

/// Which operations a sink is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// All, whatever becomes of their traces.
    All,
    /// Those of sampled traces, of which this decides where a trace begins here.
    Sampled(Sampler),
}

/// Decides whether a trace is recorded: where it begins, by its id, so that all who have the same ratio decide the same; where a caller has
/// decided, as that has. That is `ParentBased(TraceIdRatioBased)` of OpenTelemetry.
///
/// ```
/// use wirework::trace::{Sampler, TraceContext};
/// let trace = TraceContext::begin();
/// assert!(Sampler::ratio(1.0).samples(&trace) && !Sampler::ratio(0.0).samples(&trace));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    below: u64,
    follows_callers: bool,
}

impl Sampler {
    /// One that takes this share of all traces, from 0 to 1; what is outside, or no number, is taken for the nearest, or for 0.
    #[must_use]
    pub fn ratio(ratio: f64) -> Self {
        Self { below: 0, follows_callers: true }.with_ratio(ratio)
    }

    /// The same, taking another share.
    #[must_use]
    pub fn with_ratio(self, ratio: f64) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "from 0 to 2^63"
        )]
        let below = (ratio.clamp(0.0, 1.0) * ALL as f64) as u64;
        Self { below, ..self }
    }

    /// The same, also where a caller has decided otherwise.
    #[must_use]
    pub fn ignoring_callers(self) -> Self {
        Self { follows_callers: false, ..self }
    }

    /// Whether it takes a trace that begins here.
    #[must_use]
    pub fn samples(&self, trace: &TraceContext) -> bool {
        Self::is_below(trace.low(), self.below)
    }

    /// Whether it goes by what callers have decided.
    #[must_use]
    pub fn follows_callers(&self) -> bool {
        self.follows_callers
    }

    /// The bound that the lowest bits of an id are held against.
    pub(super) fn below(self) -> u64 {
        self.below
    }

    pub(super) fn is_below(low: u64, below: u64) -> bool {
        (low << 8) >> 1 < below
    }

    /// The one by which all are told what either of the two wants.
    pub(super) fn or(self, other: Self) -> Self {
        let follows_callers = self.follows_callers && other.follows_callers;
        Self { below: self.below.max(other.below), follows_callers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the SDK of OpenTelemetry for Go decides, from the same half of the id.
    #[test]
    fn a_trace_is_taken_by_the_lowest_bits_of_its_id() {
        let trace = |low: u64| TraceContext::of_trace(&format!("{:016x}{low:016x}", u64::MAX)).unwrap();
        let half = Sampler::ratio(0.5);
        const MIDDLE: u64 = 1 << 55;
        for (low, taken) in
            [(1, true), (MIDDLE - 1, true), (MIDDLE, false), (u64::MAX, false), (0xff << 56, true)]
        {
            assert_eq!(half.samples(&trace(low)), taken, "{low:x}");
            assert!(Sampler::ratio(1.0).samples(&trace(low)) && !Sampler::ratio(0.0).samples(&trace(low)));
        }
        assert_eq!(Sampler::ratio(7.0), Sampler::ratio(1.0));
        assert_eq!(Sampler::ratio(f64::NAN), Sampler::ratio(-1.0));
    }

    /// Of a UUID the bits 62 and 63 of the lower half are always the same.
    #[test]
    fn the_share_of_uuids_is_about_the_ratio_too() {
        let sampler = Sampler::ratio(0.1);
        let trace = |number: u64| {
            let low = 0x8000_0000_0000_0000 | (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
            TraceContext::of_trace(&format!("{number:016x}{low:016x}")).unwrap()
        };
        let taken = (1..=10_000).filter(|number| sampler.samples(&trace(*number))).count();
        assert!((700..1_300).contains(&taken), "{taken}");
    }

    #[test]
    fn the_share_of_traces_is_about_the_ratio() {
        let sampler = Sampler::ratio(0.1);
        let taken = (0..10_000).filter(|_| sampler.samples(&TraceContext::begin())).count();
        // One in 10^20 runs is outside.
        assert!((700..1_300).contains(&taken), "{taken}");
    }
}
