//! How many durations are how long, in buckets of fixed bounds.

/// How many of the durations that a [`Timing`](super::Timing) was given are at most how long.
///
/// The bounds are the same for all, so that the buckets of several components can be added up.
///
/// ```
/// use wirework::count::Buckets;
/// let mut times = Buckets::default();
/// times.add(3.0);
/// times.add(100_000.0);
/// let up_to = |bound: f64| times.cumulative().find(|(at, _)| *at == bound).map(|(_, count)| count);
/// assert_eq!((up_to(2.5), up_to(5.0), times.count()), (Some(0), Some(1), 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// How many are at most as long as the bound of the same index and longer than the one before; behind them those longer than all.
    counts: [u64; Self::BOUNDS.len() + 1],
}

impl Buckets {
    /// The upper bounds in milliseconds, each included.
    pub const BOUNDS: [f64; 14] =
        [0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0, 60_000.0];

    /// Adds a duration in milliseconds.
    pub fn add(&mut self, millis: f64) {
        let index = Self::BOUNDS.partition_point(|bound| *bound < millis);
        if let Some(count) = self.counts.get_mut(index) {
            *count = count.saturating_add(1);
        }
    }

    /// The durations of both together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
        self
    }

    /// Each bound in milliseconds with the number of durations that are at most as long.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut sum = 0_u64;
        Self::BOUNDS.into_iter().zip(self.counts).map(move |(bound, count)| {
            sum = sum.saturating_add(count);
            (bound, sum)
        })
    }

    /// How many durations there are, those above all bounds included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut buckets = Buckets::default();
        for millis in [0.0, 0.5, 0.500_001, 60_000.0, 60_000.1, 1e300] {
            buckets.add(millis);
        }
        let cumulative: Vec<_> = buckets.cumulative().collect();
        assert_eq!((cumulative[0], cumulative[1]), ((0.5, 2), (1.0, 3)));
        assert_eq!((cumulative[12], cumulative[13]), ((10_000.0, 3), (60_000.0, 4)));
        assert_eq!(buckets.count(), 6);
        assert_eq!(buckets.merge(buckets).count(), 12);
        assert!(Buckets::BOUNDS.is_sorted());
    }
}
