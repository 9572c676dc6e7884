//! The files of the library that synchronize threads by hand, built with the types of `loom`, and tests that try every
//! interleaving of a few threads (`tests/interleavings.rs` runs the `models`).
//!
//! Nothing else of the library is built: what those files name beside `crate::sync` is here in outline. `loom` treats `SeqCst`
//! of loads and stores as `AcqRel`, so that code which needs more than that fails here although it would be right.

#![allow(dead_code)]

mod sync;

/// Runs a body in every interleaving in which threads are interrupted up to three times between their own waits: more of that has
/// hardly ever found more, says `loom`, and takes hours.
fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

pub mod component {
    #[path = "../../../src/component/cancellation.rs"]
    mod cancellation;

    pub mod models;
}

pub mod mqtt {
    use std::sync::Arc;

    /// Names that the inbox hands on and never looks into.
    pub(crate) struct SubscribeOptions;
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum QoS {
        AtMostOnce,
        AtLeastOnce,
    }
    #[derive(Clone, Debug)]
    pub(crate) enum MqttError {
        NotOpen,
        WasClosed,
    }
    pub(crate) mod protocol {
        pub(crate) struct Publish;
    }
    pub(crate) mod topic {
        pub(crate) struct Filter;
    }
    pub(crate) mod subscriptions {
        pub(crate) type SharedListener = super::Arc<()>;
    }
    pub mod delivery {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct Token(pub(crate) usize);

        pub(crate) trait Acknowledger: Send + Sync {
            fn settle(&self, token: Token, refused: bool);
            fn wake(&self);
        }

        #[path = "../../../../src/mqtt/delivery/delivery_counts.rs"]
        mod delivery_counts;

        pub mod models;
    }
    pub mod driver {
        mod denied {
            pub(crate) struct DeniedFilters;
            impl DeniedFilters {
                pub(crate) fn new() -> Self {
                    Self
                }
            }
        }

        #[path = "../../../../src/mqtt/driver/inbox.rs"]
        pub(crate) mod inbox;
        #[path = "../../../../src/mqtt/driver/permits.rs"]
        pub(crate) mod permits;

        pub mod models;
    }
}
