//! Parts of connections and credentials as they may be shown.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::MASK;

/// A host as it may be shown: some write `user:password@host` into the key.
pub(super) fn shown_host(host: &str) -> String {
    host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("{MASK}@{host}"))
}

/// Shows the names of parameters, not their values: nobody here knows which of them are secret.
pub(crate) struct Masked<'a, V>(pub &'a BTreeMap<String, V>);

impl<V> fmt::Debug for Masked<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, Hidden))).finish()
    }
}

/// Stands for a value that is set and not shown.
#[derive(Clone, Copy)]
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
