//! What peers can make a service hold in memory, measured with an allocator that counts: live bytes stay below the limit
//! that is configured, plus a constant that is stated here.
//!
//! The allocator counts for the whole process, so one test runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod answers;
#[allow(dead_code, reason = "another test uses the rest")]
#[path = "../mqtt/common.rs"]
mod common;
mod messages;
mod packet;
mod queues;
#[path = "../support/mod.rs"]
mod support;

use peak_alloc::PeakAlloc;
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static TURN: Mutex<()> = Mutex::const_new(());

/// The largest packet of these tests, in bytes, and the limit of received messages.
pub const MAX_PACKET: usize = 1024 * 1024;
pub const LIMIT: usize = 4 * 1024 * 1024;

/// What a connection takes beside its messages: a packet that is being read, once more what is kept of it, and buffers,
/// tasks and tables.
pub const BESIDES: usize = 2 * MAX_PACKET + 512 * 1024;

/// What has been live since a moment, while no other test runs.
pub struct Memory {
    before: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Memory {
    pub async fn begin() -> Self {
        let turn = TURN.lock().await;
        let memory = Self { before: 0, _turn: turn };
        memory.from_now()
    }

    /// The same from here on: what is there already does not count.
    pub fn from_now(self) -> Self {
        ALLOCATOR.reset_peak_usage();
        Self { before: ALLOCATOR.current_usage(), ..self }
    }

    /// The most that has been live at a time.
    pub fn most(&self) -> usize {
        ALLOCATOR.peak_usage().saturating_sub(self.before)
    }

    pub fn assert_at_most(&self, bytes: usize, what: &str) {
        let most = self.most();
        assert!(most <= bytes, "{what}: {most} bytes were live, and {bytes} may be");
    }
}
