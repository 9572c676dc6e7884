//! Which values a comment may show, of keys of components that this binary does not know.

use std::collections::BTreeMap;

use wirework::component::Registry;
use wirework::config::{KeyType, keys};

/// The names of all keys of the components that this binary has, and whether all that have the name may be shown.
pub(super) struct Vocabulary(BTreeMap<String, bool>);

impl Vocabulary {
    pub fn new(registry: &Registry) -> Self {
        let mut names = BTreeMap::new();
        for key in registry.all().iter().flat_map(|one| keys(&one.factory().schema())) {
            let name = key.path.rsplit('.').next().unwrap_or_default().to_owned();
            // In the place of a table may stand what was meant for one of its keys.
            let is_open = key.secret || key.types.iter().any(KeyType::holds_table);
            *names.entry(name).or_insert(true) &= !is_open;
        }
        Self(names)
    }

    /// Whether the last name of a path is that of keys which are all no secrets.
    pub fn may_show(&self, path: &str) -> bool {
        let mut names = path.rsplit('.').filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
        names.next().is_some_and(|name| self.0.get(name) == Some(&true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_has_for_a_secret_are_shown() {
        let vocabulary = Vocabulary::new(&Registry::linked().unwrap());
        for (path, shown) in [
            ("connection.host", true),
            ("connections.0.host", true),
            ("connections.0", false),
            ("level", true),
            ("credential.password", false),
            ("credential", false),
            ("sasl.jaas", false),
            ("", false),
        ] {
            assert_eq!(vocabulary.may_show(path), shown, "{path}");
        }
    }
}
