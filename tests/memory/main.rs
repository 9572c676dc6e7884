//! What peers can make a service hold in memory, measured with an allocator that counts: live bytes stay below the limit
//! that is configured, plus a constant that is stated here.
//!
//! The allocator counts for the whole process, so one test runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod answers;
#[allow(dead_code, reason = "another test uses the rest")]
#[path = "../mqtt/common.rs"]
mod common;
mod kinds;
mod messages;
mod packet;
mod queues;
#[path = "../support/mod.rs"]
mod support;
mod websocket;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static TURN: Mutex<()> = Mutex::new(());

/// The largest packet of these tests, in bytes, and the limit of received messages.
const MAX_PACKET: usize = 1024 * 1024;
const LIMIT: usize = 4 * 1024 * 1024;

/// What a connection takes beside its messages: a packet that is being read, once more what is kept of it, and buffers,
/// tasks and tables.
const BESIDES: usize = 2 * MAX_PACKET + 512 * 1024;

/// Runs a measurement while no other runs, on a runtime of its own: what is left in one when a measurement ends would be given
/// back during the next.
fn alone(measurement: impl Future<Output = ()>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measurement);
}

/// What has been live since a moment.
struct Memory {
    before: usize,
}

impl Memory {
    fn begin() -> Self {
        Self { before: 0 }.anew()
    }

    /// The same from here on: what is there already does not count.
    fn anew(self) -> Self {
        ALLOCATOR.reset_peak_usage();
        Self { before: ALLOCATOR.current_usage() }
    }

    /// The most that has been live at a time.
    fn most(&self) -> usize {
        ALLOCATOR.peak_usage().saturating_sub(self.before)
    }

    fn assert_at_most(&self, bytes: usize, what: &str) {
        let most = self.most();
        assert!(most <= bytes, "{what}: {most} bytes were live, and {bytes} may be");
    }
}
