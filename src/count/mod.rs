//! Counting: counters that cost one atomic operation, and the sinks that report them.
