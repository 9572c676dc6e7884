//! Where a queue logs, counts and traces.

use crate::count::Counters;
use crate::log::Logger;
use crate::references;
use crate::trace::Tracer;

references! {
    /// Where a queue says what it does; nothing of it is required. For a queue kind that asks for nothing else it is its
    /// `References`; the default is for a queue outside any container.
    #[derive(Clone, Default)]
    pub struct QueueTelemetry {
        /// Where it says what it does.
        pub(crate) logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `queue.<name>.`.
        pub(crate) counters: Counters = "*:counters:*:*:1.0",
        /// Whom it tells of messages that are sent and handled.
        pub(crate) tracer: Tracer = "*:tracer:*:*:1.0",
    }
}

crate::opaque::opaque!(QueueTelemetry);

impl QueueTelemetry {
    /// That of a queue kind with further references.
    #[must_use]
    pub fn new(logger: Logger, counters: Counters, tracer: Tracer) -> Self {
        Self { logger, counters, tracer }
    }
}
