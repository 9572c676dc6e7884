//! What systemd is told of the service that it has started: `sd_notify` and the watchdog.
//!
//! [`Systemd`] listens to the container's events and tells what they come to (`progress`) on the control runtime, whatever the
//! components do with theirs. Nothing here ever fails the service.

#[cfg(not(target_os = "linux"))]
#[path = "no_socket.rs"]
mod socket;
#[cfg(target_os = "linux")]
mod socket;

mod progress;
mod systemd;
mod watchdog;

pub(super) use systemd::Systemd;
