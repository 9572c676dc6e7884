//! The client id of a connection that was given none.

use std::hash::{BuildHasher, RandomState};

/// `<service>-<name>-<host>-<8 hexadecimal digits>`, new at each call: two processes of one service on one host must not
/// throw each other out.
pub(super) fn client_id(service: &str, name: &str) -> String {
    // The keys of a `RandomState` come from the system's source of randomness.
    let digits = RandomState::new().hash_one(std::process::id()) as u32;
    format!("{service}-{name}-{}-{digits:08x}", host())
}

/// The name of this machine, as far as it can be told.
fn host() -> String {
    let named = |text: String| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(named)
        .or_else(|| std::env::var("HOSTNAME").ok().and_then(named))
        .or_else(|| std::env::var("COMPUTERNAME").ok().and_then(named))
        .unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (one, other) = (client_id("s", "n"), client_id("s", "n"));
        assert!(one.starts_with("s-n-") && one.len() > 13);
        assert_ne!(one, other);
    }
}
