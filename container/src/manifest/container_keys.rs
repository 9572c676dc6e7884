//! The keys that the container reads itself: one row each, by which reading, schema, masking and hints go.
//!
//! A new key is a row here and a field of [`Entry`](super::Entry) or [`Service`](super::Service) that it is read into. None
//! of them takes a secret: their values are shown by `graph`, `explain`, `print` and the log.

/// Where a key of the container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the top of a file, before its first section.
    Top,
    /// In `[service]`.
    Service,
    /// In each `[[component]]`.
    Component,
}

/// What a key of the container takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table, or a list of them.
    Section,
    /// A descriptor.
    Descriptor,
    /// A string.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A time.
    Time,
    /// `ignore`, `open` or a time.
    Readiness,
    /// A number of at least 1.
    Count,
    /// A list of texts.
    List,
    /// Patterns by the fields of the component's references.
    References,
}

/// One key of the container.
#[derive(Clone, Copy, Debug)]
pub struct ContainerKey {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it takes.
    pub kind: Kind,
    /// What it is for, with its default.
    pub doc: &'static str,
}

const fn key(place: Place, name: &'static str, kind: Kind, doc: &'static str) -> ContainerKey {
    ContainerKey { name, place, kind, doc }
}

/// All keys of the container.
pub const CONTAINER_KEYS: [ContainerKey; 16] = [
    key(Place::Top, "component", Kind::Section, "The components."),
    key(Place::Top, "service", Kind::Section, "What holds for the whole service."),
    key(Place::Top, "include", Kind::List, "Manifests that are read before this one; relative to it."),
    key(Place::Component, "descriptor", Kind::Descriptor, "Which component: `group:type:kind:name:version`."),
    key(Place::Component, "enabled", Kind::Boolean, "Whether the component is there at all. Default true."),
    key(
        Place::Component,
        "references",
        Kind::References,
        "Which components its references resolve to, by pattern.",
    ),
    key(Place::Component, "dependencies", Kind::References, "An older spelling of `references`."),
    key(
        Place::Component,
        "after",
        Kind::List,
        "Components that it opens after and closes before, without a reference.",
    ),
    key(Place::Component, "timeout", Kind::Time, "How long it may take to open or close. Default 60 s."),
    key(
        Place::Component,
        "critical",
        Kind::Boolean,
        "Whether the service cannot do without it. Default true.",
    ),
    key(
        Place::Component,
        "readiness",
        Kind::Readiness,
        "When the service is not ready because the component is recovering: `ignore` (never), `open` (at once), or after a time \
         such as `30s`. Default `ignore`.",
    ),
    key(Place::Service, "name", Kind::Text, "The name of the service."),
    key(Place::Service, "description", Kind::Text, "What it is for."),
    key(Place::Service, "timeout", Kind::Time, "How long closing may take in all. Default 25 s."),
    key(
        Place::Service,
        "drain_delay",
        Kind::Time,
        "How long it goes on serving, not ready any more, after a signal to stop. Default 0.",
    ),
    key(Place::Service, "open_concurrency", Kind::Count, "How many components may open at once. Default 64."),
];

/// The keys of a place, in the order of the table.
pub fn keys_of(place: Place) -> impl Iterator<Item = &'static ContainerKey> {
    CONTAINER_KEYS.iter().filter(move |key| key.place == place)
}

/// The names of the keys of a place.
pub fn names_of(place: Place) -> impl Iterator<Item = &'static str> {
    keys_of(place).map(|key| key.name)
}

/// The key of a name at a place.
#[must_use]
pub fn find(place: Place, name: &str) -> Option<&'static ContainerKey> {
    keys_of(place).find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice_at_one_place() {
        for (at, key) in CONTAINER_KEYS.iter().enumerate() {
            let twin = |other: &ContainerKey| (other.place, other.name) == (key.place, key.name);
            assert!(!CONTAINER_KEYS[at + 1..].iter().any(twin), "{}", key.name);
        }
    }

    #[test]
    fn the_manual_names_every_key() {
        let page = include_str!("../../../docs/reference/manifest.md");
        for key in &CONTAINER_KEYS {
            assert!(page.contains(key.name), "docs/reference/manifest.md says nothing of `{}`", key.name);
        }
    }
}
